# SPDX-License-Identifier: Apache-2.0
"""Ollama's dialect: `/api/chat` and `/api/generate`, streamed as one JSON object a line.

An answer is one choice: its text and its thinking come in pieces, tool calls whole. A blocked
answer says the refusal (beside the text where that is JSON, in a field `refusal` of its own) and is
`done` for the reason `content_filter`. Token numbers (`context`) cannot be screened: they are taken
out of an answer in which anything was masked.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

import orjson

from genaiservice.guard.core import jsonstrict
from genaiservice.guard.core.answer import BadAnswerError
from genaiservice.guard.core.effects import Decision
from genaiservice.guard.core.field import clean
from genaiservice.guard.core.label import GAP
from genaiservice.guard.core.live import Live
from genaiservice.guard.core.ndjson import Lines
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
    messages,
    read,
)
from genaiservice.guard.core.route import Dialect
from genaiservice.guard.core.sse import Event
from genaiservice.guard.core.texts import Texts

STREAM: Final = "application/x-ndjson"
Place = tuple[str, ...]
_TEXTS: Final = ("prompt", "system", "suffix", "template")
_SAID: Final[dict[Dialect, tuple[Place, ...]]] = {
    Dialect.OLLAMA_CHAT: (("message", "thinking"), ("message", "content")),
    Dialect.OLLAMA_GENERATE: (("thinking",), ("response",)),
}
"""Where the texts of an answer stand that come in pieces; the visible one is the last."""
_LISTED: Final = frozenset({"logprobs", "context"})


def parse(dialect: Dialect, body: bytes) -> Prompt:
    """The request; raises `RefusedError`."""
    tree = read(body)
    if tree.get("context"):
        raise RefusedError("request_not_text", "context")
    said: Iterable[Passage] = ()
    if dialect is Dialect.OLLAMA_CHAT:
        if tree.get("messages"):  # without messages the request only loads the model
            said = messages(tree["messages"])
    else:
        check(tree.get("prompt"), (str, type(None)), "prompt")
    passages = gathered(chain(fields(tree, *_TEXTS), said))
    asked = Request(
        dialect=dialect,
        stream=tree.get("stream") is not False,
        model=tree.get("model") or "",
        structured=tree.get("format") not in (None, ""),
        language=language(passages),
    )
    return Prompt(asked, tree, passages)


def refusal(request: Request, words: str, identity: str, created: int) -> bytes:
    """The guard's own answer, streamed or whole as asked."""
    at = datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z")
    head = {"model": request.model, "created_at": at}
    if not request.stream or request.structured:
        last = orjson.dumps(_closing(request, head, words))
        return last + b"\n" if request.stream else last
    return _line(_saying(request.dialect, head, words)) + _line(_closing(request, head))


def error(body: bytes) -> bytes:
    """An error of the guard as Ollama's clients read it."""
    return orjson.dumps({"error": orjson.loads(body)["error"]["message"]})


def screen(
    policy: Policy, options: Options, request: Request, data: bytes
) -> tuple[bytes, list[Decision]]:
    """A whole answer: what may leave, and what was found."""
    tree = jsonstrict.loads(data)
    if not isinstance(tree, dict):
        raise BadAnswerError
    texts = Texts(policy, options, request)
    changed = _screen_event(texts, request.dialect, tree, whole=True)
    texts.finish()
    if texts.blocked:
        words = policy.words(texts.decisions, request.language)
        head = _head(policy, options, tree)
        return orjson.dumps(_closing(request, head, words)), texts.decisions
    return orjson.dumps(tree) if changed else data, texts.decisions


