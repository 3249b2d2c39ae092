# SPDX-License-Identifier: Apache-2.0
"""Anthropic's dialect, `/v1/messages`: requests, whole answers, refusals and errors.

A blocked answer keeps nothing of the model's content: one text block says the refusal (none where
a program reads JSON: there `stop_details` alone), and the message stops for the reason `refusal`.
"""

from itertools import chain
from typing import Any, Final

import orjson

from genaiservice.guard.core import jsonstrict
from genaiservice.guard.core.answer import BadAnswerError
from genaiservice.guard.core.effects import Decision
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import (
    Prompt,
    Request,
    fields,
    gathered,
    language,
    messages,
    read,
)
from genaiservice.guard.core.route import Dialect
from genaiservice.guard.core.texts import Texts

_NO_USAGE: Final = {"input_tokens": 0, "output_tokens": 0}


def parse(dialect: Dialect, body: bytes) -> Prompt:
    """The request; raises `RefusedError`."""
    tree = read(body)
    passages = gathered(chain(fields(tree, "system"), messages(tree.get("messages"))))
    shape = tree.get("output_config")
    structured = isinstance(shape, dict) and bool(shape.get("format"))
    asked = Request(
        dialect=dialect,
        stream=tree.get("stream") is True,
        model=tree.get("model") or "",
        structured=structured or bool(tree.get("output_format")),
        language=language(passages),
    )
    return Prompt(asked, tree, passages)


def screen(
    policy: Policy, options: Options, request: Request, data: bytes
) -> tuple[bytes, list[Decision]]:
    """A whole answer: what may leave, and what was found."""
    tree = jsonstrict.loads(data)
    if not isinstance(tree, dict) or not isinstance(tree.get("content"), list):
        raise BadAnswerError
    texts = Texts(policy, options, request)
    changed = texts.scan(tree, visible=is_visible)
    texts.finish()
    if texts.blocked:
        words = policy.words(texts.decisions, request.language)
        answer = message(request, words, str(tree.get("id") or "msg_guard"))
        return orjson.dumps(answer), texts.decisions
    return orjson.dumps(tree) if changed else data, texts.decisions


def is_visible(holder: dict[str, Any], key: str) -> bool:
    """Whether people read this string as the answer itself."""
    return key == "text" and holder.get("type") == "text"


def message(request: Request, words: str, identity: str) -> dict[str, Any]:
    """A whole message that refuses."""
    content = [] if request.structured else [{"type": "text", "text": words}]
    return {
        "id": identity,
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
        "stop_reason": "refusal",
        "stop_sequence": None,
        "stop_details": details(words),
        "usage": _NO_USAGE,
    }


def details(words: str) -> dict[str, Any]:
    return {"type": "refusal", "category": None, "explanation": words.strip()}


def refusal(request: Request, words: str, identity: str, created: int) -> bytes:
    """The guard's own answer, streamed or whole as asked."""
    whole = message(request, words, f"msg_{identity}")
    if not request.stream:
        return orjson.dumps(whole)
    return start(request, f"msg_{identity}") + closing(request, words, 0)


def start(request: Request, identity: str) -> bytes:
    whole = {**message(request, "", identity), "content": [], "stop_reason": None}
    del whole["stop_details"]
    return named({"type": "message_start", "message": whole})


def closing(request: Request, words: str, index: int) -> bytes:
    """The last events of a message that refuses: a text block of its own, and the end."""
    delta = {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details(words)}
    said = b"" if request.structured else block(words, index)
    return (
        said
        + named({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}})
        + named({"type": "message_stop"})
    )


def block(text: str, index: int) -> bytes:
    """A whole text block."""
    empty = {"type": "text", "text": ""}
    return (
        named({"type": "content_block_start", "index": index, "content_block": empty})
        + piece(index, {"type": "text_delta", "text": text})
        + named({"type": "content_block_stop", "index": index})
    )


def piece(index: int, delta: dict[str, Any]) -> bytes:
    return named({"type": "content_block_delta", "index": index, "delta": delta})


def error(body: bytes) -> bytes:
    """An error of the guard as Anthropic's clients read it."""
    given = orjson.loads(body)["error"]
    kind = given["type"] if given["type"] == "invalid_request_error" else "api_error"
    if given["code"] == "service_suspended":
        kind = "permission_error"
    told = {"type": kind, "message": given["message"], "code": given["code"]}
    return orjson.dumps({"type": "error", "error": told})


def named(tree: dict[str, Any]) -> bytes:
    """One event, named as its type."""
    return b"event: %b\ndata: %b\n\n" % (tree["type"].encode(), orjson.dumps(tree))
