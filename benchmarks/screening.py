# SPDX-License-Identifier: Apache-2.0
"""What one streamed chunk costs in the guard's core, without sockets.

A chunk is an event as vLLM writes it, with three Chinese characters; the terms are drawn from
the same characters and never occur, so that nearly every chunk ends in an open prefix: the dear
case. Prints one JSON line and writes it to `results/screening.json`.
"""

import gc
import json
import os
import platform
import random
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "operator"))

from genaiservice.api.guard_config import LabelMode
from genaiservice.guard.core.exchange import Exchange, Options
from genaiservice.guard.core.policy import Policy, compile_policy

FILLER = (
    "在这个美丽的城市里人们每天都忙着工作和学习他们喜欢在公园散步看书听音乐也喜欢与朋友分享快乐"
    "科学技术的发展改变了我们的生活方式新能源汽车越来越多环境保护成为大家共同关心的话题"
    "春天来了花儿开放夏天炎热秋天收获冬天寒冷四季变化带给我们不同的感受和美好的回忆"
)
CHUNKS = 2000
ROUNDS = 7


def terms(count: int, text: str, alphabet: list[str], seed: int = 7) -> list[str]:
    draw = random.Random(seed)  # noqa: S311 - not a secret
    found: set[str] = set()
    while len(found) < count:
        if draw.random() < 0.8:
            term = "".join(draw.choice(alphabet) for _ in range(draw.randint(2, 8)))
        else:
            term = "".join(chr(97 + draw.randrange(26)) for _ in range(draw.randint(5, 12)))
        if term not in text:
            found.add(term)
    return sorted(found)


DENSE = sorted(set(FILLER))
"""Terms of the text's own characters only: nearly every chunk ends in an open prefix."""
WIDE = [*DENSE, *(chr(code) for code in range(0x4E00, 0x4E00 + 6000))]
"""Terms of 6,000 characters, as long lists of real words have: fewer prefixes, a wide root."""


def policy(count: int, text: str, alphabet: list[str]) -> tuple[Policy, float]:
    """The policy, and the seconds that compiling it took."""
    tree = {
        "version": 1,
        "refusal": {"en": "no", "zh": "不"},
        "classes": {"A1a": {"action": "Block", "terms": terms(count, text, alphabet)}},
    }
    before = time.perf_counter()
    compiled = compile_policy(tree, "hash")
    return compiled, round(time.perf_counter() - before, 2)


def event(text: str, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}
    tree = {
        "id": "chatcmpl-0123456789abcdef0123456789abcdef",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "qwen2.5-7b-instruct",
        "choices": [choice],
        **more,
    }
    return (
        b"data: " + json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    )


def micros_per_chunk(rules: Policy, events: list[bytes]) -> float:
    """The median of the rounds; each is a stream of its own."""
    rounds = []
    body = json.dumps(
        {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    )
    for _ in range(ROUNDS):
        exchange = Exchange(rules, Options(label=LabelMode.PREFIX))
        exchange.request("/v1/chat/completions", "application/json", body.encode())
        exchange.response(200, "text/event-stream")
        for first in events[:20]:
            exchange.upstream(first)
        gc.collect()
        before = time.process_time()
        for data in events[20:]:
            exchange.upstream(data)
        rounds.append((time.process_time() - before) / (len(events) - 20) * 1e6)
    return round(statistics.median(rounds), 2)


def main() -> None:
    draw = random.Random(1)  # noqa: S311
    text = "".join(draw.choice(FILLER) for _ in range(3 * CHUNKS))
    plain = [event(text[at : at + 3]) for at in range(0, len(text), 3)]
    usage = {"usage": None}
    varied = [
        event(text[at : at + 3], **{**usage, "usage": {"completion_tokens": at}})
        for at in range(0, len(text), 3)
    ]
    merged = [b"".join(plain[at : at + 8]) for at in range(0, len(plain), 8)]
    result: dict[str, Any] = {"benchmark": "screening", "unit": "µs per chunk"}
    for count in (10, 1_000, 10_000, 200_000):
        rules, seconds = policy(count, text, DENSE)
        result[f"compile_{count}_terms_seconds"] = seconds
        result[f"chunk_{count}_terms"] = micros_per_chunk(rules, plain)
        if count == 10_000:
            result["chunk_8_in_one_read"] = round(micros_per_chunk(rules, merged) / 8, 2)
            result["chunk_with_usage_each"] = micros_per_chunk(rules, varied)
            result["rss_10000_terms_mb"] = _rss()
    rules, _ = policy(10_000, text, WIDE)
    result["chunk_10000_terms_of_6000_characters"] = micros_per_chunk(rules, plain)
    result["ratio_10000_to_10"] = round(result["chunk_10000_terms"] / result["chunk_10_terms"], 2)
    result["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, {platform.python_version()}"
    line = json.dumps(result, ensure_ascii=False)
    Path(__file__).with_name("results").joinpath("screening.json").write_text(line + "\n", "utf-8")
    print(line)


def _rss() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    main()
