# SPDX-License-Identifier: Apache-2.0
"""Requests whose answer holds no text of a model: vectors, verdicts, pictures, speech.

Rule: what is asked is screened as any prompt; since the answer has no words to refuse in, a Block
is an error (`content_filter`). Strings of an answer must be free of hits all the same. Pictures and
sounds are taken out of an answer, and go back into it with their labels; none leaves without.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from genaiservice.guard.core import jsonstrict
from genaiservice.guard.core.answer import BadAnswerError, is_word, strings
from genaiservice.guard.core.effects import Decision, Effect, File, Record, Respond
from genaiservice.guard.core.errors import JSON
from genaiservice.guard.core.field import clean
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
    gathered,
    language,
    read,
    refuse_unreadable,
    texts,
)
from genaiservice.guard.core.route import Dialect
from genaiservice.guard.core.texts import Texts

_VECTORS: Final = frozenset({"embedding", "embeddings"})
_BASE64: Final = re.compile("[A-Za-z0-9+/]*={0,2}")


SOUNDS: Final = ("wav", "mp3")
"""Formats of speech that the guard can label."""


_AUDIO: Final = ("audio/", "application/octet-stream", "video/")


class ByAddressError(Exception):
    """A picture stands behind an address: the guard cannot label what it does not hold."""


def parse(dialect: Dialect, body: bytes) -> Prompt:
    """The request; raises `RefusedError`."""
    tree = read(body)
    refuse_unreadable(tree, "input_ids", "prompt_token_ids", "prompt_embeds")
    passages = gathered(_PASSAGES[dialect](tree))
    if dialect in (Dialect.IMAGES, Dialect.SPEECH):
        _refuse_pieces(tree)
    asked = Request(dialect=dialect, model=tree.get("model") or "", language=language(passages))
    return Prompt(asked, tree, passages, altered=_ask_for_files(dialect, tree))


def _ask_for_files(dialect: Dialect, tree: dict[str, Any]) -> bool:
    """Files must come in a format that can be labelled, and in the answer itself."""
    form = tree.get("response_format")
    if dialect is Dialect.SPEECH and form not in (None, *SOUNDS):
        raise RefusedError("media_format", "response_format")
    if dialect is not Dialect.IMAGES or form == "b64_json":
        return False
    if form is not None:
        raise RefusedError("media_by_address", "response_format")
    tree["response_format"] = "b64_json"
    return True


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
    """Speech is sound, pictures are taken out; whatever else came is no answer."""
    raise BadAnswerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """An answer whose files are on their way to their labels.

    `tree` is the answer with its pictures taken out, None where the only file is the answer.
    """

    files: tuple[File, ...]
    content_type: str
    tree: dict[str, Any] | None = None
    decisions: list[Decision] = field(default_factory=list)

    def effects(self, labelled: Sequence[bytes]) -> list[Effect]:
        """The answer with these files in their places."""
        if self.tree is None:
            return [Respond(200, self.content_type, labelled[0])]
        for picture, data in zip(self.tree["data"], labelled, strict=True):
            picture["b64_json"] = base64.b64encode(data).decode("ascii")
        body = orjson.dumps(self.tree)
        return [Respond(200, self.content_type, body), *map(Record, self.decisions)]


def brings_files(dialect: Dialect, kind: str) -> bool:
    """Whether an answer of this content type holds files, not texts."""
    if dialect is Dialect.SPEECH:
        return kind.startswith(_AUDIO)
    return dialect in (Dialect.IMAGES, Dialect.IMAGE_FORMS)


def take_files(policy: Policy, options: Options, dialect: Dialect, answer: File) -> Awaited:
    """The files of an answer; raises `ByAddressError`, and `BadAnswerError` for what cannot be
    read or must not be said. What was made of a picture's prompt is text and screened."""
    if dialect is Dialect.SPEECH:
        return Awaited(files=(answer,), content_type=answer.media_type)
    tree = jsonstrict.loads(answer.data)
    if not isinstance(tree, dict) or not isinstance(tree.get("data"), list):
        raise BadAnswerError
    files = tuple(File(data=_taken(picture)) for picture in tree["data"])
    told = Texts(policy, options, Request(structured=True))
    told.decisions.clear()
    for picture in tree["data"]:
        told.scan(picture, ("data",))
    rest = {key: value for key, value in tree.items() if key != "data"}
    if not all(is_word(word) or clean(policy, options.output, word) for word in strings(rest)):
        raise BadAnswerError
    if told.blocked:
        raise BadAnswerError
    return Awaited(files=files, content_type=JSON, tree=tree, decisions=told.decisions)


def _taken(picture: Any) -> bytes:
    if not isinstance(picture, dict):
        raise BadAnswerError
    if picture.pop("url", None):
        raise ByAddressError
    coded = picture.pop("b64_json", None)
    if not isinstance(coded, str) or not coded:
        raise BadAnswerError
    try:
        return base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        raise BadAnswerError from None
