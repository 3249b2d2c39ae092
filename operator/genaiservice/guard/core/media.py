# SPDX-License-Identifier: Apache-2.0
"""Requests whose answer holds no text of a model: vectors, verdicts, pictures, speech.

Rule: what is asked is screened as any prompt; since the answer has no words to refuse in, a Block
is an error (`content_filter`). Strings of an answer must be free of hits all the same. A picture
or a sound that must carry a label does not leave without it.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from genaiservice.guard.core import jsonstrict
from genaiservice.guard.core.answer import BadAnswerError, is_word, strings
from genaiservice.guard.core.effects import Decision
from genaiservice.guard.core.field import clean
from genaiservice.guard.core.label import LabelMode
from genaiservice.guard.core.openai import prompts
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import (
    Passage,
    Prompt,
    RefusedError,
    Request,
    check,
    fields,
    language,
    read,
    refuse_unreadable,
    texts,
)
from genaiservice.guard.core.route import Dialect
from genaiservice.guard.core.texts import Texts

_VECTORS: Final = frozenset({"embedding", "embeddings"})
_BASE64: Final = re.compile("[A-Za-z0-9+/]*={0,2}")


class UnlabelledError(Exception):
    """A picture or a sound must carry a label, and the guard cannot put it in."""


def parse(dialect: Dialect, body: bytes) -> Prompt:
    """The request; raises `RefusedError`."""
    tree = read(body)
    refuse_unreadable(tree, "input_ids", "prompt_token_ids", "prompt_embeds")
    passages = list(_PASSAGES[dialect](tree))
    if dialect in (Dialect.IMAGES, Dialect.SPEECH):
        _refuse_pieces(tree)
    asked = Request(dialect=dialect, model=tree.get("model") or "", language=language(passages))
    return Prompt(asked, tree, passages)


def _refuse_pieces(tree: dict[str, Any]) -> None:
    """Pictures and sounds in pieces could not be labelled."""
    for key in ("stream", "partial_images"):
        if tree.get(key):
            raise RefusedError("request_invalid", key)
    if tree.get("stream_format") not in (None, "audio"):
        raise RefusedError("request_invalid", "stream_format")


def _inputs(tree: dict[str, Any]) -> Iterator[Passage]:
    key = "prompt" if "input" not in tree and "prompt" in tree else "input"
    given = tree.get(key)
    if isinstance(given, list) and any(isinstance(item, dict) for item in given):
        yield from texts(given, key)
        return
    yield from prompts(tree, key)


def _prompt(tree: dict[str, Any]) -> Iterator[Passage]:
    check(tree.get("prompt"), str, "prompt")
    yield from fields(tree, "negative_prompt", "prompt")


def _speech(tree: dict[str, Any]) -> Iterator[Passage]:
    check(tree.get("input"), str, "input")
    yield from fields(tree, "instructions", "input")


_PASSAGES: Final = {
    Dialect.EMBEDDINGS: _inputs,
    Dialect.MODERATIONS: _inputs,
    Dialect.IMAGES: _prompt,
    Dialect.SPEECH: _speech,
}


def screen_numbers(
    policy: Policy, options: Options, request: Request, data: bytes
) -> tuple[bytes, list[Decision]]:
    """Vectors and verdicts: numbers, and names that are free of hits."""
    tree = jsonstrict.loads(data)
    if not isinstance(tree, dict):
        raise BadAnswerError
    for word in _words(tree):
        if not is_word(word) and not clean(policy, options.output, word):
            raise BadAnswerError
    return data, []


def _words(tree: Any, key: str = "") -> Iterator[str]:
    if isinstance(tree, list) and key in _VECTORS and set(map(type, tree)) <= {float, int}:
        return
    if isinstance(tree, str):
        if key not in _VECTORS or not _BASE64.fullmatch(tree):
            yield tree
    elif isinstance(tree, dict):
        for name, value in tree.items():
            yield name
            yield from _words(value, name)
    elif isinstance(tree, list):
        for value in tree:
            yield from _words(value, key)


def refuse_text(
    policy: Policy, options: Options, request: Request, data: bytes
) -> tuple[bytes, list[Decision]]:
    """Speech is sound; whatever else came is no answer to it."""
    raise BadAnswerError


def screen_pictures(
    policy: Policy, options: Options, request: Request, data: bytes
) -> tuple[bytes, list[Decision]]:
    """Pictures: what was made of the prompt is text; the pictures themselves must be labelled.

    One that stands behind an address cannot be labelled on its way.
    """
    tree = jsonstrict.loads(data)
    if not isinstance(tree, dict) or not isinstance(tree.get("data"), list):
        raise BadAnswerError
    told = Texts(policy, options, Request(structured=True))
    told.decisions.clear()
    changed = False
    for picture in tree["data"]:
        if not isinstance(picture, dict):
            raise BadAnswerError
        if options.label is not LabelMode.OFF:
            raise UnlabelledError
        seen = {key: value for key, value in picture.items() if key not in ("b64_json", "url")}
        if told.scan(seen, ("data",)):
            picture.update(seen)
            changed = True
    rest = {key: value for key, value in tree.items() if key != "data"}
    if not all(is_word(word) or clean(policy, options.output, word) for word in strings(rest)):
        raise BadAnswerError
    if told.blocked:
        raise BadAnswerError
    return orjson.dumps(tree) if changed else data, told.decisions
