# SPDX-License-Identifier: Apache-2.0
"""Broken requests and broken answers, at the exchange: it always ends, and tells nothing.

What is valid is broken at random: nodes of JSON become something else, events are lost, doubled or
swapped, bytes change, reads are cut anywhere. Hypothesis draws a seed; a failing case names it.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random as Draw
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genaiservice.api.directive import Directive, Mode
from genaiservice.api.guard_config import LabelMode
from genaiservice.api.problem import Text
from genaiservice.guard.core.effects import (
    Decision,
    Effect,
    End,
    Forward,
    LabelFiles,
    Record,
    Respond,
    Send,
    Upload,
)
from genaiservice.guard.core.exchange import Exchange, Options
from tests.properties.test_screening import NIGHTLY, drawn
from tests.unit.guard.core import dialects
from tests.unit.guard.core.talk import DONE, POLICY, TERM, chunk, message, request

CASES = 500 if NIGHTLY else 15
"""Cases a seed, of 20 seeds: 300 requests and 300 answers, in nightly runs 10,000 of each."""
pytestmark = pytest.mark.timeout(6 * 3600 if NIGHTLY else 120)
SEEDS = settings(max_examples=20, deadline=None, derandomize=True)

MARK = "canary5d"
"""Stands beside the term in prompts; in answers, in what cannot be read."""
LONG_KEY = "k" * 300
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1 << 40, 1e308, "", "\x00", "\ud800", "0", MARK, TERM),
    *([], {}, [[]], [None], {"a": {}}, {"": ""}, {LONG_KEY: [1]}, {"type": "text", "text": TERM}),
    *("a" * 5000, ["违禁", "样本"], {"index": 0}, {"content": TERM}),
)
OPTIONS = (
    Options(label=LabelMode.OFF),
    Options(label=LabelMode.PREFIX),
    Options(label=LabelMode.SUFFIX),
    Options(label=LabelMode.OFF, paths=frozenset({"/listed"})),
)
STOP = Directive(mode=Mode.SUSPEND, reason="Ordered", message=Text(en="stopped", zh="停"))
ENDS = (None, "reset", "protocol_error", "between_bytes_timeout", "first_byte_timeout", "odd")
SAY = f"请说{TERM}{MARK}"

REQUESTS: dict[str, Any] = {
    "/v1/chat/completions": {
        "model": "m",
        "n": 2,
        "stream": True,
        "messages": [
            {"role": "system", "content": "好"},
            {"role": "user", "content": [{"type": "text", "text": SAY}]},
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "response_format": {"type": "json_object"},
    },
    "/v1/completions": {"model": "m", "prompt": ["好", SAY], "stream": False, "suffix": "x"},
    "/v1/responses": {"input": [{"role": "user", "content": SAY}], "instructions": "好"},
    "/v1/messages": {
        "max_tokens": 1,
        "system": "好",
        "messages": [{"role": "user", "content": SAY}],
    },
    "/api/chat": {"model": "m", "messages": [{"role": "user", "content": SAY, "images": ["aa"]}]},
    "/api/generate": {"model": "m", "prompt": SAY, "system": "好", "context": [1, 2]},
    "/v1/embeddings": {"model": "m", "input": ["好", SAY]},
    "/v1/moderations": {"input": SAY},
    "/v1/images/generations": {"prompt": SAY, "n": 1},
    "/v1/audio/speech": {"input": SAY, "voice": "a"},
}
HELD = ("content", "text", "prompt", "input", "system", "instructions")
"""Where prompts stand; a term there must not reach the model."""
TOPS = (*HELD, "messages")

WORDS = [("text", ["今天", "违", f"禁样本{MARK}", "天气"]), ("thinking", ["好", TERM])]
TOOLS = [("text", ["今天"]), ("tool", ['{"a": "违', '禁样本"}'])]
Events = list[bytes]


def chat_events() -> Events:
    pieces = ["今天", "违", f"禁样本{MARK}", "天气"]
    calls = [
        {"index": 0, "function": {"name": "f", "arguments": part}} for part in ('"违', '禁样本"')
    ]
    return [
        chunk(delta={"role": "assistant", "content": ""}),
        *(chunk(piece) for piece in pieces),
        *(chunk(delta={"tool_calls": [call]}, index=1) for call in calls),
        *(chunk(delta={"reasoning_content": piece}) for piece in pieces),
        chunk(finish_reason="stop"),
        chunk(index=1, finish_reason="tool_calls"),
        DONE,
    ]


SSE, LINES, JSON = "text/event-stream", "application/x-ndjson", "application/json"
ANSWERS: tuple[tuple[str, bytes, str, Callable[[], Events]], ...] = (
    ("/v1/chat/completions", request(n=2), SSE, chat_events),
    ("/v1/chat/completions", request(stream=False), JSON, lambda: [dialects.dumps(message(SAY))]),
    ("/v1/messages", dialects.messages_request(), SSE, lambda: dialects.messages_stream(WORDS)),
    ("/v1/messages", dialects.messages_request(), SSE, lambda: dialects.messages_stream(TOOLS)),
    ("/v1/responses", dialects.responses_request(), SSE, lambda: dialects.responses_stream(WORDS)),
    ("/v1/responses", dialects.responses_request(), SSE, lambda: dialects.responses_stream(TOOLS)),
    ("/api/chat", dialects.ollama_request(), LINES, lambda: dialects.ollama_stream(WORDS)),
    (
        "/api/generate",
        dialects.dumps({"model": "m", "prompt": "好"}),
        LINES,
        lambda: dialects.ollama_stream(WORDS, generate=True),
    ),
)


# Breaking.


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key) of a tree."""
    pairs: list[tuple[Any, Any]] = []
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in inner:
        pairs.append((tree, key))
        if isinstance(value, dict | list):
            pairs += places(value)
    return pairs


