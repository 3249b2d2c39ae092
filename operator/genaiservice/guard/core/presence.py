# SPDX-License-Identifier: Apache-2.0
"""What counts as use of the service, in seconds per day and in one go. Pure.

Use is the union of the spans in which a user is present. A span begins with a request and ends
with the end of its answer; the gap between two spans counts, too, when it is no longer than
`idle` (the user reads and thinks), else it is a pause. A span after a pause counts at least
VISIT_SECONDS, so that use cannot be hidden in pauses. Spans of two devices that overlap count
once.

Rules: days are days in Asia/Shanghai; a span over midnight is split. A counted second is never
taken back, whatever the clock does: when it jumps back, counting goes on from the new time; each
day keeps its own count.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Final

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""No daylight saving time since 1991, so a fixed offset is exact."""
OFFSET_SECONDS: Final = 8 * 3600
DAY_SECONDS: Final = 24 * 3600
VISIT_SECONDS: Final = 60
JUMP_SECONDS: Final = 2 * VISIT_SECONDS
"""A present further in the past than this behind the last one is a clock that was set back."""
DAYS_KEPT: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """`began`..`until` is the present use in one go; `days` holds (day, seconds), latest last."""

    began: int = 0
    until: int = 0
    reminded: int = 0
    days: tuple[tuple[int, int], ...] = ()

    def used(self, day: int) -> int:
        return next((seconds for known, seconds in self.days if known == day), 0)

    @property
    def continuous(self) -> int:
        return self.until - self.began


def seconds(now: datetime) -> int:
    return int(now.timestamp())


def day_of(at: int) -> int:
    return (at + OFFSET_SECONDS) // DAY_SECONDS


def second_of_day(at: int) -> int:
    return (at + OFFSET_SECONDS) % DAY_SECONDS


def midnight_after(at: int) -> int:
    return at - second_of_day(at) + DAY_SECONDS


def bridged(presence: Presence, at: int, idle: int) -> Presence:
    """The gap since the last use counted where it is no pause; nothing new begun."""
    presence = _rebased(presence, at)
    if not presence.until or at - presence.until > idle or at <= presence.until:
        return presence
    days = _counted(presence.days, presence.until, at)
    return replace(presence, until=at, days=days)


def present(presence: Presence, since: int, at: int, idle: int) -> Presence:
    """The span `since`..`at` counted."""
    presence = _rebased(presence, at)
    if presence.until and since - presence.until <= idle:
        return bridged(presence, at, max(idle, at - since + idle))
    end = max(at, since + VISIT_SECONDS)
    return Presence(began=since, until=end, days=_counted(presence.days, since, end))


def _rebased(presence: Presence, at: int) -> Presence:
    if presence.until - at <= JUMP_SECONDS:
        return presence
    return replace(presence, until=at, began=at - presence.continuous)


def _counted(
    days: tuple[tuple[int, int], ...], start: int, end: int
) -> tuple[tuple[int, int], ...]:
    counts = dict(days)
    while start < end:
        day = day_of(start)
        stop = min(end, midnight_after(start))
        counts[day] = counts.pop(day, 0) + stop - start
        start = stop
    return tuple(counts.items())[-DAYS_KEPT:]


def merged(one: Presence, other: Presence) -> Presence:
    """What two stores know of one user, apart from each other: the larger count of each day."""
    later, earlier = (one, other) if one.until >= other.until else (other, one)
    counts = dict(earlier.days)
    for day, known in later.days:
        counts[day] = max(counts.pop(day, 0), known)
    return replace(later, days=tuple(counts.items())[-DAYS_KEPT:])
