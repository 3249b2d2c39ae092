# SPDX-License-Identifier: Apache-2.0
import asyncio

import pytest

from genaiservice.control.engine.workqueue import WorkQueue


@pytest.fixture
async def queue() -> WorkQueue[str]:
    return WorkQueue(first_backoff_seconds=1.0, longest_backoff_seconds=8.0, jitter=lambda: 1.0)


async def test_ten_events_about_one_key_are_one_look(queue: WorkQueue[str]) -> None:
    for _ in range(10):
        queue.add("a")
    assert await queue.get() == "a"
    assert len(queue) == 0


async def test_a_key_is_never_with_two_workers_and_never_lost(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()
    queue.add("a")  # something changed while it is looked at
    assert len(queue) == 0
    queue.done("a")
    assert await queue.get() == "a"


async def test_a_waiting_worker_is_woken(queue: WorkQueue[str]) -> None:
    async with asyncio.timeout(5):
        first, second, _ = await asyncio.gather(queue.get(), queue.get(), _add(queue, "a", "b"))
    assert {first, second} == {"a", "b"}


async def _add(queue: WorkQueue[str], *keys: str) -> None:
    for key in keys:
        queue.add(key)


async def test_delays_double_up_to_a_limit_and_start_anew_after_success(
    queue: WorkQueue[str],
) -> None:
    assert [queue.add_backoff("a") for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert queue.add_backoff("b") == 1.0
    queue.forgive("a")
    assert queue.add_backoff("a") == 1.0
    queue.close()


async def test_of_two_times_the_earlier_counts(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 3600)
    queue.add_after("a", 0)
    queue.add_after("a", 7200)
    async with asyncio.timeout(5):
        assert await queue.get() == "a"


async def test_a_moment_that_has_passed_is_now(queue: WorkQueue[str]) -> None:
    queue.add_after("a", -10)
    async with asyncio.timeout(5):
        assert await queue.get() == "a"


async def test_what_is_forgotten_leaves_no_timer(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 3600)
    queue.add_backoff("a")
    queue.forget("a")
    assert queue._timers == {}
    assert queue._failures == {}


async def test_a_closed_queue_hands_out_nothing_and_lets_work_end(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("b")
    key = await queue.get()
    queue.close()
    queue.add("c")
    assert await queue.get() is None
    drained = asyncio.ensure_future(queue.drained())
    await asyncio.sleep(0)
    assert not drained.done()
    assert key is not None
    queue.done(key)
    async with asyncio.timeout(5):
        await drained
