# SPDX-License-Identifier: Apache-2.0
"""The work queue: which services to look at, each at most once at a time.

Rules, as in client-go. A key is *dirty* when it must be looked at and *processing* while a worker
has it. A dirty key is handed out once however often it was added; a key added while it is being
processed is handed out again afterwards. Failures wait with doubling delays per key. The size is
bounded by the number of keys, that is of services.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_BACKOFF_SECONDS: Final = 0.25
LONGEST_BACKOFF_SECONDS: Final = 60.0


class WorkQueue(Generic[K]):
    def __init__(
        self,
        *,
        first_backoff_seconds: float = FIRST_BACKOFF_SECONDS,
        longest_backoff_seconds: float = LONGEST_BACKOFF_SECONDS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._first = first_backoff_seconds
        self._longest = longest_backoff_seconds
        self._jitter = jitter
        self._order: deque[K] = deque()
        self._dirty: set[K] = set()
        self._processing: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    def __len__(self) -> int:
        """Keys that wait for a worker."""
        return len(self._order)

    def add(self, key: K) -> None:
        if self._closed or key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._processing:
            self._offer(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Adds the key later; of several times for one key, the earliest counts."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + max(0.0, seconds)
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= at:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(at, self._due, key)

    def add_backoff(self, key: K) -> float:
        """Adds the key after its next delay, and returns that delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        longest = min(self._first * float(2 ** min(failures, 20)), self._longest)
        delay = longest * (0.5 + self._jitter() / 2)
        self.add_after(key, delay)
        return delay

    def forgive(self, key: K) -> None:
        """The key went well: its next failure waits the shortest time again."""
        self._failures.pop(key, None)

    def forget(self, key: K) -> None:
        """The object is gone: no timer and no memory of failures stays behind."""
        self.forgive(key)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def get(self) -> K | None:
        """The next key, which the caller must give back with `done`; None once closed."""
        while not self._order:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        key = self._order.popleft()
        self._dirty.discard(key)
        self._processing.add(key)
        self._idle.clear()
        return key

    def done(self, key: K) -> None:
        self._processing.discard(key)
        if key in self._dirty and not self._closed:
            self._offer(key)
        if not self._processing:
            self._idle.set()

    def close(self) -> None:
        """Hands out nothing more and wakes every waiting worker."""
        self._closed = True
        self._order.clear()
        self._dirty.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._changed.set()

    async def drained(self) -> None:
        """Returns when no worker has a key any more."""
        await self._idle.wait()

    def _offer(self, key: K) -> None:
        self._order.append(key)
        self._changed.set()

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)
