# SPDX-License-Identifier: Apache-2.0
"""Builders and a small in-memory peer for the tests of the engine.

The peer only remembers what it is told and refuses what it is told to refuse; what the API server
itself does with a write is tested on the real one.
"""

import itertools
from collections.abc import Iterable
from typing import Any

from genaiservice.api import names
from genaiservice.control.engine.intake import Intake
from genaiservice.control.engine.relations import INDEXERS
from genaiservice.control.engine.workqueue import WorkQueue
from genaiservice.kube.cache import Cache
from genaiservice.kube.errors import NotFound
from genaiservice.kube.resources import ObjectKey, key_of

VERSIONS = itertools.count(1)


def tree(kind: str, name: str, *, uid: str = "", **more: Any) -> dict[str, Any]:
    metadata = {
        "namespace": "shop",
        "name": name,
        "uid": uid or f"{kind}-{name}",
        "resourceVersion": str(next(VERSIONS)),
        **more.pop("metadata", {}),
    }
    version = names.API_VERSION if kind in (names.KIND_SERVICE, names.KIND_POLICY) else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def service(name: str = "chat", policy: str = "default", **more: Any) -> dict[str, Any]:
    spec = {"workload": {"adopt": {"port": 8000}}, "guard": {"moderationPolicy": policy}}
    return tree(names.KIND_SERVICE, name, spec={**spec, **more})


def pod(name: str, of: str = "chat", **labels: str) -> dict[str, Any]:
    return tree("Pod", name, metadata={"labels": {names.LABEL_SERVICE: of, **labels}}, spec={})


def policy(name: str = "default", *config_maps: str) -> dict[str, Any]:
    sources = [{"name": each, "configMap": {"name": each, "key": "t"}} for each in config_maps]
    return tree(names.KIND_POLICY, name, spec={"sources": sources})


def owned(kind: str, name: str, by: dict[str, Any]) -> dict[str, Any]:
    owner = {"kind": by["kind"], "name": by["metadata"]["name"], "uid": by["metadata"]["uid"]}
    return tree(kind, name, metadata={"ownerReferences": [{**owner, "controller": True}]})


def selecting(name: str, **selector: str) -> dict[str, Any]:
    return tree("Service", name, spec={"selector": selector})


def key(kind: str, name: str) -> ObjectKey:
    return ObjectKey(kind=kind, namespace="shop", name=name)


def chat(name: str = "chat") -> ObjectKey:
    return key(names.KIND_SERVICE, name)


class Impatient(WorkQueue[ObjectKey]):
    """A queue without a clock: what is to wait is there at once, and `waited` says how long."""

    def __init__(self, waited: list[tuple[str, float]]) -> None:
        super().__init__()
        self.waited = waited

    def add_after(self, key: ObjectKey, seconds: float) -> None:
        self.waited.append((key.name, seconds))
        self.add(key)


class Room:
    """Cache, queue and intake of one test."""

    def __init__(self, *trees: dict[str, Any], queue: WorkQueue[ObjectKey] | None = None) -> None:
        self.cache = Cache(INDEXERS)
        self.waited: list[tuple[str, float]] = []
        self.queue = Impatient(self.waited) if queue is None else queue
        self.ghosts: list[tuple[str, int]] = []
        self.intake = Intake(
            self.cache, self.queue, ghosts=lambda kind, count: self.ghosts.append((kind, count))
        )
        for each in trees:
            self.intake.changed(each["kind"], each)
        self.waiting()

    def waiting(self) -> set[str]:
        """Names of the services that wait to be looked at; none wait afterwards."""
        found = {key.name for key in self.queue._order}
        self.queue._order.clear()
        self.queue._dirty.clear()
        return found


class Peer:
    """Stands where the client stands; `calls` is what was asked of it, in order."""

    def __init__(self, *trees: dict[str, Any]) -> None:
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.fails: dict[tuple[str, str], Exception] = {}
        self.live = {key_of(each["kind"], each): each for each in trees}

    async def get(self, key: ObjectKey) -> dict[str, Any]:
        self._called("get", key)
        if key not in self.live:
            raise NotFound("no such object", status=404)
        return self.live[key]

    async def apply(self, manifest: Any, *, manager: str) -> dict[str, Any]:
        return self._written("apply", manifest)

    async def apply_status(self, manifest: Any, *, manager: str) -> dict[str, Any]:
        return self._written("status", manifest)

    async def patch(self, key: ObjectKey, body: Any, **_: str) -> dict[str, Any]:
        self._called("lift" if "spec" in body else "annotate", key, body)
        return tree(key.kind, key.name)

    async def delete(self, key: ObjectKey, *, uid: str) -> None:
        self._called("delete", key, uid)

    async def evict(self, key: ObjectKey, *, uid: str) -> None:
        self._called("evict", key, uid)

    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.calls]

    def _called(self, verb: str, key: ObjectKey, body: Any = None) -> None:
        self.calls.append((verb, key.name))
        self.bodies.append(body)
        error = self.fails.get((verb, key.name))
        if error is not None:
            raise error

    def _written(self, verb: str, manifest: Any) -> dict[str, Any]:
        key = key_of(manifest["kind"], manifest)
        self._called(verb, key, manifest)
        metadata = {**manifest["metadata"], "resourceVersion": str(next(VERSIONS))}
        metadata.setdefault("uid", f"{key.kind}-{key.name}")
        self.live[key] = {**manifest, "metadata": metadata}
        return self.live[key]


def names_of(trees: Iterable[Any]) -> list[str]:
    return [each["metadata"]["name"] for each in trees]
