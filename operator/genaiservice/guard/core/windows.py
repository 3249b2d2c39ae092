# SPDX-License-Identifier: Apache-2.0
"""Windows: texts in, questions for the detectors out, and how far the answers allow to go.

Rules: every character heard stands in a question; a question that is open keeps back everything
from the chunk on in which its first character came; for every question and for every window that
fills a `Wake` is on its way, so that nothing waits for a detector that never answers.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from genaiservice.guard.core.effects import Ask, Direction, Effect, Wake
from genaiservice.guard.core.opinion import ReviewOptions

QUESTION_CHARACTERS: Final = 8000
"""Most characters of one question; a longer text is cut into several."""
OVERLAP_CHARACTERS: Final = 100
"""So many characters before a window are shown with it: what it says may hang on them."""
ASKED_AT_ONCE: Final = 4
"""Most open questions of one exchange; meanwhile the next window grows."""
FILLING: Final = 0
"""The number of the window that fills; questions count from 1."""

Source: TypeAlias = tuple[int | str, ...]
"""Which text: the choice and the path in it, or a passage of the prompt."""


@dataclass(slots=True)
class _Question:
    number: int
    direction: Direction
    text: str
    since: int
    asked: bool = False
    passed: bool = False


class Windows:
    def __init__(self, options: ReviewOptions) -> None:
        self._options = options
        self._queue: deque[_Question] = deque()
        self._last = FILLING
        self._pieces: dict[Source, list[str]] = {}
        self._tails: dict[Source, str] = {}
        self._wholes: dict[Source, Any] = {}
        self._size = 0
        self._since = -1
        self._direction = Direction.INPUT
        self._timed = self._due = False

    @property
    def open(self) -> bool:
        """Whether something heard has not passed yet."""
        return bool(self._queue or self._size)

    @property
    def held(self) -> int:
        return self._size + sum(len(question.text) for question in self._queue)

    @property
    def about(self) -> set[Direction]:
        """Which sides wait for an outcome."""
        filling = {self._direction} if self._size else set()
        return filling | {question.direction for question in self._queue}

    def forget(self) -> None:
        """Nothing waits any more; outcomes that come yet change nothing."""
        self._queue.clear()
        self._begin()

    def free(self, chunks: int) -> int:
        """How many of the first `chunks` chunks may be let go."""
        if self._queue:
            return self._queue[0].since
        return self._since if self._size else chunks

    def hear(self, direction: Direction, source: Source, text: str, *, whole: bool = False) -> None:
        """A text, or a piece of one; `whole` when it may repeat what came in pieces."""
        if not text or (whole and self._repeats(source, text)):
            return
        self._wholes.setdefault(source, hashlib.sha256()).update(text.encode("utf-8", "replace"))
        self._pieces.setdefault(source, []).append(text)
        self._direction = direction
        self._size += len(text)

    def _repeats(self, source: Source, text: str) -> bool:
        said = self._wholes.get(source)
        digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
        return said is not None and bool(said.digest() == digest)

    def turn(self, chunks: int, *, final: bool = False) -> list[Effect]:
        """After the chunk with this count was heard; `final` when no more will come."""
        if self._size and self._since < 0:
            self._since = chunks - 1
        self._due = self._due or final
        effects = self._ask()
        if self._size and not (self._timed or self._due):
            self._timed = True
            effects.append(Wake(FILLING, self._options.window_seconds))
        return effects

    def woken(self, number: int) -> bool:
        """Whether the budget of this question is over without an answer."""
        if number == FILLING:
            self._timed, self._due = False, bool(self._size)
            return False
        return self._find(number) is not None

    def direction(self, number: int) -> Direction | None:
        """What the open question of this number is about; None when there is none."""
        question = self._find(number)
        return question.direction if question else None

    def passed(self, number: int) -> None:
        question = self._find(number)
        if question is not None:
            question.passed, question.text = True, ""
        while self._queue and self._queue[0].passed:
            self._queue.popleft()

    def ask(self) -> list[Effect]:
        """The questions for which there is room now."""
        return self.turn(0)

    def _find(self, number: int) -> _Question | None:
        for question in self._queue:
            if question.number == number and question.asked and not question.passed:
                return question
        return None

    def _ask(self) -> list[Effect]:
        room = ASKED_AT_ONCE - sum(one.asked and not one.passed for one in self._queue)
        full = self._size >= self._options.window_characters
        if self._size and (self._due or full) and room > 0:
            self._close()
        effects: list[Effect] = []
        for question in self._queue:
            if room > 0 and not question.asked:
                room -= 1
                question.asked = True
                effects.append(Ask(question.number, question.direction, question.text))
                effects.append(Wake(question.number, self._options.budget_seconds))
        return effects

    def _close(self) -> None:
        """The window that fills becomes one question, or several when it is long."""
        shown: list[str] = []
        for source, pieces in self._pieces.items():
            said = self._tails.get(source, "") + "".join(pieces)
            self._tails[source] = said[-OVERLAP_CHARACTERS:]
            shown.append(said)
        for part in _cut("\n".join(shown)):
            self._last += 1
            self._queue.append(_Question(self._last, self._direction, part, self._since))
        self._begin()

    def _begin(self) -> None:
        """Of the next window nothing is known yet."""
        self._pieces.clear()
        self._size, self._since, self._due = 0, -1, False


def _cut(text: str) -> Iterator[str]:
    step = QUESTION_CHARACTERS - OVERLAP_CHARACTERS
    for at in range(0, max(len(text) - OVERLAP_CHARACTERS, 1), step):
        yield text[at : at + QUESTION_CHARACTERS]
