# SPDX-License-Identifier: Apache-2.0
"""Pages: looks at the declared addresses in the background and keeps what they answered.

A pass tells which pages its service declares (`known`) and gets what is known of them; nothing is
fetched there. One task, of the leader alone, looks at what is due: a few at a time, one of each
host in a round, with a pause between rounds. A result goes to the queue as the key of its service.
Rule: bounded in pages, in looks at a time and in looks a second; a restart begins with what the
status of a service shows.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from genaiservice.api.jsontree import Json, lookup
from genaiservice.control.core.pages import (
    Look,
    Record,
    after,
    due_at,
    matched,
    recalled,
    wanted_of,
)
from genaiservice.control.engine.fetch import Answer
from genaiservice.kube.resources import ObjectKey
from genaiservice.rules.pages import Wanted

log = logging.getLogger(__name__)

Fetch: TypeAlias = Callable[[Wanted], Awaitable[Answer]]
Open: TypeAlias = Callable[[], AbstractAsyncContextManager[Fetch]]
Looked: TypeAlias = Callable[[str], None]
"""Told how each look ended, for metrics: a word of a closed set."""

MOST_PAGES: Final = 10_000
"""Of all services together; further ones are not looked at and stay at level V1."""
AT_ONCE: Final = 4
ROUND: Final = 32
"""Most looks of one round, each at another host."""
PAUSE_SECONDS: Final = 2.0
"""Between two rounds, and so between two looks at one host."""
LONGEST_WAIT_SECONDS: Final = 600.0


@dataclass(slots=True, kw_only=True)
class _Watched:
    """version: uid and generation of the service that declared these pages."""

    version: tuple[str, int]
    wanted: dict[str, Wanted]
    records: dict[str, Record]


class Pages:
    def __init__(
        self,
        *,
        open_fetch: Open,
        enqueue: Callable[[ObjectKey], None],
        now: Callable[[], datetime],
        interval_seconds: float,
        looked: Looked,
        most: int = MOST_PAGES,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._open = open_fetch
        self._enqueue = enqueue
        self._now = now
        self._interval = timedelta(seconds=interval_seconds)
        self._looked = looked
        self._room = most
        self._pause = pause_seconds
        self._watched: dict[ObjectKey, _Watched] = {}
        self._woken = asyncio.Event()

    def known(self, key: ObjectKey, service: Json) -> dict[str, Record]:
        """What is known of the pages that this service declares; new ones are looked at soon."""
        uid = str(lookup(service, "metadata", "uid", default=""))
        version = (uid, int(lookup(service, "metadata", "generation", default=0)))
        watched = self._watched.get(key)
        if watched is None or watched.version != version:
            watched = self._watch(key, service, version)
        return dict(watched.records)

    def forget(self, key: ObjectKey) -> None:
        gone = self._watched.pop(key, None)
        self._room += len(gone.wanted) if gone else 0

    def _watch(self, key: ObjectKey, service: Json, version: tuple[str, int]) -> _Watched:
        before = self._watched.get(key)
        same = before is not None and before.version[0] == version[0]
        known = before.records if before and same else recalled(service.get("status"))
        self.forget(key)
        declared = wanted_of(lookup(service, "spec", "compliance"))
        wanted = dict(list(declared.items())[: self._room])
        if len(wanted) < len(declared):
            log.warning("too many pages; some are not looked at", extra={"service": str(key)})
        matching = {name: matched(known.get(name), each) for name, each in wanted.items()}
        records = {name: record for name, record in matching.items() if record is not None}
        watched = _Watched(version=version, wanted=wanted, records=records)
        self._watched[key] = watched
        self._room -= len(wanted)
        self._woken.set()
        return watched

    async def run(self, leading: asyncio.Event) -> None:
        """Looks at what is due, for as long as this replica leads."""
        await leading.wait()
        async with self._open() as fetch:
            while True:
                self._woken.clear()
                await self.round(fetch)
                await asyncio.sleep(self._pause)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._wait_seconds()):
                        await self._woken.wait()

    def _wait_seconds(self) -> float:
        now = self._now()
        ahead = [(at - now).total_seconds() for at, _, _ in self._schedule(now)]
        return max(0.0, min(ahead, default=LONGEST_WAIT_SECONDS))

    async def round(self, fetch: Fetch) -> int:
        """Looks once at what is due, at most one page of each host; returns how many."""
        chosen = self._due()
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(key: ObjectKey, name: str) -> None:
            async with gate:
                await self._look(fetch, key, name)

        await asyncio.gather(*(one(key, name) for key, name in chosen))
        return len(chosen)

    def _due(self) -> list[tuple[ObjectKey, str]]:
        now, hosts = self._now(), set[str]()
        chosen: list[tuple[ObjectKey, str]] = []
        for at, key, name in sorted(self._schedule(now)):
            if at > now or len(chosen) == ROUND:
                break
            host = _host(self._watched[key].wanted[name].url)
            if host not in hosts:
                hosts.add(host)
                chosen.append((key, name))
        return chosen

    def _schedule(self, now: datetime) -> list[tuple[datetime, ObjectKey, str]]:
        return [
            (due_at(watched.records.get(name), self._interval, now), key, name)
            for key, watched in self._watched.items()
            for name in watched.wanted
        ]

    async def _look(self, fetch: Fetch, key: ObjectKey, name: str) -> None:
        watched = self._watched.get(key)
        wanted = watched.wanted.get(name) if watched else None
        if watched is None or wanted is None:
            return
        try:
            answer = await fetch(wanted)
        except Exception:
            # The other side chose what came: a fault of ours must not end the operator.
            log.exception("a look failed", extra={"service": str(key), "field": name})
            answer = Answer(error="InternalError", found={})
        if self._watched.get(key) is not watched:
            return  # another declaration by now; it is looked at anew
        look = Look(at=self._now(), **_parts(answer))
        before = watched.records.get(name)
        watched.records[name] = after(before, wanted, look)
        self._looked("answered" if look.succeeded else look.error or "status")
        if (before is None or before.failing_since is None) != look.succeeded:
            told = {"service": str(key), "field": name, "status": look.status, "cause": look.error}
            log.info("a declared page changed", extra=told)
        self._enqueue(key)


def _parts(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "error": answer.error,
        "sha256": answer.sha256,
        "found": answer.found,
    }


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
