# SPDX-License-Identifier: Apache-2.0
"""Requests that two parsers could read differently, as bytes on a socket.

Behind each stands a second request. It must never be answered, nor reach the model: where the
guard and a proxy before it disagreed, it would be the request of somebody else.
"""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.guard_process import Guard, Raw, chat
from tests.upstream import Call, Upstream, completion

TARGET = b"/v1/chat/completions"
BODY = chat(stream=False)
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKS = b"Transfer-Encoding: chunked"
SECOND = b"POST %b?second HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n%b" % (TARGET, LENGTH, BODY)


def request(
    *lines: bytes,
    body: bytes = BODY,
    first: bytes = b"POST %b HTTP/1.1" % TARGET,
    end: bytes = b"\r\n",
) -> bytes:
    return end.join([first, b"Host: x", *lines, b"", b""]) + body


def chunks(size: bytes, *, end: bytes = b"\r\n", last: bytes = b"0\r\n\r\n") -> bytes:
    return request(CHUNKS, body=size + end + BODY + b"\r\n" + last)


HEX = b"%x" % len(BODY)
REFUSED = {
    "length and chunks": request(LENGTH, CHUNKS, body=CHUNKED),
    "chunks and length": request(CHUNKS, LENGTH, body=CHUNKED),
    "one length twice": request(LENGTH, LENGTH),
    "two lengths": request(LENGTH, b"Content-Length: 3"),
    "a list of lengths": request(b"Content-Length: %d, %d" % (len(BODY), len(BODY))),
    "length with plus": request(b"Content-Length: +%d" % len(BODY)),
    "negative length": request(b"Content-Length: -1"),
    "length with blank": request(b"Content-Length: 1 0"),
    "length with underscore": request(b"Content-Length: 1_0"),
    "length in hex": request(b"Content-Length: 0x%x" % len(BODY)),
    "empty length": request(b"Content-Length: "),
    "enormous length": request(b"Content-Length: 99999999999999999999999"),
    "chunks twice": request(CHUNKS, CHUNKS, body=CHUNKED),
    "chunks not last": request(b"Transfer-Encoding: chunked, identity", body=CHUNKED),
    "chunks beside identity": request(b"Transfer-Encoding: identity, chunked", body=CHUNKED),
    "a coding beside chunks": request(b"Transfer-Encoding: gzip, chunked", body=CHUNKED),
    "no known coding": request(b"Transfer-Encoding: xchunked", body=CHUNKED),
    "quoted coding": request(b'Transfer-Encoding: "chunked"', body=CHUNKED),
    "coding behind a vertical tab": request(b"Transfer-Encoding: \x0bchunked", body=CHUNKED),
    "blank before the colon": request(b"Transfer-Encoding : chunked", body=CHUNKED),
    "chunks in HTTP/1.0": request(CHUNKS, body=CHUNKED, first=b"POST %b HTTP/1.0" % TARGET),
    "folded field": request(LENGTH, b"X-A: a", b" b"),
    "folded coding": request(b"X-A: a", b" Transfer-Encoding: chunked", LENGTH),
    "bare line feeds": request(LENGTH, end=b"\n"),
    "one bare line feed": request(LENGTH, b"X-A: a\nX-B: b"),
    "one bare carriage return": request(LENGTH, b"X-A: a\rX-B: b"),
    "NUL in a value": request(LENGTH, b"X-A: a\0b"),
    "NUL in a name": request(LENGTH, b"X\0A: a"),
    "field without colon": request(LENGTH, b"X-A"),
    "field without name": request(LENGTH, b": a"),
    "two hosts": request(LENGTH, b"Host: y"),
    "chunk size with plus": chunks(b"+" + HEX),
    "negative chunk size": chunks(b"-" + HEX),
    "chunk size with 0x": chunks(b"0x" + HEX),
    "chunk size with underscore": chunks(b"0_" + HEX),
    "chunk size behind a blank": chunks(b" " + HEX),
    "chunk size before a blank": chunks(HEX + b" "),
    "no chunk size": chunks(b""),
    "chunk size beyond 64 bits": chunks(b"fffffffffffffffff"),
    "chunk size ended by a line feed": chunks(HEX, end=b"\n"),
    "line feed in a chunk extension": chunks(HEX + b";a\nb"),
    "chunk longer than its size": chunks(b"%x" % (len(BODY) - 2)),
    "length as a trailer": chunks(HEX, last=b"0\r\nContent-Length: 3\r\n\r\n"),
    "absolute target": request(LENGTH, first=b"POST http://evil%b HTTP/1.1" % TARGET),
    "tunnel": b"CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n",
    "HTTP/2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version in lower case": request(LENGTH, first=b"POST %b http/1.1" % TARGET),
    "close, and still a request": request(LENGTH, b"Connection: close"),
    "garbage behind a request": request(LENGTH) + b"\0\r\n\r\n",
    "head of 800 KB": request(LENGTH, *[b"X-%d: %b" % (n, b"a" * 8000) for n in range(100)]),
    "300 fields": request(LENGTH, *[b"X-%d: a" % n for n in range(300)]),
}
UPGRADES = {
    "HTTP/2": (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA"),
    "another protocol": (b"Connection: Upgrade", b"Upgrade: other"),
}


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


def heads(received: bytes) -> list[bytes]:
    return [line for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


def sent(guard: Guard, data: bytes) -> bytes:
    with Raw(guard) as raw:
        with suppress(OSError):  # the guard has closed already
            raw.send(data)
        try:
            return raw.to_end()
        except ConnectionResetError:  # it closed with some of this unread
            return bytes(raw.received)


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_closed(
    upstream: Upstream, guard: Guard, data: bytes
) -> None:
    before = len(upstream.calls)
    received = sent(guard, data + SECOND)
    assert len(heads(received)) == 1, received
    assert heads(received)[0].split(b" ")[1] in (b"400", b"431"), received
    assert b"\r\nConnection: close\r\n" in received
    assert b"aiohttp" not in received
    assert b"Python" not in received
    assert len(upstream.calls) == before


@pytest.mark.parametrize("lines", UPGRADES.values(), ids=UPGRADES)
def test_nobody_is_switched_to_another_protocol(
    upstream: Upstream, guard: Guard, lines: tuple[bytes, ...]
) -> None:
    before = len(upstream.calls)
    received = sent(guard, request(LENGTH, *lines) + SECOND)
    assert [line.split(b" ")[1] for line in heads(received)] == [b"200"]
    (call,) = upstream.calls[before:]
    assert call.body == BODY
    assert "upgrade" not in call.headers


def test_the_admin_port_does_not_name_what_it_is_made_of(guard: Guard) -> None:
    with Raw(guard, port=guard.admin_port) as raw:
        raw.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head = raw.to_end().partition(b"\r\n\r\n")[0]
    assert b"aiohttp" not in head
    assert b"Python" not in head
