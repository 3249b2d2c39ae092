# SPDX-License-Identifier: Apache-2.0
"""Requests that are forms with files: transcriptions, pictures made of pictures.

The form's texts are prompts and wait until they were screened; its files are no text and go on as
they come.
"""

from collections.abc import Iterator
from typing import Final

from genaiservice.guard.core import effects as going
from genaiservice.guard.core import multipart, prompt
from genaiservice.guard.core.answer import is_word
from genaiservice.guard.core.effects import Action, Effect, Record
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import (
    Leaf,
    Passage,
    Prompt,
    RefusedError,
    Request,
    language,
)
from genaiservice.guard.core.route import Dialect

_SETTINGS: Final = frozenset({"model", "language", "response_format", "temperature", "stream"})
_FILES: Final = {
    Dialect.TRANSCRIPTIONS: multipart.FILES,
    Dialect.IMAGE_FORMS: frozenset({"image", "image[]", "mask"}),
}
_ON: Final = ("true", "1")


class Upload:
    """A request on its way: `feed` for each read, then `end`; both raise `RefusedError`."""

    def __init__(self, dialect: Dialect, content_type: str) -> None:
        try:
            self._form = multipart.Form(content_type, _FILES[dialect])
        except multipart.BadFormError:
            raise RefusedError("request_not_form") from None
        self._dialect = dialect
        self._given: dict[str, str] = {}
        self.passages: list[Passage] = []

    def feed(self, data: bytes) -> Iterator[tuple[bytes, Passage | None]]:
        """Bytes that may go on, each with the text that must be screened before."""
        try:
            pieces = self._form.feed(data)
        except multipart.BadFormError:
            raise RefusedError("request_not_form") from None
        for part, text in pieces:
            yield part, self._passage(text) if text else None

    def end(self) -> tuple[bytes, Request]:
        try:
            rest = self._form.end()
        except multipart.BadFormError:
            raise RefusedError("request_not_form") from None
        asked = Request(
            dialect=self._dialect,
            stream=self._given.get("stream", "").lower() in _ON,
            model=self._given.get("model", ""),
            language=language(self.passages),
        )
        return rest, asked

    def _passage(self, text: multipart.FormText) -> Passage | None:
        if text.name in self._given and not text.name.endswith("[]"):
            raise RefusedError("request_duplicate_key", text.name)
        self._given[text.name] = text.value
        if self._dialect is Dialect.IMAGE_FORMS:
            _check_picture(text)
        if text.name in _SETTINGS and is_word(text.value):
            return None
        passage = Passage(text.name, [Leaf([text.value], 0)])
        self.passages.append(passage)
        return passage


def _check_picture(text: multipart.FormText) -> None:
    """Pictures in pieces or behind an address could not be labelled."""
    if text.name == "response_format" and text.value != "b64_json":
        raise RefusedError("media_by_address", text.name)
    if text.name == "stream" and text.value.lower() in _ON:
        raise RefusedError("request_invalid", text.name)
    if text.name == "partial_images" and text.value != "0":
        raise RefusedError("request_invalid", text.name)


def screen(
    policy: Policy, options: Options, upload: Upload, data: bytes
) -> tuple[list[Effect], bool]:
    """What may go on of this part, and whether it must not: then only the records."""
    effects: list[Effect] = []
    for part, passage in upload.feed(data):
        found = prompt.screen(policy, options, [passage] if passage else [])
        effects += map(Record, found)
        if any(decision.action in (Action.BLOCK, Action.MASK) for decision in found):
            # The length of the form may be announced: a mask would change it.
            return [effect for effect in effects if isinstance(effect, Record)], True
        effects.append(going.Upload(part))
    return effects, False


def parse(dialect: Dialect, content_type: str, body: bytes) -> Prompt:
    """A whole request; raises `RefusedError`."""
    upload = Upload(dialect, content_type)
    passages = [passage for _, passage in upload.feed(body) if passage]
    _, asked = upload.end()
    return Prompt(asked, {}, passages)
