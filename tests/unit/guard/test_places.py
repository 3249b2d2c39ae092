# SPDX-License-Identifier: Apache-2.0
"""The line for a place: in order, for a bounded time, and left at once."""

import asyncio
from typing import Any, cast

import pytest

from genaiservice.guard.client import ClientConnection
from genaiservice.guard.intake import RefusedError
from genaiservice.guard.places import Places


class Client:
    reader: Any = None


async def queued(places: Places, client: Client | None = None) -> "asyncio.Task[None]":
    task = asyncio.ensure_future(places.take(cast(ClientConnection, client or Client())))
    await asyncio.sleep(0)
    return task


async def full(seconds: float = 60) -> Places:
    places = Places(1, seconds)
    await (await queued(places))
    return places


async def test_who_came_first_goes_in_first() -> None:
    places = Places(2, 60)
    for _ in range(2):
        await (await queued(places))
    first, second = await queued(places), await queued(places)
    assert places.waiting == 2
    places.leave()
    await first
    assert not second.done()
    places.leave()
    await second
    assert places.waiting == 0


@pytest.mark.parametrize("seconds", [0, 0.01])
async def test_who_waits_too_long_is_told_when_to_come_again(seconds: float) -> None:
    with pytest.raises(RefusedError) as caught:
        await (await queued(await full(seconds)))
    assert caught.value.why.status == 429
    assert caught.value.why.retry_after == 1


async def test_the_line_is_bounded() -> None:
    places = await full()
    waiting = await queued(places)
    with pytest.raises(RefusedError):
        await (await queued(places))
    places.leave()
    await waiting


async def test_who_leaves_the_line_takes_no_place_along() -> None:
    places, client = await full(), Client()
    gone = await queued(places, client)
    client.reader.client_gone()
    with pytest.raises(ConnectionResetError):
        await gone
    assert places.waiting == 0
    assert client.reader is None
    places.leave()
    await (await queued(places))


async def test_a_place_given_to_somebody_who_is_cancelled_is_free_again() -> None:
    places = await full()
    waiting = await queued(places)
    places.leave()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await (await queued(places))


async def test_the_kill_switch_empties_the_line_and_the_count_stays_right() -> None:
    places = await full()
    waiting = await queued(places)
    places.let_in()
    await waiting
    for _ in range(2):
        places.leave()
    await (await queued(places))
    assert not (await queued(places)).done()
