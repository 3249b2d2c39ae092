# SPDX-License-Identifier: Apache-2.0
"""The relay between a client and the model: what whole answers may hold, how files wait."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from genaiservice.guard.account import Account, Route
from genaiservice.guard.client import Answer
from genaiservice.guard.core.exchange import Exchange, Options
from genaiservice.guard.core.opinion import ReviewOptions
from genaiservice.guard.holding import Larder
from genaiservice.guard.metrics import Pace
from genaiservice.guard.proxy import Relay
from genaiservice.guard.vigil import Vigil
from tests.unit.guard.core.talk import POLICY, request


class Wire:
    """What went to the client."""

    def __init__(self) -> None:
        self.data = b""
        self.cut = False

    def write(self, data: bytes) -> None:
        self.data += data

    def abort(self) -> None:
        self.cut = True

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    @property
    def code(self) -> str:
        return str(json.loads(self.data.partition(b"\r\n\r\n")[2])["error"]["code"])


def relay(
    larder: Larder,
    path: str,
    body: bytes,
    kind: bytes = b"application/json",
    *,
    options: Options = Options(files=True),  # noqa: B008
    **more: Any,
) -> tuple[Relay, Wire]:
    wire = Wire()
    answer = Answer(wire, version=(1, 1), keep_alive=True, fields=[])  # type: ignore[arg-type]
    account = Account(request="r", route=Route.CHAT, path=path, method="POST", started=0)
    client: Any = SimpleNamespace(writing_paused=False)
    made = Relay(
        Exchange(POLICY, options),
        answer,
        client,
        account,
        loop=asyncio.get_running_loop(),
        record=lambda *_: None,
        pace=Pace(),
        vigil=Vigil(answer, client, asyncio.get_running_loop(), patience=10, comments_after=0),
        larder=larder,
        **more,
    )
    made.request(path, "application/json", body)
    assert made.forward is not None
    made.upstream_head(200, [(b"Content-Type", kind)])
    return made, wire


async def test_whole_answers_share_their_memory_and_give_it_back() -> None:
    larder, body = Larder(100), request(stream=False)
    first, _ = relay(larder, "/v1/chat/completions", body)
    second, refused = relay(larder, "/v1/chat/completions", body)
    first.upstream_body(b"x" * 80)
    second.upstream_body(b"y" * 15)
    second.upstream_body(b"y" * 15)
    assert (refused.status, refused.code) == (503, "answers_held")
    second.close()
    assert larder.bytes == 80
    first.close()
    assert larder.bytes == 0


@pytest.mark.parametrize("end", ["client_gone", "drained"])
async def test_nobody_waits_for_labels_once_the_answer_is_over(end: str) -> None:
    class Desk:
        ended = False

        async def label(self, files: Any, account: Any, gone: asyncio.Future[None]) -> list[bytes]:
            leave()
            await gone
            self.ended = True
            return [b"labelled"]

    def leave() -> None:
        if end == "client_gone":
            made.client_gone()
        else:
            made.break_off("drain_timeout")

    desk = Desk()
    speech = b'{"input": "hello"}'
    made, wire = relay(Larder(), "/v1/audio/speech", speech, b"audio/wav", desk=desk)
    made.upstream_body(b"RIFF")
    made.upstream_closed(None)
    await made._label()
    assert desk.ended
    assert b"labelled" not in wire.data
    assert not wire.cut
    if end == "drained":
        assert wire.code == "upstream_broke_off"


async def test_no_question_outlives_its_exchange() -> None:
    """However it ended: a fault of ours before the model was asked, too."""
    withdrawn: list[str] = []
    detectors = SimpleNamespace(ask=lambda asked, done: lambda: withdrawn.append(asked.text))
    options = Options(review=ReviewOptions(budget_seconds=0))
    made, wire = relay(
        Larder(), "/v1/chat/completions", request(), options=options, detectors=detectors
    )
    made.close()
    assert withdrawn == ["你好，请介绍一下"]
    written = wire.data
    await asyncio.sleep(0)  # the budget of the question was over at once
    assert wire.data == written
