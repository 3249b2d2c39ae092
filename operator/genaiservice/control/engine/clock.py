# SPDX-License-Identifier: Apache-2.0
"""The clock of the operator: the one place where it asks what time it is.

Rule: everything else gets time as an argument. The days of the law are days in Asia/Shanghai,
which has kept UTC+8 without summer time since 1991, so no time-zone database is needed.
"""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")


def today(now: datetime) -> date:
    """The date in Asia/Shanghai at the moment `now`."""
    return now.astimezone(SHANGHAI).date()


@dataclass(frozen=True, slots=True)
class Clock:
    """Wall time for what is written down, monotonic time for what is waited for."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the edge that this rule points to

    def monotonic(self) -> float:
        return time.monotonic()
