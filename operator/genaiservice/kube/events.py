# SPDX-License-Identifier: Apache-2.0
"""Kubernetes Events: what happened to an object, in words, for `kubectl describe`.

Rule: Events are a courtesy. They are posted from a bounded queue by one task, the same words
about the same object are counted instead of posted again, and losing one never fails a reconcile.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from genaiservice.api import names
from genaiservice.api.jsontree import Json, MutableJson
from genaiservice.kube.client import Client
from genaiservice.kube.errors import ApiError, NotFound
from genaiservice.kube.resources import ObjectKey

log = logging.getLogger(__name__)

WAITING_LIMIT: Final = 1000
REMEMBERED_LIMIT: Final = 1024
SAME_FOR: Final = timedelta(minutes=10)
MESSAGE_LIMIT: Final = 1024
"""The API server refuses longer ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing to tell about one object; `type` is Normal or Warning."""

    about: Json
    type: str
    reason: str
    message: str
    action: str


@dataclass(slots=True)
class _Posted:
    key: ObjectKey
    count: int
    last: datetime


class EventRecorder:
    def __init__(self, client: Client, *, now: Callable[[], datetime], instance: str) -> None:
        self._client = client
        self._now = now
        self._instance = instance
        self._waiting: asyncio.Queue[Note] = asyncio.Queue(WAITING_LIMIT)
        self._posted: OrderedDict[str, _Posted] = OrderedDict()
        self.dropped = 0

    def record(self, note: Note) -> None:
        try:
            self._waiting.put_nowait(note)
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        while True:
            note = await self._waiting.get()
            try:
                await self._post(note)
            except ApiError as error:
                log.warning("event not posted", extra={"cause": error.message})
            finally:
                self._waiting.task_done()

    async def drain(self, seconds: float) -> None:
        """Waits until all is posted, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._waiting.join()
        except TimeoutError:
            self.dropped += self._waiting.qsize()

    async def _post(self, note: Note) -> None:
        now, mark = self._now(), _mark(note)
        posted = self._posted.pop(mark, None)
        if posted is not None and now - posted.last < SAME_FOR:
            posted.count, posted.last = posted.count + 1, now
            self._posted[mark] = posted
            body = {"count": posted.count, "lastTimestamp": _stamp(now)}
            try:
                await self._client.patch(posted.key, body, manager=names.FIELD_MANAGER)
                return
            except NotFound:  # expired on the server; tell it anew
                del self._posted[mark]
        event = self._event(note, now, mark)
        await self._client.create(event)
        key = ObjectKey(
            kind="Event",
            namespace=event["metadata"]["namespace"],
            name=event["metadata"]["name"],
        )
        self._posted[mark] = _Posted(key=key, count=1, last=now)
        while len(self._posted) > REMEMBERED_LIMIT:
            self._posted.popitem(last=False)

    def _event(self, note: Note, now: datetime, mark: str) -> MutableJson:
        about = note.about["metadata"]
        suffix = hashlib.sha256(f"{mark}{now.timestamp()}".encode()).hexdigest()[:16]
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "namespace": about["namespace"],
                "name": f"{about['name'][:200]}.{suffix}",
            },
            "involvedObject": {
                "apiVersion": note.about["apiVersion"],
                "kind": note.about["kind"],
                "namespace": about["namespace"],
                "name": about["name"],
                "uid": about["uid"],
                "resourceVersion": about["resourceVersion"],
            },
            "type": note.type,
            "reason": note.reason,
            "message": note.message[:MESSAGE_LIMIT],
            "action": note.action,
            "source": {"component": names.MANAGED_BY},
            "reportingComponent": f"{names.GROUP}/operator",
            "reportingInstance": self._instance[:128],
            "firstTimestamp": _stamp(now),
            "lastTimestamp": _stamp(now),
            "count": 1,
        }


def _mark(note: Note) -> str:
    parts = (note.about["metadata"]["uid"], note.type, note.reason, note.action, note.message)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _stamp(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
