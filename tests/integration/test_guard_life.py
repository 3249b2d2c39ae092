# SPDX-License-Identifier: Apache-2.0
"""The guard's life: kill switch, reload, drain, slow clients, a log that fails, the truth told."""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from genaiservice.api import directive, policy_file
from genaiservice.api.decision_chain import verify
from genaiservice.api.directive import Directive, Mode
from genaiservice.api.problem import Text
from tests.guard_process import CANARY, TERM, Guard, Raw, chat, policy
from tests.upstream import DONE, Call, Gate, Upstream, completion, event
from tests.wait import eventually

PATH = "/v1/chat/completions"
HASH = policy_file.digest(policy())
STOP = directive.render(
    Directive(
        mode=Mode.SUSPEND,
        reason="FilingRevoked",
        message=Text(en="The filing was revoked.", zh="备案已被撤销。"),
    )
)


class Held:
    """A stream that says something, waits for the test, and says the rest."""

    def __init__(self, *rest: str) -> None:
        self.gate = Gate()
        self._rest = rest

    async def __call__(self, call: Call) -> None:
        await call.begin_stream()
        await call.chunk(event("今天"))
        await self.gate.wait()
        for text in self._rest:
            await call.chunk(event(text))
        await call.chunk(event(finish="stop"), DONE)
        await call.end_stream()


async def answer(call: Call) -> None:
    await call.answer(200, "application/json", completion("今天"))


@pytest.fixture(scope="module")
def running() -> Iterator[Upstream]:
    with Upstream(answer) as server:
        yield server


@pytest.fixture
def upstream(running: Upstream) -> Upstream:
    running.script = answer
    return running


