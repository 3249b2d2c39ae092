# SPDX-License-Identifier: Apache-2.0
"""Faults around the guard: nothing leaks or is lost, nothing hangs, and the next one is served.

Each fault of the model carries a marker that no client may see and no output of the guard hold:
neither its log, decision log, metrics and readiness, nor its errors.
"""

import asyncio
import gzip
import json
import resource
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genaiservice.api import decision_chain
from tests.guard_process import CANARY, TERM, Guard, Raw, chat
from tests.upstream import DONE, Call, Upstream, completion, event
from tests.wait import eventually

PATH = "/v1/chat/completions"
QUICK = {
    "connectTimeoutSeconds": 1,
    "firstByteTimeoutSeconds": 0.4,
    "betweenBytesTimeoutSeconds": 0.4,
}
HALF = TERM[:2]
MARK = CANARY.encode()
BEGUN = event("今天")
END = (event(finish="stop"), DONE)


def choice(index: int, text: str, **more: Any) -> bytes:
    delta = {"content": text, **more}
    tree = {"choices": [{"index": index, "delta": delta, "finish_reason": None}]}
    return b"data: " + json.dumps(tree, ensure_ascii=False).encode() + b"\n\n"


async def healthy(call: Call) -> None:
    await call.answer(200, "application/json", completion("今天"))


def raw(*parts: bytes, reset: bool = False) -> Callable[[Call], Any]:
    """Writes bytes as they are, then closes."""

    async def script(call: Call) -> None:
        await call.write(*parts)
        if reset:
            call.cut()
        else:
            call.writer.close()

    return script


def stream(*parts: bytes) -> Callable[[Call], Any]:
    async def script(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(*parts)
        await call.end_stream()

    return script


def whole(status: int, kind: str, body: bytes, *more: str) -> Callable[[Call], Any]:
    async def script(call: Call) -> None:
        await call.answer(status, kind, body, *more)

    return script


def stalled(*parts: bytes) -> Callable[[Call], Any]:
    async def script(call: Call) -> None:
        await call.write(*parts)
        await asyncio.to_thread(call.gone.wait, 10)

    return script


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FRAMED = b"%x\r\n%b\r\n" % (len(BEGUN), BEGUN)
LONG = b"data: " + MARK * 400_000 + b"\n\n"
BOMB = gzip.compress(bytes(200 * 1024 * 1024))
STREAMED = {
    "reset before the head": (raw(b"HTTP/1.1 200 O", reset=True), "upstream_unreachable"),
    "reset in the head of a chunk": (raw(HEAD, FRAMED, b"4", reset=True), "upstream_broke_off"),
    "reset in a chunk": (
        raw(HEAD, FRAMED, b"ff\r\n" + choice(0, HALF + CANARY)[:-9], reset=True),
        "upstream_broke_off",
    ),
    "closed in a chunk": (raw(HEAD, FRAMED, b"ff\r\ndata: " + MARK), "upstream_broke_off"),
    "silent before the head": (stalled(), "upstream_timeout"),
    "silent in a chunk": (stalled(HEAD, FRAMED, b"ff\r\ndata: " + MARK), "upstream_timeout"),
    "chunk size that is none": (raw(HEAD, FRAMED, b"zz\r\n" + MARK), "upstream_broke_off"),
    "500 with HTML": (whole(500, "text/html", b"<h1>" + MARK), "upstream_error"),
    "200 with HTML": (whole(200, "text/html", b"<h1>" + MARK), "upstream_garbage"),
    "a status that is none": (raw(b"HTTP/1.1 999 X\r\n\r\n" + MARK), "upstream_error"),
    "an error event": (
        stream(BEGUN, b'data: {"error": {"message": "' + MARK + b'"}}\n\n'),
        "upstream_error",
    ),
    "invalid UTF-8": (
        stream(BEGUN, choice(0, CANARY).replace(b"-7f", b"\xff\xfe")),
        "upstream_garbage",
    ),
    "a lone surrogate": (
        stream(BEGUN, choice(0, "@").replace(b"@", b"\\ud800")),
        "upstream_garbage",
    ),
    "a line of 5 MB": (stream(BEGUN, LONG), "upstream_garbage"),
    "a line that never ends": (stream(BEGUN, LONG[:-2]), "upstream_garbage"),
    "no [DONE], no end": (stream(BEGUN, choice(0, HALF)), "upstream_broke_off"),
    "no [DONE]": (stream(BEGUN, END[0]), None),
    "a role twice": (
        stream(choice(0, "今天", role="assistant"), choice(0, "", role="x"), *END),
        None,
    ),
    "an end twice": (stream(BEGUN, END[0], END[0], DONE), None),
    "text after the end": (stream(BEGUN, END[0], choice(0, CANARY), DONE), None),
    "[DONE] first, then text": (stream(DONE, choice(0, CANARY)), None),
    "choices out of order": (stream(choice(3, "天"), choice(1, "气"), BEGUN, *END), None),
    "a choice with a negative number": (stream(BEGUN, choice(-1, CANARY)), "upstream_garbage"),
    "a choice with an enormous number": (
        stream(BEGUN, choice(1 << 40, CANARY)),
        "upstream_garbage",
    ),
    "numbers as strings": (
        stream(BEGUN, b'data: {"choices":[{"index":"0","delta":{"content":"' + MARK + b'"}}]}\n\n'),
        "upstream_garbage",
    ),
    "lines of JSON": (whole(200, "application/x-ndjson", BEGUN[6:] + MARK), "upstream_garbage"),
    "zipped zeros": (
        whole(200, "text/event-stream", BOMB, "Content-Encoding: gzip"),
        "upstream_garbage",
    ),
    "a head of 1 MB": (raw(b"HTTP/1.1 200 OK\r\nX-A: " + MARK * 80_000), "upstream_unreachable"),
    "a thousand interim answers": (
        raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        "upstream_unreachable",
    ),
}
WHOLE = {
    "zipped zeros": (
        whole(200, "application/json", BOMB, "Content-Encoding: gzip"),
        "answer_too_large",
    ),
    "shorter than it says": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + completion(CANARY)),
        "upstream_broke_off",
    ),
    "two lengths": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 999\r\n\r\n" + MARK),
        "upstream_unreachable",
    ),
    "not JSON": (whole(200, "application/json", b'{"' + MARK), "upstream_garbage"),
    "500 with HTML": (whole(500, "text/html", b"<h1>" + MARK), "upstream_error"),
    "a redirection": (whole(302, "text/html", MARK, "Location: /"), "upstream_garbage"),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(healthy) as server:
        yield server


