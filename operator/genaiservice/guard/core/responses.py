# SPDX-License-Identifier: Apache-2.0
"""OpenAI's Responses dialect, `/v1/responses`: requests, whole answers, refusals and errors.

A blocked response keeps no output of the model: one message says the refusal (as a refusal part
where a program reads the output), and the response is incomplete because of `content_filter`.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import orjson

from genaiservice.guard.core import jsonstrict
from genaiservice.guard.core.answer import BadAnswerError
from genaiservice.guard.core.effects import Decision
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import (
    Passage,
    Prompt,
    RefusedError,
    Request,
    check,
    fields,
    gathered,
    language,
    message_texts,
    read,
)
from genaiservice.guard.core.route import Dialect
from genaiservice.guard.core.texts import Texts


def parse(dialect: Dialect, body: bytes) -> Prompt:
    """The request; raises `RefusedError`."""
    tree = read(body)
    if tree.get("background"):
        # Its answer would be fetched from a path that stays closed.
        raise RefusedError("request_invalid", "background")
    passages = gathered(chain(fields(tree, "instructions", "prompt"), _input(tree)))
    shape = tree.get("text")
    form = shape.get("format") if isinstance(shape, dict) else None
    kind = form.get("type") if isinstance(form, dict) else None
    asked = Request(
        dialect=dialect,
        stream=tree.get("stream") is True,
        model=tree.get("model") or "",
        structured=kind not in (None, "text"),
        language=language(passages),
    )
    return Prompt(asked, tree, passages)


def _input(tree: dict[str, Any]) -> Iterator[Passage]:
    given = tree.get("input")
    check(given, (str, list, type(None)), "input")
    if isinstance(given, str):
        yield from fields(tree, "input")
        return
    for at, item in enumerate(given or ()):
        where = f"input[{at}]"
        check(item, dict, where)
        check(item.get("content"), (str, list, type(None)), f"{where}.content")
        yield from message_texts(item, where)


def screen(
    policy: Policy, options: Options, request: Request, data: bytes
) -> tuple[bytes, list[Decision]]:
    """A whole answer: what may leave, and what was found."""
    tree = jsonstrict.loads(data)
    if not isinstance(tree, dict) or not isinstance(tree.get("output"), list):
        raise BadAnswerError
    refuse_pictures(tree["output"])
    texts = Texts(policy, options, request)
    changed = texts.scan(tree, visible=is_visible)
    texts.finish()
    if texts.blocked:
        words = policy.words(texts.decisions, request.language)
        output = [message(request, words, "msg_guard")]
        head = {key: tree[key] for key in ("id", "created_at") if key in tree}
        answer = response(request, str(head.get("id")), head.get("created_at") or 0, output)
        return orjson.dumps(answer), texts.decisions
    return orjson.dumps(tree) if changed else data, texts.decisions


def refuse_pictures(output: Any) -> None:
    """A picture inside a response could not carry its label."""
    for item in output if isinstance(output, list) else ():
        if not isinstance(item, dict) or item.get("type") == "image_generation_call":
            raise BadAnswerError


def is_visible(holder: dict[str, Any], key: str) -> bool:
    """Whether people read this string as the answer itself: in a part, or the event of one."""
    return key == "text" and holder.get("type") in ("output_text", "response.output_text.done")


def refusal(request: Request, words: str, identity: str, created: int) -> bytes:
    """The guard's own answer, streamed or whole as asked."""
    item = message(request, words, f"msg_{identity}")
    whole = response(request, f"resp_{identity}", created, [item])
    if not request.stream:
        return orjson.dumps(whole)
    begun = {**whole, "status": "in_progress", "incomplete_details": None, "output": []}
    return (
        named({"type": "response.created", "sequence_number": 0, "response": begun})
        + named({"type": "response.in_progress", "sequence_number": 1, "response": begun})
        + saying(item, 0, 2)
        + named({"type": "response.incomplete", "sequence_number": 8, "response": whole})
    )


def message(request: Request, words: str, identity: str) -> dict[str, Any]:
    """An output item that refuses."""
    part: dict[str, Any] = {"type": "output_text", "text": words, "annotations": []}
    if request.structured:
        part = {"type": "refusal", "refusal": words}
    return {
        "id": identity,
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def response(
    request: Request, identity: str, created: float, output: list[dict[str, Any]]
) -> dict[str, Any]:
    """A whole response that ends as filtered."""
    return {
        "id": identity,
        "object": "response",
        "created_at": created,
        "status": "incomplete",
        "incomplete_details": {"reason": "content_filter"},
        "error": None,
        "model": request.model,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None,
    }


def saying(item: dict[str, Any], index: int, number: int) -> bytes:
    """The six events of a message of one part, from sequence number `number` on."""
    part = item["content"][0]
    key = "refusal" if part["type"] == "refusal" else "text"
    kind = f"response.{part['type']}"
    item_at = {"output_index": index}
    part_at = {"item_id": item["id"], "output_index": index, "content_index": 0}
    spelled: dict[str, Any] = {"logprobs": []} if key == "text" else {}
    begun = {**item, "status": "in_progress", "content": []}
    events: list[dict[str, Any]] = [
        {"type": "response.output_item.added", **item_at, "item": begun},
        {"type": "response.content_part.added", **part_at, "part": {**part, key: ""}},
        {"type": f"{kind}.delta", **part_at, "delta": part[key], **spelled},
        {"type": f"{kind}.done", **part_at, key: part[key], **spelled},
        {"type": "response.content_part.done", **part_at, "part": part},
        {"type": "response.output_item.done", **item_at, "item": item},
    ]
    return b"".join(
        named({**event, "sequence_number": number + at}) for at, event in enumerate(events)
    )


def error_event(body: bytes, number: int) -> bytes:
    """The last event of a stream that cannot go on."""
    given = orjson.loads(body)["error"]
    told = {key: given[key] for key in ("code", "message", "param")}
    # The object within is what makes OpenAI's clients raise.
    return named({"type": "error", **told, "sequence_number": number, "error": given})


def named(tree: dict[str, Any]) -> bytes:
    """One event, named as its type."""
    return b"event: %b\ndata: %b\n\n" % (tree["type"].encode(), orjson.dumps(tree))
