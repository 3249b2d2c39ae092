# SPDX-License-Identifier: Apache-2.0
"""The relay between a client and the model: what whole answers may hold, how files wait."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from genaiservice.api.directive import Directive, Mode
from genaiservice.api.guard_config import LabelMode
from genaiservice.guard.account import Account, Route
from genaiservice.guard.client import Answer
from genaiservice.guard.core.effects import Direction
from genaiservice.guard.core.exchange import Exchange, Options
from genaiservice.guard.core.opinion import PASSED, ReviewOptions
from genaiservice.guard.delivery import Delivery
from genaiservice.guard.holding import Larder
from genaiservice.guard.metrics import Pace
from genaiservice.guard.proxy import Relay
from genaiservice.guard.turns import Turns
from genaiservice.guard.vigil import Vigil
from tests.unit.guard.core.talk import POLICY, message, request, words


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


async def relay(
    larder: Larder,
    path: str,
    body: bytes,
    kind: bytes = b"application/json",
    *,
    options: Options = Options(files=True),  # noqa: B008
    turns: Turns | None = None,
    **more: Any,
) -> tuple[Relay, Wire]:
    wire = Wire()
    answer = Answer(wire, version=(1, 1), keep_alive=True, fields=[])  # type: ignore[arg-type]
    account = Account(request="r", route=Route.CHAT, path=path, method="POST", started=0)
    client: Any = SimpleNamespace(writing_paused=False)
    loop = asyncio.get_running_loop()
    vigil = Vigil(answer, client, loop, patience=10, comments_after=0)
    made = Relay(
        Exchange(POLICY, options),
        answer,
        client,
        account,
        loop=loop,
        record=lambda *_: None,
        delivery=Delivery(answer, account, Pace(), vigil),
        vigil=vigil,
        larder=larder,
        turns=turns or Turns(),
        **more,
    )
    await made.request(path, "application/json", body)
    assert made.forward is not None
    made.upstream_head(200, [(b"Content-Type", kind)])
    return made, wire


async def test_whole_answers_share_their_memory_and_give_it_back() -> None:
    larder, body = Larder(100), request(stream=False)
    first, _ = await relay(larder, "/v1/chat/completions", body)
    second, refused = await relay(larder, "/v1/chat/completions", body)
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
    made, wire = await relay(Larder(), "/v1/audio/speech", speech, b"audio/wav", desk=desk)
    made.upstream_body(b"RIFF")
    made.upstream_closed(None)
    await made._label()
    assert desk.ended
    assert b"labelled" not in wire.data
    assert not wire.cut
    if end == "drained":
        assert wire.code == "shutting_down"


async def test_no_question_outlives_its_exchange() -> None:
    """However it ended: a fault of ours before the model was asked, too."""
    withdrawn: list[str] = []
    detectors = SimpleNamespace(ask=lambda asked, done: lambda: withdrawn.append(asked.text))
    options = Options(review=ReviewOptions(budget_seconds=0))
    made, wire = await relay(
        Larder(), "/v1/chat/completions", request(), options=options, detectors=detectors
    )
    made.close()
    assert withdrawn == ["你好，请介绍一下"]
    written = wire.data
    await asyncio.sleep(0)  # the budget of the question was over at once
    assert wire.data == written


async def test_what_detectors_have_not_judged_is_counted_and_given_back() -> None:
    """Of a streamed answer: it waits in memory like one that is not streamed."""
    asked: list[Any] = []

    def ask(_: Any, done: Any) -> Any:
        asked.append(done)
        return lambda: None

    options = Options(
        label=LabelMode.OFF,
        review=ReviewOptions(directions=frozenset({Direction.OUTPUT}), window_characters=4),
    )
    larder, events = Larder(700), words("说得很好", finish=False)
    parts: dict[str, Any] = {"options": options, "detectors": SimpleNamespace(ask=ask)}
    route, kind = "/v1/chat/completions", b"text/event-stream"
    first, shown = await relay(larder, route, request(), kind, **parts)
    for data in events:
        first.upstream_body(data)
    held = larder.bytes
    assert held == len(events[-1])
    second, refused = await relay(larder, route, request(), kind, **parts)
    for _ in range(10):
        second.upstream_body(events[-1])
    assert b"answers_held" in refused.data
    assert larder.bytes <= 700
    assert "说得很好".encode() not in refused.data
    assert refused.data.endswith(b"0\r\n\r\n")
    second.close()
    assert larder.bytes == held
    asked[0](1, PASSED)
    assert larder.bytes == 0
    assert "说得很好".encode() in shown.data
    first.close()


LONG = "说得很好。" * 20_000


@pytest.mark.parametrize("answers", [False, True])
async def test_a_long_text_stops_nobody_else(
    answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt of eight million characters once stopped every stream for half a minute."""
    monkeypatch.setattr("genaiservice.guard.turns.TURN_SECONDS", 0)
    turns = Turns()
    options = Options(label=LabelMode.OFF, between=turns.between)
    rounds = 0

    async def others() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(others())
    try:
        prompt = "你好" if answers else LONG
        body = request(stream=False, messages=[{"role": "user", "content": prompt}])
        route = "/v1/chat/completions"
        made, wire = await relay(Larder(), route, body, options=options, turns=turns)
        if answers:
            made.upstream_body(json.dumps(message(LONG)).encode())
            made.upstream_closed(None)
            await made._settle()
            assert wire.status == 200
        assert rounds > len(LONG) / 2000
    finally:
        task.cancel()


@pytest.mark.parametrize("end", ["suspended", "drained", "gone"])
async def test_a_long_text_is_left_when_its_exchange_ends(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genaiservice.guard.turns.TURN_SECONDS", 0)
    turns = Turns()
    options = Options(label=LabelMode.OFF, between=turns.between)
    made, wire = await relay(Larder(), "/v1/chat/completions", request(stream=False), turns=turns)
    made.exchange = Exchange(POLICY, options)
    made.forward = None
    body = request(messages=[{"role": "user", "content": LONG}])
    task = asyncio.ensure_future(made.request("/v1/chat/completions", "application/json", body))
    for _ in range(3):
        await asyncio.sleep(0)
    assert turns._turns
    if end == "suspended":
        made.suspend(Directive(mode=Mode.SUSPEND, reason="Revoked"))
    elif end == "drained":
        made.break_off("drain_timeout")
    else:
        made.client_gone()
    await task
    assert made.forward is None
    if end != "gone":
        assert wire.status == (451 if end == "suspended" else 503)
