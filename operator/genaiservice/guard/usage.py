# SPDX-License-Identifier: Apache-2.0
"""Where the state of users is kept: in this process, or in Redis or Valkey for all replicas.

A store does one thing: `update`, which gives a pure step the record of one user and keeps what it
returns, as if nobody else were there. In Redis that is compare-and-set by a script, repeated when
another replica was faster; a step may therefore run more than once. Everything is bounded:
records, connections, time. A store that does not answer is never taken for an empty one.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakValueDictionary

from genaiservice.api.users_config import Ladder, Step, Store, WhenDown
from genaiservice.guard.core.user_state import (
    NEW,
    UnreadableStateError,
    UserState,
    decode,
    encode,
    kept_seconds,
    merged,
)

log = logging.getLogger(__name__)

ATTEMPTS: Final = 16
RETRY_SECONDS: Final = 1.0
"""So long a store that failed is left alone, so that requests do not queue up behind it."""
COMPARE_AND_SET: Final = """
local held = redis.call('GET', KEYS[1]) or ''
if held ~= ARGV[1] then return {0, held} end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return {1, ''}
"""
"""Who comes too late learns at once what stands there, and so is first in the next round."""

T = TypeVar("T")
Change = Callable[[UserState], tuple[UserState, T]]
"""A step; pure, since it may run more than once."""


class Down(StrEnum):
    """Why a store does not serve."""

    UP = ""
    UNREACHABLE = "store_unreachable"
    TIMEOUT = "store_timeout"
    REFUSED = "store_refused"
    CONTENDED = "store_contended"
    UNREADABLE = "record_unreadable"


class StoreDownError(Exception):
    def __init__(self, reason: Down) -> None:
        super().__init__(reason.value)
        self.reason = reason


class UsageStore(Protocol):
    async def update(self, user: str, at: int, step: Change[T]) -> T:
        """What `step` returned beside the record; raises StoreDownError."""
        ...

    async def close(self) -> None: ...


class MemoryStore:
    """For one replica. It forgets at a restart, and beyond `most` users whom it saw longest ago;
    users under sanction last."""

    def __init__(self, ladder: Ladder, most: int) -> None:
        self._ladder = ladder
        self.most = most
        self._plain: OrderedDict[str, tuple[UserState, int | None]] = OrderedDict()
        self._sanctioned: OrderedDict[str, tuple[UserState, int | None]] = OrderedDict()
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._plain) + len(self._sanctioned)

    def get(self, user: str, at: int) -> UserState | None:
        state, ends = self._plain.get(user) or self._sanctioned.get(user) or (None, None)
        return None if ends is not None and ends <= at else state

    def put(self, user: str, at: int, state: UserState) -> None:
        self._plain.pop(user, None)
        self._sanctioned.pop(user, None)
        kept = kept_seconds(state, at, self._ladder)
        stood = state.standing.step not in (None, Step.WARN)
        shelf = self._sanctioned if stood else self._plain
        shelf[user] = (state, None if kept is None else at + kept)
        if len(self) > self.most:
            self._evict(at)

    def _evict(self, at: int) -> None:
        shelf = self._plain or self._sanctioned
        _, (_, ends) = shelf.popitem(last=False)
        if ends is None or ends > at:
            self.evicted += 1

    async def update(self, user: str, at: int, step: Change[T]) -> T:
        state, result = step(self.get(user, at) or NEW)
        self.put(user, at, state)
        return result

    async def close(self) -> None:
        return None


class RedisStore:
    def __init__(
        self, config: Store, ladder: Ladder, *, password: str | None, ca_file: str | None = None
    ) -> None:
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        self._prefix = config.prefix
        self._ladder = ladder
        self._seconds = config.timeout_seconds
        self._slots = asyncio.Semaphore(config.connections)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        more: dict[str, Any] = {"ssl_ca_certs": ca_file} if ca_file else {}
        pool = BlockingConnectionPool.from_url(
            config.url,
            password=password,
            protocol=2,
            max_connections=config.connections,
            timeout=config.timeout_seconds,
            socket_timeout=config.timeout_seconds,
            socket_connect_timeout=config.timeout_seconds,
            # Not by the client: what was written before its answer was lost would count twice.
            retry=Retry(NoBackoff(), 0),
            client_name="genai-guard",
            **more,
        )
        self._client: Any = Redis.from_pool(pool)
        self._compare_and_set = self._client.register_script(COMPARE_AND_SET)

    async def update(self, user: str, at: int, step: Change[T]) -> T:
        # In turn within this process: only other replicas can then be faster, and a flood of one
        # user waits for itself, without a connection and without looking like an outage.
        turn = self._turns.setdefault(user, asyncio.Lock())
        async with self._waited(turn), self._waited(self._slots):
            return await self._in_time(user, at, step)

    @asynccontextmanager
    async def _waited(self, turn: asyncio.Lock | asyncio.Semaphore) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._seconds):
                await turn.acquire()
        except TimeoutError as error:
            raise StoreDownError(Down.CONTENDED) from error
        try:
            yield
        finally:
            turn.release()

    async def _in_time(self, user: str, at: int, step: Change[T]) -> T:
        from redis import exceptions

        try:
            async with asyncio.timeout(self._seconds):
                return await self._updated(self._prefix + user, at, step)
        except UnreadableStateError as error:
            raise StoreDownError(Down.UNREADABLE) from error
        except (exceptions.TimeoutError, exceptions.RedisError, OSError) as error:
            await self._forget()
            if isinstance(error, TimeoutError | exceptions.TimeoutError):
                raise StoreDownError(Down.TIMEOUT) from error
            lost = isinstance(error, exceptions.ConnectionError | OSError)
            raise StoreDownError(Down.UNREACHABLE if lost else Down.REFUSED) from error

    async def _forget(self) -> None:
        """Closes idle connections, since the address may lead to another server by now: they would
        stay with a primary that was demoted, or wait one after the other for one that is gone."""
        from redis.exceptions import RedisError

        with suppress(RedisError, OSError):
            await self._client.connection_pool.disconnect(inuse_connections=False)

    async def _read(self, key: str) -> bytes:
        """Tried anew once, since a connection may have died while idle."""
        from redis.exceptions import ConnectionError as LostError

        try:
            return await self._client.get(key) or b""
        except LostError:
            await self._forget()
            return await self._client.get(key) or b""

    async def _updated(self, key: str, at: int, step: Change[T]) -> T:
        held = await self._read(key)
        for _ in range(ATTEMPTS):
            before = decode(held) if held else NEW
            after, result = step(before)
            if after == before:
                return result
            kept = kept_seconds(after, at, self._ladder)
            arguments = [held, encode(after), b"%d" % (kept or 0)]
            done, held = await self._compare_and_set(keys=[key], args=arguments)
            if done:
                return result
        raise StoreDownError(Down.CONTENDED)

    async def close(self) -> None:
        await self._client.aclose()


class WatchedStore:
    """A shared store with what is declared for the time that it is down.

    Closed: StoreDownError. Degraded: this replica goes on with the records that it saw last, so
    limits hold per replica; what it counted meanwhile is merged when the store is back.
    """

    def __init__(
        self,
        shared: UsageStore,
        local: MemoryStore,
        when_down: WhenDown,
        clock: Callable[[], float],
    ) -> None:
        self._shared = shared
        self._local = local
        self._when_down = when_down
        self._clock = clock
        self._alone: OrderedDict[str, None] = OrderedDict()
        self._retry_at = 0.0
        self.down = Down.UP

    async def update(self, user: str, at: int, step: Change[T]) -> T:
        if self.down is Down.UP or self._clock() >= self._retry_at:
            try:
                return await self._together(user, at, step)
            except StoreDownError as error:
                self._note(error.reason)
        if self._when_down is WhenDown.CLOSED:
            raise StoreDownError(self.down)
        self._alone[user] = None
        if len(self._alone) > self._local.most:
            self._alone.popitem(last=False)
        return await self._local.update(user, at, step)

    async def _together(self, user: str, at: int, step: Change[T]) -> T:
        apart = self._local.get(user, at) if user in self._alone else None

        def both(state: UserState) -> tuple[UserState, tuple[UserState, T]]:
            known = state if apart is None else merged(state, apart)
            after, result = step(known)
            return after, (after, result)

        after, result = await self._shared.update(user, at, both)
        self._alone.pop(user, None)
        if self._when_down is WhenDown.DEGRADED:
            self._local.put(user, at, after)
        if self.down is not Down.UP:
            log.info("the store of users answers again")
        self.down = Down.UP
        return result

    def _note(self, reason: Down) -> None:
        """One unreadable record, or one contended, is no outage of the store."""
        if reason in (Down.UNREADABLE, Down.CONTENDED):
            raise StoreDownError(reason)
        if self.down is Down.UP:
            told = {"reason": reason.value, "when_down": self._when_down.value}
            log.error("the store of users does not serve", extra=told)
        self.down = reason
        self._retry_at = self._clock() + RETRY_SECONDS

    async def close(self) -> None:
        await self._shared.close()
