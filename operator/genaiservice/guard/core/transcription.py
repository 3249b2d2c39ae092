# SPDX-License-Identifier: Apache-2.0
"""`/v1/audio/transcriptions`: a form with a sound in (`form.py`), what was said in it out.

What was said is screened as an answer: whole, or in events as it is recognised. It is no
generated text, so it carries no label. A Mask takes words and segments with it, which would tell
what it hides; captions with a hit do not leave.
"""

import re
from typing import Any, Final

import orjson

from genaiservice.guard.core import jsonstrict
from genaiservice.guard.core.answer import BadAnswerError
from genaiservice.guard.core.effects import Decision
from genaiservice.guard.core.live import Live
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import Request
from genaiservice.guard.core.responses import error_event, named
from genaiservice.guard.core.sse import DONE, Event, Parser, render
from genaiservice.guard.core.texts import Texts

CAPTIONS: Final = frozenset({"text/plain", "text/vtt", "application/x-subrip", "text/srt"})
_SPELLED: Final = ("words", "segments", "logprobs")
_CUE: Final = re.compile(r"(?m)^(?:\d+|WEBVTT.*|.*-->.*)\r?$")
_PATH: Final = ("text",)


class BlockedError(Exception):
    """What was said holds a blocked term; `decisions` say which rule met it."""

    def __init__(self, decisions: list[Decision]) -> None:
        super().__init__()
        self.decisions = decisions


def _texts(policy: Policy, options: Options) -> Texts:
    texts = Texts(policy, options, Request(structured=True))
    texts.decisions.clear()
    return texts


def screen(
    policy: Policy, options: Options, request: Request, data: bytes
) -> tuple[bytes, list[Decision]]:
    """A transcript as JSON: what may leave, and what was found; raises `BlockedError`."""
    tree = jsonstrict.loads(data)
    if not isinstance(tree, dict):
        raise BadAnswerError
    texts = _texts(policy, options)
    changed = texts.scan({key: value for key, value in tree.items() if key not in _SPELLED})
    whole = texts.whole(_PATH, _joined(tree))
    if texts.blocked:
        raise BlockedError(texts.decisions)
    spoken = tree.get("text")
    if isinstance(spoken, str) and texts.whole(_PATH, spoken) != spoken:
        tree["text"], changed = texts.whole(_PATH, spoken), True
    if changed or whole != _joined(tree):
        for key in _SPELLED:
            changed |= tree.pop(key, None) is not None
    elif texts.scan(tree):
        raise BadAnswerError
    return orjson.dumps(tree) if changed else data, texts.decisions


def _joined(tree: dict[str, Any]) -> str:
    """The text as its words and segments spell it."""
    parts = [part for key in ("segments", "words") for part in tree.get(key) or ()]
    if not all(isinstance(part, dict) for part in parts):
        raise BadAnswerError
    return "".join(str(part.get("text") or part.get("word") or "") for part in parts)


def screen_captions(policy: Policy, options: Options, data: bytes) -> list[Decision]:
    """A transcript as plain text or captions; raises `BlockedError` for one with any hit."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise BadAnswerError from None
    texts = _texts(policy, options)
    for path, said in ((_PATH, text), (("captions",), _CUE.sub("", text))):
        if texts.whole(path, said) != said and not texts.blocked:
            texts.blocked = True
    if texts.blocked:
        raise BlockedError(texts.decisions)
    return texts.decisions


class TranscriptStream(Live):
    """`transcript.text.delta` brings pieces, `….done` the whole, `….segment` a part of it."""

    def __init__(self, policy: Policy, options: Options, request: Request) -> None:
        super().__init__(policy, options, request, Parser())
        self._texts = _texts(policy, options)

    def _event(self, event: Event, tree: dict[str, Any]) -> None:
        kind = tree.get("type")
        if kind == "error" or tree.get("error"):
            self._break_off("upstream_error")
            return
        if kind not in ("transcript.text.delta", "transcript.text.done"):
            raise BadAnswerError  # segments would tell the text a second time, cut elsewhere
        key = "delta" if kind == "transcript.text.delta" else "text"
        text = tree.pop(key, None)
        if not isinstance(text, str):
            raise BadAnswerError
        if key == "text":
            self._flush()
        changed = self._texts.scan({k: v for k, v in tree.items() if k != "logprobs"}, ("event",))
        screened = self._texts.part if key == "delta" else self._texts.whole
        out = tree[key] = screened(_PATH, text) if text else ""
        if tree.get("logprobs"):
            alone = out == text and not self._texts.held(_PATH)
            changed |= self._texts.spelled(tree, text, alone=alone)
        if key == "text":
            self.finished = not self._texts.blocked
        elif not out and text:
            return
        elif self._texts.blocked:
            self._out.append(named({"type": kind, "delta": out}))
        if not self._texts.blocked:
            plain = event.raw if event.plain else render(event.data or b"")
            self._out.append(named(tree) if changed or out != text else plain)

    def _flush(self) -> None:
        rest = self._texts.rest(_PATH)
        if rest:
            self._out.append(named({"type": "transcript.text.delta", "delta": rest}))

    def _refuse(self, words: str) -> None:
        self._out.append(named({"type": "transcript.text.delta", "delta": words}))
        self._out.append(named({"type": "transcript.text.done", "text": words}))

    def _error(self, body: bytes) -> bytes:
        return error_event(body, 0) + DONE
