# SPDX-License-Identifier: Apache-2.0
"""Every way a model server can misbehave: the client always gets a clear end, and no term."""

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.guard_process import LABEL, TERM, Guard, Raw, chat, free_port
from tests.upstream import DONE, Call, Gate, Script, Upstream, completion, event
from tests.wait import eventually

QUICK = {
    "connectTimeoutSeconds": 1,
    "firstByteTimeoutSeconds": 0.4,
    "betweenBytesTimeoutSeconds": 0.4,
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    async def nothing(call: Call) -> None: ...

    with Upstream(nothing) as server:
        yield server


@pytest.fixture(scope="module")
def guard(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    folder = tmp_path_factory.mktemp("guard")
    with Guard(folder, upstream.url, timeouts=QUICK) as process:
        yield process
        assert "Traceback" not in process.log()
        assert '"level": "error"' not in process.log()


def exchange(guard: Guard, *, stream: bool = True) -> tuple[int, bytes]:
    """Status and body (unchunked) of one chat request on a connection of its own."""
    with Raw(guard) as raw:
        raw.post("/v1/chat/completions", chat(stream=stream), "Connection: close")
        head, _, body = raw.to_end().partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    return status, unchunked(body) if b"Transfer-Encoding: chunked" in head else body


def unchunked(body: bytes) -> bytes:
    parts = []
    while True:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            assert body == b"\r\n", "the chunked body must end in order"
            return b"".join(parts)
        parts.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]


def said(body: bytes) -> str:
    """The visible text of an event stream."""
    trees = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    choices = [choice for tree in trees for choice in tree.get("choices", [])]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def error(body: bytes) -> dict[str, Any]:
    """The error object of an answer or of the error event of a stream."""
    if body.startswith(b"{"):
        found: dict[str, Any] = json.loads(body)["error"]
        return found
    trees = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    (found,) = [tree["error"] for tree in trees if "error" in tree]
    return found


def stream_of(*parts: bytes, ends: str = "order") -> Script:
    """Sends the parts as chunks and then ends in order, not at all, or with a reset."""

    async def script(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(*parts)
        match ends:
            case "order":
                await call.end_stream()
            case "reset":
                call.cut()
            case "close":
                call.writer.close()

    return script


def test_a_model_that_is_down_gives_502(tmp_path: Path) -> None:
    with Guard(tmp_path, f"http://127.0.0.1:{free_port()}", wait=False) as guard:
        status, body = exchange(guard)
        assert status == 502
        assert error(body)["code"] == "upstream_unreachable"
        ready = guard.readiness()
        assert ready["ready"] is False
        assert ready["upstream"]["ok"] is False
        assert guard.metric('genai_guard_upstream_errors_total{fault="connect_failed"}') == 1


def test_a_model_that_accepts_nothing_gives_504(tmp_path: Path) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        timeouts = {"connectTimeoutSeconds": 0.3}
        url = f"http://127.0.0.1:{address[1]}"
        with Guard(tmp_path, url, wait=False, timeouts=timeouts) as guard:
            status, body = exchange(guard)
        for filler in fillers:
            filler.close()
    assert status == 504
    assert error(body)["code"] == "upstream_timeout"


def test_no_first_byte_in_time_gives_504_and_stops_the_model(
    upstream: Upstream, guard: Guard
) -> None:
    gate = Gate()

    async def script(call: Call) -> None:
        await gate.wait()

    upstream.script = script
    status, body = exchange(guard)
    assert upstream.calls[-1].gone.wait(5)
    gate.open()
    assert status == 504
    assert error(body)["code"] == "upstream_timeout"


def test_a_stall_between_bytes_ends_with_an_error_event_and_done(
    upstream: Upstream, guard: Guard
) -> None:
    gate = Gate()

    async def script(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(event("今天"))
        await gate.wait()

    upstream.script = script
    status, body = exchange(guard)
    assert upstream.calls[-1].gone.wait(5)
    gate.open()
    assert status == 200
    assert said(body).endswith("今天")
    assert error(body)["code"] == "upstream_timeout"
    assert body.endswith(DONE)


@pytest.mark.parametrize("ends", ["reset", "close"])
def test_a_break_in_the_stream_releases_what_is_clean_and_says_so(
    upstream: Upstream, guard: Guard, ends: str
) -> None:
    # 违 may begin the term, so it waits; when nothing follows it is clean.
    upstream.script = stream_of(event("今天"), event(TERM[0]), ends=ends)
    status, body = exchange(guard)
    assert status == 200
    assert said(body).endswith("今天" + TERM[0])
    assert error(body)["code"] == "upstream_broke_off"
    assert body.endswith(DONE)


def test_a_stream_without_its_done_event_is_still_ended_for_the_client(
    upstream: Upstream, guard: Guard
) -> None:
    upstream.script = stream_of(event("今天"), event(finish="stop"))
    _, body = exchange(guard)
    assert said(body).endswith("今天")


@pytest.mark.parametrize(
    "data",
    [
        b"data: {not json}\n\n",
        b"data: [1,2]\n\n",
        b'data: {"choices": 5}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"\xff\xfe"}}]}\n\n',
    ],
)
def test_garbage_in_a_stream_is_not_passed_on(
    upstream: Upstream, guard: Guard, data: bytes
) -> None:
    upstream.script = stream_of(event("今天"), data, event("后文"))
    _, body = exchange(guard)
    assert data not in body
    assert "后文" not in said(body)
    assert body.endswith(DONE)


def test_a_line_that_is_no_field_is_dropped(upstream: Upstream, guard: Guard) -> None:
    upstream.script = stream_of(event("今天"), b"\x00\x01\x02\n\n", event("很好"), DONE)
    _, body = exchange(guard)
    assert b"\x00" not in body
    assert said(body).endswith("今天很好")


@pytest.mark.parametrize(
    "data",
    [b"HELLO\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"\x16\x03"],
)
def test_what_is_no_http_gives_502(upstream: Upstream, guard: Guard, data: bytes) -> None:
    async def script(call: Call) -> None:
        await call.write(data)
        call.writer.close()

    upstream.script = script
    status, body = exchange(guard, stream=False)
    assert status == 502
    assert error(body)["code"] in ("upstream_broke_off", "upstream_unreachable")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"choices": 1}', b"\xff"])
def test_a_whole_answer_that_cannot_be_read_gives_502(
    upstream: Upstream, guard: Guard, body: bytes
) -> None:
    async def script(call: Call) -> None:
        await call.answer(200, "application/json", body)

    upstream.script = script
    status, answer = exchange(guard, stream=False)
    assert status == 502
    assert error(answer)["code"] == "upstream_garbage"


def test_a_whole_answer_that_is_cut_short_gives_502(upstream: Upstream, guard: Guard) -> None:
    async def script(call: Call) -> None:
        await call.head(200, "application/json", "Content-Length: 1000")
        await call.write(completion("今天")[:50])
        call.writer.close()

    upstream.script = script
    status, body = exchange(guard, stream=False)
    assert status == 502
    assert error(body)["code"] == "upstream_broke_off"


def test_carriage_returns_comments_and_other_fields_are_understood(
    upstream: Upstream, guard: Guard
) -> None:
    crlf = event("今天").replace(b"\n", b"\r\n")
    upstream.script = stream_of(
        b": keep-alive\n\n",
        crlf,
        b"event: message\nid: 7\n" + event("很好"),
        b": more\r\n\r\n",
        event(finish="stop").replace(b"\n", b"\r\n"),
        DONE.replace(b"\n", b"\r\n"),
    )
    status, body = exchange(guard)
    assert status == 200
    assert said(body).endswith("今天很好")
    assert body.rstrip().endswith(b"data: [DONE]")


@pytest.mark.parametrize("step", [1, 2, 5])
def test_a_stream_cut_anywhere_even_in_a_character_is_whole_and_leaks_nothing(
    upstream: Upstream, guard: Guard, step: int
) -> None:
    data = event("今天很好。") + event(f"再见{TERM}后文") + event(finish="stop") + DONE

    upstream.script = stream_of(*(data[at : at + step] for at in range(0, len(data), step)))
    status, body = exchange(guard)
    assert status == 200
    text = said(body).removeprefix(LABEL)
    assert "今天很好。再见" in text
    assert not set(TERM) & set(text)
    assert "后文" not in text


def test_an_error_event_of_the_model_ends_the_stream(upstream: Upstream, guard: Guard) -> None:
    upstream.script = stream_of(
        event("今天"), b'data: {"error": {"message": "cuda out of memory"}}\n\n', DONE
    )
    _, body = exchange(guard)
    assert said(body).endswith("今天")
    assert error(body)["code"] == "upstream_error"
    assert b"cuda" not in body


def test_a_model_that_compresses_all_the_same_is_screened(upstream: Upstream, guard: Guard) -> None:
    async def script(call: Call) -> None:
        data = gzip.compress(completion(f"前文{TERM}"))
        await call.answer(200, "application/json", data, "Content-Encoding: gzip")

    upstream.script = script
    status, body = exchange(guard, stream=False)
    assert status == 200
    assert TERM.encode() not in body
    assert json.loads(body)["choices"][0]["finish_reason"] == "content_filter"


def test_a_coding_that_cannot_be_read_is_refused(upstream: Upstream, guard: Guard) -> None:
    async def script(call: Call) -> None:
        await call.answer(200, "application/json", b"\x00" * 40, "Content-Encoding: br")

    upstream.script = script
    status, body = exchange(guard, stream=False)
    assert status == 502
    assert "code" in error(body)


def test_a_body_that_ends_with_the_connection_is_whole(upstream: Upstream, guard: Guard) -> None:
    async def script(call: Call) -> None:
        await call.head(200, "application/json", "Connection: close")
        await call.write(completion("今天"))
        call.writer.close()

    upstream.script = script
    status, body = exchange(guard, stream=False)
    assert status == 200
    assert "今天" in body.decode()


def test_an_idle_connection_that_the_model_closed_costs_no_request(
    upstream: Upstream, guard: Guard
) -> None:
    async def answer(call: Call) -> None:
        await call.answer(200, "application/json", completion("今天"))

    async def vanish(call: Call) -> None:
        upstream.script = answer
        call.cut()

    upstream.script = answer
    assert exchange(guard, stream=False)[0] == 200
    upstream.script = vanish
    before = len(upstream.calls)
    assert exchange(guard, stream=False)[0] == 200
    assert len(upstream.calls) == before + 2


def test_headers_of_the_connection_do_not_pass_but_others_do(
    upstream: Upstream, guard: Guard
) -> None:
    async def script(call: Call) -> None:
        more = ("X-Model: a", "Keep-Alive: timeout=5", "ETag: x", "X-Hop: 1", "Connection: X-Hop")
        await call.answer(200, "application/json", completion("今天"), *more)

    upstream.script = script
    with Raw(guard) as raw:
        raw.post("/v1/chat/completions", chat(stream=False), "Connection: close, X-Mine")
        head = raw.to_end().partition(b"\r\n\r\n")[0].lower()
    assert b"x-model: a" in head
    for name in (b"keep-alive:", b"etag:", b"x-hop:"):
        assert name not in head


def test_when_the_client_leaves_the_model_is_stopped_at_once(
    upstream: Upstream, guard: Guard
) -> None:
    gate = Gate()

    async def script(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(event("今天"))
        await gate.wait()

    upstream.script = script
    before = guard.metric("genai_guard_clients_gone_total")
    with Raw(guard) as raw:
        raw.post("/v1/chat/completions", chat())
        raw.until("今天".encode())
    assert upstream.calls[-1].gone.wait(2)
    gate.open()
    eventually(lambda: guard.metric("genai_guard_clients_gone_total") == before + 1)
    eventually(lambda: guard.metric("genai_guard_open_requests") == 0)
