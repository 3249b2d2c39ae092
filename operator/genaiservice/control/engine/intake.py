# SPDX-License-Identifier: Apache-2.0
"""Intake: the one door through which objects come in: watch events and lists.

Rule: it puts the object into the cache and the keys of the concerned services into the queue, and
decides nothing. Events that bring no news (our own write coming back) end here; an event that our
own write has overtaken is news (`kube.cache`).
"""

from collections.abc import Callable
from typing import Final

from genaiservice.api import names
from genaiservice.api.jsontree import Json
from genaiservice.control.engine.relations import concerned
from genaiservice.control.engine.workqueue import WorkQueue
from genaiservice.kube.cache import Cache, Entry
from genaiservice.kube.resources import ObjectKey, key_of

POD_NEWS_SECONDS: Final = 0.1
"""A pod that starts brings several events in a row; one look at its service answers them all."""


class Intake:
    def __init__(
        self,
        cache: Cache,
        queue: WorkQueue[ObjectKey],
        *,
        ghosts: Callable[[str, int], None],
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._ghosts = ghosts

    def changed(self, kind: str, tree: Json, *, listed: bool = False) -> None:
        """listed: shown by a list that stands for events which never come."""
        key = key_of(kind, tree)
        before = self._cache.concerns(key)
        if self._cache.put(kind, tree, listed=listed):
            self._enqueue(key, before)

    def deleted(self, kind: str, tree: Json) -> None:
        key = key_of(kind, tree)
        before = self._cache.concerns(key)
        if self._cache.drop(kind, tree):
            self._enqueue(key, before)

    def keep(self, kind: str, tree: Json) -> tuple[str, str]:
        """Takes one object of a list; returns its place for `drop_ghosts`."""
        self.changed(kind, tree, listed=True)
        key = key_of(kind, tree)
        return key.namespace, key.name

    def drop_ghosts(self, kind: str, listed: set[tuple[str, str]], version: int) -> None:
        """Forgets what is kept, was there before the list was made, and is not in it."""
        ghosts = self._cache.ghosts(kind, listed, version)
        for key in ghosts:
            before = self._cache.concerns(key)
            self._cache.forget(key)
            self._enqueue(key, before)
        if ghosts:
            self._ghosts(kind, len(ghosts))

    def drop_all(self, kind: str) -> None:
        """Forgets a kind that the cluster does not serve any more."""
        for key in self._cache.keys(kind):
            before = self._cache.concerns(key)
            self._cache.forget(key)
            self._enqueue(key, before)

    def all_services(self) -> None:
        for key in self._cache.keys(names.KIND_SERVICE):
            self._queue.add(key)

    def _enqueue(self, key: ObjectKey, before: frozenset[Entry]) -> None:
        entries = before | self._cache.entries(key)
        for service in concerned(self._cache, key, entries):
            if key.kind == "Pod":
                self._queue.add_after(service, POD_NEWS_SECONDS)
            else:
                self._queue.add(service)
