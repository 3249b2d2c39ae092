# SPDX-License-Identifier: Apache-2.0
"""Broken bytes at both sockets of a real guard: it answers or closes, and lives on silently."""

from contextlib import suppress

import pytest

from tests.guard_process import TERM, Guard, Raw, chat
from tests.properties.test_fuzz import ANSWERS, MARK, broken, cut, shown, stormy
from tests.properties.test_screening import NIGHTLY, drawn
from tests.upstream import Call, Upstream, completion
from tests.wait import eventually

CASES = 5000 if NIGHTLY else 100
pytestmark = pytest.mark.timeout(6 * 3600 if NIGHTLY else 120)
QUICK = {"firstByteTimeoutSeconds": 0.3, "betweenBytesTimeoutSeconds": 0.3}


class Storm:
    """A model whose answer, and now and then whose HTTP, is broken at random."""

    def __init__(self) -> None:
        self.case = 0

    async def script(self, call: Call) -> None:
        draw = drawn(1, self.case)
        offered = [one for one in ANSWERS if one[0] == call.target] or [ANSWERS[0]]
        _, _, kind, events = draw.choice(offered)
        body = stormy(draw, events())
        framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in cut(draw, body))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        data = head.encode() + framed + b"0\r\n\r\n"
        await call.write(broken(draw, data) if draw.random() < 0.3 else data)
        if draw.random() < 0.5:
            call.cut()
        else:
            call.writer.close()


def unframed(received: bytes) -> bytes:
    """The body of an answer, as far as it came."""
    head, _, body = received.partition(b"\r\n\r\n")
    if b"Transfer-Encoding: chunked" not in head:
        return body
    parts = []
    while b"\r\n" in body:
        size, _, body = body.partition(b"\r\n")
        parts.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return b"".join(parts)


def test_nothing_leaks_hangs_or_is_said_about_broken_bytes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    storm = Storm()
    folder = tmp_path_factory.mktemp("guard")
    with Upstream(storm.script) as upstream, Guard(folder, upstream.url, timeouts=QUICK) as guard:
        for storm.case in range(CASES):
            draw = drawn(2, storm.case)
            path, asked, *_ = draw.choice(ANSWERS)
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            whole = f"{head}Content-Length: {len(asked)}\r\n\r\n".encode() + asked
            sent = broken(draw, whole) if draw.random() < 0.5 else whole
            with Raw(guard) as raw, suppress(ConnectionError):
                raw.send(sent)
                if sent != whole:
                    raw.finish()  # what is broken may wait for more, or for the next request
                raw.to_end()
            texts = shown(unframed(bytes(raw.received))).values()
            assert not [text for text in texts if TERM in text], storm.case
        eventually(lambda: guard.metric("genai_guard_open_requests") == 0)

        async def healthy(call: Call) -> None:
            await call.answer(200, "application/json", completion("今天"))

        upstream.script = healthy
        with Raw(guard) as raw:
            raw.post("/v1/chat/completions", chat(stream=False), "Connection: close")
            assert raw.to_end().startswith(b"HTTP/1.1 200 ")
        outputs = [guard.log(), guard.admin("/metrics")[1], guard.admin("/readyz")[1]]
        outputs.append((folder / "decisions.log").read_text())
    for output in outputs:
        for word in (MARK, TERM, "Traceback", '"level": "error"'):
            assert word not in output
