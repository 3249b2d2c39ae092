# SPDX-License-Identifier: Apache-2.0
"""The situation: everything that plan and status need to know, worked out once from what was seen.

Here the verdict meets what else closes the gate (no usable policy, a guard that cannot be
configured, pods that another service claims), and the rollout table says which state follows.
"""

from dataclasses import dataclass
from datetime import datetime

from genaiservice.api import names
from genaiservice.api.conditions import Reason
from genaiservice.api.declared import Mode, json_object, workload
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.api.problem import Problem, ProblemError, Text
from genaiservice.control.core import admitted, guard_spec, rollout
from genaiservice.control.core.observed import Observed, claims
from genaiservice.control.core.pods import Pod, classify
from genaiservice.control.core.policy import Resolved, resolve
from genaiservice.control.core.rollout import Effect, Input, State
from genaiservice.control.core.steps import PlanSettings
from genaiservice.rules.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """Why the gate stays closed, beside the findings of the verdict."""

    reason: Reason
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """spec: what runs, as a spec (the declared one only when nothing was admitted before).
    config: guard.json, "" when it cannot be made. unrecorded: a revision was admitted, but its
    record is gone and the spec is refused; what runs is then left as it is.
    """

    observed: Observed
    verdict: Verdict
    now: datetime
    settings: PlanSettings
    policy: Resolved
    blockers: tuple[Blocker, ...]
    state: State
    spec: Json
    revision: str
    unrecorded: bool
    config: str
    guard_container: MutableJson
    pods: tuple[Pod, ...]
    suspended_since: str

    @property
    def effect(self) -> Effect:
        return rollout.EFFECTS[self.state]

    @property
    def mode(self) -> Mode:
        return workload(self.spec).mode

    @property
    def suspended(self) -> bool:
        return self.verdict.suspension is not None


def assess(
    observed: Observed, verdict: Verdict, now: datetime, settings: PlanSettings
) -> Situation:
    policy = resolve(observed)
    declared = json_object(observed.service.get("spec"))
    proposal = admitted.excerpt(declared)
    blockers = (*_blockers(observed, policy), *_config_blockers(observed, proposal, policy))
    record = admitted.record_of(observed)
    known = admitted.remembered(observed) or (
        admitted.revision_of(record["data"]) if record else ""
    )
    state = rollout.after(_before(observed, bool(known)), _input(verdict, blockers))
    runs_admitted = bool(known) and state is not State.ALLOWED
    unrecorded = runs_admitted and record is None
    content = record["data"] if runs_admitted and record else proposal
    spec = admitted.effective(observed, content)
    container = guard_spec.container(spec, settings.guard_image, settings.guard_pull_policy)
    return Situation(
        observed=observed,
        verdict=verdict,
        now=now,
        settings=settings,
        policy=policy,
        blockers=blockers,
        state=state,
        spec=spec,
        revision=admitted.revision_of(proposal) if state is State.ALLOWED else known,
        unrecorded=unrecorded,
        config=_config(observed, spec),
        guard_container=container,
        pods=classify(observed.pods, container, observed.name),
        suspended_since=_suspended_since(observed, verdict, now),
    )


def _before(observed: Observed, known: bool) -> State:
    last = lookup(observed.service, "status", "rollout")
    return rollout.before(
        allowed=lookup(last, "allowed") is True,
        suspended=lookup(last, "suspended") is True,
        admitted=known,
    )


def _input(verdict: Verdict, blockers: tuple[Blocker, ...]) -> Input:
    if verdict.suspension is not None:
        return Input.SUSPEND
    return Input.ALLOW if verdict.allowed and not blockers else Input.REFUSE


def _suspended_since(observed: Observed, verdict: Verdict, now: datetime) -> str:
    if verdict.suspension is None:
        return ""
    since = lookup(observed.service, "status", "rollout", "suspendedSince")
    if parse_time(since) is not None:
        return str(since)
    return now.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def parse_time(value: object) -> datetime | None:
    """A point in time with its offset, as RFC 3339 writes it; None for everything else."""
    if not isinstance(value, str):
        return None
    try:
        point = datetime.fromisoformat(value)
    except ValueError:
        return None
    return point if point.tzinfo is not None else None


def _blockers(observed: Observed, policy: Resolved) -> tuple[Blocker, ...]:
    found = [Blocker(reason=policy.reason, problem=one) for one in policy.problems]
    foreign = sorted(claims(observed.service) - {observed.name})
    found += [
        Blocker(reason=Reason.CLAIM_CONFLICT, problem=_foreign_label(name, observed))
        for name in foreign
    ]
    if workload(observed.service.get("spec")).mode is Mode.NONE:
        found.append(Blocker(reason=Reason.REQUIREMENTS_NOT_MET, problem=_no_workload()))
    return tuple(found)


def _config_blockers(observed: Observed, proposal: Json, policy: Resolved) -> tuple[Blocker, ...]:
    spec = admitted.effective(observed, proposal)
    try:
        tree = guard_spec.config_tree(observed.namespace, observed.name, spec)
    except ProblemError as error:
        return tuple(Blocker(reason=Reason.POLICY_INVALID, problem=one) for one in error.problems)
    large = guard_spec.too_large(guard_spec.config_text(tree), policy.packed)
    return (Blocker(reason=Reason.POLICY_INVALID, problem=large),) if large else ()


def _config(observed: Observed, spec: Json) -> str:
    try:
        tree = guard_spec.config_tree(observed.namespace, observed.name, spec)
    except ProblemError:
        return ""  # told by `_config_blockers`
    return guard_spec.config_text(tree)


def _foreign_label(name: str, observed: Observed) -> Problem:
    exists = any(lookup(one, "metadata", "name") == name for one in observed.rivals)
    return Problem(
        where=f"spec.workload.managed.template.metadata.labels[{names.LABEL_SERVICE}]",
        what=Text(
            en=f"names {name}, while this service is {observed.name}",
            zh=f"填写了 {name}，而本服务是 {observed.name}",
        ),
        why=Text(
            en=f"GenAIService/{name} claims the same pods" if exists
            else f"no GenAIService {name} exists in this namespace",
            zh=f"GenAIService/{name} 也认领了这些 Pod" if exists
            else f"该命名空间中没有 GenAIService {name}",
        ),
        next=Text(
            en="remove the label from the template; the operator sets it",
            zh="请从模板中删除该标签；本软件会自动设置",
        ),
    )  # fmt: skip


def _no_workload() -> Problem:
    return Problem(
        where="spec.workload",
        what=Text(
            en="has neither or both of managed and adopt", zh="managed 与 adopt 须且只能填写一项"
        ),
        why=Text(en="nothing can be run", zh="无法运行任何工作负载"),
        next=Text(en="write exactly one of the two", zh="请只填写其中一项"),
    )
