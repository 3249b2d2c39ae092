# SPDX-License-Identifier: Apache-2.0
import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from genaiservice.control.engine.relations import WATCHED
from genaiservice.control.engine.resync import Resync
from genaiservice.kube.errors import Gone, NotFound
from tests.unit.control.engine.cluster import VERSIONS, Room, pod, service, tree

CHAT = service("chat")


class Lists:
    """Gives the lists of a cluster; a list may expire on the way."""

    def __init__(self, *trees: dict[str, Any]) -> None:
        self.trees = list(trees)
        self.asked: dict[str, str] = {}
        self.expires = 0
        self.unserved: set[str] = set()

    async def pages(
        self, kind: str, *, selector: str
    ) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        self.asked[kind] = selector
        if kind in self.unserved:
            raise NotFound("the server could not find the requested resource", status=404)
        mine = [each for each in self.trees if each["kind"] == kind]
        version = str(next(VERSIONS))
        for each in mine[:1]:
            yield [each], version
        if self.expires:
            self.expires -= 1
            raise Gone("expired", status=410)
        yield mine[1:], version


def resync(room: Room, lists: Lists) -> Resync:
    return Resync(lists, room.intake)  # type: ignore[arg-type]


async def test_every_watched_kind_is_listed_before_the_operator_is_ready() -> None:
    room, lists = Room(), Lists(CHAT, pod("p1"), pod("p2"))
    again = resync(room, lists)
    assert not again.listed.is_set()
    await again.first()
    assert again.listed.is_set()
    assert lists.asked == WATCHED
    assert room.cache.sizes() == {"GenAIService": 1, "Pod": 2}
    assert room.waiting() == {"chat"}


async def test_what_a_watch_has_missed_is_found() -> None:
    ghost = pod("ghost")
    room, lists = Room(CHAT, ghost, pod("p1")), Lists(CHAT, pod("p1"), pod("new"))
    await resync(room, lists).everything()
    assert {key.name for key in room.cache.keys("Pod")} == {"p1", "new"}
    assert room.ghosts == [("Pod", 1)]


async def test_every_service_is_looked_at_even_when_nothing_is_new() -> None:
    room, lists = Room(CHAT), Lists(CHAT)
    await resync(room, lists).everything()
    assert room.waiting() == {"chat"}


async def test_a_list_that_expires_is_begun_anew_and_drops_nothing_half_seen() -> None:
    room, lists = Room(CHAT, pod("p1"), pod("p2")), Lists(CHAT, pod("p1"), pod("p2"))
    lists.expires = 2
    await resync(room, lists).everything()
    assert {key.name for key in room.cache.keys("Pod")} == {"p1", "p2"}
    assert room.ghosts == []


async def test_a_list_that_always_expires_is_an_error() -> None:
    lists = Lists(CHAT)
    lists.expires = 100
    with pytest.raises(Gone, match="three times"):
        await resync(Room(), lists).everything()


def route() -> dict[str, Any]:
    references = [{"name": "front"}]
    return tree("HTTPRoute", "r", spec={"rules": [{"backendRefs": references}]})


async def test_a_cluster_without_the_gateway_api_has_no_routes() -> None:
    room = Room(CHAT, route())
    lists = Lists(CHAT)
    lists.unserved = {"HTTPRoute"}
    again = resync(room, lists)
    await again.first()
    assert again.missing == {"HTTPRoute"}
    assert list(room.cache.keys("HTTPRoute")) == []

    lists.unserved = set()
    lists.trees.append(route())
    await again.everything()
    assert again.missing == set()
    assert [key.name for key in room.cache.keys("HTTPRoute")] == ["r"]


async def test_a_cluster_that_lacks_another_kind_is_not_looked_at() -> None:
    lists = Lists(CHAT)
    lists.unserved = {"Ingress"}
    with pytest.raises(NotFound):
        await resync(Room(), lists).everything()


async def asked_soon(room: Room, lists: Lists) -> None:
    """Runs until a ghost was found."""
    found = asyncio.Event()
    room.intake._ghosts = lambda kind, count: found.set()
    again = Resync(lists, room.intake, soon_seconds=0.0)  # type: ignore[arg-type]
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(again.run())
        again.soon()
        await found.wait()
        running.cancel()


async def test_a_watch_that_begins_anew_brings_a_list_soon() -> None:
    """Of what was deleted before, no event tells."""
    room = Room(CHAT, pod("ghost"))
    await asked_soon(room, Lists(CHAT))
    assert room.cache.keys("Pod") == []
    assert room.waiting() == {"chat"}


async def test_a_list_that_fails_is_tried_again() -> None:
    room, lists = Room(CHAT, pod("ghost")), Lists(CHAT)
    lists.expires = 4  # three times is an error
    await asked_soon(room, lists)
    assert room.cache.keys("Pod") == []
