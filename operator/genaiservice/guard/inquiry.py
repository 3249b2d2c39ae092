# SPDX-License-Identifier: Apache-2.0
"""The questions of one exchange to the detectors: asked, timed, and withdrawn with its end."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from genaiservice.guard.core.effects import Ask, Effect, Wake
from genaiservice.guard.core.exchange import Exchange
from genaiservice.guard.core.opinion import Outcome

if TYPE_CHECKING:
    from genaiservice.guard.detectors import Detectors


class Inquiry:
    __slots__ = ("_detectors", "_ended", "_exchange", "_loop", "_questions", "_take", "_timers")

    def __init__(
        self,
        detectors: "Detectors",
        loop: asyncio.AbstractEventLoop,
        exchange: Exchange,
        take: Callable[[Callable[[], list[Effect]]], None],
    ) -> None:
        """`take` performs what the exchange says to an outcome; it is called from the loop only."""
        self._detectors = detectors
        self._loop = loop
        self._exchange = exchange
        self._take = take
        self._questions: dict[int, Callable[[], object]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._ended = False

    def perform(self, effect: Effect) -> None:
        if self._ended:
            return
        if isinstance(effect, Ask):
            self._questions[effect.number] = self._detectors.ask(effect, self._answered)
        elif isinstance(effect, Wake):
            timer = self._loop.call_later(effect.seconds, self._ring, effect.number)
            self._timers[effect.number] = timer

    def end(self) -> None:
        self._ended = True
        for timer in self._timers.values():
            timer.cancel()
        for withdraw in self._questions.values():
            withdraw()
        self._timers.clear()
        self._questions.clear()

    def _answered(self, number: int, outcome: Outcome) -> None:
        self._questions.pop(number, None)
        timer = self._timers.pop(number, None)
        if timer is not None:
            timer.cancel()
        if not self._ended:
            self._take(lambda: self._exchange.answered(number, outcome))

    def _ring(self, number: int) -> None:
        self._timers.pop(number, None)
        withdraw = self._questions.pop(number, None)
        if withdraw is not None:
            withdraw()
        self._take(lambda: self._exchange.woken(number))
