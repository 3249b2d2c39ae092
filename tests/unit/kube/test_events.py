# SPDX-License-Identifier: Apache-2.0
import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genaiservice.kube.errors import NotFound, Refused
from genaiservice.kube.events import SAME_FOR, WAITING_LIMIT, EventRecorder, Note
from genaiservice.kube.resources import ObjectKey

ABOUT = {
    "apiVersion": "compliance.genai.dev/v1alpha1",
    "kind": "GenAIService",
    "metadata": {"namespace": "shop", "name": "chat", "uid": "u", "resourceVersion": "7"},
}


def note(message: str = "the gate is closed") -> Note:
    return Note(
        about=ABOUT, type="Warning", reason="RolloutRefused", message=message, action="Judge"
    )


class Board:
    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []
        self.counted: list[dict[str, Any]] = []
        self.fails: list[Exception] = []
        self.seconds = 0.0
        self.recorder = EventRecorder(
            self,  # type: ignore[arg-type]
            now=self.now,
            instance="operator-0",
        )

    def now(self) -> datetime:
        return datetime(2026, 11, 25, tzinfo=UTC) + timedelta(seconds=self.seconds)

    async def create(self, event: dict[str, Any]) -> dict[str, Any]:
        self._fail()
        self.created.append(event)
        return event

    async def patch(self, key: ObjectKey, body: dict[str, Any], *, manager: str) -> None:
        self._fail()
        self.counted.append(body)

    def _fail(self) -> None:
        if self.fails:
            raise self.fails.pop(0)

    async def post(self, *notes: Note) -> None:
        for each in notes:
            self.recorder.record(each)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.recorder.run())
            await self.recorder.drain(5)
            task.cancel()


@pytest.fixture
async def board() -> Board:
    return Board()


async def test_an_event_says_what_about_whom_and_from_whom(board: Board) -> None:
    await board.post(note())
    (event,) = board.created
    assert event["metadata"]["namespace"] == "shop"
    assert event["involvedObject"]["uid"] == "u"
    assert (event["type"], event["reason"]) == ("Warning", "RolloutRefused")
    assert event["message"] == "the gate is closed"


async def test_the_same_words_are_counted_and_others_are_told(board: Board) -> None:
    await board.post(note(), note(), note(), note("something else"))
    assert len(board.created) == 2
    assert [body["count"] for body in board.counted] == [2, 3]


async def test_the_same_words_are_news_again_after_a_while(board: Board) -> None:
    await board.post(note())
    board.seconds += SAME_FOR.total_seconds() + 1
    await board.post(note())
    assert len(board.created) == 2
    assert board.created[0]["metadata"]["name"] != board.created[1]["metadata"]["name"]


async def test_an_event_that_has_expired_is_told_anew(board: Board) -> None:
    await board.post(note())
    board.fails = [NotFound("expired", status=404)]
    await board.post(note())
    assert len(board.created) == 2


async def test_an_event_that_is_refused_holds_up_nothing(board: Board) -> None:
    board.fails = [Refused("no", status=403)]
    await board.post(note("first"), note("second"))
    assert [event["message"] for event in board.created] == ["second"]


async def test_too_many_are_dropped_and_counted(board: Board) -> None:
    for number in range(WAITING_LIMIT + 5):
        board.recorder.record(note(str(number)))
    assert board.recorder.dropped == 5
