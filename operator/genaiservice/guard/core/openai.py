# SPDX-License-Identifier: Apache-2.0
"""Requests in OpenAI's dialect: which texts they hold, what they ask for, the guard's own answer.

Rule: what the model may read as text is screened, known or unknown field; identifiers, links
and media are not text. A request whose text cannot be seen (token numbers, embeddings) or whose
shape is wrong is refused. Pure data in, pure data out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from genaiservice.api.problem import Lang
from genaiservice.guard.core import jsonstrict
from genaiservice.guard.core.sse import DONE, render

CHAT: Final = "/v1/chat/completions"
COMPLETIONS: Final = "/v1/completions"
MODELS: Final = "/v1/models"

CHOICES_LIMIT: Final = 128
_NOT_TEXT: Final = frozenset(
    {"role", "type", "id", "tool_call_id", "call_id", "url", "data", "file_data", "file_id"}
    | {"format", "detail", "image_url", "object"}
)
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
_HAN: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_LATIN: Final = re.compile("[A-Za-z]+")


class RefusedError(Exception):
    """The request goes nowhere: a reason of `errors.CATALOGUE` and the field at fault."""

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.where = where


@dataclass(slots=True)
class Leaf:
    """A string in a JSON tree: `holder[key]`."""

    holder: Any
    key: Any

    @property
    def text(self) -> str:
        return str(self.holder[self.key])

    @text.setter
    def text(self, value: str) -> None:
        self.holder[self.key] = value


@dataclass(slots=True)
class Passage:
    """One text of the prompt; its leaves (the parts of a message) are read without a gap."""

    name: str
    leaves: list[Leaf] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(leaf.text for leaf in self.leaves)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the rest of the exchange must know of a request; no text of it."""

    chat: bool
    stream: bool
    model: str
    choices: int
    """How many choices the answer will have."""
    structured: bool
    """Whether a program reads the answer, so that a label in it would break the syntax."""
    language: Lang


@dataclass(slots=True)
class Prompt:
    """A request as it came, with its texts in reach; dropped once it is forwarded."""

    asked: Request
    tree: dict[str, Any]
    passages: list[Passage]

    def rendered(self) -> bytes:
        """The request as it stands, after masks were written into its passages."""
        return orjson.dumps(self.tree)


def _count(tree: dict[str, Any], *, chat: bool) -> int:
    prompt = tree.get("prompt")
    prompts = len(prompt) if not chat and isinstance(prompt, list) else 1
    return (tree.get("n") or 1) * max(1, prompts)


def _is_structured(tree: dict[str, Any]) -> bool:
    shape = tree.get("response_format")
    kind = shape.get("type") if isinstance(shape, dict) else None
    return kind not in (None, "text") or any(tree.get(key) for key in _STRUCTURED)


def language(passages: list[Passage]) -> Lang:
    """By the script of the last text: a Chinese character weighs as much as a word."""
    sample = passages[-1].text[-2000:] if passages else ""
    han, latin = len(_HAN.findall(sample)), len(_LATIN.findall(sample))
    return Lang.ZH if han >= latin else Lang.EN


def parse(path: str, body: bytes) -> Prompt:
    """The request; raises `RefusedError`."""
    try:
        tree = jsonstrict.loads(body)
    except jsonstrict.NotJsonError:
        raise RefusedError("request_not_json") from None
    except jsonstrict.TooDeepError:
        raise RefusedError("request_too_deep") from None
    except jsonstrict.DuplicateKeyError:
        raise RefusedError("request_duplicate_key") from None
    if not isinstance(tree, dict):
        raise RefusedError("request_not_json")
    for key in _UNREADABLE:
        if tree.get(key) is not None:
            raise RefusedError("request_not_text", key)
    _check(tree.get("model"), (str, type(None)), "model")
    _check(tree.get("stream"), (bool, type(None)), "stream")
    _check_count(tree.get("n"))
    chat = path == CHAT
    passages = list(_messages(tree.get("messages")) if chat else _prompts(tree.get("prompt")))
    for key in _TOP_TEXT:
        if key in tree and not (key == "prompt" and not chat):
            passages[:0] = _texts(tree[key], key)
    asked = Request(
        chat=chat,
        stream=tree.get("stream") is True,
        model=tree.get("model") or "",
        choices=_count(tree, chat=chat),
        structured=_is_structured(tree),
        language=language(passages),
    )
    return Prompt(asked, tree, passages)