class OllamaStream(Live):
    def __init__(self, policy: Policy, options: Options, request: Request) -> None:
        super().__init__(policy, options, request, Lines())
        self._head: dict[str, Any] = {}

    def close(self, reason: str | None) -> list[Any]:
        if reason is None and not self.finished and not self._parser.idle:
            before = self.feed(b"\n")  # the last line needs no line end
            return before + super().close(reason)
        return super().close(reason)

    def _event(self, event: Event, tree: dict[str, Any]) -> None:
        if tree.get("error"):
            self._break_off("upstream_error")
            return
        self._head = self._head or _head(self._policy, self._options, tree)
        dialect = self._request.dialect
        changed = _screen_event(self._texts, dialect, tree)
        done = tree.get("done") is True
        if self._texts.blocked:
            said = _text(tree, _SAID[dialect][-1])
            if said:
                self._out.append(_line(_saying(dialect, self._head, said)))
            return
        if done:
            self._flush()
            if self._texts.blocked:
                return
            self._texts.finish()
            if self._texts.masked and tree.pop("context", None):
                changed = True
            self.finished = True
        self._out.append(_line(tree) if changed else event.raw)

    def _flush(self) -> None:
        for path in _SAID[self._request.dialect]:
            visible = path == _SAID[self._request.dialect][-1]
            rest = self._texts.rest(path, visible=visible)
            if rest:
                self._out.append(_line(_nested(self._request.dialect, self._head, path, rest)))

    def _refuse(self, words: str) -> None:
        request = self._request
        if request.structured:
            self._out.append(_line(_closing(request, self._head, words)))
            return
        said = GAP + words if self._texts.spoke else words
        self._out.append(_line(_saying(request.dialect, self._head, said)))
        self._out.append(_line(_closing(request, self._head)))

    def _error(self, body: bytes) -> bytes:
        return error(body) + b"\n"


def _screen_event(
    texts: Texts, dialect: Dialect, tree: dict[str, Any], *, whole: bool = False
) -> bool:
    """Screens one object in place; answers whether it was altered."""
    changed = False
    said, alone = "", True
    for path in _SAID[dialect]:
        holder = tree
        for step in path[:-1]:
            holder = holder.get(step, {})
            if not isinstance(holder, dict):
                raise BadAnswerError
        text = holder.get(path[-1])
        if not text:
            continue
        if not isinstance(text, str):
            raise BadAnswerError
        visible = path == _SAID[dialect][-1]
        screened = texts.whole if whole else texts.part
        holder[path[-1]] = out = screened(path, text, visible=visible)
        said += text
        whole_left = out == text and not texts.held(path)
        alone = alone and whole_left
        changed = changed or out != text
    if tree.get("logprobs"):
        changed |= texts.spelled(tree, said, alone=alone)
    if "context" in tree and not _is_numbers(tree["context"]):
        raise BadAnswerError
    rest = _without(tree, dialect)
    if texts.scan(rest):  # tool calls and whatever else is there, complete
        _put_back(tree, rest, dialect)
        changed = True
    if whole and texts.masked and tree.pop("context", None):
        changed = True
    return changed


def _without(tree: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The object without the texts that were screened already."""
    said = {path[-1] for path in _SAID[dialect]}
    rest = {key: value for key, value in tree.items() if key not in _LISTED and key not in said}
    if dialect is Dialect.OLLAMA_CHAT and isinstance(tree.get("message"), dict):
        rest["message"] = {k: v for k, v in tree["message"].items() if k not in said}
        rest |= {key: tree[key] for key in said if key in tree}
    return rest


def _put_back(tree: dict[str, Any], rest: dict[str, Any], dialect: Dialect) -> None:
    message = rest.pop("message", None)
    tree.update(rest)
    if isinstance(message, dict) and dialect is Dialect.OLLAMA_CHAT:
        tree["message"].update(message)
    elif message is not None:
        tree["message"] = message


def _is_numbers(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(type(one) is int for one in value))


def _head(policy: Policy, options: Options, tree: dict[str, Any]) -> dict[str, Any]:
    """What every line says; repeated in lines of our own, so only where nothing is found in it."""
    found = {key: tree.get(key) for key in ("model", "created_at")}
    return {
        key: value
        for key, value in found.items()
        if isinstance(value, str) and clean(policy, options.output, value)
    }


def _text(tree: dict[str, Any], path: Place) -> str:
    value: Any = tree
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _nested(dialect: Dialect, head: dict[str, Any], path: Place, text: str) -> dict[str, Any]:
    if dialect is Dialect.OLLAMA_CHAT:
        message = {"role": "assistant", "content": "", path[-1]: text}
        return {**head, "message": message, "done": False}
    return {**head, "response": "", path[-1]: text, "done": False}


def _saying(dialect: Dialect, head: dict[str, Any], text: str) -> dict[str, Any]:
    return _nested(dialect, head, _SAID[dialect][-1], text)


def _closing(request: Request, head: dict[str, Any], words: str = "") -> dict[str, Any]:
    said = _saying(request.dialect, head, "" if request.structured else words)
    if request.structured:
        said.get("message", said)["refusal"] = words
    return {**said, "done": True, "done_reason": "content_filter"}


def _line(tree: dict[str, Any]) -> bytes:
    return orjson.dumps(tree) + b"\n"
