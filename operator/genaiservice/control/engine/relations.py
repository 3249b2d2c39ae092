# SPDX-License-Identifier: Apache-2.0
"""Which objects are watched, how they are found again, and which services an event concerns.

ConfigMaps are watched in the whole cluster, but by metadata only (no data, a few hundred bytes
each), so that a ModerationPolicy can name any ConfigMap and a change of it is seen at once,
without a label that its author would have to know of. `engine.gather` reads the content of those
that are named. Pods and children are selected by label on the server's side; Services are watched
whole, because one that its author wrote may lead past the guard; so are budgets and routes, which
others write for the pods of a service.

Rule: an event leads to keys of GenAIServices and nothing else; what happened is not passed on.
"""

from collections.abc import Iterator
from typing import Final

from genaiservice.api import names
from genaiservice.api.declared import json_object
from genaiservice.api.jsontree import Json, lookup
from genaiservice.control.core.guard_users import band_policies
from genaiservice.control.core.observed import CHILD_KINDS, claims, policy_config_maps, policy_name
from genaiservice.control.core.routes import backends
from genaiservice.kube.cache import Cache, Entry, Indexer
from genaiservice.kube.resources import ObjectKey

CHILDREN_SELECTOR: Final = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
CHILDREN: Final = (
    "ControllerRevision",
    "Deployment",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
)
ROUTES: Final = ("Ingress", "HTTPRoute")
OPTIONAL: Final = frozenset({"HTTPRoute"})
"""Kinds that a cluster need not serve; where they are missing there are none of them."""

WATCHED: Final = {
    names.KIND_SERVICE: "",
    names.KIND_PROFILE: "",
    names.KIND_POLICY: "",
    "Pod": names.LABEL_SERVICE,
    "ConfigMap": "",
    "Service": "",
    "PodDisruptionBudget": "",
    **dict.fromkeys(ROUTES, ""),
    **dict.fromkeys(CHILDREN, CHILDREN_SELECTOR),
}
"""Every watched kind with its label selector."""
METADATA_ONLY: Final = frozenset({"configmaps"})


def _service_entries(tree: Json) -> Iterator[Entry]:
    namespace = tree["metadata"]["namespace"]
    for claim in claims(tree):
        yield ("claim", namespace, claim)
    for name in (policy_name(tree), *band_policies(tree.get("spec") or {})):
        yield ("policy", namespace, name)


def _policy_entries(tree: Json) -> Iterator[Entry]:
    namespace = tree["metadata"]["namespace"]
    for name in policy_config_maps(tree):
        yield ("terms", namespace, name)


def _owner_entries(tree: Json) -> Iterator[Entry]:
    metadata = tree["metadata"]
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller") and owner.get("kind") == names.KIND_SERVICE:
            yield ("owner", metadata["namespace"], owner["name"], owner["uid"])


def _revision_entries(tree: Json) -> Iterator[Entry]:
    """What was admitted may be screened with policies that the spec no longer names."""
    yield from _owner_entries(tree)
    for name in band_policies(json_object(tree.get("data"))):
        yield ("policy", tree["metadata"]["namespace"], name)


def _pod_entries(tree: Json) -> Iterator[Entry]:
    metadata = tree["metadata"]
    labels = metadata.get("labels") or {}
    namespace = metadata["namespace"]
    yield ("service", namespace, labels.get(names.LABEL_SERVICE, ""))
    yield ("namespace", namespace)
    yield ("labels", frozenset(labels.items()))


def _network_entries(tree: Json) -> Iterator[Entry]:
    yield from _owner_entries(tree)
    namespace = tree["metadata"]["namespace"]
    selector = lookup(tree, "spec", "selector") or {}
    if selector:
        yield ("namespace", namespace)
        yield ("selector", frozenset(selector.items()))


def _budget_entries(tree: Json) -> Iterator[Entry]:
    yield from _owner_entries(tree)
    yield ("namespace", tree["metadata"]["namespace"])
    # Expressions only narrow what the labels select; `core.facts` reads them.
    labels = lookup(tree, "spec", "selector", "matchLabels") or {}
    yield ("selector", frozenset(labels.items()))


