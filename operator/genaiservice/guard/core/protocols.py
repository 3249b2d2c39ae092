# SPDX-License-Identifier: Apache-2.0
"""What an exchange must know of each dialect, in one table: how to read, screen, refuse, fail."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from genaiservice.api.directive import Directive
from genaiservice.guard.core import (
    anthropic,
    errors,
    form,
    media,
    ollama,
    openai,
    responses,
    transcription,
    whole,
)
from genaiservice.guard.core.anthropic_stream import AnthropicStream
from genaiservice.guard.core.effects import Decision, Effect, Respond
from genaiservice.guard.core.ollama import OllamaStream
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import Prompt, Request
from genaiservice.guard.core.responses_stream import ResponsesStream
from genaiservice.guard.core.route import FORMS, Dialect
from genaiservice.guard.core.stream import Stream
from genaiservice.guard.core.transcription import TranscriptStream

EVENTS: Final = "text/event-stream"


class AnswerStream(Protocol):
    """A streamed answer: the model's bytes in, effects out."""

    @property
    def finished(self) -> bool: ...

    @property
    def held(self) -> int: ...

    def feed(self, data: bytes) -> list[Effect]: ...

    def close(self, reason: str | None) -> list[Effect]: ...

    def suspend(self, directive: Directive) -> list[Effect]: ...

    def refuse(self, words: str) -> list[Effect]:
        """Ends a stream that is not finished with these words; what waits is dropped."""
        ...

    def fail(self, reason: str) -> list[Effect]:
        """Ends a stream that is not finished with an error; what waits is dropped."""
        ...


Whole = Callable[[Policy, Options, Request, bytes], tuple[bytes, list[Decision]]]
Refusal = Callable[[Request, str, str, int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How one dialect is spoken."""

    parse: Callable[[Dialect, bytes], Prompt]
    whole: Whole
    """Screens a whole answer."""
    refusal: Refusal | None = None
    """The guard's own answer to a blocked prompt; without one it is an error."""
    stream: Callable[[Policy, Options, Request], AnswerStream] | None = None
    stream_type: str = EVENTS
    """The content type of a streamed answer."""
    error: Callable[[bytes], bytes] = openai.error
    """Puts an error of the guard into the shape that clients of the dialect read."""


def _no_form(dialect: Dialect, body: bytes) -> Prompt:
    raise AssertionError(dialect)  # forms are read with their content type


_OPENAI: Final = Rules(
    parse=openai.parse, whole=whole.screen, refusal=openai.refusal, stream=Stream
)
_OLLAMA: Final = Rules(
    parse=ollama.parse,
    whole=ollama.screen,
    refusal=ollama.refusal,
    stream=OllamaStream,
    stream_type=ollama.STREAM,
    error=ollama.error,
)
_NUMBERS: Final = Rules(parse=media.parse, whole=media.screen_numbers)
RULES: Final[dict[Dialect, Rules]] = {
    Dialect.CHAT: _OPENAI,
    Dialect.COMPLETIONS: _OPENAI,
    Dialect.RESPONSES: Rules(
        parse=responses.parse,
        whole=responses.screen,
        refusal=responses.refusal,
        stream=ResponsesStream,
    ),
    Dialect.MESSAGES: Rules(
        parse=anthropic.parse,
        whole=anthropic.screen,
        refusal=anthropic.refusal,
        stream=AnthropicStream,
        error=anthropic.error,
    ),
    Dialect.OLLAMA_CHAT: _OLLAMA,
    Dialect.OLLAMA_GENERATE: _OLLAMA,
    Dialect.EMBEDDINGS: _NUMBERS,
    Dialect.MODERATIONS: _NUMBERS,
    Dialect.IMAGES: Rules(parse=media.parse, whole=media.refuse_text),
    Dialect.IMAGE_FORMS: Rules(parse=_no_form, whole=media.refuse_text),
    Dialect.SPEECH: Rules(parse=media.parse, whole=media.refuse_text),
    Dialect.TRANSCRIPTIONS: Rules(
        parse=_no_form, whole=transcription.screen, stream=TranscriptStream
    ),
}


def read(dialect: Dialect, content_type: str, body: bytes) -> Prompt:
    """A whole request; raises `RefusedError`."""
    if dialect in FORMS:
        return form.parse(dialect, content_type, body)
    return RULES[dialect].parse(dialect, body)


def refused(asked: Request, words: str, body: bytes, created: int) -> Respond | None:
    """The guard's own answer to a blocked prompt, where the dialect has one."""
    rules = RULES[asked.dialect]
    if rules.refusal is None:
        return None
    identity = hashlib.sha256(body).hexdigest()[:24]
    kind = rules.stream_type if asked.stream else errors.JSON
    return Respond(200, kind, rules.refusal(asked, words, identity, created))
