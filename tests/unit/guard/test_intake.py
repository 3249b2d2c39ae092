# SPDX-License-Identifier: Apache-2.0
"""How a body is read: in time, in bounds, and what it took is given back when it is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from genaiservice.api.guard_config import Limits
from genaiservice.guard import intake
from genaiservice.guard.account import Account, Route
from genaiservice.guard.holding import Larder
from genaiservice.guard.intake import Intake, RefusedError

ACCOUNT = Account(request="r", route=Route.CHAT, path="/", method="POST", started=0)
ANSWER: Any = None


async def never() -> bytes:
    await asyncio.Event().wait()
    raise AssertionError


def asked(*parts: bytes, then: Callable[[], Awaitable[bytes]] = never) -> Any:
    """A request whose body comes in these parts."""
    waiting = list(parts)

    async def readany() -> bytes:
        return waiting.pop(0) if waiting else await then()

    return SimpleNamespace(
        body_exists=True,
        content_length=None,
        headers={},
        content=SimpleNamespace(readany=readany),
        transport=object(),
    )


async def ended() -> bytes:
    return b""


def a_reader(larder: Larder) -> Intake:
    limits = Limits(request_body_bytes=10)
    none: Any = None
    return Intake(limits, larder=larder, policies=none, decisions=none, unscreened=lambda: None)


async def test_a_body_keeps_its_memory_until_it_is_given_back() -> None:
    larder = Larder(12)
    reader = a_reader(larder)
    assert await reader.body(asked(b"abc", b"de", then=ended), ACCOUNT, ANSWER) == b"abcde"
    assert larder.bytes == 5


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ((b"abc",), "request_timeout"),
        ((b"abcdef", b"ghijk"), "request_too_large"),
        ((b"abc", b"defghi"), "too_many_requests"),
    ],
)
async def test_a_body_that_is_refused_gives_its_memory_back(
    monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...], code: str
) -> None:
    monkeypatch.setattr(intake, "BODY_SECONDS", 0.01)
    larder = Larder(12)
    assert larder.take(4 if code == "too_many_requests" else 1)
    before = larder.bytes
    with pytest.raises(RefusedError) as caught:
        await a_reader(larder).body(asked(*parts), ACCOUNT, ANSWER)
    assert caught.value.why.code == code
    assert larder.bytes == before


@pytest.mark.parametrize("limit", ["PART_SECONDS", "UPLOAD_SECONDS"])
async def test_an_upload_ends_when_a_part_or_the_whole_takes_too_long(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(intake, limit, 0.01)
    parts = a_reader(Larder()).parts(asked(b"abc"), ANSWER)
    assert await anext(parts) == b"abc"
    with pytest.raises(RefusedError) as caught:
        await anext(parts)
    assert caught.value.why.code == "request_timeout"
