# SPDX-License-Identifier: Apache-2.0
"""All that is kept of one user between requests, as one small record, and how long. Pure.

One record, so that one compare-and-set changes it whole. Rule: times, counts, a band and a step;
nothing that says who somebody is or what they wrote.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from genaiservice.api.users_config import Band, Ladder, Step
from genaiservice.guard.core import ladder as misuse
from genaiservice.guard.core import presence as use
from genaiservice.guard.core.ladder import STEPS, Standing
from genaiservice.guard.core.presence import DAY_SECONDS, Presence

FORMAT: Final = 1
USE_SECONDS: Final = 2 * DAY_SECONDS
MODE_SECONDS: Final = 30 * DAY_SECONDS
"""So long after the last use a user of minors mode needs the guardian to leave it."""


class UnreadableStateError(ValueError):
    """A record that this version cannot read; to take it for a new user would lift limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserState:
    """`mode`: the minor's band seen last."""

    presence: Presence = field(default_factory=Presence)
    standing: Standing = field(default_factory=Standing)
    mode: Band | None = None


NEW: Final = UserState()


def encode(state: UserState) -> bytes:
    presence, standing = state.presence, state.standing
    return orjson.dumps(
        [
            FORMAT,
            [presence.began, presence.until, presence.reminded, presence.days],
            [
                standing.step,
                standing.until,
                standing.consecutive,
                standing.day,
                standing.day_hits,
                standing.last_hit,
                standing.last,
            ],
            state.mode,
        ]
    )


def decode(data: bytes) -> UserState:
    try:
        version, used, stood, mode = orjson.loads(data)
        if version != FORMAT:
            raise UnreadableStateError(f"format {version!r:.20}")
        began, until, reminded, days = used
        step, end, *counts = stood
        consecutive, day, day_hits, last_hit, last = map(_count, counts)
        return UserState(
            presence=Presence(
                began=_count(began),
                until=_count(until),
                reminded=_count(reminded),
                days=tuple((_count(known), _count(seconds)) for known, seconds in days),
            ),
            standing=Standing(
                step=None if step is None else Step(step),
                until=_count(end),
                consecutive=consecutive,
                day=day,
                day_hits=day_hits,
                last_hit=last_hit,
                last=last,
            ),
            mode=None if mode is None else Band(mode),
        )
    except UnreadableStateError:
        raise
    except (TypeError, ValueError) as error:
        raise UnreadableStateError("not a record of a user") from error


def kept_seconds(state: UserState, at: int, ladder: Ladder) -> int | None:
    """For how long from `at` the record matters; None for good."""
    standing = state.standing
    if standing.step is Step.TERMINATE:
        return None
    kept = USE_SECONDS
    if standing.step is not None:
        falls = (STEPS.index(standing.step) + 1) * ladder.forgive_days * DAY_SECONDS
        kept = max(kept, standing.until - at, max(standing.until, standing.last_hit) + falls - at)
        if not ladder.forgive_days:
            return None  # no step ever wears off
    if state.mode is not None:
        kept = max(kept, MODE_SECONDS)
    return kept


def merged(one: UserState, other: UserState) -> UserState:
    """What two stores know of one user, apart from each other; whatever is stricter."""
    later = one if one.presence.until >= other.presence.until else other
    return UserState(
        presence=use.merged(one.presence, other.presence),
        standing=misuse.merged(one.standing, other.standing),
        mode=later.mode or one.mode or other.mode,
    )


def _count(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise UnreadableStateError("not a count")
