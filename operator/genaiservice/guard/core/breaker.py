# SPDX-License-Identifier: Apache-2.0
"""A circuit breaker: who failed several times in a row is left alone for a while, then tried once.

Time is an argument, in seconds of any clock that does not jump.
"""

from enum import StrEnum
from typing import Final

FAILURES: Final = 5
SECONDS: Final = 10.0


class Position(StrEnum):
    CLOSED = "closed"
    """Questions are asked."""
    OPEN = "open"
    HALF_OPEN = "half_open"
    """One question is under way; its end decides."""


class Breaker:
    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0
        self.position = Position.CLOSED

    def allows(self, now: float) -> bool:
        """Whether to ask now; a yes is followed by `succeeded`, `failed` or `withdrawn`."""
        if self.position is Position.CLOSED:
            return True
        if self.position is Position.HALF_OPEN or now < self._until:
            return False
        self.position = Position.HALF_OPEN
        return True

    def succeeded(self) -> None:
        self._failures = 0
        self.position = Position.CLOSED

    def failed(self, now: float) -> None:
        self._failures += 1
        if self.position is Position.HALF_OPEN or self._failures >= FAILURES:
            self.position = Position.OPEN
            self._until = now + SECONDS

    def withdrawn(self) -> None:
        """The question was taken back before its end: it tells nothing."""
        if self.position is Position.HALF_OPEN:
            self.position = Position.OPEN
