# SPDX-License-Identifier: Apache-2.0
"""Detectors of a test: they hear the questions of an exchange and answer when they are told to."""

from collections.abc import Iterable

from genaiservice.guard.core.effects import Ask, Effect, Wake
from genaiservice.guard.core.exchange import Exchange
from genaiservice.guard.core.opinion import PASSED, Outcome
from tests.unit.guard.core.talk import Heard


class Reviewer:
    """`take` the effects of every call; `heard` is what the client got so far."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.heard = Heard()
        self.asked: dict[int, Ask] = {}
        self.open: dict[int, str] = {}
        self.passed: list[str] = []
        self.wakes: list[Wake] = []

    def take(self, effects: Iterable[Effect]) -> "Reviewer":
        effects = list(effects)
        self.heard.take(effects)
        for effect in effects:
            if isinstance(effect, Ask):
                self.asked[effect.number] = effect
                self.open[effect.number] = effect.text
            elif isinstance(effect, Wake):
                self.wakes.append(effect)
        return self

    def answer(self, number: int, outcome: Outcome = PASSED) -> "Reviewer":
        text = self.open.pop(number)
        if outcome == PASSED:
            self.passed.append(text)
        return self.take(self.exchange.answered(number, outcome))

    def wake(self) -> "Reviewer":
        """The `Wake` that waits longest fires."""
        return self.take(self.exchange.woken(self.wakes.pop(0).number))

    def pass_all(self) -> "Reviewer":
        """Answers and wakes until nothing is open any more."""
        while self.open or (self.wakes and not self.heard.ended):
            if self.open:
                self.answer(min(self.open))
            else:
                self.wake()
        return self
