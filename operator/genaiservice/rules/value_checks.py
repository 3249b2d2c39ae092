# SPDX-License-Identifier: Apache-2.0
"""Named checks on values: comparisons with other fields, with limits, and with the night."""

from collections.abc import Callable
from typing import Any

from genaiservice.api.conditions import Reason
from genaiservice.api.jsontree import Json, lookup
from genaiservice.rules.limits import is_number
from genaiservice.rules.numbers import is_clock_time, normalise
from genaiservice.rules.paths import FieldPath, Trail, is_void, relative
from genaiservice.rules.subject import (
    BAD_FORM,
    FAULT,
    HOLDS,
    STEP,
    Answer,
    Check,
    CompileSchema,
    Subject,
    limit,
)


def at_least(arguments: Json, _: CompileSchema) -> Check:
    least = arguments["limit"]

    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        if not is_number(value):
            return BAD_FORM
        return FAULT if value < limit(least, subject) else HOLDS

    return check


def at_most(arguments: Json, _: CompileSchema) -> Check:
    most = arguments["limit"]

    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        if not is_number(value):
            return BAD_FORM
        return FAULT if value > limit(most, subject) else HOLDS

    return check


def each_at_least(arguments: Json, _: CompileSchema) -> Check:
    keys, least = [str(key) for key in arguments["keys"]], arguments["limit"]

    def check(value: Any, subject: Subject, trail: Trail) -> Answer:
        if not isinstance(value, dict):
            return BAD_FORM
        bound = limit(least, subject)
        for key in keys:
            count: Any = value.get(key)
            if (type(count) is int or is_number(count)) and count >= bound:
                continue
            if is_void(count):
                fault = Reason.DECLARATION_MISSING
            else:
                fault = STEP if is_number(count) else Reason.FORMAT_INVALID
            return Answer(fault=fault, at=relative((*trail, key)))
        return HOLDS

    return check


def names_a_limit(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        return HOLDS if isinstance(value, str) and value in subject.limits else FAULT

    return check


def same_as(arguments: Json, compile_schema: CompileSchema) -> Check:
    others = _selection(arguments, compile_schema)

    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        return HOLDS if plain(value) in others(subject) else FAULT

    return check


def contains_value_of(arguments: Json, compile_schema: CompileSchema) -> Check:
    others = _selection(arguments, compile_schema)

    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        text = plain(value) or ""
        return HOLDS if any(part in text for part in others(subject)) else FAULT

    return check


def covers_the_night(arguments: Json, _: CompileSchema) -> Check:
    begin, end = str(arguments["start"]), str(arguments["end"])

    def check(value: Any, _: Subject, __: Trail) -> Answer:
        first, last = lookup(value, "start"), lookup(value, "end")
        if not (_is_clock(first) and _is_clock(last)):
            return BAD_FORM
        # Both windows cross midnight: one that ends on the day it began covers no night.
        return HOLDS if last < first <= begin and end <= last else FAULT

    return check


def plain(value: Any) -> str | None:
    """A text in the form in which names and numbers are compared; nothing else is compared."""
    return normalise(value).upper() if isinstance(value, str) else None


def _is_clock(value: Any) -> bool:
    return isinstance(value, str) and is_clock_time(value)


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
                if (text := plain(value))
            )
        return known

    return select
