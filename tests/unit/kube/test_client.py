# SPDX-License-Identifier: Apache-2.0
"""What the client does when the server throttles, is away or answers garbage.

A scripted server stands in here, because the real one does not fail on request; all that the real
one can show is in tests/integration.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from genaiservice.control.process import RECURSION
from genaiservice.kube.access import Access
from genaiservice.kube.client import Client
from genaiservice.kube.errors import ApiError, Gone, NotFound, Refused, Throttled, Unreachable
from genaiservice.kube.resources import ObjectKey

KEY = ObjectKey(kind="Pod", namespace="shop", name="a")
Answer = tuple[int, str | bytes, dict[str, str]]


@asynccontextmanager
async def serving(
    *answers: Answer, seconds: float = 0.5
) -> AsyncIterator[tuple[Client, list[web.Request], list[dict[str, Any]]]]:
    """A client and a server that gives these answers, the last one again and again."""
    seen: list[web.Request] = []
    told: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        status, body, headers = answers[min(len(seen), len(answers) - 1)]
        seen.append(request)
        data = body.encode() if isinstance(body, str) else body
        return web.Response(status=status, body=data, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        access = Access(server=str(server.make_url("")).rstrip("/"), session=session)
        client = Client(
            access,
            clock=lambda: 0.0,
            observe=lambda **call: told.append(call),
            request_seconds=seconds,
            retry_seconds=seconds,
        )
        yield client, seen, told


OK: Answer = (200, '{"metadata": {"name": "a"}}', {})


async def test_an_object_of_many_levels_hides_no_other() -> None:
    """An API server takes 10,000 levels of JSON; what reads fast ends at 1,024."""
    odd = '{"a":' * 1_500 + "1" + "}" * 1_500
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(RECURSION)  # as the process does
    try:
        async with serving((200, f'{{"metadata": {{"name": "a"}}, "odd": {odd}}}', {})) as (
            c,
            _,
            _,
        ):
            assert (await c.get(KEY))["metadata"] == {"name": "a"}
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("garbage", [b"<html>", b'{"metadata": ', b"\xff", b"[" * 200_000])
async def test_an_answer_that_is_no_object_is_tried_again(garbage: bytes) -> None:
    async with serving((200, garbage, {}), OK) as (client, seen, _):
        assert (await client.get(KEY))["metadata"]["name"] == "a"
    assert len(seen) == 2


@pytest.mark.parametrize(
    "first",
    [
        pytest.param((429, "{}", {"Retry-After": "0"}), id="throttled"),
        pytest.param((503, "away", {}), id="server away"),
        pytest.param((200, "[]", {}), id="an answer that is no object"),
        pytest.param((200, b"\xff\xfe", {}), id="an answer that is no JSON"),
    ],
)
async def test_what_may_pass_is_tried_again(first: Answer) -> None:
    if first[1] == b"\xff\xfe":
        first = (502, first[1], {})
    async with serving(first, OK) as (client, seen, told):
        assert (await client.get(KEY))["metadata"]["name"] == "a"
    assert len(seen) == 2
    assert [call["code"] for call in told] == [first[0], 200]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param((404, '{"message": "gone"}', {}), NotFound, id="absent"),
        pytest.param((410, "{}", {}), Gone, id="expired"),
        pytest.param((403, '{"message": "no"}', {}), Refused, id="forbidden"),
    ],
)
async def test_what_will_not_pass_is_asked_once(answer: Answer, error: type[ApiError]) -> None:
    async with serving(answer) as (client, seen, _):
        with pytest.raises(error):
            await client.get(KEY)
    assert len(seen) == 1


async def test_patience_is_bounded() -> None:
    async with serving((503, "{}", {})) as (client, seen, _):
        with pytest.raises(Unreachable):
            await client.get(KEY)
    assert 1 < len(seen) < 10


async def test_a_creation_is_never_sent_twice() -> None:
    async with serving((503, "{}", {})) as (client, seen, _):
        with pytest.raises(Unreachable):
            await client.create({"kind": "Event", "metadata": {"namespace": "shop"}})
    assert len(seen) == 1


async def test_an_eviction_that_a_budget_forbids_is_not_repeated() -> None:
    async with serving((429, '{"message": "budget"}', {})) as (client, seen, _):
        with pytest.raises(Throttled, match="budget"):
            await client.evict(KEY, uid="u")
    assert seen[0].path == "/api/v1/namespaces/shop/pods/a/eviction"


async def test_an_apply_names_its_manager_and_takes_over() -> None:
    async with serving(OK) as (client, seen, _):
        manifest = {"kind": "Pod", "metadata": {"namespace": "shop", "name": "a"}}
        await client.apply(manifest, manager="me")
    assert seen[0].content_type == "application/apply-patch+yaml"
    assert dict(seen[0].query) == {"fieldManager": "me", "force": "true"}


async def test_a_list_is_read_to_its_last_page() -> None:
    first = '{"items": [{"metadata": {"name": "a"}}],'
    first += ' "metadata": {"resourceVersion": "7", "continue": "t"}}'
    last = '{"items": null, "metadata": {"resourceVersion": "7"}}'
    async with serving((200, first, {}), (200, last, {})) as (client, seen, _):
        pages = [page async for page in client.pages("Pod", selector="x", page=1)]
    assert [(len(items), version) for items, version in pages] == [(1, "7"), (0, "7")]
    assert pages[0][0][0]["kind"] == "Pod"
    assert seen[1].query["continue"] == "t"
    assert seen[1].query["labelSelector"] == "x"


async def test_a_server_that_is_not_there_is_unreachable_and_counted() -> None:
    told: list[dict[str, Any]] = []
    async with aiohttp.ClientSession() as session:
        client = Client(
            Access(server="http://127.0.0.1:1", session=session),
            clock=lambda: 0.0,
            observe=lambda **call: told.append(call),
            retry_seconds=0.1,
        )
        with pytest.raises(Unreachable):
            await client.get(KEY)
    assert told[-1]["code"] == 0


async def test_a_server_that_is_silent_is_unreachable_after_the_timeout() -> None:
    async def silent(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError("never")

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", silent)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        access = Access(server=str(server.make_url("")).rstrip("/"), session=session)
        client = Client(access, clock=lambda: 0.0, request_seconds=0.05, retry_seconds=0.05)
        with pytest.raises(Unreachable, match="TimeoutError"):
            await client.get(KEY)
