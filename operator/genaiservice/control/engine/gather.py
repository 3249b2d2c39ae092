# SPDX-License-Identifier: Apache-2.0
"""Gather: from the cache to one `Observed`. The only reader of the operator.

Rule: it looks and never judges. Only two things are read from the API server here: the content of
the ConfigMaps that a ModerationPolicy names (the watch carries their metadata only), and, before
an object is made, whether a foreign one already bears its name.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from genaiservice.api import names
from genaiservice.api.jsontree import Json, MutableJson
from genaiservice.control.core.guard_users import further_policies
from genaiservice.control.core.observed import (
    CHILD_KINDS,
    ApplyFailure,
    Observed,
    claims,
    policy_config_maps,
    policy_name,
)
from genaiservice.control.engine.pages import Pages
from genaiservice.control.engine.relations import ROUTES
from genaiservice.kube.cache import Cache
from genaiservice.kube.client import Client
from genaiservice.kube.errors import NotFound
from genaiservice.kube.resources import ObjectKey, key_of

CONTENT_BYTES: Final = 32 * 1024 * 1024
"""Of ConfigMaps that policies name; the least used is dropped and read again when needed."""


class Contents:
    """Content of ConfigMaps by version, bounded by size."""

    def __init__(self, limit_bytes: int = CONTENT_BYTES) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._kept: OrderedDict[ObjectKey, tuple[int, int, MutableJson]] = OrderedDict()

    def get(self, key: ObjectKey, version: int) -> MutableJson | None:
        kept = self._kept.get(key)
        if kept is None or kept[0] < version:
            return None
        self._kept.move_to_end(key)
        return kept[2]

    def put(self, key: ObjectKey, tree: MutableJson) -> None:
        self.drop(key)
        values = [*(tree.get("data") or {}).values(), *(tree.get("binaryData") or {}).values()]
        size = sum(len(value) for value in values)
        self._kept[key] = (int(tree["metadata"]["resourceVersion"]), size, tree)
        self._size += size
        while self._size > self._limit and len(self._kept) > 1:
            _, (_, dropped, _) = self._kept.popitem(last=False)
            self._size -= dropped

    def drop(self, key: ObjectKey) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._size -= kept[1]


class Gather:
    def __init__(
        self,
        cache: Cache,
        client: Client,
        contents: Contents | None = None,
        pages: Pages | None = None,
    ) -> None:
        self._cache = cache
        self._pages = pages
        self._client = client
        self._contents = contents or Contents()
        self._reading: dict[ObjectKey, asyncio.Lock] = {}

    async def look(self, key: ObjectKey, failure: ApplyFailure | None) -> Observed | None:
        """What is to be seen of this service now; None when there is none."""
        cache, namespace = self._cache, key.namespace
        service = cache.get(key)
        if service is None:
            if self._pages is not None:
                self._pages.forget(key)
            return None
        children = self._children(key, service["metadata"]["uid"])
        policy = self._policy(namespace, policy_name(service))
        further = {
            name: self._policy(namespace, name) for name in further_policies(service, children)
        }
        pods = cache.found("Pod", ("service", namespace, key.name))
        wanted = {name for one in (policy, *further.values()) for name in policy_config_maps(one)}
        doors = self._reaching("Service", namespace, pods)
        return Observed(
            service=service,
            profile=cache.get(replace(key, kind=names.KIND_PROFILE)),
            children=children,
            pods=cache.load(pods),
            policy=policy,
            band_policies=further,
            config_maps={name: await self._content(namespace, name) for name in sorted(wanted)},
            rivals=cache.load(self._rivals(key, service)),
            services=cache.load(doors),
            routes=cache.load(self._leading_to({*doors, replace(key, kind="Service")})),
            budgets=cache.load(self._reaching("PodDisruptionBudget", namespace, pods)),
            pages=None if self._pages is None else self._pages.known(key, service),
            failure=failure,
        )

    def _policy(self, namespace: str, name: str) -> Json | None:
        return self._cache.get(ObjectKey(kind=names.KIND_POLICY, namespace=namespace, name=name))

    async def foreign(self, observed: Observed, manifests: Iterable[Json]) -> Observed:
        """`observed` with the objects that already bear the name of one about to be made.

        The watches select children by label, so a foreign object of the same name shows itself
        only when it is asked for. It must be seen: server-side apply would take it over.
        """
        unseen = [
            key_of(manifest["kind"], manifest)
            for manifest in manifests
            if observed.child(manifest["kind"], manifest["metadata"]["name"]) is None
        ]
        found = [tree for tree in await asyncio.gather(*map(self._ask, unseen)) if tree]
        if not found:
            return observed
        children = {kind: list(trees) for kind, trees in observed.children.items()}
        for tree in found:
            children.setdefault(tree["kind"], []).append(tree)
        return replace(observed, children={kind: tuple(c) for kind, c in children.items()})

    def _children(self, key: ObjectKey, uid: str) -> dict[str, tuple[MutableJson, ...]]:
        namesakes = {key.name, names.guard_config_map(key.name)}
        children = {}
        for kind in CHILD_KINDS:
            owned = self._cache.found(kind, ("owner", key.namespace, key.name, uid))
            named = (ObjectKey(kind=kind, namespace=key.namespace, name=n) for n in namesakes)
            children[kind] = self._cache.load(sorted({*owned, *named}))
        return children

    def _rivals(self, key: ObjectKey, service: Json) -> list[ObjectKey]:
        found = {
            rival
            for claim in claims(service)
            for rival in self._cache.found(names.KIND_SERVICE, ("claim", key.namespace, claim))
        }
        return sorted(found - {key})

    def _leading_to(self, doors: set[ObjectKey]) -> list[ObjectKey]:
        """Ingresses and HTTPRoutes, of any namespace, with one of these Services behind them."""
        found = {
            route
            for door in doors
            for kind in ROUTES
            for route in self._cache.found(kind, ("backend", door.namespace, door.name))
        }
        return sorted(found)

    def _reaching(self, kind: str, namespace: str, pods: list[ObjectKey]) -> list[ObjectKey]:
        """Objects of a kind whose selector matches one of the pods."""
        labels = [
            entry[1] for pod in pods for entry in self._cache.entries(pod) if entry[0] == "labels"
        ]
        if not labels:
            return []
        return [
            key
            for key in self._cache.found(kind, ("namespace", namespace))
            for entry in self._cache.entries(key)
            if entry[0] == "selector" and any(entry[1] <= pod for pod in labels)
        ]

    async def _content(self, namespace: str, name: str) -> Json | None:
        key = ObjectKey(kind="ConfigMap", namespace=namespace, name=name)
        version = self._cache.version(key)
        if version is None:
            self._contents.drop(key)
            return None
        # Many services use one policy: the first worker reads, the others find it read.
        lock = self._reading.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                kept = self._contents.get(key, version)
                if kept is None:
                    kept = await self._ask(key)
                    if kept is not None:
                        self._contents.put(key, kept)
                return kept
        finally:
            if not lock.locked():
                self._reading.pop(key, None)

    async def _ask(self, key: ObjectKey) -> MutableJson | None:
        try:
            return await self._client.get(key)
        except NotFound:
            return None
