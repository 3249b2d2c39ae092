# SPDX-License-Identifier: Apache-2.0
"""The situation: everything that plan and status need to know, worked out once from what was seen.

Here the verdict meets what else closes the gate (no usable policy, a guard that cannot be
configured, pods that another service claims), and the rollout table says which state follows.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from genaiservice.api.declared import Mode, json_object, workload
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.control.core import admitted, guard_spec, rollout
from genaiservice.control.core.blockers import Blocker, guard_file, what_blocks
from genaiservice.control.core.observed import Observed
from genaiservice.control.core.pods import Pod, classify
from genaiservice.control.core.policy import Resolved, resolve, resolve_bands
from genaiservice.control.core.rollout import Effect, Input, State
from genaiservice.control.core.steps import PlanSettings
from genaiservice.control.core.times import parse_time
from genaiservice.rules.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """spec: what runs, as a spec (the declared one only when nothing was admitted before).
    bands: the further policies that bands of users are screened with, by name.
    config: guard.json, "" when it cannot be made. unrecorded: a revision was admitted, but its
    record is gone and the spec is refused; what runs is then left as it is.
    """

    observed: Observed
    verdict: Verdict
    now: datetime
    settings: PlanSettings
    policy: Resolved
    bands: Mapping[str, Resolved]
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
    def policies_ready(self) -> bool:
        """As long as one of them cannot be used, the guards live on what they were given last."""
        return self.policy.ready and all(one.ready for one in self.bands.values())

    @property
    def serves_policy(self) -> bool:
        """Whether the guards are given these policies."""
        return self.policies_ready and bool(self.config) and not self.unrecorded

    @property
    def policy_stamp(self) -> str:
        """Another one whenever the files of the guard change (`names.ANNOTATION_POLICY`)."""
        if not self.bands:
            return self.policy.hash
        hashes = (self.policy.hash, *(one.hash for _, one in sorted(self.bands.items())))
        return f"sha256:{hashlib.sha256(' '.join(hashes).encode()).hexdigest()}"

    @property
    def config_hash(self) -> str:
        """Of the guard.json that pods find when they start; "" when none is being written."""
        return guard_spec.config_hash(self.config) if self.serves_policy else ""

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
    proposal = admitted.excerpt(json_object(observed.service.get("spec")))
    wanted = admitted.effective(observed, proposal)
    bands = resolve_bands(observed, wanted)
    proposed = guard_file(observed, wanted, policy, bands)
    blockers = what_blocks(observed, policy, bands, proposed)
    record = admitted.record_of(observed)
    known = admitted.remembered(observed) or (
        admitted.revision_of(record["data"]) if record else ""
    )
    state = rollout.after(_before(observed, bool(known)), _input(verdict, blockers))
    runs_admitted = bool(known) and state is not State.ALLOWED
    unrecorded = runs_admitted and record is None
    keeps = record is not None and runs_admitted and record["data"] != proposal
    content = record["data"] if record is not None and keeps else proposal
    spec = admitted.effective(observed, content)
    bands = resolve_bands(observed, spec) if keeps else bands
    config = guard_file(observed, spec, policy, bands) if keeps else proposed
    container = guard_spec.container(spec, settings.guard_image, settings.guard_pull_policy)
    return Situation(
        observed=observed,
        verdict=verdict,
        now=now,
        settings=settings,
        policy=policy,
        bands=bands,
        blockers=blockers,
        state=state,
        spec=spec,
        revision=admitted.revision_of(proposal) if state is State.ALLOWED else known,
        unrecorded=unrecorded,
        config="" if config.problems else config.text,
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
