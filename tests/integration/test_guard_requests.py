# SPDX-License-Identifier: Apache-2.0
"""What clients may send wrongly: each is refused with its cause, and the guard lives on."""

import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.guard_process import TERM, Guard, Raw, chat
from tests.upstream import Call, Gate, Upstream, completion, event
from tests.wait import eventually


async def answer(call: Call) -> None:
    await call.answer(200, "application/json", completion("今天"))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(answer) as server:
        yield server


@pytest.fixture(scope="module")
def guard(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with Guard(tmp_path_factory.mktemp("guard"), upstream.url) as process:
        yield process
        assert "Traceback" not in process.log()
        assert '"level": "error"' not in process.log()


@pytest.fixture
def raw(guard: Guard) -> Iterator[Raw]:
    with Raw(guard) as made:
        yield made


def status_and_code(data: bytes) -> tuple[int, str]:
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), json.loads(body)["error"]["code"]


PATH = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "request_not_json"),
        (b"hello", "request_not_json"),
        (b"[]", "request_not_json"),
        (b'{"messages": "x"}', "request_invalid"),
        (b'{"model": "m", "messages": [{"role": "user", "content": 5}]}', "request_invalid"),
        (b'{"model": "m", "messages": [], "messages": []}', "request_duplicate_key"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "request_too_deep"),
        (b"\xff\xfe{}", "request_not_json"),
    ],
)
def test_a_body_that_cannot_be_screened_is_refused(
    upstream: Upstream, raw: Raw, body: bytes, code: str
) -> None:
    before = len(upstream.calls)
    raw.post(PATH, body, "Connection: close")
    assert status_and_code(raw.to_end()) == (400, code)
    assert len(upstream.calls) == before


def test_a_body_of_20_megabytes_is_refused_by_its_length(raw: Raw, guard: Guard) -> None:
    raw.send(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 20971520\r\n\r\n".encode())
    raw.until(b"limits.requestBodyBytes")
    assert raw.received.startswith(b"HTTP/1.1 413 ")
    assert guard.rss_megabytes() < 100


def test_a_body_of_20_megabytes_in_chunks_is_refused_when_the_limit_is_passed(raw: Raw) -> None:
    raw.send(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    part = b"%x\r\n%b\r\n" % (1 << 20, b"x" * (1 << 20))
    try:
        for _ in range(20):
            raw.send(part)
    except OSError:
        pass  # refused before everything was sent
    raw.until(b"request_too_large")
    assert raw.received.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_asks_for_leave_gets_it(raw: Raw) -> None:
    body = chat(stream=False)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(body)}"
    raw.send(head.encode() + b"\r\n\r\n")
    raw.until(b"100 Continue\r\n\r\n")
    raw.send(body)
    assert b"HTTP/1.1 200 " in raw.until(b"\xe4\xbb\x8a\xe5\xa4\xa9")


def test_a_compressed_request_is_screened_too(upstream: Upstream, raw: Raw) -> None:
    before = len(upstream.calls)
    raw.post(
        PATH, gzip.compress(chat(f"请说{TERM}")), "Content-Encoding: gzip", "Connection: close"
    )
    assert b"content_filter" in raw.to_end()
    assert len(upstream.calls) == before


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /v1/chat/completions HTTP/1.1", 405),
        ("POST /v1/models HTTP/1.1", 405),
        ("DELETE /v1/models HTTP/1.1", 405),
        ("GET /v1/files/m HTTP/1.1", 404),
        ("GET //v1/models HTTP/1.1", 404),
        ("GET /v1/Models HTTP/1.1", 404),
        ("GET /v1/%6dodels HTTP/1.1", 404),
        ("GET /v1/models/../chat HTTP/1.1", 404),
        ("GET / HTTP/1.1", 404),
        ("GET http://evil/v1/models HTTP/1.1", 400),
        ("OPTIONS * HTTP/1.1", 400),
        ("GET /v1/models HTTP/9", 400),
        ("HELLO", 400),
    ],
)
def test_only_exact_paths_with_their_method_are_served(
    upstream: Upstream, raw: Raw, line: str, status: int
) -> None:
    before = len(upstream.calls)
    raw.send(f"{line}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    received = raw.to_end()
    assert int(received.split(b" ", 2)[1]) == status, received
    assert json.loads(received.partition(b"\r\n\r\n")[2])["error"]["message"]
    assert len(upstream.calls) == before


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Transfer-Encoding: gzip, chunked, x",),
        ("Content-Length: +5",),
        ("Bad Name: x",),
    ],
)
def test_a_request_that_two_parsers_could_read_differently_is_refused(
    raw: Raw, lines: tuple[str, ...]
) -> None:
    raw.send("\r\n".join([f"POST {PATH} HTTP/1.1", "Host: x", *lines, "", "0\r\n\r\n"]).encode())
    assert raw.to_end().split(b" ", 2)[1] == b"400"


