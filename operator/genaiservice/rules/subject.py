# SPDX-License-Identifier: Apache-2.0
"""What a named check is asked about and what it answers. Values only.

A check is a pure function of the value, the subject and the place of the value; it answers whether
the value holds, and the first later day on which its answer may change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeAlias

from genaiservice.api.conditions import Reason
from genaiservice.api.jsontree import Json
from genaiservice.api.problem import EMPTY, Text
from genaiservice.rules.paths import Filter, Trail
from genaiservice.rules.verdict import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a verdict is about: the declaration, the operator's facts, the day, and the limits.

    `selected` remembers, within the verdict, what a check picked to compare with: a hundred models
    against a hundred filings must not be read ten thousand times.
    """

    declaration: Any
    facts: Any
    today: date
    limits: Mapping[str, float] = field(default_factory=dict)
    selected: dict[object, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`fault`: why the value does not hold (None = it does; STEP = for the step's own reason).

    `flips`: the first later day on which this may change. `deadline`: the last day on which the
    value holds or held. `at`: the field at fault where it is not the step's own. `seen`: what a
    fact showed, as half a sentence.
    """

    fault: Reason | None = None
    flips: date | None = None
    deadline: date | None = None
    level: Level = Level.FORMAT_CHECKED
    at: str | None = None
    seen: Text = EMPTY


STEP: Final = Reason.REQUIREMENTS_NOT_MET
"""Stands for the reason that the step names; never shown."""
HOLDS: Final = Answer()
FAULT: Final = Answer(fault=STEP)
BAD_FORM: Final = Answer(fault=Reason.FORMAT_INVALID)
SEEN: Final = Answer(level=Level.CROSS_CHECKED)
"""The value holds and agrees with what was seen."""

Check: TypeAlias = Callable[[Any, Subject, Trail], Answer]
CompileSchema: TypeAlias = Callable[[Any], Filter]
Build: TypeAlias = Callable[[Json, CompileSchema], Check]


def disagrees(seen: Text) -> Answer:
    """A fact was seen that does not fit the declaration."""
    return Answer(fault=STEP, level=Level.CROSS_CHECKED, seen=seen)


def limit(argument: Any, subject: Subject) -> float:
    """The number that an argument states: itself, or by the name of a limit."""
    return subject.limits[argument] if isinstance(argument, str) else float(argument)
