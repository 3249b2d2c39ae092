# SPDX-License-Identifier: Apache-2.0
"""The named checks: what a requirement file may ask that JSON Schema cannot say.

Dates relative to today, working-day clocks, comparisons between fields, and comparisons with facts
that the operator reads itself. Each is a pure function of the value and the `Subject`; it answers
whether the value holds, and the first later day on which its answer may change. Messages never
count days: an answer that does not change must not change its words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeAlias

from genaiservice.api.conditions import Reason
from genaiservice.api.jsontree import Json, lookup
from genaiservice.rules.numbers import is_clock_time, normalise
from genaiservice.rules.paths import FieldPath, Filter, is_void
from genaiservice.rules.verdict import Level
from genaiservice.rules.workdays import add_days, add_working_days, parse_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a verdict is about: the declaration, the operator's facts, and the day.

    `selected` remembers, within the verdict, what a check picked to compare with: a hundred models
    against a hundred filings must not be read ten thousand times.
    """

    declaration: Any
    facts: Any
    today: date
    selected: dict[object, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`fault`: why the value does not hold (None = it does; STEP = for the step's own reason).

    `flips`: the first later day on which this may change. `deadline`: the last day on which the
    value holds or held. `at`: the field at fault where it is not the step's own.
    """

    fault: Reason | None = None
    flips: date | None = None
    deadline: date | None = None
    level: Level = Level.FORMAT_CHECKED
    at: str | None = None


STEP: Final = Reason.REQUIREMENTS_NOT_MET
"""Stands for the reason that the step names; never shown."""
HOLDS: Final = Answer()
FAULT: Final = Answer(fault=STEP)
NO_DAY: Final = Answer(fault=Reason.FORMAT_INVALID)

Check: TypeAlias = Callable[[Any, Subject], Answer]
CompileSchema: TypeAlias = Callable[[Any], Filter]


def _not_in_future(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject) -> Answer:
        day = parse_day(value)
        if day is None:
            return NO_DAY
        return Answer(fault=STEP, flips=day) if day > subject.today else HOLDS

    return check


def _valid_through(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject) -> Answer:
        day = parse_day(value)
        if day is None:
            return NO_DAY
        if subject.today > day:
            return Answer(fault=STEP, deadline=day)
        return Answer(flips=add_days(day, 1), deadline=day)

    return check


def _at_most_days_old(arguments: Json, _: CompileSchema) -> Check:
    days = int(arguments["days"])

    def check(value: Any, subject: Subject) -> Answer:
        day = parse_day(value)
        if day is None:
            return NO_DAY
        if day > subject.today:
            return Answer(fault=Reason.CROSS_CHECK_FAILED, flips=day)
        last = add_days(day, days)
        if last is None:
            return HOLDS
        if subject.today > last:
            return Answer(fault=STEP, deadline=last)
        return Answer(flips=add_days(last, 1), deadline=last)

    return check


def _within_working_days(arguments: Json, _: CompileSchema) -> Check:
    start_path = FieldPath.parse(str(arguments["of"]))
    count = int(arguments["days"])

    def check(_: Any, subject: Subject) -> Answer:
        start_value = start_path.value(subject.declaration)
        if is_void(start_value):
            return Answer(fault=Reason.DECLARATION_MISSING, at=start_path.text)
        start = parse_day(start_value)
        if start is None:
            return Answer(fault=Reason.FORMAT_INVALID, at=start_path.text)
        last = add_working_days(start, count)
        if last is None:
            return Answer(fault=Reason.CALENDAR_UNKNOWN, at=start_path.text)
        if subject.today > last:
            return Answer(fault=STEP, deadline=last)
        return Answer(flips=add_days(last, 1), deadline=last)

    return check


def _same_as(arguments: Json, compile_schema: CompileSchema) -> Check:
    others = _selection(arguments, compile_schema)

    def check(value: Any, subject: Subject) -> Answer:
        wanted = _plain(value)
        return HOLDS if wanted in others(subject) else FAULT

    return check


def _contains_value_of(arguments: Json, compile_schema: CompileSchema) -> Check:
    others = _selection(arguments, compile_schema)

    def check(value: Any, subject: Subject) -> Answer:
        text = _plain(value) or ""
        return HOLDS if any(part in text for part in others(subject)) else FAULT

    return check


def _not_before(arguments: Json, _: CompileSchema) -> Check:
    path = FieldPath.parse(str(arguments["field"]))

    def check(value: Any, subject: Subject) -> Answer:
        day, other = parse_day(value), parse_day(path.value(subject.declaration))
        if day is None:
            return NO_DAY
        return FAULT if other is not None and day < other else HOLDS

    return check


def _names_the_service(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject) -> Answer:
        names = {
            _plain(name)
            for key in ("displayName", "name")
            if isinstance(name := lookup(subject.facts, "service", key), str) and not is_void(name)
        }
        listed = (
            {_plain(item) for item in value if isinstance(item, str)}
            if isinstance(value, list)
            else set()
        )
        fault = None if names & listed else STEP
        return Answer(fault=fault, level=Level.CROSS_CHECKED)

    return check


def _met_by_replicas(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject) -> Answer:
        seen = [
            number
            for key in ("minReplicas", "replicas")
            if _is_number(number := lookup(subject.facts, "workload", key))
        ]
        if not seen or not _is_number(value):
            return HOLDS
        # An autoscaler's floor stands before the replica count that it moves.
        fault = STEP if seen[0] < value else None
        return Answer(fault=fault, level=Level.CROSS_CHECKED)

    return check


def _covers_the_night(arguments: Json, _: CompileSchema) -> Check:
    begin, end = str(arguments["start"]), str(arguments["end"])

    def check(value: Any, _: Subject) -> Answer:
        first, last = lookup(value, "start"), lookup(value, "end")
        if not (_is_clock(first) and _is_clock(last)):
            return NO_DAY
        # Both windows cross midnight: one that ends on the day it began covers no night.
        return HOLDS if last < first <= begin and end <= last else FAULT

    return check


def _is_clock(value: Any) -> bool:
    return isinstance(value, str) and is_clock_time(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> str | None:
    """A text in the form in which names and numbers are compared; nothing else is compared."""
    return normalise(value).upper() if isinstance(value, str) else None


def _selection(
    arguments: Json, compile_schema: CompileSchema
) -> Callable[[Subject], frozenset[str]]:
    """The texts at `fields`, in the form in which they are compared."""
    paths = [FieldPath.parse(str(name)) for name in arguments["fields"]]
    where = compile_schema(arguments["where"]) if "where" in arguments else None

    def select(subject: Subject) -> frozenset[str]:
        known = subject.selected.get(select)
        if known is None:
            known = subject.selected[select] = frozenset(
                text
                for path in paths
                for _, value in path.places(subject.declaration, where)
                if (text := _plain(value))
            )
        return known

    return select


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A named check: how it is built, the arguments it takes (those in `paths` name fields)."""

    build: Callable[[Json, CompileSchema], Check]
    meaning: str
    arguments: Mapping[str, str]
    paths: tuple[str, ...] = ()
    may_lack: frozenset[str] = frozenset()


VOCABULARY: Final[dict[str, Word]] = {
    "notInFuture": Word(
        build=_not_in_future,
        meaning="the day has come: it is today or earlier",
        arguments={},
    ),
    "validThrough": Word(
        build=_valid_through,
        meaning="the day is the last one on which something is valid, and has not passed",
        arguments={},
    ),
    "atMostDaysOld": Word(
        build=_at_most_days_old,
        meaning="the day has come and lies at most `days` days back",
        arguments={"days": "integer"},
    ),
    "withinWorkingDays": Word(
        build=_within_working_days,
        meaning="`days` working days after the day in field `of` have not run out",
        arguments={"of": "string", "days": "integer"},
        paths=("of",),
    ),
    "sameAs": Word(
        build=_same_as,
        meaning="the value equals one of the values at `fields` (items picked by `where`)",
        arguments={"fields": "array", "where": "object"},
        paths=("fields",),
        may_lack=frozenset({"where"}),
    ),
    "containsValueOf": Word(
        build=_contains_value_of,
        meaning="the value contains one of the values at `fields`",
        arguments={"fields": "array", "where": "object"},
        paths=("fields",),
        may_lack=frozenset({"where"}),
    ),
    "notBefore": Word(
        build=_not_before,
        meaning="the day is not earlier than the day in `field`",
        arguments={"field": "string"},
        paths=("field",),
    ),
    "namesTheService": Word(
        build=_names_the_service,
        meaning="the list holds the display name or the name of the service (fact)",
        arguments={},
    ),
    "metByReplicas": Word(
        build=_met_by_replicas,
        meaning="the workload's floor of replicas (fact, where known) is at least the value",
        arguments={},
    ),
    "coversTheNight": Word(
        build=_covers_the_night,
        meaning="the window {start, end} covers the hours from `start` to `end` over midnight",
        arguments={"start": "string", "end": "string"},
    ),
}
