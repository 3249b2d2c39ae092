# SPDX-License-Identifier: Apache-2.0
"""plan(): one look at a service and its verdict -> every write that follows, in order.

Pure: the engine carries the plan out and looks again. Applying a plan makes the next one empty.
The types stand in `steps`; they are importable from here.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from genaiservice.api import names
from genaiservice.api.declared import Mode, guard, json_object
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.control.core import (
    admitted,
    desired,
    events,
    guard_detectors,
    guard_spec,
    obstacles,
    pod_steps,
    status,
)
from genaiservice.control.core.drift import differs
from genaiservice.control.core.observed import Observed
from genaiservice.control.core.pods import guard_ports
from genaiservice.control.core.rollout import State
from genaiservice.control.core.situation import Situation, assess
from genaiservice.control.core.steps import EventNote, Plan, PlanSettings, PodPatch, PodRef, Ref
from genaiservice.control.core.times import parse_time
from genaiservice.rules.verdict import Verdict

__all__ = ["EventNote", "Plan", "PlanSettings", "PodPatch", "PodRef", "Ref", "plan"]


def plan(observed: Observed, verdict: Verdict, now: datetime, settings: PlanSettings) -> Plan:
    """Every write that brings the cluster to what verdict and spec say."""
    if lookup(observed.service, "metadata", "deletionTimestamp") is not None:
        return Plan()  # owner references take the children along
    situation = assess(observed, verdict, now, settings)
    wanted = _children(situation)
    failure = observed.failure or obstacles.first(observed, wanted)
    situation = replace(situation, observed=replace(observed, failure=failure))
    written = status.service_status(situation)
    standing = observed.service.get("status")
    news = written if standing != written else None
    return Plan(
        close=tuple(pod_steps.close(situation)),
        profile=_profile(situation),
        status=news,
        policy_status=dict(_policy_status(situation)),
        apply=tuple(one for one in wanted if _missing(observed, one)),
        stamp=tuple(pod_steps.stamp(situation)),
        delete=tuple(_delete(situation, wanted)),
        lift=tuple(pod_steps.lift(situation)),
        evict=tuple(pod_steps.evict(situation)),
        events=events.news(json_object(standing), written) if news else (),
        recheck_at=_recheck_at(situation),
    )


def _profile(situation: Situation) -> MutableJson | None:
    observed = situation.observed
    wanted = guard_spec.profile(
        desired.metadata(observed, observed.name),
        observed.name,
        situation.mode,
        situation.effect.open,
        situation.guard_container,
        spec=situation.spec,
        suspended=situation.suspended,
    )
    return wanted if differs(observed.profile, wanted) else None


def _policy_status(situation: Situation) -> Iterator[tuple[str, Json]]:
    observed = situation.observed
    named = [(observed.policy, situation.policy)]
    named += [(observed.band_policies.get(name), one) for name, one in situation.bands.items()]
    for policy, resolved in named:
        if policy is not None:
            written = status.policy_status(policy, resolved, situation.now)
            if policy.get("status") != written:
                yield policy["metadata"]["name"], written


def _children(situation: Situation) -> tuple[MutableJson, ...]:
    """What should exist, in the order of creation; the GuardProfile goes its own way."""
    if situation.unrecorded:
        return ()
    observed = situation.observed
    children: list[MutableJson] = []
    if situation.serves_policy:
        further = {name: one.encoded for name, one in situation.bands.items()}
        data = guard_spec.config_map_data(situation.config, situation.policy.encoded, further)
        children.append(desired.config_map(observed, data))
    if situation.effect.admits:
        content = admitted.excerpt(observed.service["spec"])
        children.append(admitted.admit(observed, desired.metadata(observed, ""), content))
    if situation.effect.runs:
        children.extend(desired.running(_blueprint(situation)))
    return tuple(children)


def _blueprint(situation: Situation) -> desired.Blueprint:
    return desired.Blueprint(
        observed=situation.observed,
        spec=situation.spec,
        guard_container=situation.guard_container,
        revision=situation.revision,
        config_hash=situation.config_hash,
        scaled_to_zero=_grace_over(situation),
        former_ports=guard_ports(situation.pods),
    )


def _missing(observed: Observed, manifest: Json) -> bool:
    """Whether to apply it: it differs, and would not take over an object of somebody else."""
    live = observed.child(manifest["kind"], manifest["metadata"]["name"])
    return differs(live, manifest) and not obstacles.taken(observed, manifest)


def _delete(situation: Situation, wanted: tuple[MutableJson, ...]) -> Iterator[Ref]:
    if situation.unrecorded:
        return
    observed = situation.observed
    kept = {(one["kind"], one["metadata"]["name"]) for one in wanted}
    # While the policy cannot be used, the guards live on what they were given last.
    kept |= {("ConfigMap", names.guard_config_map(observed.name))}
    for kind, children in observed.children.items():
        for child in children if kind != "ControllerRevision" else ():
            if (kind, lookup(child, "metadata", "name")) not in kept and observed.controls(child):
                yield _ref(kind, child)
    last = admitted.object_name(observed.name, situation.revision)
    for record in admitted.outdated(observed, last):
        yield _ref("ControllerRevision", record)


_API_VERSIONS = {
    "ControllerRevision": "apps/v1",
    "ConfigMap": "v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Service": "v1",
    "Deployment": "apps/v1",
    "PodDisruptionBudget": "policy/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
}
"""Items of a list answer carry no apiVersion of their own."""


def _ref(kind: str, child: Json) -> Ref:
    meta = child["metadata"]
    return Ref(
        api_version=_API_VERSIONS[kind],
        kind=kind,
        namespace=str(meta.get("namespace", "")),
        name=str(meta.get("name", "")),
        uid=str(meta.get("uid", "")),
    )


def _grace_end(situation: Situation) -> datetime | None:
    since = parse_time(situation.suspended_since)
    if since is None or situation.state is not State.SUSPENDED:
        return None
    return since + timedelta(seconds=guard(situation.spec).suspend_grace_seconds)


def _grace_over(situation: Situation) -> bool:
    end = _grace_end(situation)
    return end is not None and situation.now >= end


UNSEEN: Final = timedelta(seconds=15)
"""No watch shows an object of somebody else that bears the name of a child, nor that it is gone."""


def _recheck_at(situation: Situation) -> datetime | None:
    """The next moment at which the same objects lead to another plan."""
    moments = [_grace_end(situation)] if situation.mode is Mode.MANAGED else []
    if situation.verdict.next_change is not None:
        moments.append(status.midnight(situation.verdict.next_change).astimezone(UTC))
    moments.append(guard_detectors.next_change(situation.spec, situation.now))
    if situation.observed.failure is not None:
        moments.append(situation.now + UNSEEN)
    ahead = [moment for moment in moments if moment is not None and moment > situation.now]
    return min(ahead, default=None)
