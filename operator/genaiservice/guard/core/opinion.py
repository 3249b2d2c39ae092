# SPDX-License-Identifier: Apache-2.0
"""What detectors say of a text, and how their questions are cut. Values only."""

from dataclasses import dataclass

from genaiservice.guard.core.effects import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A detector found this risk class; `category` is a name of the configuration, or `other`."""

    detector: str
    category: str
    risk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A detector gave no opinion; `fault` is a word of a closed set.

    `open` says that the configuration lets this text pass without it, at this moment.
    """

    detector: str
    fault: str
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What all detectors together say of one question; empty means that it passed."""

    findings: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()


PASSED = Outcome()
LATE = Outcome(failures=(Failure(detector="", fault="timeout"),))
"""The budget of a question is over and nobody has answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOptions:
    """Who is asked about what; one value for the whole process.

    A window of an answer is asked about when it has so many characters, or when its first one
    has waited for so many seconds. `budget_seconds` after a question no answer counts as a
    failure.
    """

    directions: frozenset[Direction] = frozenset(Direction)
    window_characters: int = 200
    window_seconds: float = 1.0
    budget_seconds: float = 3.0