def bent(draw: Draw, tree: Any) -> Any:
    """A copy with one to three nodes replaced, removed, moved or doubled."""
    for _ in range(draw.randint(1, 3)):
        tree = json.loads(json.dumps(tree))  # what was doubled is two things from now on
        found = places(tree) if isinstance(tree, dict | list) else []
        if not found:
            return deepcopy(draw.choice(ODD))
        holder, key = draw.choice(found)
        match draw.randrange(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[draw.choice((LONG_KEY, "", "content", "index", "\ud800", TERM))] = holder[
                    key
                ]
            case 2:
                holder[key] = [holder[key]] * draw.randint(1, 3)
            case _:
                holder[key] = deepcopy(draw.choice(ODD))
    return tree


def broken(draw: Draw, data: bytes) -> bytes:
    """Some bytes changed, taken out, put in or doubled, or the rest cut off."""
    for _ in range(draw.choice((0, 0, 0, 1, 1, 3))):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(5):
            case 0:
                data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[at + draw.randint(1, 9) :]
            case 2:
                odd = draw.choice((b"\n\n", b"\r", b"\x00", b"\xff", b'"', b"}", b"data: ", b"\\u"))
                data = data[:at] + odd + data[at:]
            case 3:
                data = data[:at] + data[at : at + 40] * 2 + data[at + 40 :]
            case _:
                data = data[:at] if draw.random() < 0.3 else data
    return data


def cut(draw: Draw, data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = draw.choice((1, 3, 17, 90, 700, 5000))
        yield data[at : at + size]
        at += size


def bent_event(draw: Draw, raw: bytes) -> bytes:
    head, mark, data = raw.rpartition(b"data: ") if b"data: " in raw else (b"", b"", raw)
    try:
        tree = json.loads(data)
    except ValueError:
        return raw
    return head + mark + json.dumps(bent(draw, tree)).encode() + raw[len(raw.rstrip()) :]


def stormy(draw: Draw, events: Events) -> bytes:
    """The events of an answer with some lost, doubled, swapped or bent, then bytes broken."""
    events = list(events)
    for _ in range(draw.choice((0, 1, 1, 2, 4))):
        at = draw.randrange(len(events))
        match draw.randrange(5):
            case 0:
                events.insert(at, events[draw.randrange(len(events))])
            case 1 if len(events) > 1:
                del events[at]
            case 2:
                other = draw.randrange(len(events))
                events[at], events[other] = events[other], events[at]
            case _:
                events[at] = bent_event(draw, events[at])
    data = b"".join(events)
    return broken(draw, data) if draw.random() < 0.5 else data


# What must hold.


def decided(effects: list[Effect]) -> list[Decision]:
    return [effect.decision for effect in effects if isinstance(effect, Record)]


def tells_nothing(effects: list[Effect]) -> None:
    for one in decided(effects):
        words = f"{one.reason} {one.risk} {one.rule} {one.policy}"
        assert MARK not in words + one.field
        assert TERM not in words + one.field


def strings(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(tree, str):
        yield path, tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from strings(value, (*path, key))
    elif isinstance(tree, list):
        for at, value in enumerate(tree):
            yield from strings(value, (*path, at))


NUMBERS = ("index", "output_index", "content_index", "summary_index", "item_id", "type")


def shown(body: bytes) -> dict[Any, str]:
    """The texts of a streamed or whole answer by their place, joined as a program joins them."""
    texts: dict[Any, str] = defaultdict(str)
    lines = body.split(b"\n") if body.startswith(b"{") else body.splitlines()
    for line in lines:
        data = line.removeprefix(b"data: ")
        if not data.startswith(b"{"):
            continue
        tree = json.loads(data)
        choices = tree.get("choices")
        for choice in choices if isinstance(choices, list) else [tree]:
            if not isinstance(choice, dict):
                continue
            where = tuple(str(tree.get(key)) for key in NUMBERS), str(choice.get("index"))
            for path, text in strings(choice):
                texts[where, path] += text
    return texts


def ends_once(effects: list[Effect]) -> None:
    ends = [at for at, effect in enumerate(effects) if isinstance(effect, End | Respond)]
    assert len(ends) == 1
    assert not [effect for effect in effects[ends[0] + 1 :] if isinstance(effect, Send | Upload)]


@SEEDS
@given(st.integers(0, 2**32))
def test_a_broken_request_is_forwarded_clean_or_answered(seed: int) -> None:
    for case in range(CASES):
        draw = drawn(seed, case)
        path = draw.choice([*REQUESTS, *REQUESTS, "/listed", "/v1/models", "/v1/none", "", "//"])
        tree = REQUESTS.get(path, REQUESTS["/api/chat"])
        body = json.dumps(bent(draw, tree), ensure_ascii=draw.random() < 0.5).encode(
            "utf-8", "surrogatepass"
        )
        body = broken(draw, body)
        exchange = Exchange(POLICY, draw.choice(OPTIONS), 1)
        effects = exchange.request(path, draw.choice((JSON, "", "text/plain")), body)
        sent = [effect.body for effect in effects if isinstance(effect, Forward)]
        told = [effect.body for effect in effects if isinstance(effect, Respond)]
        assert len(sent) + len(told) == 1
        tells_nothing(effects)
        for answer in told:
            for place, text in shown(answer).items():
                assert MARK not in text or place[-1] == ("model",), body
        if sent and path in REQUESTS:
            for place, text in strings(json.loads(sent[0])):
                keys = [key for key in place if isinstance(key, str)]
                if keys and keys[-1] in HELD and keys[0] in tree and keys[0] in TOPS:
                    assert TERM not in text, (place, body)
        exchange.upstream_closed("connect_failed")
        assert exchange.upstream(b"data: x\n\n") == []


@SEEDS
@given(st.integers(0, 2**32))
def test_a_broken_form_is_uploaded_clean_or_answered(seed: int) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n%b\r\n'
        b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n%b\r\n--x--\r\n'
    )
    for case in range(CASES):
        draw = drawn(seed, case)
        text = draw.choice(("好", SAY)).encode()
        body = broken(draw, form % (bytes(draw.randrange(300)), text))
        kind = draw.choice(("multipart/form-data; boundary=x",) * 5 + ("", JSON, "multipart/x"))
        exchange = Exchange(POLICY, OPTIONS[0], 1)
        effects = exchange.open_upload("/v1/audio/transcriptions", kind)
        for data in cut(draw, body):
            effects += exchange.upload(data)
        effects += exchange.uploaded()
        effects += exchange.upstream_closed("reset")
        ends_once(effects)
        tells_nothing(effects)
        told = b"".join(effect.body for effect in effects if isinstance(effect, Respond))
        assert MARK.encode() not in told
        assert TERM.encode() not in told


@SEEDS
@given(st.integers(0, 2**32))
def test_a_broken_answer_ends_once_and_shows_no_term(seed: int) -> None:
    for case in range(CASES):
        draw = drawn(seed, case)
        path, asked, kind, events = draw.choice(ANSWERS)
        data = stormy(draw, events())
        exchange = Exchange(POLICY, draw.choice(OPTIONS), 1)
        effects = exchange.request(path, JSON, asked)
        assert isinstance(effects[0], Forward)
        status = draw.choice((200,) * 9 + (204, 400, 500))
        kind = draw.choice((kind,) * 9 + ("", "text/html", SSE, JSON))
        effects = exchange.response(status, kind)
        halt = draw.random() < 0.1
        for part in cut(draw, data):
            effects += exchange.upstream(part)
            if halt and draw.random() < 0.1:
                effects += exchange.suspend(STOP)
        effects += exchange.upstream_closed(draw.choice((None, *ENDS)))
        assert not any(isinstance(effect, LabelFiles) for effect in effects)
        ends_once(effects)
        tells_nothing(effects)
        body = b"".join(
            effect.data if isinstance(effect, Send) else effect.body
            for effect in effects
            if isinstance(effect, Send | Respond)
        )
        for place, text in shown(body).items():
            assert TERM not in text, (place, data)