def _messages(messages: Any) -> Iterator[Passage]:
    _check(messages, list, "messages")
    if not messages:
        raise RefusedError("request_invalid", "messages")
    for at, message in enumerate(messages):
        where = f"messages[{at}]"
        _check(message, dict, where)
        _check(message.get("role"), str, f"{where}.role")
        _check(message.get("content"), (str, list, type(None)), f"{where}.content")
        _check(message.get("tool_calls"), (list, type(None)), f"{where}.tool_calls")
        for key, value in message.items():
            if key != "content":
                yield from _texts({key: value}, where)
        content = message.get("content")
        if isinstance(content, str):
            yield Passage(f"{where}.content", [Leaf(message, "content")])
        elif content:
            # The model's template writes the parts one after the other.
            leaves = [leaf for _, leaf in _leaves(_parts(content, where), "")]
            yield Passage(f"{where}.content", leaves)


def _parts(parts: list[Any], where: str) -> list[Any]:
    for at, part in enumerate(parts):
        _check(part, (dict, str), f"{where}.content[{at}]")
        if isinstance(part, dict):
            _check(part.get("text"), (str, type(None)), f"{where}.content[{at}].text")
    return parts


def _prompts(prompt: Any) -> Iterator[Passage]:
    _check(prompt, (str, list), "prompt")
    if isinstance(prompt, list) and any(not isinstance(item, str) for item in prompt):
        raise RefusedError("request_not_text", "prompt")
    yield from _texts({"prompt": prompt}, "")


def _texts(tree: Any, where: str) -> Iterator[Passage]:
    if isinstance(tree, str):
        tree, where = {where: tree}, ""
    for name, leaf in _leaves(tree, where):
        yield Passage(name, [leaf])


def _leaves(tree: Any, where: str) -> Iterator[tuple[str, Leaf]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key in _NOT_TEXT and isinstance(value, str):
                continue
            name = f"{where}.{key}" if where else key
            if isinstance(value, str):
                yield name, Leaf(tree, key)
            else:
                yield from _leaves(value, name)
    elif isinstance(tree, list):
        for at, value in enumerate(tree):
            if isinstance(value, str):
                yield f"{where}[{at}]", Leaf(tree, at)
            else:
                yield from _leaves(value, f"{where}[{at}]")


def _check(value: Any, kinds: type | tuple[type, ...], where: str) -> None:
    if not isinstance(value, kinds):
        raise RefusedError("request_invalid", where)


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
        said = said_choice(request.chat, 0, text, role=True)
        return (
            render(orjson.dumps({**head, "choices": [said]}))
            + render(orjson.dumps({**head, "choices": [filtered_choice(request.chat, 0)]}))
            + DONE
        )
    choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": "content_filter"}
    if request.chat:
        choice["message"] = {"role": "assistant", "content": text, "refusal": None}
    else:
        choice["text"] = text
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return orjson.dumps({**head, "choices": [choice], "usage": usage})


def said_choice(chat: bool, index: int, text: str, *, role: bool = False) -> dict[str, Any]:
    """One choice of a streamed chunk that says `text`."""
    choice: dict[str, Any] = {"index": index, "logprobs": None, "finish_reason": None}
    if chat:
        choice["delta"] = {"role": "assistant", "content": text} if role else {"content": text}
    else:
        choice["text"] = text
    return choice


def filtered_choice(chat: bool, index: int) -> dict[str, Any]:
    """One choice of a streamed chunk that ends it as filtered."""
    body: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
    return {"index": index, **body, "logprobs": None, "finish_reason": "content_filter"}