@pytest.fixture(scope="module")
def guard(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with Guard(tmp_path_factory.mktemp("guard"), upstream.url, timeouts=QUICK) as process:
        yield process
        assert eventually(lambda: process.metric("genai_guard_open_requests") == 0)
        assert process.rss_megabytes() < 150
        outputs = {
            "metrics": process.admin("/metrics")[1],
            "readiness": process.admin("/readyz")[1],
            "log": process.log(),
            "decisions": (process.folder / "decisions.log").read_text(),
        }
    for name, output in outputs.items():
        assert CANARY not in output, name
        assert TERM not in output, name
    assert "Traceback" not in process.log()
    assert '"level": "error"' not in process.log()
    lines = outputs["decisions"].encode().splitlines()
    assert decision_chain.verify(lines, "log") == []


def answered(guard: Guard, *, streamed: bool, name: str = "") -> bytes:
    with Raw(guard) as client:
        client.post(
            PATH, chat(stream=streamed), "Connection: close", f"X-Request-Id: {name or 'plain'}"
        )
        return client.to_end()


@pytest.mark.parametrize(
    ("streamed", "fault"),
    [*((True, name) for name in STREAMED), *((False, name) for name in WHOLE)],
)
def test_a_fault_of_the_model_ends_clearly_and_alone(
    upstream: Upstream, guard: Guard, streamed: bool, fault: str
) -> None:
    script, reason = (STREAMED if streamed else WHOLE)[fault]
    upstream.script = script
    name = uuid.uuid4().hex
    received = answered(guard, streamed=streamed, name=name)
    upstream.script = healthy
    assert MARK not in received
    assert TERM.encode() not in received
    if b"chunked" in received:
        assert received.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    else:
        assert json.loads(received.partition(b"\r\n\r\n")[2])["error"]["code"] == reason
    assert answered(guard, streamed=False).startswith(b"HTTP/1.1 200 ")

    def reasons() -> list[str]:
        return [line["reason"] for line in guard.decisions() if line["request"] == name]

    if reason is not None:
        assert reason.encode() in received
        eventually(lambda: reason in reasons())
    else:
        assert b'"error"' not in received


def test_a_disk_that_fills_up_in_a_line_loses_no_decision(
    upstream: Upstream, tmp_path: Path
) -> None:
    """The line is cut wherever the disk is full; its rest follows when there is room again."""
    log = tmp_path / "decisions.log"
    log.write_bytes(b"\n" * 1_000_000)  # larger than what else the guard writes
    with Guard(tmp_path, upstream.url) as guard:
        before = eventually(lambda: (size := log.stat().st_size) > 1_000_100 and size)
        room = (before + 100, resource.RLIM_INFINITY)
        resource.prlimit(guard.process.pid, resource.RLIMIT_FSIZE, room)
        blocked = chat(TERM)
        with Raw(guard) as client:
            client.post(PATH, blocked, "Connection: close")
            client.to_end()
        eventually(lambda: guard.metric("genai_guard_decision_log_failed") == 1)
        assert log.stat().st_size == before + 100
        refused = answered(guard, streamed=False)
        assert b"decision_log_failed" in refused
        endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(guard.process.pid, resource.RLIMIT_FSIZE, endless)
        eventually(lambda: answered(guard, streamed=False).startswith(b"HTTP/1.1 200 "))
        assert guard.metric("genai_guard_decisions_dropped") == 0
    lines = [line for line in log.read_bytes().splitlines() if line]
    assert decision_chain.verify(lines, "log") == []
    assert [json.loads(line)["event"] for line in lines].count("decision") == 1
    assert "Traceback" not in guard.log()


@pytest.mark.parametrize("share", [0, 0.9])
def test_a_configuration_that_is_half_written_ends_the_start_with_its_place(
    upstream: Upstream, tmp_path: Path, share: float
) -> None:
    Guard(tmp_path, upstream.url)  # writes the configuration
    file = tmp_path / "guard.json"
    text = file.read_text()
    file.write_text(text[: int(len(text) * share)])
    ended = subprocess.run(
        [sys.executable, "-m", "genaiservice", "guard", "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert str(file) in ended.stderr
    assert "JSON" in ended.stderr
    assert "Traceback" not in ended.stderr
