# SPDX-License-Identifier: Apache-2.0
"""Named checks on days: relative to today, to another day, and by working-day clocks.

Messages never count days: an answer that does not change must not change its words.
"""

from datetime import date
from typing import Any

from genaiservice.api.conditions import Reason
from genaiservice.api.jsontree import Json, lookup
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
from genaiservice.rules.workdays import add_days, add_working_days, parse_day


def not_in_future(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        day = parse_day(value)
        if day is None:
            return BAD_FORM
        return Answer(fault=STEP, flips=day) if day > subject.today else HOLDS

    return check


def valid_through(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        day = parse_day(value)
        return BAD_FORM if day is None else _until(day, subject.today)

    return check


def at_most_days_old(arguments: Json, _: CompileSchema) -> Check:
    days = arguments["days"]

    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        day = parse_day(value)
        if day is None:
            return BAD_FORM
        if day > subject.today:
            return Answer(fault=Reason.CROSS_CHECK_FAILED, flips=day)
        last = add_days(day, int(limit(days, subject)))
        return HOLDS if last is None else _until(last, subject.today)

    return check


def within_working_days(arguments: Json, _: CompileSchema) -> Check:
    start_path = FieldPath.parse(str(arguments["of"]))
    count = int(arguments["days"])

    def check(_: Any, subject: Subject, __: Trail) -> Answer:
        start_value = start_path.value(subject.declaration)
        if is_void(start_value):
            return Answer(fault=Reason.DECLARATION_MISSING, at=start_path.text)
        start = parse_day(start_value)
        if start is None:
            return Answer(fault=Reason.FORMAT_INVALID, at=start_path.text)
        last = add_working_days(start, count)
        if last is None:
            return Answer(fault=Reason.CALENDAR_UNKNOWN, at=start_path.text)
        return _until(last, subject.today)

    return check


def done_within_working_days(arguments: Json, _: CompileSchema) -> Check:
    return _done_within(arguments, working=True)


def done_within_days(arguments: Json, _: CompileSchema) -> Check:
    return _done_within(arguments, working=False)


def _done_within(arguments: Json, *, working: bool) -> Check:
    begin, end = str(arguments["begin"]), str(arguments["done"])
    count = int(arguments["days"])

    def check(value: Any, subject: Subject, trail: Trail) -> Answer:
        start, done = parse_day(lookup(value, begin)), lookup(value, end)
        if start is None:
            return _at(trail, begin, lookup(value, begin))
        finished = parse_day(done)
        if finished is None and not is_void(done):
            return _at(trail, end, done)
        if finished is not None and finished <= subject.today:
            # Late, but done: nothing can be mended any more, so nothing is held for it.
            return HOLDS
        last = add_working_days(start, count) if working else add_days(start, count)
        if last is None:
            return Answer(fault=Reason.CALENDAR_UNKNOWN) if working else HOLDS
        answer = _until(last, subject.today)
        return answer if finished is None else _sooner(answer, finished)

    return check


def not_before(arguments: Json, _: CompileSchema) -> Check:
    path = FieldPath.parse(str(arguments["field"]))

    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        day, other = parse_day(value), parse_day(path.value(subject.declaration))
        if day is None:
            return BAD_FORM
        return FAULT if other is not None and day < other else HOLDS

    return check


def _until(last: date, today: date) -> Answer:
    if today > last:
        return Answer(fault=STEP, deadline=last)
    return Answer(flips=add_days(last, 1), deadline=last)


def _sooner(answer: Answer, day: date) -> Answer:
    """The same answer, which changes on `day` if that comes first."""
    flips = day if answer.flips is None else min(answer.flips, day)
    return Answer(fault=answer.fault, flips=flips, deadline=answer.deadline)


def _at(trail: Trail, name: str, value: Any) -> Answer:
    fault = Reason.DECLARATION_MISSING if is_void(value) else Reason.FORMAT_INVALID
    return Answer(fault=fault, at=relative((*trail, name)))
