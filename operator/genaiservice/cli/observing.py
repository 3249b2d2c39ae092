# SPDX-License-Identifier: Apache-2.0
"""What the operator would see of a service: from a cluster, from files, or from both.

The same `Observed` that the operator's gather fills, read with the user's own rights. The manifest
takes the place of the stored spec; defaults are filled in as the API server would.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from genaiservice.api import names
from genaiservice.api.declared import json_object
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.api.problem import Problem
from genaiservice.cli.cluster import OURS, Cluster, NotFound
from genaiservice.cli.manifests import read
from genaiservice.cli.schema import defaulted
from genaiservice.control.core.guard_users import band_policies, further_policies
from genaiservice.control.core.observed import (
    CHILD_KINDS,
    Observed,
    claims,
    policy_config_maps,
    policy_name,
)
from genaiservice.kube.resources import resource_of

OFFLINE_NAMESPACE: Final = "default"
OFFLINE_UID: Final = "00000000-0000-0000-0000-000000000000"


def offline(body: Json, files: list[Path]) -> tuple[Observed, list[Problem]]:
    """As if the service were applied to an empty namespace together with what else `files` hold."""
    service = _stored(body, {}, OFFLINE_NAMESPACE)
    policies, faults = _named(files, names.KIND_POLICY, policy_name(service))
    policy = policies[0] if policies else None
    further: dict[str, Json | None] = {}
    maps: dict[str, Json | None] = {}
    for name in band_policies(json_object(service.get("spec"))):
        found, more = _named(files, names.KIND_POLICY, name)
        further[name] = found[0] if found else None
        faults += more
    for name in _maps_of(policy, *further.values()):
        found, more = _named(files, "ConfigMap", name)
        maps[name] = found[0] if found else None
        faults += more
    seen = Observed(service=service, policy=policy, band_policies=further, config_maps=maps)
    return seen, faults


def _maps_of(*policies: Json | None) -> list[str]:
    return sorted({name for policy in policies for name in policy_config_maps(policy)})


def _named(files: list[Path], kind: str, name: str) -> tuple[list[Json], list[Problem]]:
    found: list[Json] = []
    faults: list[Problem] = []
    for one in read(files, kind):
        if isinstance(one, Problem):
            faults.append(one)
        elif lookup(one.body, "metadata", "name") == name:
            found.append(one.body)
    return found, faults


def live(cluster: Cluster, body: Json) -> Observed:
    """What the cluster holds of the service, with `body` in the place of its spec."""
    name = str(lookup(body, "metadata", "name"))
    space = str(lookup(body, "metadata", "namespace") or cluster.namespace)
    ours = f"{OURS}/namespaces/{space}"
    standing = _maybe(cluster, f"{ours}/{names.PLURAL_SERVICE}/{name}") or {}
    service = _stored(body, standing, space)
    uid = str(lookup(service, "metadata", "uid"))
    children = {kind: _children(cluster, kind, space, name, uid) for kind in CHILD_KINDS}
    policies = f"{ours}/{names.PLURAL_POLICY}"
    policy = _maybe(cluster, f"{policies}/{policy_name(service)}")
    further = {
        one: _maybe(cluster, f"{policies}/{one}") for one in further_policies(service, children)
    }
    pods = tuple(
        cluster.all_of(
            f"/api/v1/namespaces/{space}/pods", labelSelector=f"{names.LABEL_SERVICE}={name}"
        )
    )
    others = cluster.all_of(f"{ours}/{names.PLURAL_SERVICE}")
    return Observed(
        service=service,
        profile=_maybe(cluster, f"{ours}/{names.PLURAL_PROFILE}/{name}"),
        children=children,
        pods=pods,
        policy=policy,
        band_policies=further,
        config_maps={
            one: _maybe(cluster, f"/api/v1/namespaces/{space}/configmaps/{one}")
            for one in _maps_of(policy, *further.values())
        },
        rivals=tuple(
            one
            for one in others
            if lookup(one, "metadata", "name") != name and claims(one) & claims(service)
        ),
        services=_reaching(cluster, space, pods),
    )


def _children(
    cluster: Cluster, kind: str, space: str, name: str, uid: str
) -> tuple[MutableJson, ...]:
    """Objects that the service owns, and those that bear a name which a child would take."""
    namesakes = {name, names.guard_config_map(name)}
    resource = resource_of(kind)
    return tuple(
        {"kind": kind, "apiVersion": resource.api_version, **one}  # items of a list lack both
        for one in cluster.all_of(resource.collection(space))
        if lookup(one, "metadata", "name") in namesakes
        or any(owner.get("uid") == uid for owner in _owners(one))
    )


def _owners(tree: Json) -> Iterable[Any]:
    return lookup(tree, "metadata", "ownerReferences") or ()


def _reaching(cluster: Cluster, space: str, pods: tuple[Json, ...]) -> tuple[Json, ...]:
    labels = [set((lookup(pod, "metadata", "labels") or {}).items()) for pod in pods]
    if not labels:
        return ()
    found = []
    for one in cluster.all_of(f"/api/v1/namespaces/{space}/services"):
        wanted = set((lookup(one, "spec", "selector") or {}).items())
        if wanted and any(wanted <= pod for pod in labels):
            found.append(one)
    return tuple(found)


def _stored(body: Json, standing: Json, namespace: str) -> MutableJson:
    """The object as the API server would hold it after the apply."""
    whole = defaulted({key: value for key, value in body.items() if key != "status"})
    before = lookup(standing, "metadata", default={})
    generation = before.get("generation", 0) if isinstance(before, dict) else 0
    changed = standing.get("spec") != whole.get("spec")
    metadata = {
        "uid": OFFLINE_UID,
        "namespace": namespace,
        **before,
        "name": lookup(whole, "metadata", "name"),
        "generation": generation + 1 if changed else generation,
    }
    stored: MutableJson = {**whole, "metadata": metadata}
    if "status" in standing:
        stored["status"] = standing["status"]
    return stored


def _maybe(cluster: Cluster, path: str) -> Json | None:
    try:
        return cluster.get(path)
    except NotFound:
        return None
