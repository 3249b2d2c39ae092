# SPDX-License-Identifier: Apache-2.0
"""The background task: what is due is looked at, in rounds, and the service hears of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genaiservice.control.core.pages import told
from genaiservice.control.engine.fetch import Answer
from genaiservice.control.engine.gather import Gather
from genaiservice.control.engine.pages import AT_ONCE, ROUND, Pages
from genaiservice.kube.resources import ObjectKey
from genaiservice.rules.pages import Wanted
from tests.unit.control.engine.cluster import Peer, Room, chat, service

HOUR = timedelta(hours=1)
GOOD = Answer(status=200, sha256="a" * 64, found={})


class Desk:
    """Pages with a clock that is set by hand, and everything they told."""

    def __init__(self, **options: Any) -> None:
        self.now = datetime(2026, 11, 25, tzinfo=UTC)
        self.asked: list[str] = []
        self.told: list[ObjectKey] = []
        self.ended: list[str] = []
        self.answer: Callable[[Wanted], Answer] = lambda _: GOOD
        self.pages = Pages(
            open_fetch=self.opened,
            enqueue=self.told.append,
            now=lambda: self.now,
            interval_seconds=6 * 3600,
            looked=self.ended.append,
            **options,
        )

    async def fetch(self, wanted: Wanted) -> Answer:
        self.asked.append(wanted.url)
        return self.answer(wanted)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Any]:
        yield self.fetch

    async def round(self) -> list[str]:
        """The addresses that one round asked for."""
        before = len(self.asked)
        await self.pages.round(self.fetch)
        return sorted(self.asked[before:])


def declaring(*hosts: str, name: str = "chat", generation: int = 1, **more: Any) -> dict[str, Any]:
    tree = service(name, compliance={"scope": {"publicHosts": list(hosts)}})
    tree["metadata"] |= {"uid": f"uid-{name}", "generation": generation}
    return {**tree, **more}


async def test_a_new_page_is_looked_at_at_once_and_then_after_the_interval() -> None:
    desk = Desk()
    assert desk.pages.known(chat(), declaring("a.example")) == {}
    assert await desk.round() == ["https://a.example/"]
    assert desk.told == [chat()]
    known = desk.pages.known(chat(), declaring("a.example"))
    assert known["scope.publicHosts[0]"].at == desk.now
    assert await desk.round() == []
    desk.now += 6 * HOUR - timedelta(seconds=1)
    assert await desk.round() == []
    desk.now += timedelta(seconds=1)
    assert await desk.round() == ["https://a.example/"]


async def test_a_page_that_failed_is_looked_at_again_sooner() -> None:
    desk = Desk()
    desk.answer = lambda _: Answer(error="Timeout", found={})
    desk.pages.known(chat(), declaring("a.example"))
    for _ in range(3):
        assert await desk.round() == ["https://a.example/"]
        assert await desk.round() == []
        desk.now += HOUR
    record = desk.pages.known(chat(), declaring("a.example"))["scope.publicHosts[0]"]
    assert (record.failures, record.error) == (3, "Timeout")
    assert desk.ended == ["Timeout"] * 3


async def test_one_round_asks_each_host_once_and_not_too_many() -> None:
    desk = Desk()
    many = [f"h{number:02}.example" for number in range(40)]
    desk.pages.known(chat(), declaring(*many))
    desk.pages.known(chat("other"), declaring("h00.example", "H00.example", name="other"))
    first, second, third = [await desk.round() for _ in range(3)]
    assert len(first) == ROUND
    assert len([url for url in first if "h00" in url.lower()]) == 1
    assert len(second) == 40 - ROUND + 1
    assert len(third) == 1
    assert len(set(first + second + third)) == 41  # one address is declared by both


async def test_only_a_few_looks_run_at_the_same_time() -> None:
    desk, running, most, free = Desk(), 0, 0, asyncio.Event()

    async def slow(_: Wanted) -> Answer:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == AT_ONCE:
            free.set()
        await free.wait()
        running -= 1
        return GOOD

    desk.pages.known(chat(), declaring(*(f"h{number}.example" for number in range(20))))
    async with asyncio.timeout(5):
        assert await desk.pages.round(slow) == 20
    assert most == AT_ONCE


async def test_a_restart_begins_with_what_the_status_shows() -> None:
    before = Desk()
    before.answer = lambda _: Answer(status=503, found={})
    before.pages.known(chat(), declaring("a.example"))
    await before.round()
    records = before.pages.known(chat(), declaring("a.example"))
    shown = {"facts": {"pages": [told(name, record) for name, record in records.items()]}}

    after = Desk()
    assert after.pages.known(chat(), declaring("a.example", status=shown)) == records
    assert await after.round() == []  # it was looked at a moment ago


async def test_another_object_of_the_same_name_starts_anew() -> None:
    desk = Desk()
    desk.pages.known(chat(), declaring("a.example"))
    await desk.round()
    other = declaring("a.example")
    other["metadata"]["uid"] = "another"
    assert desk.pages.known(chat(), other) == {}


async def test_a_declaration_that_changes_keeps_what_is_still_declared() -> None:
    desk = Desk()
    desk.pages.known(chat(), declaring("a.example", "b.example"))
    await desk.round()
    known = desk.pages.known(chat(), declaring("a.example", "c.example", generation=2))
    assert known.keys() == {"scope.publicHosts[0]"}
    assert await desk.round() == ["https://c.example/"]


async def test_an_answer_that_comes_after_the_declaration_changed_is_dropped() -> None:
    desk = Desk()

    def change(_: Wanted) -> Answer:
        desk.pages.known(chat(), declaring("b.example", generation=2))
        return GOOD

    desk.answer = change
    desk.pages.known(chat(), declaring("a.example"))
    await desk.round()
    assert desk.pages.known(chat(), declaring("b.example", generation=2)) == {}
    assert desk.told == []


async def test_a_service_that_is_gone_is_forgotten() -> None:
    desk, room = Desk(), Room(declaring("a.example"))
    eyes = Gather(room.cache, Peer(), pages=desk.pages)  # type: ignore[arg-type]
    seen = await eyes.look(chat(), None)
    assert seen is not None
    assert seen.pages == {}
    room.intake.deleted("GenAIService", declaring("a.example"))
    assert await eyes.look(chat(), None) is None
    assert await desk.round() == []


async def test_the_number_of_pages_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(most=3)
    desk.pages.known(chat("a"), declaring("a.example", "b.example", name="a"))
    desk.pages.known(chat("b"), declaring("c.example", "d.example", name="b"))
    assert "too many pages" in caplog.text
    assert len(await desk.round()) == 3
    desk.pages.forget(chat("a"))
    desk.pages.known(chat("b"), declaring("c.example", "d.example", name="b", generation=2))
    assert await desk.round() == ["https://d.example/"]


async def test_a_fault_of_our_own_ends_one_look_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()

    def broken(_: Wanted) -> Answer:
        raise RuntimeError("a fault")

    desk.answer = broken
    desk.pages.known(chat(), declaring("a.example"))
    await desk.round()
    record = desk.pages.known(chat(), declaring("a.example"))["scope.publicHosts[0]"]
    assert record.error == "InternalError"
    assert "a fault" in caplog.text


async def test_nothing_is_fetched_before_this_replica_leads() -> None:
    desk, leading = Desk(pause_seconds=0.0), asyncio.Event()
    looked = asyncio.Event()

    def seen(_: Wanted) -> Answer:
        looked.set()
        return GOOD

    desk.answer = seen
    desk.pages.known(chat(), declaring("a.example"))
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(desk.pages.run(leading))
        await asyncio.sleep(0)
        assert desk.asked == []
        leading.set()
        await looked.wait()
        looked.clear()
        # A page that is declared later wakes the task.
        desk.pages.known(chat("other"), declaring("b.example", name="other"))
        await looked.wait()
        task.cancel()
    assert desk.asked == ["https://a.example/", "https://b.example/"]
