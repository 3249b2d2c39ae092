# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, date, datetime

import pytest

from genaiservice.control.engine.clock import Clock, today


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 11, 25, 15, 59, 59, tzinfo=UTC), date(2026, 11, 25)),
        (datetime(2026, 11, 25, 16, 0, 0, tzinfo=UTC), date(2026, 11, 26)),
        (datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_a_day_begins_at_midnight_in_shanghai(moment: datetime, expected: date) -> None:
    assert today(moment) == expected


def test_the_clock_knows_its_zone() -> None:
    assert Clock().now().utcoffset() is not None
