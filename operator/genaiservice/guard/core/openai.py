# SPDX-License-Identifier: Apache-2.0
"""Requests in OpenAI's dialect: which texts they hold, what they ask for, the guard's own answer.

A request whose text cannot be seen (token numbers, embeddings) or whose shape is wrong is refused.
Pure data in, pure data out.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import orjson

from genaiservice.guard.core.request import (
    Leaf,
    Passage,
    Prompt,
    RefusedError,
    Request,
    check,
    fields,
    gathered,
    language,
    messages,
    read,
    refuse_unreadable,
    texts,
)
from genaiservice.guard.core.route import Dialect
from genaiservice.guard.core.sse import DONE, render

__all__ = ["Leaf", "Passage", "Prompt", "RefusedError", "Request"]

CHAT: Final = "/v1/chat/completions"
COMPLETIONS: Final = "/v1/completions"

CHOICES_LIMIT: Final = 128
_TOP_TEXT: Final = ("prompt", "suffix", "documents", "prediction", "input")
_UNREADABLE: Final = ("prompt_embeds", "prompt_token_ids", "input_ids")
_STRUCTURED: Final = (
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "structured_outputs",
    "grammar",
    "json_schema",
)


def _count(tree: dict[str, Any], *, chat: bool) -> int:
    prompt = tree.get("prompt")
    prompts = len(prompt) if not chat and isinstance(prompt, list) else 1
    return (tree.get("n") or 1) * max(1, prompts)


def _is_structured(tree: dict[str, Any]) -> bool:
    shape = tree.get("response_format")
    kind = shape.get("type") if isinstance(shape, dict) else None
    return kind not in (None, "text") or any(
        tree.get(key) not in (None, "", False) for key in _STRUCTURED
    )


def parse(dialect: Dialect, body: bytes) -> Prompt:
    """The request; raises `RefusedError`."""
    tree = read(body)
    refuse_unreadable(tree, *_UNREADABLE)
    _check_count(tree.get("n"))
    chat = dialect is Dialect.CHAT
    if tree.get("modalities") not in (None, ["text"]):
        raise RefusedError("media_in_text", "modalities")
    further = [key for key in reversed(_TOP_TEXT) if chat or key != "prompt"]
    said = messages(tree.get("messages")) if chat else prompts(tree, "prompt")
    passages = gathered(chain(fields(tree, *further), said))
    asked = Request(
        dialect=dialect,
        stream=tree.get("stream") is True,
        model=tree.get("model") or "",
        choices=_count(tree, chat=chat),
        structured=_is_structured(tree),
        language=language(passages),
    )
    return Prompt(asked, tree, passages)


def prompts(tree: dict[str, Any], key: str) -> Iterator[Passage]:
    """One text, or a list of texts; token numbers cannot be screened."""
    prompt = tree.get(key)
    check(prompt, (str, list), key)
    if isinstance(prompt, list) and any(not isinstance(item, str) for item in prompt):
        raise RefusedError("request_not_text", key)
    yield from texts({key: prompt}, "", holder=tree)


def _check_count(count: Any) -> None:
    if count is None:
        return
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= CHOICES_LIMIT:
        raise RefusedError("request_invalid", "n")


def refusal(request: Request, text: str, identity: str, created: int) -> bytes:
    """A well-formed answer, streamed or whole as asked, that ends with `content_filter`."""
    kind = "chat.completion" if request.chat else "text_completion"
    head = {
        "id": f"{'chatcmpl' if request.chat else 'cmpl'}-{identity}",
        "object": f"{kind}.chunk" if request.chat and request.stream else kind,
        "created": created,
        "model": request.model,
    }
    if request.stream:
        said = said_choice(request, 0, text, role=True)
        return (
            render(orjson.dumps({**head, "choices": [said]}))
            + render(orjson.dumps({**head, "choices": [filtered_choice(request.chat, 0)]}))
            + DONE
        )
    choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": "content_filter"}
    if request.chat:
        choice["message"] = message(request, text)
    else:
        choice["text"] = completion(request, text)
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return orjson.dumps({**head, "choices": [choice], "usage": usage})


def message(request: Request, words: str) -> dict[str, Any]:
    """A message that refuses; where JSON is expected, a sentence is none: it has a field of its own
    in the API."""
    if request.structured:
        return {"role": "assistant", "content": None, "refusal": words}
    return {"role": "assistant", "content": words, "refusal": None}


def said_choice(request: Request, index: int, text: str, *, role: bool = False) -> dict[str, Any]:
    """One choice of a streamed chunk that refuses with `text`."""
    choice: dict[str, Any] = {"index": index, "logprobs": None, "finish_reason": None}
    if request.chat:
        said = {"refusal" if request.structured else "content": text}
        choice["delta"] = {"role": "assistant", **said} if role else said
    else:
        choice["text"] = completion(request, text)
    return choice


def completion(request: Request, words: str) -> str:
    """Completions have no field for a refusal: where JSON is expected, the end alone tells."""
    return "" if request.structured else words


def filtered_choice(chat: bool, index: int) -> dict[str, Any]:
    """One choice of a streamed chunk that ends it as filtered."""
    body: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
    return {"index": index, **body, "logprobs": None, "finish_reason": "content_filter"}


def error(body: bytes) -> bytes:
    """Errors of the guard are shaped as OpenAI's already."""
    return body


def closing(body: bytes) -> bytes:
    """The last two events of a stream that cannot go on."""
    return render(body) + DONE
