# SPDX-License-Identifier: Apache-2.0
"""What detectors say of one exchange: its texts in, questions out, outcomes in, one verdict.

Rules: terms are screened first, detectors hear what would leave. A finding acts as its class in
the policy says; a detector names no place in the text, so Mask is Block. A class that the policy
does not know blocks. Without an opinion nothing passes, unless the configuration says so openly.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from genaiservice.api.guard_config import Screening
from genaiservice.api.problem import Lang
from genaiservice.guard.core.effects import Action, Decision, Direction, Effect, Record
from genaiservice.guard.core.opinion import LATE, Failure, Finding, Outcome, ReviewOptions
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import Passage, Request
from genaiservice.guard.core.telling import Teller
from genaiservice.guard.core.windows import Source, Windows

UNAVAILABLE: Final = "detector_unavailable"
OPEN: Final = "detector_failed_open"


class Review:
    """After `blocked` or `failed` nothing of the exchange may go any further."""

    def __init__(self, policy: Policy, options: Options, review: ReviewOptions) -> None:
        self._policy = policy
        self._modes = {Direction.INPUT: options.input, Direction.OUTPUT: options.output}
        self._watched = {
            side for side in review.directions if self._modes[side] is not Screening.OFF
        }
        self._windows = Windows(review)
        self.options = options
        """Those of an answer that is to be heard."""
        if Direction.OUTPUT in self._watched:
            self.options = replace(options, hears=self._hear)
        self.blocked: Decision | None = None
        self.failed = False

    @property
    def hears(self) -> bool:
        """Whether anybody is asked about the answer."""
        return Direction.OUTPUT in self._watched

    @property
    def open(self) -> bool:
        """Whether something waits for an outcome."""
        return self._windows.open and not self.over

    @property
    def over(self) -> bool:
        return self.failed or self.blocked is not None

    @property
    def held(self) -> int:
        """How many characters wait for an outcome."""
        return self._windows.held

    def free(self, chunks: int) -> int:
        return self._windows.free(chunks)

    def prompt(self, passages: Iterable[Passage]) -> list[Effect]:
        """The questions about a prompt that is on its way to the model."""
        if Direction.INPUT not in self._watched:
            return []
        for passage in passages:
            self._windows.hear(Direction.INPUT, (passage.name,), passage.meant)
        return self._windows.turn(1, final=True)

    def _hear(self, source: Source, text: str, whole: bool) -> None:
        self._windows.hear(Direction.OUTPUT, source, text, whole=whole)

    def turn(self, chunks: int, *, final: bool = False) -> list[Effect]:
        """The questions that are due after this many chunks of the answer."""
        return self._windows.turn(chunks, final=final)

    def woken(self, number: int) -> list[Effect]:
        if self._windows.woken(number):
            return self.answered(number, LATE)
        return [] if self.over else self._windows.ask()

    def answered(self, number: int, outcome: Outcome) -> list[Effect]:
        """What follows: records, and questions for which there is room now."""
        direction = self._windows.direction(number)
        if direction is None or self.over:
            return []
        observes = self._modes[direction] is Screening.OBSERVE
        found = [self._found(direction, one, observes) for one in outcome.findings]
        found += [self._failure(direction, one, observes) for one in outcome.failures]
        for decision in found:
            if decision.action is Action.BLOCK and self.blocked is None:
                self.blocked = decision
            self.failed = self.failed or (decision.reason == UNAVAILABLE and not observes)
        records: list[Effect] = [Record(decision) for decision in found]
        if self.over:
            return records
        self._windows.passed(number)
        return [*records, *self._windows.ask()]

    def gave_up(self) -> list[Effect]:
        """The answer comes so much faster than its outcomes that no more of it can wait.

        What is only observed goes on, and its questions are forgotten.
        """
        observes = all(self._modes[one] is Screening.OBSERVE for one in self._windows.about)
        self.failed = not observes
        if observes:
            self._windows.forget()
        behind = Failure(detector="", fault="behind")
        return [Record(self._failure(Direction.OUTPUT, behind, observes=observes))]

    def _found(self, direction: Direction, finding: Finding, observes: bool) -> Decision:
        action = self._policy.actions.get(finding.risk, Action.BLOCK)
        flags = observes or action is Action.FLAG
        return Decision(
            direction=direction,
            action=Action.FLAG if flags else Action.BLOCK,
            policy=self._policy.hash,
            reason="detector",
            risk=finding.risk,
            rule=f"{finding.risk}:detector:{finding.detector}:{finding.category}",
        )

    def _failure(self, direction: Direction, failure: Failure, observes: bool) -> Decision:
        refuses = Action.REFUSE if direction is Direction.INPUT else Action.ERROR
        passes = failure.open or observes
        return Decision(
            direction=direction,
            action=Action.FLAG if passes else refuses,
            policy=self._policy.hash,
            reason=OPEN if failure.open else UNAVAILABLE,
            rule=f"detector:{failure.detector}:{failure.fault}",
        )

    def closing(self, asked: Request, teller: Teller) -> Effect:
        """The guard's answer in the place of one that has not begun."""
        if self.blocked is None:
            return teller.told(UNAVAILABLE)
        return teller.said(asked, self.words(asked.language), self.blocked.rule.encode())

    def words(self, language: Lang) -> str:
        """What is said instead."""
        return self._policy.words([self.blocked] if self.blocked else [], language)


def review_of(policy: Policy, options: Options) -> Review | None:
    return None if options.review is None else Review(policy, options, options.review)
