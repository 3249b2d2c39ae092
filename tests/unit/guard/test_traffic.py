# SPDX-License-Identifier: Apache-2.0
"""When clients have left: nothing open for a while, or time is up."""

import asyncio

from genaiservice.guard.traffic import Traffic

LONG = 3600.0


async def asked(traffic: Traffic, most: float, seconds: float) -> "asyncio.Task[None]":
    task = asyncio.ensure_future(traffic.quiet(most, seconds))
    await asyncio.sleep(0.01)
    return task


async def test_it_is_quiet_once_the_last_exchange_is_over() -> None:
    traffic = Traffic(asyncio.get_running_loop())
    traffic.begin()
    traffic.begin()
    task = await asked(traffic, LONG, 0)
    traffic.end()
    await asyncio.sleep(0.01)
    assert not task.done()
    traffic.end()
    await task
    await traffic.idle()
    assert traffic.open == 0


async def test_a_request_that_comes_in_between_is_waited_for() -> None:
    traffic = Traffic(asyncio.get_running_loop())
    task = await asked(traffic, LONG, 0.05)
    traffic.begin()
    await asyncio.sleep(0.1)
    assert not task.done()
    traffic.end()
    await task


async def test_an_idle_guard_still_leaves_time_to_take_the_pod_out_of_services() -> None:
    task = await asked(Traffic(asyncio.get_running_loop()), LONG, LONG)
    assert not task.done()
    task.cancel()


async def test_an_exchange_that_never_ends_is_not_waited_for() -> None:
    traffic = Traffic(asyncio.get_running_loop())
    traffic.begin()
    await traffic.quiet(0.01, 0)
    assert traffic.open == 1