def _route_entries(tree: Json) -> Iterator[Entry]:
    for namespace, name in backends(tree):
        yield ("backend", namespace, name)


INDEXERS: Final[dict[str, Indexer]] = {
    names.KIND_SERVICE: _service_entries,
    names.KIND_POLICY: _policy_entries,
    "Pod": _pod_entries,
    "Service": _network_entries,
    "ConfigMap": _owner_entries,
    "PodDisruptionBudget": _budget_entries,
    **dict.fromkeys(ROUTES, _route_entries),
    **dict.fromkeys(CHILDREN, _owner_entries),
    "ControllerRevision": _revision_entries,
}


def concerned(cache: Cache, key: ObjectKey, entries: frozenset[Entry]) -> Iterator[ObjectKey]:
    """The services to look at after an event about `key`.

    `entries`: index entries of the object before and after the event, so that a service that
    lost a pod, a policy or a rival is looked at as well as the one that gained it.
    """
    namesake = ObjectKey(kind=names.KIND_SERVICE, namespace=key.namespace, name=key.name)
    if key.kind in (names.KIND_SERVICE, names.KIND_PROFILE):
        yield namesake
    elif key.kind == names.KIND_POLICY:
        yield from _screened_with(cache, key)
    elif key.kind == "ConfigMap":
        for policy in cache.found(names.KIND_POLICY, ("terms", key.namespace, key.name)):
            yield from _screened_with(cache, policy)
    if key.kind in CHILD_KINDS:
        yield from _whose_child_bears(cache, key)
    for entry in entries:
        yield from _by_entry(cache, key, entry)


def _whose_child_bears(cache: Cache, key: ObjectKey) -> Iterator[ObjectKey]:
    """The service that would give this name to a child, also where the object is of others."""
    name = key.name
    if key.kind == "ConfigMap":
        name = name.removesuffix(names.guard_config_map(""))
    elif key.kind == "ControllerRevision":
        name = name.rpartition("-")[0]
    service = ObjectKey(kind=names.KIND_SERVICE, namespace=key.namespace, name=name)
    if cache.version(service) is not None:
        yield service


def _screened_with(cache: Cache, policy: ObjectKey) -> Iterator[ObjectKey]:
    """The services that use a ModerationPolicy, by their spec or by an admitted revision."""
    entry = ("policy", policy.namespace, policy.name)
    yield from cache.found(names.KIND_SERVICE, entry)
    for record in cache.found("ControllerRevision", entry):
        for one in cache.entries(record):
            if one[0] == "owner":
                yield from _by_entry(cache, record, one)


def _by_entry(cache: Cache, key: ObjectKey, entry: Entry) -> Iterator[ObjectKey]:
    match entry:
        case ("owner", namespace, name, _):
            yield ObjectKey(kind=names.KIND_SERVICE, namespace=namespace, name=name)
        case ("claim", *_):
            yield from cache.found(names.KIND_SERVICE, entry)
        case ("service", namespace, name):
            yield from cache.found(names.KIND_SERVICE, ("claim", namespace, name))
        case ("backend", namespace, name):
            door = ObjectKey(kind="Service", namespace=namespace, name=name)
            yield from _whose_child_bears(cache, door)  # which may not be there yet
            for behind in cache.entries(door):
                yield from _by_entry(cache, door, behind)
        case ("selector", selector):
            yield from _selecting(cache, key.namespace, selector)


def _selecting(
    cache: Cache, namespace: str, selector: frozenset[tuple[str, str]]
) -> Iterator[ObjectKey]:
    """The services whose pods a core/v1 Service with this selector reaches."""
    reached = set()
    for pod in cache.found("Pod", ("namespace", namespace)):
        entries = cache.entries(pod)
        if any(entry[0] == "labels" and selector <= entry[1] for entry in entries):
            reached |= {entry for entry in entries if entry[0] == "service"}
    for _, _, name in reached:
        yield from cache.found(names.KIND_SERVICE, ("claim", namespace, name))
