# SPDX-License-Identifier: Apache-2.0
"""What the cluster looks like after a plan was carried out: a pure picture of the API server.

It does what the real one does to what the operator sends: merges by owner, adds defaults, drops
empty values, writes quantities its own way. Controllers do not run in here.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from genaiservice.api import names
from genaiservice.api.jsontree import MutableJson
from genaiservice.control.core.observed import Observed
from genaiservice.control.core.plan import Plan
from genaiservice.control.core.quantity import canonical
from tests.build import uid_of


def applied(observed: Observed, plan: Plan) -> Observed:
    service = dict(observed.service)
    if plan.status is not None:
        service["status"] = copy.deepcopy(plan.status)
    told = plan.policy_status
    return replace(
        observed,
        service=service,
        policy=_told(observed.policy, told),
        band_policies={name: _told(one, told) for name, one in observed.band_policies.items()},
        profile=observed.profile if plan.profile is None else stored(plan.profile),
        children=_children(observed, plan),
        pods=_pods(observed, plan),
    )


def _told(policy: Any, statuses: Mapping[str, Any]) -> Any:
    status = statuses.get(policy["metadata"]["name"]) if policy is not None else None
    return policy if status is None else {**policy, "status": copy.deepcopy(status)}


def _children(observed: Observed, plan: Plan) -> dict[str, tuple[MutableJson, ...]]:
    by_kind: dict[str, dict[str, Any]] = {
        kind: {c["metadata"]["name"]: c for c in cs} for kind, cs in observed.children.items()
    }
    for manifest in plan.apply:
        by_kind.setdefault(manifest["kind"], {})[manifest["metadata"]["name"]] = stored(manifest)
    for ref in plan.delete:
        assert by_kind[ref.kind].pop(ref.name)["metadata"]["uid"] == ref.uid
    return {kind: tuple(found.values()) for kind, found in by_kind.items()}


def _pods(observed: Observed, plan: Plan) -> tuple[MutableJson, ...]:
    pods = {pod["metadata"]["uid"]: copy.deepcopy(dict(pod)) for pod in observed.pods}
    for patch in (*plan.close, *plan.stamp):
        pods[patch.pod.uid]["metadata"].setdefault("annotations", {}).update(patch.annotations)
    for ref in plan.lift:
        gates = pods[ref.uid]["spec"]["schedulingGates"]
        pods[ref.uid]["spec"]["schedulingGates"] = [g for g in gates if g["name"] != names.GATE]
    for ref in plan.evict:
        del pods[ref.uid]
    return tuple(pods.values())


def stored(manifest: MutableJson) -> MutableJson:
    """The manifest as a read shows it."""
    tree: MutableJson = _normal(copy.deepcopy(manifest), "")
    if tree["kind"] == "ControllerRevision":
        tree["data"] = copy.deepcopy(manifest["data"])  # kept as it was sent
    meta = tree["metadata"]
    meta.setdefault("uid", uid_of(tree["kind"], meta["namespace"], meta["name"]))
    meta["creationTimestamp"] = "2026-11-25T02:00:00Z"
    for container in tree.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("imagePullPolicy", "Always")
    return tree


def _normal(tree: Any, field: str) -> Any:
    if isinstance(tree, dict):
        if field in ("requests", "limits"):
            return {key: canonical(value) for key, value in tree.items()}
        kept = {key: _normal(value, key) for key, value in tree.items()}
        return {key: value for key, value in kept.items() if value not in (None, "", [])}
    if isinstance(tree, list):
        return [_normal(value, "") for value in tree]
    return tree
