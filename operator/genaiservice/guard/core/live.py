# SPDX-License-Identifier: Apache-2.0
"""What streamed answers of different dialects share: events in, effects out, one clean end.

Safety: an event leaves as the bytes it came in only when each text in it was screened and left
whole; an altered one is rendered anew; one that cannot be read ends the stream. After a Block the
dialect says the refusal in its own way, and the model is cut off at once.
"""

from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any, Final, Protocol

from genaiservice.api.directive import Directive
from genaiservice.guard.core import errors, jsonstrict
from genaiservice.guard.core.answer import BadAnswerError
from genaiservice.guard.core.effects import Action, CloseUpstream, Effect, End, Record, Send
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import Request
from genaiservice.guard.core.screener import ScreeningLimitError
from genaiservice.guard.core.sse import KEEP_ALIVE, Event, EventLimitError
from genaiservice.guard.core.texts import Texts

UNREADABLE: Final = (
    BadAnswerError,
    ScreeningLimitError,
    EventLimitError,
    jsonstrict.DuplicateKeyError,
    jsonstrict.NotJsonError,
    jsonstrict.TooDeepError,
)


def reason_of(error: Exception) -> str:
    return error.reason if isinstance(error, BadAnswerError) else BadAnswerError.reason


class Events(Protocol):
    """Bytes cut anywhere in, whole events out."""

    @property
    def idle(self) -> bool: ...

    def feed(self, data: bytes) -> list[Event]: ...


class Live(ABC):
    """`feed` for each read, `close` at the end; after `finished` both answer nothing."""

    def __init__(self, policy: Policy, options: Options, request: Request, parser: Events) -> None:
        self._policy = policy
        self._options = options
        self._request = request
        self._parser = parser
        self._texts = Texts(policy, options, request)
        self._out: list[bytes] = []
        self._close = False
        self.finished = False

    @property
    def held(self) -> int:
        return sum(map(self._texts.held, self._texts.open))

    # What the exchange calls.

    def feed(self, data: bytes) -> list[Effect]:
        if self.finished:
            return []
        try:
            self._read(data)
        except UNREADABLE as error:
            self._break_off(reason_of(error))
        return self._effects()

    def close(self, reason: str | None) -> list[Effect]:
        """The model's stream ended; orderly without a reason."""
        if self.finished:
            return []
        if reason is not None or not self._parser.idle or not self._ends_well():
            self._break_off(reason or "upstream_broke_off")
        return self._effects()

    def suspend(self, directive: Directive) -> list[Effect]:
        """Ends the stream at once: what waits is dropped."""
        if self.finished:
            return []
        self._texts.decide(Action.SUSPEND, directive.reason or "Suspended")
        return self._cut(errors.suspended(directive))

    def refuse(self, words: str) -> list[Effect]:
        self._refuse(words)
        self._close = self.finished = True
        return self._effects()

    def fail(self, reason: str) -> list[Effect]:
        return self._cut(errors.body(reason))

    def _cut(self, error: bytes) -> list[Effect]:
        self._out.append(self._error(error))
        self._close = self.finished = True
        return self._effects()

    # What a dialect says.

    @abstractmethod
    def _event(self, event: Event, tree: dict[str, Any]) -> None:
        """Screens one event and puts out what may leave of it; sets `finished` at the last."""

    @abstractmethod
    def _flush(self) -> None:
        """Puts out what waits in texts whose end will not come."""

    @abstractmethod
    def _refuse(self, words: str) -> None:
        """Puts out the end of an answer that met a Block."""

    @abstractmethod
    def _error(self, body: bytes) -> bytes:
        """The last event of a stream that cannot go on."""

    def _ends_well(self) -> bool:
        """Completes a stream of which only a formal last event is missing."""
        return False

    # Within.

    def _read(self, data: bytes) -> None:
        for event in self._parser.feed(data):
            if event.data is None:
                self._out.append(KEEP_ALIVE)  # a comment's words are not screened: they stay here
                continue
            if event.data == b"[DONE]":
                raise BadAnswerError  # a dialect's own last event comes first
            tree = jsonstrict.loads(event.data)
            if not isinstance(tree, dict):
                raise BadAnswerError
            self._event(event, tree)
            self._look()
            if self.finished:
                return

    def _look(self) -> None:
        """Ends the answer when a Block was met."""
        if self._texts.blocked and not self.finished:
            lang = self._request.language
            self._refuse(self._policy.words(self._texts.decisions, lang))
            self._close = self.finished = True

    def _break_off(self, reason: str) -> None:
        """The model's answer cannot go on: what is clean leaves, then an error says why."""
        with suppress(*UNREADABLE):
            self._flush()
        self._texts.decide(Action.ERROR, reason)
        self._out.append(self._error(errors.body(reason)))
        self._close = self.finished = True

    def _effects(self) -> list[Effect]:
        effects: list[Effect] = []
        if self._out:
            effects.append(Send(b"".join(self._out)))
            self._out = []
        if self._texts.decisions:
            effects += map(Record, self._texts.decisions)
            self._texts.decisions = []
        if self.finished:
            effects.append(End())
            if self._close:
                effects.append(CloseUpstream())
        return effects