@pytest.fixture(scope="module")
def lasting(running: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with Guard(tmp_path_factory.mktemp("guard"), running.url) as process:
        yield process
        assert "Traceback" not in process.log()


@pytest.fixture
def guard(lasting: Guard) -> Guard:
    """One guard for the tests that leave it alive, put back to where it began."""
    lasting.write_directive("")
    lasting.write_policy(policy())

    def as_new() -> bool:
        report = lasting.readiness()
        found = (report["policy"]["hash"], report["policy"]["problems"], report["directive"])
        return found == (HASH, [], {"mode": "Serve", "reason": ""})

    eventually(as_new)
    return lasting


@pytest.fixture
def mortal(upstream: Upstream, tmp_path: Path) -> Iterator[Guard]:
    """A guard for one test that ends it."""
    with Guard(tmp_path, upstream.url, limits={"drainSeconds": 10}) as process:
        yield process


def whole(guard: Guard) -> bytes:
    with Raw(guard) as raw:
        raw.post(PATH, chat(stream=False), "Connection: close")
        return raw.to_end()


def test_the_directive_cuts_every_open_stream_and_refuses_what_comes(
    upstream: Upstream, guard: Guard
) -> None:
    upstream.script = held = Held("后文")
    streams = [Raw(guard) for _ in range(10)]
    for raw in streams:
        raw.post(PATH, chat())
    for raw in streams:
        raw.until("今天".encode())
    began = time.monotonic()
    guard.write_directive(STOP)
    for raw in streams:
        raw.until(DONE)
    took = time.monotonic() - began
    calls = upstream.calls[-10:]
    assert all(call.gone.wait(2) for call in calls)
    held.gate.open()
    assert took < 2
    for raw in streams:
        with raw:
            assert "备案已被撤销。" in raw.received.decode()
            assert "后文".encode() not in raw.received
    received = whole(guard)
    assert received.startswith(b"HTTP/1.1 451 ")
    assert "The filing was revoked." in received.decode()
    assert guard.readiness()["directive"] == {"mode": "Suspend", "reason": "FilingRevoked"}
    eventually(lambda: "FilingRevoked" in {line["reason"] for line in guard.decisions()})


def test_two_flips_of_the_directive_are_followed(guard: Guard) -> None:
    for text, status in ((STOP, b"451"), ("", b"200"), (STOP, b"451"), ("", b"200")):
        guard.write_directive(text)
        eventually(lambda wanted=status: whole(guard).split(b" ", 2)[1] == wanted)  # type: ignore[misc]


def test_a_directive_that_cannot_be_read_suspends(guard: Guard) -> None:
    guard.write_directive("{half writ")
    eventually(lambda: whole(guard).split(b" ", 2)[1] == b"451")
    guard.write_directive("")
    eventually(lambda: whole(guard).split(b" ", 2)[1] == b"200")


def test_new_terms_are_live_without_a_dropped_stream(upstream: Upstream, guard: Guard) -> None:
    upstream.script = held = Held("新禁词条", "。")
    with Raw(guard) as old, Raw(guard) as new:
        old.post(PATH, chat())
        old.until("今天".encode())
        guard.write_policy(policy("新禁词条"))
        eventually(lambda: guard.readiness()["policy"]["terms"] == 2)
        new.post(PATH, chat())
        new.until("今天".encode())
        held.gate.open()
        # A stream ends under the policy that it began with; what begins later is screened anew.
        assert "新禁词条" in old.until(DONE).decode()
        assert "新禁" not in new.until(DONE).decode()
    assert guard.metric("genai_guard_policy_terms") == 2


def test_a_broken_policy_leaves_the_old_one_in_force_and_says_so(guard: Guard) -> None:
    before = guard.readiness()["policy"]["hash"]
    guard.write_policy("{half writ")
    eventually(lambda: bool(guard.readiness()["policy"]["problems"]))
    report = guard.readiness()
    assert report["ready"] is True
    assert report["policy"]["hash"] == before
    assert guard.metric("genai_guard_policy_stale") == 1
    assert "the one in force stays" in guard.log()
    assert whole(guard).startswith(b"HTTP/1.1 200 ")
    guard.write_policy(policy("另一词条"))
    eventually(lambda: guard.metric("genai_guard_policy_stale") == 0)
    assert guard.readiness()["policy"]["terms"] == 2


def test_without_a_usable_policy_everything_is_refused_until_there_is_one(
    upstream: Upstream, tmp_path: Path
) -> None:
    guard = Guard(tmp_path, upstream.url, wait=False)
    guard.write_policy('{"classes": {"A9z": {}}}')
    with guard:
        received = whole(guard)
        assert received.startswith(b"HTTP/1.1 503 ")
        assert b"policy_not_loaded" in received
        assert "A9z" in guard.readiness()["policy"]["problems"][0]["zh"]
        eventually(lambda: '"code": "policy_not_loaded"' in guard.log())
        guard.write_policy(policy())
        eventually(lambda: whole(guard).startswith(b"HTTP/1.1 200 "))


def test_on_sigterm_an_open_stream_runs_to_its_end_and_new_requests_are_refused(
    upstream: Upstream, mortal: Guard
) -> None:
    upstream.script = held = Held("很好", "。")
    with Raw(mortal) as raw, Raw(mortal) as late:
        raw.post(PATH, chat())
        raw.until("今天".encode())
        mortal.terminate()
        eventually(lambda: mortal.admin("/readyz")[0] == 503)
        assert mortal.readiness()["shutdown"]["ok"] is False
        assert mortal.admin("/livez")[0] == 200
        late.post(PATH, chat())
        received = late.to_end()
        assert received.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1\r\n" in received
        held.gate.open()
        assert "很好" in raw.until(b"0\r\n\r\n").decode()
        assert DONE in raw.received
    assert mortal.process.wait(10) == 0
    assert mortal.decisions("stop")


def test_after_the_drain_time_an_open_stream_ends_with_an_error_event(
    upstream: Upstream, tmp_path: Path
) -> None:
    upstream.script = held = Held("很好")
    with Guard(tmp_path, upstream.url, limits={"drainSeconds": 0.3}) as guard, Raw(guard) as raw:
        raw.post(PATH, chat())
        raw.until("今天".encode())
        guard.terminate()
        raw.until(DONE)
        assert b'"error"' in raw.received
        assert guard.process.wait(10) == 0
    held.gate.open()


def test_an_idle_guard_ends_at_once_though_a_client_stays_connected(mortal: Guard) -> None:
    with Raw(mortal) as raw:
        raw.post(PATH, chat(stream=False))
        raw.until(b"\r\n\r\n")
        mortal.terminate()
        assert mortal.process.wait(4) == 0


def test_a_client_that_does_not_read_costs_little_memory_and_stops_the_model(
    upstream: Upstream, guard: Guard
) -> None:
    written = 0

    async def flood(call: Call) -> None:
        nonlocal written
        await call.begin_stream()
        text = event("很好" * 5000)
        for _ in range(1000):  # 30 MB in all
            await call.chunk(text)
            written += len(text)
        await call.chunk(event(finish="stop"), DONE)
        await call.end_stream()

    upstream.script = flood
    before = guard.rss_megabytes()
    with Raw(guard, receive_buffer=4096) as raw:
        raw.post(PATH, chat())
        raw.until("很好".encode())
        seen = -1
        # Stands still once every buffer on the way is full.
        for _ in itertools.count():
            if written == seen:
                break
            seen = written
            time.sleep(0.3)
        assert written < 25_000_000
        assert guard.rss_megabytes() - before < 16
        assert whole_is_served(guard, upstream)
        assert raw.until(b"0\r\n\r\n").count("很好".encode()) == 1000 * 5000
    assert guard.rss_megabytes() - before < 24


def whole_is_served(guard: Guard, upstream: Upstream) -> bool:
    upstream.script = answer
    return whole(guard).startswith(b"HTTP/1.1 200 ")


def test_when_decisions_cannot_be_recorded_requests_are_refused_until_they_can(
    upstream: Upstream, tmp_path: Path
) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    with Guard(tmp_path, upstream.url, decisionLog="log/decisions.log", wait=False) as guard:
        eventually(lambda: whole(guard).startswith(b"HTTP/1.1 200 "))
    (folder / "decisions.log").unlink()
    folder.rmdir()
    with Guard(tmp_path, upstream.url, decisionLog="log/decisions.log", wait=False) as guard:
        eventually(lambda: guard.metric("genai_guard_decision_log_failed") == 1)
        received = whole(guard)
        assert received.startswith(b"HTTP/1.1 503 ")
        assert b"decision_log_failed" in received
        assert guard.admin("/readyz")[0] == 503
        folder.mkdir()
        eventually(lambda: whole(guard).startswith(b"HTTP/1.1 200 "))
        eventually(lambda: guard.admin("/readyz")[0] == 200)


def test_a_full_disk_refuses_requests_and_the_process_lives(
    upstream: Upstream, tmp_path: Path
) -> None:
    with Guard(tmp_path, upstream.url, decisionLog="/dev/full", wait=False) as guard:
        eventually(lambda: guard.metric("genai_guard_decision_log_failed") == 1)
        assert b"No space left" in whole(guard)
        assert guard.admin("/livez")[0] == 200


def test_the_decision_log_is_a_whole_chain_without_a_word_of_the_text(
    upstream: Upstream, guard: Guard
) -> None:
    async def script(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(event(f"{CANARY}{TERM}{CANARY}"), event(finish="stop"), DONE)
        await call.end_stream()

    upstream.script = script
    before = len(guard.decisions())
    counted = guard.metric('genai_guard_verdicts_total{action="Block"')
    for _ in range(3):
        with Raw(guard) as raw:
            raw.post(PATH, chat(CANARY), f"Authorization: Bearer {CANARY}", "Connection: close")
            raw.to_end()
    eventually(lambda: len(guard.decisions()) == before + 3)
    line = guard.decisions()[-1]
    assert line["action"] == "Block"
    assert line["risk"] == "A1a"
    assert line["rule"] == "A1a:0"
    assert (line["start"], line["end"]) == (len(CANARY), len(CANARY) + len(TERM))
    path = guard.folder / "decisions.log"
    assert verify(path.read_bytes().splitlines(keepends=True), "log") == []
    assert guard.metric('genai_guard_verdicts_total{action="Block"') == counted + 3


def test_decisions_go_to_standard_output_when_the_file_is_a_dash(
    upstream: Upstream, tmp_path: Path
) -> None:
    guard = Guard(tmp_path, upstream.url, decisionLog="-")
    with guard:
        pass
    events = [
        json.loads(line).get("event") for line in guard.log().splitlines() if line.startswith("{")
    ]
    assert [name for name in events if name] == ["start", "policy", "stop"]


def test_readiness_follows_the_model(upstream: Upstream, guard: Guard) -> None:
    report = guard.readiness()
    assert report["ready"] is True
    assert report["upstream"] == {"ok": True, "detail": "HTTP 200"}
    assert guard.admin("/healthz")[0] == 404


def test_a_taken_port_is_said_and_ends_with_one(guard: Guard) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "genaiservice", "guard", "--config", guard.folder / "guard.json"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 1
    assert "cannot listen" in run.stderr
    assert "change listen.host, listen.port or listen.adminPort" in run.stderr
    assert "Traceback" not in run.stderr
