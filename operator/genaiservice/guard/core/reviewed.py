# SPDX-License-Identifier: Apache-2.0
"""A streamed answer that detectors review: two streams of the same dialect, one ahead.

The stream ahead reads the model as it comes and does with each byte what the other one will do;
nothing of it leaves, its texts are heard. The other one is fed only with what passed, so it
stands exactly where the client stands: when a detector objects, it ends the answer there, in the
words of its dialect. Nothing here knows a dialect.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from genaiservice.api.directive import Directive
from genaiservice.api.problem import Lang
from genaiservice.guard.core.effects import CloseUpstream, Effect
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.protocols import AnswerStream
from genaiservice.guard.core.request import Request
from genaiservice.guard.core.review import UNAVAILABLE, Review

HELD_BYTES: Final = 2 * 1024 * 1024
"""Most of an answer that may wait for detectors; a model so much faster than they is cut off."""

_Held: TypeAlias = bytes | None
"""Bytes of the model, or the end of them."""


MakeStream: TypeAlias = Callable[[Policy, Options, Request], AnswerStream]


def opened(
    review: Review | None, make: MakeStream, policy: Policy, options: Options, asked: Request
) -> AnswerStream:
    """The stream of an answer, reviewed where there is anybody to review it."""
    stream = make(policy, options, asked)
    if review is None or not (review.open or review.hears):
        return stream
    ahead = make(policy, review.options, asked) if review.hears else None
    return Reviewed(review, stream, ahead, asked.language)


class Reviewed:
    def __init__(
        self, review: Review, stream: AnswerStream, ahead: AnswerStream | None, language: Lang
    ) -> None:
        self._review = review
        self._language = language
        self._stream = stream
        self._ahead = ahead
        self._held: deque[_Held] = deque()
        self._size = 0
        self._chunks = 0
        self._passed = 0
        self._reason: str | None = None
        self._closed = False

    @property
    def finished(self) -> bool:
        return self._stream.finished

    @property
    def held(self) -> int:
        return self._stream.held + self._review.held

    @property
    def held_bytes(self) -> int:
        return 0 if self.finished else self._size

    def feed(self, data: bytes) -> list[Effect]:
        if self._closed or self.finished:
            return []
        effects: list[Effect] = []
        if self._ahead is not None:
            told = self._ahead.feed(data)
            self._closed = self._ahead.finished
            effects += [effect for effect in told if isinstance(effect, CloseUpstream)]
        return [*effects, *self._hold(data)]

    def close(self, reason: str | None) -> list[Effect]:
        if self._closed or self.finished:
            return []
        self._closed, self._reason = True, reason
        if self._ahead is not None:
            self._ahead.close(reason)
        return self._hold(None)

    def suspend(self, directive: Directive) -> list[Effect]:
        return self._stream.suspend(directive)

    def refuse(self, words: str) -> list[Effect]:
        return self._stream.refuse(words)

    def fail(self, reason: str) -> list[Effect]:
        return self._stream.fail(reason)

    def judged(self, effects: list[Effect]) -> list[Effect]:
        """An outcome came: what leaves now, and its own effects."""
        if self.finished:
            return effects
        if self._review.blocked is not None:
            return [*effects, *self._stream.refuse(self._review.words(self._language))]
        if self._review.failed:
            return [*effects, *self._stream.fail(UNAVAILABLE)]
        return [*self._release(), *effects]

    def _hold(self, data: _Held) -> list[Effect]:
        self._held.append(data)
        self._size += len(data or b"")
        self._chunks += 1
        questions = self._review.turn(self._chunks, final=self._closed)
        released = self._release()
        if self._size > HELD_BYTES:
            given_up = self._review.gave_up()
            if self._review.failed:
                return [*released, *given_up, *self._stream.fail(UNAVAILABLE)]
            released += [*given_up, *self._release()]
        return [*released, *questions]

    def _release(self) -> list[Effect]:
        effects: list[Effect] = []
        free = self._review.free(self._chunks)
        while self._passed < free and not self.finished:
            data = self._held.popleft()
            self._passed += 1
            if data is None:
                effects += self._stream.close(self._reason)
            else:
                self._size -= len(data)
                effects += self._stream.feed(data)
        return effects