def test_a_query_goes_on_to_the_model(upstream: Upstream, raw: Raw) -> None:
    raw.post(f"{PATH}?api-version=1", chat(stream=False), "Connection: close")
    assert raw.to_end().startswith(b"HTTP/1.1 200 ")
    assert upstream.calls[-1].target == f"{PATH}?api-version=1"


def test_a_client_of_http_1_0_gets_a_stream_that_ends_by_closing(
    upstream: Upstream, raw: Raw
) -> None:
    async def script(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(event("今天"), event(finish="stop"), b"data: [DONE]\n\n")
        await call.end_stream()

    upstream.script = script
    body = chat()
    head = f"POST {PATH} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    raw.send(head.encode() + body)
    received = raw.to_end()
    upstream.script = answer
    assert b"chunked" not in received
    assert received.endswith(b"data: [DONE]\n\n")


def test_one_connection_carries_many_requests_even_pipelined(raw: Raw) -> None:
    raw.post(PATH, chat(stream=False))
    raw.post(PATH, chat(stream=False))
    raw.post(PATH, chat(stream=False), "Connection: close")
    assert raw.to_end().count(b"HTTP/1.1 200 OK") == 3


def test_an_invented_request_id_is_replaced_when_it_is_no_plain_word(raw: Raw) -> None:
    raw.post(PATH, chat(stream=False), "X-Request-Id: a b", "Connection: close")
    head = raw.to_end().partition(b"\r\n\r\n")[0]
    (line,) = [line for line in head.split(b"\r\n") if line.startswith(b"X-Request-Id: ")]
    assert len(line.removeprefix(b"X-Request-Id: ")) == 32


def test_more_than_the_limit_at_once_gives_429_with_retry_after(
    upstream: Upstream, tmp_path: Path
) -> None:
    gate = Gate()

    async def script(call: Call) -> None:
        await gate.wait()
        await answer(call)

    upstream.script = script
    limits = {"concurrentRequests": 2, "queueSeconds": 0.05}
    with (
        Guard(tmp_path, upstream.url, limits=limits) as guard,
        Raw(guard) as one,
        Raw(guard) as two,
        Raw(guard) as three,
    ):
        one.post(PATH, chat(stream=False))
        two.post(PATH, chat(stream=False))
        eventually(lambda: guard.metric("genai_guard_open_requests") == 2)
        three.post(PATH, chat(stream=False))
        received = three.to_end()
        gate.open()
        assert b"HTTP/1.1 200 " in one.until(b"}")
        assert b"HTTP/1.1 200 " in two.until(b"}")
    upstream.script = answer
    assert status_and_code(received) == (429, "too_many_requests")
    assert b"Retry-After: 1\r\n" in received


def test_prompts_that_wait_for_the_model_share_one_bound_of_memory(
    upstream: Upstream, guard: Guard
) -> None:
    gate = Gate()
    told = b'{"model":"m","message":{"role":"assistant","content":"x"},"done":true}'

    async def script(call: Call) -> None:
        await gate.wait()
        await call.answer(200, "application/json", told)

    upstream.script = script
    picture = {"role": "user", "content": "你好", "images": ["A" * 9_900_000]}
    prompt = json.dumps({"model": "m", "stream": False, "messages": [picture]}).encode()
    before = len(upstream.calls)
    with ExitStack() as held:
        waiting = [held.enter_context(Raw(guard)) for _ in range(13)]
        for raw in waiting:
            raw.post("/api/chat", prompt)
        eventually(lambda: len(upstream.calls) == before + 13, within=30)
        refused = held.enter_context(Raw(guard))
        refused.post("/api/chat", prompt, "Connection: close")
        assert status_and_code(refused.to_end()) == (429, "too_many_requests")
        assert guard.rss_megabytes() < 400  # thirteen are 129 MB of 134, and what sockets hold
        gate.open()
        for raw in waiting:
            assert raw.until(b"}").startswith(b"HTTP/1.1 200 ")
        again = held.enter_context(Raw(guard))
        again.post("/api/chat", prompt, "Connection: close")
        assert again.to_end().startswith(b"HTTP/1.1 200 ")
    upstream.script = answer
