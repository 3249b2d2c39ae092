# SPDX-License-Identifier: Apache-2.0
"""What is streamed, and the terms that never stand in it: the same in every run, for every proxy.

A chunk is three Chinese characters in an event as vLLM writes it.
"""

import json
import random
from functools import cache

LABEL = "本内容由人工智能生成"
KEY = "sk-bench-7b0f1c5de94a4d1e8a6f"
"""Sent by every client; LiteLLM demands one."""
CHUNKS = 200
INTERVAL = 0.010
CHARS = 3

COMMON_CHARACTERS = "".join(
    bytes((row, cell)).decode("gb2312")
    for row in range(0xB0, 0xD7)
    for cell in range(0xA1, 0xFF)
    if (row, cell) != (0xD7, 0xFA)
)
"""The 3,755 common characters of GB 2312, level 1 (less the last row)."""


@cache
def text(seed: int = 7) -> str:
    draw = random.Random(seed)  # noqa: S311 - a fixed text, no secret
    return "".join(draw.choice(COMMON_CHARACTERS) for _ in range(CHARS * CHUNKS))


def terms(count: int, seed: int = 11) -> list[str]:
    """80 % Chinese of 2 to 8 characters, 20 % Latin of 5 to 12; none of them in the text."""
    draw = random.Random(seed)  # noqa: S311 - a fixed text, no secret
    clean, found = text(), set[str]()
    while len(found) < count:
        if draw.random() < 0.8:
            term = "".join(draw.choice(COMMON_CHARACTERS) for _ in range(draw.randint(2, 8)))
        else:
            term = "".join(
                draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(draw.randint(5, 12))
            )
        if term not in clean:
            found.add(term)
    return sorted(found)


def events(chunks: int = CHUNKS) -> list[bytes]:
    """The events of one answer of so many chunks; with the last comes the end of the stream."""
    whole = text()[: CHARS * chunks]
    deltas = [{"content": whole[at : at + CHARS]} for at in range(0, len(whole), CHARS)]
    made = [_event(delta, None) for delta in deltas]
    return [*made, _event({}, "stop") + b"data: [DONE]\n\n"]


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    tree = {
        "id": "chatcmpl-5f3c1b7a9d2e4c6f8a0b1c2d3e4f5a6b",
        "object": "chat.completion.chunk",
        "created": 1795575000,
        "model": "qwen3-8b",
        "choices": [choice],
    }
    data = json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
    return b"data: " + data + b"\n\n"


def request(chunks: int, number: int) -> bytes:
    """`max_tokens` tells the model server how many chunks are wanted, `seed` which stream it is."""
    body = json.dumps(
        {
            "model": "qwen3-8b",
            "stream": True,
            "max_tokens": chunks,
            "seed": number,
            "messages": [{"role": "user", "content": "你好"}],
        }
    ).encode()
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
        % (KEY.encode(), len(body), body)
    )
