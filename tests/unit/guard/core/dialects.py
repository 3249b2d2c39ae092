# SPDX-License-Identifier: Apache-2.0
"""Model servers and clients of the other dialects: what they say, and what a reader gets of it.

A script is a list of (kind, pieces): `text`, `thinking`, `tool` (JSON arguments). The readers know
nothing of the guard: they join pieces as a program would, and check that the protocol is kept.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Script = list[tuple[str, list[str]]]


def dumps(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


def named(tree: Any) -> bytes:
    return b"event: " + tree["type"].encode() + b"\ndata: " + dumps(tree) + b"\n\n"


@dataclass
class Read:
    """What a client has at the end of a stream."""

    texts: dict[str, str] = field(default_factory=lambda: defaultdict(str))
    end: str = ""
    error: Any = None
    said: str = ""
    """The visible text in full."""
    usage: Any = None


# Anthropic.

_BLOCKS = {
    "text": ({"type": "text", "text": ""}, "text_delta", "text"),
    "thinking": (
        {"type": "thinking", "thinking": "", "signature": ""},
        "thinking_delta",
        "thinking",
    ),
    "tool": (
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
        "input_json_delta",
        "partial_json",
    ),
}


def messages_request(**more: Any) -> bytes:
    tree = {"model": "m", "max_tokens": 9, "stream": True}
    return dumps({**tree, "messages": [{"role": "user", "content": "你好"}], **more})


def messages_stream(script: Script) -> list[bytes]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    head |= {"stop_reason": None, "stop_sequence": None}
    usage = {"input_tokens": 3, "output_tokens": 1}
    events: list[Any] = [
        {"type": "message_start", "message": {**head, "usage": usage}},
        {"type": "ping"},
    ]
    for index, (kind, pieces) in enumerate(script):
        block, delta, key = _BLOCKS[kind]
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += (
            {"type": "content_block_delta", "index": index, "delta": {"type": delta, key: piece}}
            for piece in pieces
        )
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 9}})
    return [named(event) for event in [*events, {"type": "message_stop"}]]


def messages_read(body: bytes) -> Read:
    read, stopped, open_, seen = Read(), False, set(), 0
    for name, tree in _events(body):
        kind = tree["type"]
        assert name == kind
        assert not stopped, "nothing follows message_stop"
        if kind == "error":
            read.error, stopped = tree["error"], True
        elif kind == "content_block_start":
            assert tree["index"] == seen, "blocks are numbered in order"
            seen += 1
            open_.add(tree["index"])
        elif kind == "content_block_delta":
            assert tree["index"] in open_
            for key, value in tree["delta"].items():
                if key != "type":
                    read.texts[f"{tree['index']}.{key}"] += value
                    read.said += value if key == "text" else ""
        elif kind == "content_block_stop":
            open_.remove(tree["index"])
        elif kind == "message_delta":
            assert not open_
            read.end, read.usage = tree["delta"]["stop_reason"], tree["usage"]
        elif kind == "message_stop":
            stopped = True
    assert stopped
    return read


# Ollama.


def ollama_request(**more: Any) -> bytes:
    return dumps({"model": "m", "messages": [{"role": "user", "content": "你好"}], **more})


def ollama_stream(script: Script, *, generate: bool = False) -> list[bytes]:
    """The pieces of the parts in turn, as a server that thinks and speaks at once."""
    head = {"model": "m", "created_at": "2026-11-25T00:00:00.1Z"}

    def said(kind: str, piece: str) -> dict[str, Any]:
        if generate:
            return {"response" if kind == "text" else kind: piece}
        return {"message": {"role": "assistant", "content": "", _ollama_key(kind): piece}}

    longest = max((len(pieces) for _, pieces in script), default=0)
    lines = [
        {**head, **said(kind, pieces[at]), "done": False}
        for at in range(longest)
        for kind, pieces in script
        if at < len(pieces)
    ]
    last = {**head, **said("text", ""), "done": True, "done_reason": "stop", "eval_count": 9}
    return [dumps(line) + b"\n" for line in [*lines, last]]


def _ollama_key(kind: str) -> str:
    return "content" if kind == "text" else kind


def ollama_read(body: bytes) -> Read:
    read, done = Read(), False
    for line in body.splitlines():
        tree = json.loads(line)
        assert not done, "nothing follows the last line"
        if "error" in tree:
            read.error, done = tree["error"], True
            continue
        message = tree.get("message", tree)
        read.texts["text"] += message.get("content", message.get("response", ""))
        read.texts["thinking"] += message.get("thinking", "")
        if tree["done"]:
            read.end, done, read.usage = tree["done_reason"], True, tree.get("eval_count")
    assert done
    read.said = read.texts["text"]
    return read


# OpenAI's responses.


def responses_request(**more: Any) -> bytes:
    return dumps({"model": "m", "stream": True, "input": "你好", **more})


def response_tree(output: list[Any], **more: Any) -> dict[str, Any]:
    tree = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed"}
    tree |= {"model": "m", "output": output, "tools": [], "tool_choice": "auto"}
    tree |= {"parallel_tool_calls": True, "error": None, "incomplete_details": None}
    return {**tree, "usage": {"input_tokens": 3, "output_tokens": 9, "total_tokens": 12}, **more}


def output_item(kind: str, text: str, at: int) -> dict[str, Any]:
    if kind == "tool":
        call = {"type": "function_call", "call_id": f"call_{at}", "name": "look"}
        return {"id": f"fc_{at}", **call, "arguments": text, "status": "completed"}
    if kind == "thinking":
        return {
            "id": f"rs_{at}",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": text}],
        }
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": f"msg_{at}", "type": "message", "role": "assistant", "status": "completed"}
    return {**item, "content": [part]}


def responses_stream(script: Script) -> list[bytes]:
    begun = response_tree([], status="in_progress", usage=None)
    events: list[Any] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    items = []
    for at, (kind, pieces) in enumerate(script):
        text = "".join(pieces)
        item = output_item(kind, text, at)
        items.append(item)
        events += _item_events(kind, pieces, item, at)
    events.append({"type": "response.completed", "response": response_tree(items)})
    return [named({**event, "sequence_number": at}) for at, event in enumerate(events)]


def _item_events(kind: str, pieces: list[str], item: Any, at: int) -> Iterable[Any]:
    text, place = "".join(pieces), {"item_id": item["id"], "output_index": at}
    empty = {"tool": {"arguments": ""}, "thinking": {"summary": []}, "text": {"content": []}}[kind]
    yield {"type": "response.output_item.added", "output_index": at, "item": {**item, **empty}}
    if kind == "tool":
        base = "response.function_call_arguments"
        yield from ({"type": f"{base}.delta", **place, "delta": piece} for piece in pieces)
        yield {"type": f"{base}.done", **place, "arguments": text}
    else:
        part = item["content" if kind == "text" else "summary"][0]
        place |= {"content_index": 0} if kind == "text" else {"summary_index": 0}
        base = "response.output_text" if kind == "text" else "response.reasoning_summary_text"
        frame = "response.content_part" if kind == "text" else "response.reasoning_summary_part"
        more: dict[str, Any] = {"logprobs": []} if kind == "text" else {}
        yield {"type": f"{frame}.added", **place, "part": {**part, "text": ""}}
        yield from ({"type": f"{base}.delta", **place, "delta": piece, **more} for piece in pieces)
        yield {"type": f"{base}.done", **place, "text": text, **more}
        yield {"type": f"{frame}.done", **place, "part": part}
    yield {"type": "response.output_item.done", "output_index": at, "item": item}


def responses_read(body: bytes) -> Read:
    read, open_, items, ended, number = Read(), set(), {}, False, -1
    for name, tree in _events(body):
        kind = tree["type"]
        assert name == kind
        assert not ended, "nothing follows the last event"
        assert tree["sequence_number"] >= number, "numbers do not go back"
        number = tree["sequence_number"]
        at = tree.get("output_index", 0)
        if kind == "error":
            read.error, ended = tree["error"], True
        elif kind == "response.output_item.added":
            assert at not in items
            open_.add(at)
        elif kind.endswith(".delta"):
            assert at in open_
            read.texts[str(at)] += tree["delta"]
            read.said += tree["delta"] if kind == "response.output_text.delta" else ""
        elif kind.endswith("_text.done") or kind.endswith("_arguments.done"):
            assert tree.get("text", tree.get("arguments")) == read.texts[str(at)]
        elif kind == "response.output_item.done":
            open_.remove(at)
            items[at] = tree["item"]
            assert read.texts[str(at)] == item_text(tree["item"])
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            ended, read.end = True, tree["response"]["status"]
            assert not open_
            assert [items[key] for key in sorted(items)] == tree["response"]["output"]
            read.usage = tree["response"]["usage"]
    assert ended
    return read


def item_text(item: Any) -> str:
    if "arguments" in item:
        return str(item["arguments"])
    parts = item.get("content") or item.get("summary") or []
    return "".join(part.get("text", part.get("refusal", "")) for part in parts)


def _events(body: bytes) -> Iterable[tuple[str, Any]]:
    for raw in body.split(b"\n\n"):
        lines = dict(line.split(b": ", 1) for line in raw.split(b"\n") if b": " in line)
        if b"data" in lines:
            yield lines[b"event"].decode(), json.loads(lines[b"data"])
