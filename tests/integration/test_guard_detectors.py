# SPDX-License-Identifier: Apache-2.0
"""Detectors over real sockets: every way in which one can fail, the breaker, the open time, and the
guard as people run it, which lets nothing out that was not judged.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from genaiservice.api.detector_config import Category, Detector, FailOpen, Kind, Side
from genaiservice.guard import clock
from genaiservice.guard.core.breaker import FAILURES, SECONDS
from genaiservice.guard.core.effects import Ask, Direction
from genaiservice.guard.core.opinion import Failure, Finding, Outcome
from genaiservice.guard.detectors import Detectors
from tests.guard_process import CANARY, Guard, Raw, chat, free_port, policy
from tests.integration.test_guard_upstream import error, exchange, said, unchunked
from tests.tls_site import Authority, Site, says, serving_aside
from tests.upstream import Call, Gate, Script, Upstream, completion, event, streaming
from tests.wait import eventually

NOW = datetime(2026, 12, 1, tzinfo=UTC)
KEY = f"key-{CANARY}"
BAD = "很坏的话"
"""What the scripted detector flags."""


def verdict(*, flagged: bool) -> bytes:
    result = {"flagged": flagged, "categories": {"hate": flagged}, "category_scores": {}}
    return json.dumps({"id": "m", "model": "x", "results": [result]}).encode()


async def judging(call: Call) -> None:
    await call.answer(200, "application/json", verdict(flagged=BAD in call.json["input"]))


async def hanging(call: Call) -> None:
    await asyncio.to_thread(call.gone.wait, 20)


async def half(call: Call) -> None:
    await call.head(200, "application/json", "Content-Length: 100")
    await call.write(b'{"results"')
    await asyncio.to_thread(call.gone.wait, 20)


async def cutting(call: Call) -> None:
    call.cut()


def answering(status: int, body: bytes, kind: str = "application/json", *more: str) -> Script:
    async def script(call: Call) -> None:
        await call.answer(status, kind, body, *more)

    return script


@pytest.fixture(scope="module")
def detector() -> Iterator[Upstream]:
    with Upstream(judging) as server:
        yield server


@pytest.fixture(scope="module")
def model() -> Iterator[Upstream]:
    with Upstream(streaming("好")) as server:
        yield server


def declared(url: str, **more: Any) -> Detector:
    return Detector(
        name="d",
        kind=Kind.MODERATION,
        url=f"{url}/v1",
        categories=(Category(name="hate", risk_class="A2a"),),
        **{"timeout_seconds": 5.0, **more},
    )


class Inquirer:
    """Asks detectors as the relay does, each question to its end."""

    def __init__(self, *detectors: Detector, folder: Path = Path(), now: datetime = NOW) -> None:
        self.now = now
        self.seconds = 0.0
        self.heard: list[tuple[str, str]] = []
        self.detectors = Detectors(
            detectors, folder, lambda: self.now, lambda name, said, _: self._hear(name, said)
        )
        for one in self.detectors.all:
            one._clock = lambda: self.seconds

    def _hear(self, name: str, said: str) -> None:
        self.heard.append((name, said))

    def ask(self, *texts: str, side: Direction = Direction.INPUT) -> list[Outcome]:
        return asyncio.run(self._ask(texts, side))

    async def _ask(self, texts: tuple[str, ...], side: Direction) -> list[Outcome]:
        running = asyncio.ensure_future(self.detectors.run())
        await asyncio.sleep(0)
        ends = []
        for text in texts:
            end: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            self.detectors.ask(
                Ask(1, side, text), lambda _, outcome, end=end: end.set_result(outcome)
            )
            ends.append(end)
        outcomes = await asyncio.gather(*ends)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for one in self.detectors.all:
            one._session = None
        return outcomes


def fault(outcome: Outcome) -> str:
    assert outcome.findings == ()
    (failure,) = outcome.failures
    assert not failure.open
    return failure.fault


def test_a_detector_says_what_it_found_and_gets_its_key(detector: Upstream, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    detector.script = judging
    asked = Inquirer(declared(detector.url, api_key_file="key"), folder=tmp_path)
    first, second = asked.ask("你好", BAD)
    assert first == Outcome()
    assert second == Outcome(findings=(Finding(detector="d", category="hate", risk="A2a"),))
    call = detector.calls[-1]
    assert (call.method, call.target) == ("POST", "/v1/moderations")
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert sorted(asked.heard) == [("d", "found"), ("d", "passed")]


FAULTS: dict[str, tuple[Script, str]] = {
    "hangs": (hanging, "timeout"),
    "stops in the middle": (half, "timeout"),
    "resets": (cutting, "unreachable"),
    "500 with HTML": (answering(500, b"<html>oops</html>", "text/html"), "http_status"),
    "401": (answering(401, b"{}"), "http_status"),
    "redirects": (answering(302, b"", "text/plain", "Location: /v2"), "http_status"),
    "200 with HTML": (answering(200, b"<html>", "text/html"), "not_json"),
    "wrong schema": (answering(200, b'{"results": {}}'), "schema"),
    "endless": (answering(200, b" " * 300_000), "too_large"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_detector_that_fails_is_no_pass(detector: Upstream, name: str) -> None:
    detector.script, expected = FAULTS[name]
    asked = Inquirer(declared(detector.url, timeout_seconds=0.3 if expected == "timeout" else 5.0))
    (outcome,) = asked.ask("你好")
    assert fault(outcome) == expected
    assert asked.heard == [("d", expected)]


def test_a_detector_that_is_not_there_and_a_key_that_is_not() -> None:
    (outcome,) = Inquirer(declared(f"http://127.0.0.1:{free_port()}")).ask("你好")
    assert fault(outcome) == "unreachable"
    (outcome,) = Inquirer(declared("http://127.0.0.1:1", api_key_file="absent")).ask("你好")
    assert fault(outcome) == "key_unreadable"


def test_an_authority_of_its_own_is_trusted_and_no_other(tmp_path: Path) -> None:
    own, other = (Authority.made(tmp_path / name) for name in ("own", "other"))
    passes = says(verdict(flagged=False), "application/json")

    def asked(site: Site, ca_file: str | None) -> Outcome:
        one = declared(f"https://127.0.0.1:{site.port}", ca_file=ca_file)
        (outcome,) = Inquirer(one, folder=tmp_path).ask("你好")
        return outcome

    with serving_aside(own.context("127.0.0.1")) as site:
        site.pages["/v1/moderations"] = passes
        assert asked(site, str(own.file)) == Outcome()
        assert fault(asked(site, str(other.file))) == "unreachable"
        assert fault(asked(site, None)) == "unreachable"
        assert site.asked == ["/v1/moderations"]
    with serving_aside(own.context("elsewhere.test")) as site:
        assert fault(asked(site, str(own.file))) == "unreachable"


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_an_authority_that_cannot_be_read_is_no_pass_until_it_can(
    tmp_path: Path, content: bytes | None
) -> None:
    own, file = Authority.made(tmp_path / "own"), tmp_path / "ca.crt"
    if content is not None:
        file.write_bytes(content)
    with serving_aside(own.context("127.0.0.1")) as site:
        site.pages["/v1/moderations"] = says(verdict(flagged=False), "application/json")
        url = f"https://127.0.0.1:{site.port}"
        inquirer = Inquirer(declared(url, ca_file="ca.crt"), folder=tmp_path)
        assert fault(*inquirer.ask("你好")) == "ca_unreadable"
        file.write_bytes(own.file.read_bytes())
        assert inquirer.ask("你好") == [Outcome()]


def test_the_breaker_opens_and_half_opens(detector: Upstream) -> None:
    detector.script = answering(500, b"")
    asked = Inquirer(declared(detector.url))
    before = len(detector.calls)
    for _ in range(FAILURES):
        assert fault(asked.ask("你好")[0]) == "http_status"
    assert fault(asked.ask("你好")[0]) == "breaker_open"
    assert len(detector.calls) == before + FAILURES  # it was left alone
    (one,) = asked.detectors.all
    assert one.is_left_alone()

    asked.seconds = SECONDS
    assert sorted(map(fault, asked.ask("你好", "再见"))) == ["breaker_open", "http_status"]
    assert len(detector.calls) == before + FAILURES + 1
    assert fault(asked.ask("你好")[0]) == "breaker_open"

    asked.seconds, detector.script = 2 * SECONDS, judging
    assert asked.ask("你好") == [Outcome()]
    assert not one.is_left_alone()


def test_a_fault_of_ours_does_not_leave_a_detector_alone_for_ever(
    detector: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector.script = answering(500, b"")
    asked = Inquirer(declared(detector.url))
    for _ in range(FAILURES):
        asked.ask("你好")
    asked.seconds, detector.script = SECONDS, judging
    with monkeypatch.context() as broken:
        broken.setattr("genaiservice.guard.detectors.findings", lambda *_: 1 / 0)
        assert fault(asked.ask("你好")[0]) == "internal"  # the one question of a half open breaker
    asked.seconds = 2 * SECONDS
    assert asked.ask("你好") == [Outcome()]


def test_no_more_questions_at_once_than_declared(detector: Upstream) -> None:
    gate, before, at_once = Gate(), len(detector.calls), [0, 0]

    async def together(call: Call) -> None:
        at_once[0] += 1
        at_once[1] = max(at_once)
        if len(detector.calls) >= before + 2:
            gate.open()
        await gate.wait()
        at_once[0] -= 1
        await judging(call)

    detector.script = together
    asked = Inquirer(declared(detector.url, concurrent_requests=2))
    assert asked.ask("一", "二", "三", "四") == [Outcome()] * 4
    assert at_once[1] == 2


def test_it_fails_open_for_its_time_only_and_says_so(detector: Upstream) -> None:
    detector.script = answering(500, b"")
    opens = FailOpen(since="2026-12-01T00:00:00Z", until="2026-12-02T08:00:00+08:00", reason="r")
    end = datetime(2026, 12, 2, tzinfo=UTC)
    for now, is_open in (
        (NOW - timedelta(seconds=1), False),
        (NOW, True),
        (end - timedelta(seconds=1), True),
        (end, False),
    ):
        asked = Inquirer(declared(detector.url, fail_open=opens), now=now)
        assert asked.detectors.all[0].fails_open(lambda now=now: now) is is_open
        (outcome,) = asked.ask("你好")
        assert outcome.failures == (Failure(detector="d", fault="http_status", open=is_open),)


def test_each_side_asks_the_detectors_that_are_for_it(detector: Upstream) -> None:
    detector.script = judging
    prompts = declared(detector.url, apply_to=(Side.INPUT,))
    answers = replace(declared(detector.url), name="e", apply_to=(Side.OUTPUT,))
    asked = Inquirer(prompts, answers)
    asked.ask("你好", side=Direction.OUTPUT)
    assert asked.heard == [("e", "passed")]


# The guard as a process.


def guarded(folder: Path, model: Upstream, detector: str, **more: Any) -> Guard:
    (folder / "key").write_text(KEY)
    entry = {
        "name": "house",
        "kind": "Moderation",
        "url": f"{detector}/v1",
        "apiKeyFile": "key",
        "categories": [{"name": "hate", "riskClass": "A2a"}],
        "timeoutSeconds": 5,
        **more,
    }
    limits = entry.pop("limits", {})
    window = {"characters": 8, "seconds": 0.2}
    rules = policy()
    rules["classes"]["A2a"] = {
        "action": "Replace",
        "terms": ["代答词条"],
        "answers": [{"en": "Kind words only.", "zh": "请友善交流。"}],
    }
    return Guard(
        folder, model.url, moderation=rules, detectors=[entry], detectorWindow=window, limits=limits
    )


def test_nothing_leaves_the_guard_that_a_detector_flags(
    model: Upstream, detector: Upstream, tmp_path: Path
) -> None:
    detector.script = judging
    with guarded(tmp_path, model, detector.url) as guard:
        gate = Gate()

        async def speaking(call: Call) -> None:
            await call.begin_stream()
            await call.chunk(event("今天的天气真的很好"))
            await gate.wait()
            await call.chunk(*map(event, ("明天", *BAD, "还有很多别的话说")))
            await hanging(call)

        model.script = speaking
        with Raw(guard) as raw:
            raw.post("/v1/chat/completions", chat(), "Connection: close")
            raw.until("今天的天气真的很好".encode())
            gate.open()
            body = unchunked(raw.to_end().partition(b"\r\n\r\n")[2])
        assert said(body).endswith("\n\n请友善交流。")
        assert not set("明天很坏的话还有") & set(said(body).partition("真的很好")[2])
        assert model.calls[-1].gone.wait(5)

        model.script = streaming("好", "的")
        assert said(exchange(guard)[1]).endswith("好的")

        with Raw(guard) as raw:  # a prompt
            raw.post("/v1/chat/completions", chat(BAD), "Connection: close")
            answer = raw.to_end().decode()
        assert "请友善交流。" in answer

        def found() -> list[tuple[str, str]]:
            lines = [one for one in guard.decisions() if one["reason"] == "detector"]
            return [(one["direction"], one["rule"]) for one in lines]

        rule = "A2a:detector:house:hate"
        eventually(lambda: found() == [("output", rule), ("input", rule)])
        label = 'genai_guard_detector_questions_total{detector="house",outcome="found"}'
        assert guard.metric(label) == 2
        assert KEY not in guard.log()
        assert KEY not in (tmp_path / "decisions.log").read_text()


def test_without_an_opinion_the_guard_refuses_and_names_the_reason(
    model: Upstream, detector: Upstream, tmp_path: Path
) -> None:
    model.script = streaming("好", "的")
    detector.script = hanging
    with guarded(tmp_path, model, detector.url, timeoutSeconds=0.3, applyTo=["Output"]) as guard:
        for stream in (True, False):
            model.script = streaming("好", "的") if stream else answering(200, completion("好的"))
            status, body = exchange(guard, stream=stream)
            assert error(body)["code"] == "detector_unavailable"
            assert status == (200 if stream else 503)
            assert "好" not in body.decode().replace("\\", "")
        assert guard.admin("/readyz")[0] == 200  # another replica would ask the same detector
        state = {"leftAlone": False, "failsOpen": False, "lastFault": "timeout"}
        assert guard.readiness()["detectors"] == {"house": state}
        detector.script = judging
        assert exchange(guard)[0] == 200
        assert guard.readiness()["detectors"]["house"]["lastFault"] == ""
        assert "Traceback" not in guard.log()
        assert guard.metric("genai_guard_open_requests") == 0


def test_declared_open_it_passes_and_the_metric_tells(model: Upstream, tmp_path: Path) -> None:
    """From an hour ago until in an hour, by the clock of the guard."""
    now = clock.now()
    opens = {
        "since": (now - timedelta(hours=1)).isoformat(),
        "until": (now + timedelta(hours=1)).isoformat(),
        "reason": "the detector moves house",
    }
    gone = f"http://127.0.0.1:{free_port()}"
    model.script = streaming("好", "的")
    with guarded(tmp_path, model, gone, failOpen=opens) as guard:
        status, body = exchange(guard)
        assert (status, said(body)[-2:]) == (200, "好的")
        eventually(lambda: {one["reason"] for one in guard.decisions()} == {"detector_failed_open"})
        assert guard.metric('genai_guard_detector_fail_open{detector="house"}') == 1


def test_a_guard_that_is_stopped_waits_for_no_detector(
    model: Upstream, detector: Upstream, tmp_path: Path
) -> None:
    """And what was not judged does not leave: the client is told in its protocol."""
    detector.script = hanging
    model.script = streaming("好", "的")
    limits = {"drainSeconds": 0.3}
    with guarded(tmp_path, model, detector.url, limits=limits) as guard, Raw(guard) as raw:
        before = len(detector.calls)
        raw.post("/v1/chat/completions", chat())
        eventually(lambda: len(detector.calls) > before)
        guard.terminate()
        ended = raw.to_end().decode()
        assert "shutting_down" in ended
        assert "好" not in ended
        assert guard.process.wait(10) == 0


def test_a_client_that_leaves_takes_its_questions_along(
    model: Upstream, detector: Upstream, tmp_path: Path
) -> None:
    detector.script = hanging
    model.script = streaming("好", "的")
    with guarded(tmp_path, model, detector.url) as guard:
        before = len(detector.calls)
        raw = Raw(guard)
        raw.post("/v1/chat/completions", chat("你好"))
        eventually(lambda: len(detector.calls) > before)
        raw.__exit__(None, None, None)
        assert detector.calls[before].gone.wait(5)
        eventually(lambda: guard.metric("genai_guard_open_requests") == 0)
        assert guard.metric('genai_guard_detector_questions_total{detector="house"') >= 1
        assert "Traceback" not in guard.log()
