# SPDX-License-Identifier: Apache-2.0
"""The state of users in a real redis-server: shared, atomic, and gone at the worst moment."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from genaiservice.api.users_config import Ladder, Step, Store, StoreKind, WhenDown
from genaiservice.guard.core.ladder import Standing
from genaiservice.guard.core.presence import Presence
from genaiservice.guard.core.user_state import UserState
from genaiservice.guard.usage import (
    RETRY_SECONDS,
    Change,
    Down,
    MemoryStore,
    RedisStore,
    StoreDownError,
    WatchedStore,
)
from tests.forward import Forward, forwarding
from tests.redis_server import PASSWORD, RedisServer

LADDER = Ladder(steps=tuple(Step))
AT = 1_800_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
async def made() -> AsyncIterator[Callable[..., RedisStore]]:
    stores: list[RedisStore] = []

    def make(
        server: RedisServer | Forward, password: str | None = PASSWORD, **more: float
    ) -> RedisStore:
        # Long: the machine may be busy, and only some of these tests are about time.
        chosen = {"timeout_seconds": 20, **more}
        config = Store(kind=StoreKind.REDIS, url=server.url, **chosen)  # type: ignore[arg-type]
        stores.append(RedisStore(config, LADDER, password=password))
        return stores[-1]

    yield make
    for store in stores:
        await store.close()


def add(seconds: int) -> Change[int]:
    def step(state: UserState) -> tuple[UserState, int]:
        total = state.presence.used(20_000) + seconds
        return UserState(presence=Presence(until=AT, days=((20_000, total),))), total

    return step


async def test_two_guards_count_into_one_record_without_losing_a_second(
    server: RedisServer, made: Callable[..., RedisStore]
) -> None:
    one, other = made(server), made(server)

    async def count(store: RedisStore) -> None:
        for _ in range(50):
            await store.update("shared", AT, add(1))

    await asyncio.gather(count(one), count(other))
    assert await one.update("shared", AT, add(0)) == 100


async def test_many_requests_of_one_user_at_once_each_count(
    server: RedisServer, made: Callable[..., RedisStore]
) -> None:
    store = made(server, connections=4)
    await asyncio.gather(*(store.update("busy", AT, add(1)) for _ in range(8)))
    assert await store.update("busy", AT, add(0)) == 8


async def test_a_flood_of_one_user_is_no_outage_for_the_others(
    server: RedisServer, made: Callable[..., RedisStore]
) -> None:
    local = MemoryStore(LADDER, 100)
    hurried = made(server, connections=4, timeout_seconds=2)
    store = WatchedStore(hurried, local, WhenDown.CLOSED, monotonic)
    counted, refused = 0, list[Down]()

    def slowly(state: UserState) -> tuple[UserState, int]:
        sleep(0.02)  # 200 of these never fit into the seconds that each waits for its turn
        return add(1)(state)

    async def flood() -> None:
        nonlocal counted
        try:
            await store.update("flood", AT, slowly)
            counted += 1
        except StoreDownError as error:
            refused.append(error.reason)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(200):
            tasks.create_task(flood())
        assert await store.update("other", AT, add(1)) == 1
    assert store.down is Down.UP
    assert len(refused) + counted == 200
    assert set(refused) == {Down.CONTENDED}
    assert await store.update("flood", AT, add(0)) == counted


async def test_records_expire_and_sanctions_for_good_do_not(
    server: RedisServer, made: Callable[..., RedisStore]
) -> None:
    store = made(server)
    await store.update("plain", AT, add(60))
    ended = UserState(standing=Standing(step=Step.TERMINATE, until=AT))
    await store.update("ended", AT, lambda state: (ended, None))
    assert server.command("TTL", "genai:user:ended") == b":-1\r\n"
    left = int(server.command("TTL", "genai:user:plain")[1:])
    assert 0 < left <= 2 * 86_400


async def test_a_wrong_password_is_told_apart_from_a_store_that_is_gone(
    server: RedisServer, made: Callable[..., RedisStore]
) -> None:
    with pytest.raises(StoreDownError) as caught:
        await made(server, password="wrong").update("a", AT, add(1))
    assert caught.value.reason in (Down.REFUSED, Down.UNREACHABLE)
    assert "wrong" not in str(caught.value)


async def test_a_record_of_somebody_else_is_never_overwritten(
    server: RedisServer, made: Callable[..., RedisStore]
) -> None:
    server.command("SET", "genai:user:odd", "hello")
    with pytest.raises(StoreDownError, match="record_unreadable"):
        await made(server).update("odd", AT, add(1))
    assert server.command("GET", "genai:user:odd") == b"$5\r\nhello\r\n"


async def test_a_store_that_hangs_costs_no_more_than_its_time(
    server: RedisServer, made: Callable[..., RedisStore]
) -> None:
    await made(server).update("slow", AT, add(1))
    store = made(server, timeout_seconds=0.1)
    server.freeze()
    try:
        # Frozen, the server never answers: only the store's own time can end this.
        with pytest.raises(StoreDownError, match="store_timeout"):
            await store.update("slow", AT, add(1))
    finally:
        server.thaw()


@pytest.mark.parametrize("when_down", list(WhenDown))
async def test_a_killed_and_restarted_store_loses_no_counted_second(
    tmp_path: Path, made: Callable[..., RedisStore], when_down: WhenDown
) -> None:
    with RedisServer(tmp_path) as server:
        clock = [0.0]
        store = WatchedStore(made(server), MemoryStore(LADDER, 100), when_down, lambda: clock[0])
        assert await store.update("a", AT, add(60)) == 60
        server.kill()
        clock[0] += 10
        if when_down is WhenDown.CLOSED:
            with pytest.raises(StoreDownError, match="store_unreachable"):
                await store.update("a", AT, add(60))
        else:
            assert await store.update("a", AT, add(60)) == 120
        assert store.down is Down.UNREACHABLE
        server.start()
        clock[0] += 10
        expected = 120 if when_down is WhenDown.CLOSED else 180
        assert await store.update("a", AT, add(60)) == expected
        assert store.down is Down.UP
        other = made(server)
        assert await other.update("a", AT, add(0)) == expected


async def test_degraded_replicas_count_apart_and_the_larger_count_stays(
    tmp_path: Path, made: Callable[..., RedisStore]
) -> None:
    with RedisServer(tmp_path) as server:
        clock = [0.0]

        def replica() -> WatchedStore:
            local = MemoryStore(LADDER, 100)
            return WatchedStore(made(server), local, WhenDown.DEGRADED, lambda: clock[0])

        one, other = replica(), replica()
        await one.update("a", AT, add(60))
        await other.update("a", AT, add(60))
        server.kill()
        clock[0] += 10
        await one.update("a", AT, add(300))
        await other.update("a", AT, add(30))
        server.start()
        clock[0] += 10
        totals = [await each.update("a", AT, add(0)) for each in (other, one, other)]
        assert totals == [150, 360, 360]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return lambda name: tmp_path_factory.mktemp(name)


@pytest.mark.parametrize("when_down", list(WhenDown))
@pytest.mark.parametrize("fault", [Down.UNREACHABLE, Down.REFUSED, Down.TIMEOUT])
async def test_a_failover_keeps_the_counters_and_is_over_with_the_first_question_after_it(
    folders: Callable[[str], Path],
    made: Callable[..., RedisStore],
    fault: Down,
    when_down: WhenDown,
) -> None:
    """Killed, demoted (it answers READONLY on connections that stand) or frozen, as behind a cable
    that was cut. Connections to the old primary that idle must not be asked one by one."""
    with (
        RedisServer(folders("old")) as old,
        RedisServer(folders("new")) as new,
        forwarding(old.port) as address,
    ):
        clock, users = [0.0], ("a", "b", "c", "d")
        shared = made(address, timeout_seconds=2 if fault is Down.TIMEOUT else 20)
        store = WatchedStore(shared, MemoryStore(LADDER, 100), when_down, lambda: clock[0])
        await asyncio.gather(*(store.update(user, AT, add(60)) for user in users))
        new.follow(old)
        counted = 60
        if fault is Down.UNREACHABLE:
            old.kill()
        elif fault is Down.TIMEOUT:
            old.freeze()
        new.promote()
        if fault is Down.REFUSED:
            old.follow(new)
        if fault is not Down.UNREACHABLE:  # else it leads nowhere until somebody has decided
            address.target = new.port
        if when_down is WhenDown.CLOSED:
            with pytest.raises(StoreDownError, match=fault.value):
                await store.update("a", AT, add(60))
        else:
            assert await store.update("a", AT, add(60)) == 120
            counted = 120
        assert store.down is fault
        address.target = new.port
        clock[0] += RETRY_SECONDS
        assert await store.update("a", AT, add(1)) == counted + 1
        assert store.down is Down.UP
        totals = await asyncio.gather(*(store.update(user, AT, add(1)) for user in users))
        assert list(totals) == [counted + 2, 61, 61, 61]
        assert store.down is Down.UP
        assert await made(new).update("a", AT, add(0)) == counted + 2


async def test_an_address_that_still_leads_to_the_demoted_primary_stays_closed(
    folders: Callable[[str], Path], made: Callable[..., RedisStore]
) -> None:
    with RedisServer(folders("old")) as old, RedisServer(folders("new")) as new:
        old.follow(new)
        with forwarding(old.port) as address:
            store = made(address)
            for _ in range(2):
                with pytest.raises(StoreDownError, match="store_refused"):
                    await store.update("a", AT, add(60))
            address.target = new.port
            assert await store.update("a", AT, add(60)) == 60


@pytest.mark.parametrize("lost", [b"GET", b"EVALSHA"])
async def test_what_was_counted_before_its_answer_was_lost_is_not_counted_again(
    server: RedisServer, made: Callable[..., RedisStore], lost: bytes
) -> None:
    with forwarding(server.port) as address:
        store, user = made(address), f"lost-{len(lost)}"
        await store.update(user, AT, add(60))
        address.loses = lost
        if lost == b"GET":
            assert await store.update(user, AT, add(1)) == 61
        else:
            with pytest.raises(StoreDownError, match="store_unreachable"):
                await store.update(user, AT, add(1))
        assert address.loses == b""
        assert await store.update(user, AT, add(0)) == 61
