# SPDX-License-Identifier: Apache-2.0
"""Stores keep one record a user: bounded, expiring, and honest about being down."""

import logging
from dataclasses import replace

import pytest

from genaiservice.api.users_config import Band, Ladder, Step, WhenDown
from genaiservice.guard.core.ladder import Standing
from genaiservice.guard.core.presence import DAY_SECONDS, Presence
from genaiservice.guard.core.user_state import (
    NEW,
    UnreadableStateError,
    UserState,
    decode,
    encode,
    kept_seconds,
)
from genaiservice.guard.usage import (
    RETRY_SECONDS,
    Change,
    Down,
    MemoryStore,
    StoreDownError,
    T,
    WatchedStore,
)

LADDER = Ladder(steps=tuple(Step))
AT = 1_800_000_000


def seen(seconds: int) -> UserState:
    return UserState(presence=Presence(began=AT, until=AT + seconds, days=((20_000, seconds),)))


def stood(step: Step, until: int = AT + 3600) -> UserState:
    return UserState(standing=Standing(step=step, until=until, last_hit=AT))


def add(seconds: int) -> Change[int]:
    def step(state: UserState) -> tuple[UserState, int]:
        total = state.presence.used(20_000) + seconds
        return seen(total), total

    return step


class Shared(MemoryStore):
    """A store that can be switched off; what it holds stays, as in a store with a disk."""

    down: Down = Down.UP
    asked = 0

    async def update(self, user: str, at: int, step: Change[T]) -> T:
        self.asked += 1
        if self.down is not Down.UP:
            raise StoreDownError(self.down)
        return await super().update(user, at, step)


class Watched:
    def __init__(self, when_down: WhenDown) -> None:
        self.clock = 0.0
        self.shared = Shared(LADDER, 100)
        self.store = WatchedStore(
            self.shared, MemoryStore(LADDER, 100), when_down, lambda: self.clock
        )


@pytest.mark.parametrize(
    "state",
    [
        NEW,
        seen(90),
        replace(seen(90), mode=Band.FROM_8),
        stood(Step.TERMINATE),
        UserState(standing=Standing(consecutive=2, day=20_000, day_hits=4, last_hit=AT, last=AT)),
    ],
)
def test_a_record_reads_back_as_it_was_written(state: UserState) -> None:
    assert decode(encode(state)) == state


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"[]", b"[2,[],[],null]", b"[1,[0,0,0,[]],[null,0,0,0,0,0],null]",
        b'[1,[0,0,0,[]],["Forgiven",0,0,0,0,0,0],null]', b'[1,[-5,0,0,[]],[null,0,0,0,0,0,0],null]',
        b'[1,[0,0,0,[[1]]],[null,0,0,0,0,0,0],null]', b'[1,[0,0,0,[]],[null,0,0,0,0,0,0],"adult"]',
        b'[1,[0.5,0,0,[]],[null,0,0,0,0,0,0],null]',
    ],
)  # fmt: skip
def test_a_broken_record_is_never_taken_for_a_new_user(data: bytes) -> None:
    with pytest.raises(UnreadableStateError):
        decode(data)


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        (seen(90), 2 * DAY_SECONDS),
        (replace(seen(90), mode=Band.FROM_8), 30 * DAY_SECONDS),
        (stood(Step.WARN), 3600 + 30 * DAY_SECONDS),
        (stood(Step.SUSPEND), 3600 + 90 * DAY_SECONDS),
        (stood(Step.TERMINATE), None),
    ],
)
def test_a_record_is_kept_for_as_long_as_it_matters(state: UserState, kept: int | None) -> None:
    assert kept_seconds(state, AT, LADDER) == kept


async def test_memory_forgets_after_the_time_of_the_record() -> None:
    store = MemoryStore(LADDER, 10)
    assert await store.update("a", AT, add(60)) == 60
    assert await store.update("a", AT + 2 * DAY_SECONDS - 1, add(60)) == 120
    assert await store.update("a", AT + 5 * DAY_SECONDS, add(60)) == 60


async def test_memory_is_bounded_and_forgets_sanctioned_users_last() -> None:
    store = MemoryStore(LADDER, 3)
    store.put("bad", AT, stood(Step.TERMINATE))
    for number in range(50):
        await store.update(f"user{number}", AT, add(1))
    assert len(store) == 3
    assert store.get("bad", AT) == stood(Step.TERMINATE)
    assert store.get("user49", AT) is not None
    assert store.get("user0", AT) is None
    assert store.evicted == 48


async def test_closed_refuses_while_the_store_is_down_and_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    world = Watched(WhenDown.CLOSED)
    assert await world.store.update("a", AT, add(60)) == 60
    world.shared.down = Down.TIMEOUT
    with pytest.raises(StoreDownError, match="store_timeout"):
        await world.store.update("a", AT, add(60))
    assert world.store.down is Down.TIMEOUT
    world.shared.down = Down.UP
    world.clock += RETRY_SECONDS
    assert await world.store.update("a", AT, add(60)) == 120
    assert world.store.down is Down.UP
    down, up = caplog.records
    assert (down.levelname, vars(down)["reason"]) == ("ERROR", "store_timeout")
    assert up.getMessage() == "the store of users answers again"


async def test_a_store_that_failed_is_left_alone_for_a_moment() -> None:
    world = Watched(WhenDown.DEGRADED)
    world.shared.down = Down.UNREACHABLE
    for _ in range(20):
        await world.store.update("a", AT, add(1))
    assert world.shared.asked == 1
    world.clock += RETRY_SECONDS
    await world.store.update("a", AT, add(1))
    assert world.shared.asked == 2


async def test_degraded_goes_on_from_what_was_seen_last_and_merges_afterwards() -> None:
    world = Watched(WhenDown.DEGRADED)
    await world.store.update("a", AT, add(60))
    world.shared.down = Down.UNREACHABLE
    assert await world.store.update("a", AT, add(60)) == 120
    world.shared.down = Down.UP
    world.clock += RETRY_SECONDS
    assert await world.store.update("a", AT, add(60)) == 180
    kept = world.shared.get("a", AT)
    assert kept is not None
    assert kept.presence.used(20_000) == 180


async def test_a_sanction_holds_on_a_replica_that_saw_it_while_the_store_is_down() -> None:
    world = Watched(WhenDown.DEGRADED)
    await world.store.update("a", AT, lambda state: (stood(Step.SUSPEND), None))
    world.shared.down = Down.UNREACHABLE
    state = await world.store.update("a", AT, lambda state: (state, state))
    assert state.standing.step is Step.SUSPEND


async def test_one_unreadable_record_is_refused_and_is_no_outage() -> None:
    world = Watched(WhenDown.DEGRADED)
    world.shared.down = Down.UNREADABLE
    with pytest.raises(StoreDownError, match="record_unreadable"):
        await world.store.update("a", AT, add(60))
    assert world.store.down is Down.UP
