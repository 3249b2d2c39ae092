# SPDX-License-Identifier: Apache-2.0
"""What keeps the gate closed beside the findings of the verdict, each with its next step.

No usable policy, a guard that cannot be configured, pods that another service claims, no
workload: none of these is a duty of law, yet with any of them no guarded pod could serve.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from genaiservice.api import names
from genaiservice.api.conditions import Reason
from genaiservice.api.declared import Mode, workload
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Problem, ProblemError, Text
from genaiservice.control.core import guard_spec
from genaiservice.control.core.observed import Observed, claims
from genaiservice.control.core.policy import Resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """Why the gate stays closed, beside the findings of the verdict."""

    reason: Reason
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardFile:
    """guard.json of a spec; with `problems` no guard would take it or no pod could mount it."""

    text: str = ""
    problems: tuple[Problem, ...] = ()


def guard_file(
    observed: Observed, spec: Json, policy: Resolved, bands: Mapping[str, Resolved]
) -> GuardFile:
    try:
        tree = guard_spec.config_tree(observed.namespace, observed.name, spec)
    except ProblemError as error:
        return GuardFile(problems=error.problems)
    text = guard_spec.config_text(tree)
    packed = sum(len(one.packed) for one in (policy, *bands.values()))
    large = guard_spec.too_large(text, packed)
    return GuardFile(text=text, problems=(large,) if large else ())


def what_blocks(
    observed: Observed, policy: Resolved, bands: Mapping[str, Resolved], config: GuardFile
) -> tuple[Blocker, ...]:
    found = [
        Blocker(reason=named.reason, problem=one)
        for named in (policy, *bands.values())
        for one in named.problems
    ]
    foreign = sorted(claims(observed.service) - {observed.name})
    found += [
        Blocker(reason=Reason.CLAIM_CONFLICT, problem=_foreign_label(name, observed))
        for name in foreign
    ]
    found += [Blocker(reason=Reason.POLICY_INVALID, problem=one) for one in config.problems]
    if workload(observed.service.get("spec")).mode is Mode.NONE:
        found.append(Blocker(reason=Reason.REQUIREMENTS_NOT_MET, problem=_no_workload()))
    return tuple(found)


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
