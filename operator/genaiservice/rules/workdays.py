# SPDX-License-Identifier: Apache-2.0
"""Days: reading them, and counting working days with the State Council's make-up days.

Data, not a formula: a year whose calendar is not published here yet is answered with None, and
the rule says so instead of guessing Monday to Friday.
"""

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

import chinese_calendar

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ONE_DAY: Final = timedelta(days=1)


def parse_day(value: Any) -> date | None:
    """The day that `value` names as YYYY-MM-DD; None for everything else."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def add_days(day: date, days: int) -> date | None:
    """`day` and so many days; None past the end of the calendar."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


def is_working_day(day: date) -> bool | None:
    """Whether people work on `day` in mainland China; None when its year is not known."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return None


@lru_cache(maxsize=4096)
def add_working_days(start: date, count: int) -> date | None:
    """The last day of a clock of `count` working days whose first is the one after `start`.

    None when the clock runs into a year that the calendar does not know.
    """
    day = start
    while count > 0:
        if day == date.max:
            return None
        day += _ONE_DAY
        working = is_working_day(day)
        if working is None:
            return None
        count -= working
    return day
