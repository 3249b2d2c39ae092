# SPDX-License-Identifier: Apache-2.0
"""Structured output that is blocked: no sentence, and no JSON that only seems to be complete, where
a program reads JSON; the end of the answer and a field of its own say what happened.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from genaiservice.api.guard_config import LabelMode
from genaiservice.guard.core.effects import Direction
from genaiservice.guard.core.exchange import Options
from genaiservice.guard.core.opinion import Finding, Outcome, ReviewOptions
from tests.unit.guard.core import dialects
from tests.unit.guard.core.talk import REFUSAL, TERM, Heard, ask, message, request, words

SCHEMA = {"type": "object"}
BEGIN, END = '{"a": "', '"}'
CLEAN = '{"a": "好"}'
SAID = REFUSAL["zh"]


def completions(**more: Any) -> bytes:
    return dialects.dumps(
        {"model": "m", "prompt": "你好", "stream": True, "guided_json": {}, **more}
    )


def generate(**more: Any) -> bytes:
    return dialects.dumps({"model": "m", "prompt": "你好", "format": SCHEMA, **more})


SHAPE: dict[str, Any] = {
    "/v1/chat/completions": lambda **more: request(response_format={"type": "json_object"}, **more),
    "/v1/completions": completions,
    "/v1/responses": lambda **more: dialects.responses_request(
        text={"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}, **more
    ),
    "/v1/messages": lambda **more: dialects.messages_request(
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}}, **more
    ),
    "/api/chat": lambda **more: dialects.ollama_request(format=SCHEMA, **more),
    "/api/generate": generate,
}
TYPES = {"/api/chat": "application/x-ndjson", "/api/generate": "application/x-ndjson"}


def pieces(path: str, *texts: str) -> list[bytes]:
    if path == "/v1/chat/completions":
        return words(*texts)
    if path == "/v1/completions":
        tails = [{"text": text, "finish_reason": None} for text in texts]
        ends = [*tails, {"text": "", "finish_reason": "stop"}]
        trees = [{"id": "c", "choices": [{"index": 0, "logprobs": None, **end}]} for end in ends]
        return [
            *(b"data: " + dialects.dumps(tree) + b"\n\n" for tree in trees),
            b"data: [DONE]\n\n",
        ]
    script = [("text", list(texts))]
    if path == "/v1/responses":
        return dialects.responses_stream(script)
    if path == "/v1/messages":
        return dialects.messages_stream(script)
    return dialects.ollama_stream(script, generate=path == "/api/generate")


def whole(path: str, text: str) -> Any:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "/v1/chat/completions": message(text),
        "/v1/completions": {"choices": [{"index": 0, "text": text, "finish_reason": "stop"}]},
        "/v1/responses": {
            "id": "r",
            "output": [{"id": "i", "type": "message", "role": "assistant", "content": [part]}],
        },
        "/v1/messages": {"id": "m", "content": [{"type": "text", "text": text}]},
        "/api/chat": {"model": "m", "message": {"content": text}, "done": True},
        "/api/generate": {"model": "m", "response": text, "done": True},
    }[path]


def trees(heard: Heard) -> list[Any]:
    """The objects of a body: of one, of lines, of events."""
    lines = [line.removeprefix("data: ") for line in heard.body.decode().splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


ENDS = ("finish_reason", "stop_reason", "done_reason", "reason")
READ = ("content", "text", "response")


def shown(tree: Any) -> str:
    """What a program would read as JSON; a delta of a refusal is none."""
    if isinstance(tree, list):
        return "".join(map(shown, tree))
    if not isinstance(tree, dict):
        return ""
    kind = str(tree.get("type", ""))
    if "delta" in tree and isinstance(tree["delta"], str):
        return tree["delta"] if kind == "response.output_text.delta" else ""
    if kind.startswith("response."):
        return ""  # they repeat it
    own = "".join(str(tree[key]) for key in READ if isinstance(tree.get(key), str))
    return own + "".join(shown(value) for value in tree.values())


def ends(tree: Any) -> set[str]:
    if isinstance(tree, list):
        return set().union(*map(ends, tree))
    if not isinstance(tree, dict):
        return set()
    own = {str(tree[key]) for key in ENDS if tree.get(key)}
    return own.union(*map(ends, tree.values()))


def check(path: str, heard: Heard, text: str) -> None:
    assert heard.status == 200
    assert TERM not in heard.body.decode()
    assert shown(trees(heard)) == text
    filtered = {"content_filter", "refusal"}
    assert ends(trees(heard)) <= filtered
    assert ends(trees(heard))
    if path != "/v1/completions":  # it has no place for words beside the text
        assert SAID in heard.body.decode()


@pytest.mark.parametrize("path", SHAPE)
@pytest.mark.parametrize("stream", [True, False])
def test_of_a_blocked_prompt(path: str, stream: bool) -> None:
    blocked = {"prompt": TERM} if path in ("/v1/completions", "/api/generate") else {}
    if path == "/v1/responses":
        blocked = {"input": TERM}
    elif not blocked:
        blocked = {"messages": [{"role": "user", "content": TERM}]}  # type: ignore[dict-item]
    _, heard = ask(SHAPE[path](**{"stream": stream, **blocked}), path=path)
    check(path, heard, "")


@pytest.mark.parametrize("path", SHAPE)
def test_of_a_blocked_answer(path: str) -> None:
    exchange, heard = ask(SHAPE[path](stream=False), path=path, options=Options())
    heard.take(exchange.response(200, "application/json"))
    heard.take(exchange.upstream(dialects.dumps(whole(path, BEGIN + TERM + END))))
    heard.take(exchange.upstream_closed(None))
    check(path, heard, "")


@pytest.mark.parametrize("path", SHAPE)
def test_of_a_blocked_stream(path: str) -> None:
    exchange, heard = ask(SHAPE[path](stream=True), path=path, options=Options())
    heard.take(exchange.response(200, TYPES.get(path, "text/event-stream")))
    for data in pieces(path, BEGIN, TERM[:2], TERM[2:], END):
        heard.take(exchange.upstream(data))
    check(path, heard, BEGIN)
    assert heard.ended


@pytest.mark.parametrize("path", SHAPE)
@pytest.mark.parametrize("stream", [True, False])
def test_of_what_a_detector_refuses(path: str, stream: bool) -> None:
    review = ReviewOptions(directions=frozenset({Direction.OUTPUT}))
    options = replace(Options(label=LabelMode.PREFIX), review=review)
    exchange, heard = ask(SHAPE[path](stream=stream), path=path, options=options)
    kind = TYPES.get(path, "text/event-stream") if stream else "application/json"
    heard.take(exchange.response(200, kind))
    for data in pieces(path, CLEAN) if stream else [dialects.dumps(whole(path, CLEAN))]:
        heard.take(exchange.upstream(data))
    heard.take(exchange.upstream_closed(None))
    finding = Finding(detector="d", category="c", risk="A1a")
    heard.take(exchange.answered(1, Outcome(findings=(finding,))))
    check(path, heard, "")
    assert heard.ended


@pytest.mark.parametrize("path", SHAPE)
def test_a_clean_one_leaves_as_it_came(path: str) -> None:
    """Without a label, too: it would break the syntax."""
    exchange, heard = ask(SHAPE[path](stream=False), path=path, options=Options())
    heard.take(exchange.response(200, "application/json"))
    data = dialects.dumps(whole(path, CLEAN))
    heard.take(exchange.upstream(data)).take(exchange.upstream_closed(None))
    assert heard.body == data
