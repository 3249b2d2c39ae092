# SPDX-License-Identifier: Apache-2.0
"""Working days by the State Council's calendar, and the years that it does not know."""

from datetime import date

import pytest

from genaiservice.rules.workdays import add_days, add_working_days, is_working_day, parse_day

CLOCKS = [
    pytest.param(date(2026, 11, 20), 1, date(2026, 11, 23), id="a Friday: Monday"),
    pytest.param(date(2026, 9, 25), 10, date(2026, 10, 15), id="over the October holiday"),
    pytest.param(date(2026, 10, 9), 1, date(2026, 10, 10), id="a Saturday that is worked"),
    pytest.param(date(2026, 2, 13), 1, date(2026, 2, 14), id="before the Spring Festival"),
    pytest.param(date(2026, 11, 25), 0, date(2026, 11, 25), id="no days"),
    pytest.param(date(2026, 12, 30), 1, date(2026, 12, 31), id="last known day"),
]


@pytest.mark.parametrize(("start", "count", "last"), CLOCKS)
def test_a_clock_ends_on_its_last_working_day(start: date, count: int, last: date) -> None:
    assert add_working_days(start, count) == last


@pytest.mark.parametrize(
    ("start", "count"),
    [(date(2098, 12, 31), 1), (date(2099, 6, 1), 10), (date(1999, 1, 1), 5), (date.max, 1)],
)
def test_a_clock_into_an_unknown_year_is_not_guessed(start: date, count: int) -> None:
    assert add_working_days(start, count) is None


def test_a_day_of_an_unknown_year_is_neither_worked_nor_free() -> None:
    assert is_working_day(date(2099, 1, 1)) is None
    assert is_working_day(date(2026, 10, 1)) is False
    assert is_working_day(date(2026, 9, 20)) is True


@pytest.mark.parametrize(
    "value", ["2026-2-3", "20260203", "2026-W06-2", "2026-02-30", "2026-02-03T00:00", "", 20260203]
)
def test_only_the_one_form_of_a_day_is_read(value: object) -> None:
    assert parse_day(value) is None


def test_days_past_the_end_of_the_calendar_are_no_error() -> None:
    assert parse_day("9999-12-31") == date.max
    assert add_days(date.max, 1) is None
    assert add_days(date(2026, 11, 25), 90) == date(2027, 2, 23)
