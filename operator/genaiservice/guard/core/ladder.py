# SPDX-License-Identifier: Apache-2.0
"""The ladder against misuse: warn, restrict, suspend, terminate, per pseudonymous user. Pure.

A request whose prompt was blocked is one hit, however many terms it held. So many in a row, or so
many in a day (Asia/Shanghai), are one misuse, and each misuse climbs one declared step. A step
wears off by itself: its effect after its time, its memory one step per `forgive_days` without a
hit. Terminate does not; only people of the service restore the account.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from genaiservice.api.problem import Text
from genaiservice.api.users_config import Ladder, Step
from genaiservice.guard.core.admission import Denial, Reminder, ReminderKind
from genaiservice.guard.core.denials import denial
from genaiservice.guard.core.presence import DAY_SECONDS, day_of

WARN_SECONDS: Final = DAY_SECONDS
STEPS: Final = tuple(Step)
WARNING: Final = Reminder(
    kind=ReminderKind.WARNING,
    minutes=0,
    text=Text(
        en="Inputs of this account were blocked repeatedly. If this goes on, it will be limited.",
        zh="该账号的输入多次被拦截，继续违规将限制使用。",
    ),
)


class Cause(StrEnum):
    CONSECUTIVE = "consecutive"
    DAILY = "daily"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a user stands. `until`: end of the step's effect. `last`: the last request let in."""

    step: Step | None = None
    until: int = 0
    consecutive: int = 0
    day: int = 0
    day_hits: int = 0
    last_hit: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanction:
    """One step taken, for the record (Art. 14). `until` None: until people restore the account."""

    step: Step
    cause: Cause
    hits: int
    at: int
    until: int | None


def admit(
    standing: Standing, at: int, ladder: Ladder
) -> tuple[Standing, Denial | None, Reminder | None]:
    """Whether the step in force lets a request in at `at`."""
    standing = forgiven(standing, at, ladder)
    if standing.step is Step.TERMINATE:
        return standing, denial("account_terminated"), None
    if standing.step is None or at >= standing.until:
        return standing, None, None
    match standing.step:
        case Step.SUSPEND:
            return standing, denial("account_suspended", until=standing.until, now=at), None
        case Step.RESTRICT:
            free = standing.last + ladder.restrict_seconds_between
            # A last request in the future is a clock that was set back; it must not lock out.
            if standing.last <= at < free:
                return standing, denial("account_restricted", until=free, now=at), None
            return replace(standing, last=at), None, None
    return standing, None, WARNING


def count(
    standing: Standing, hit: bool, at: int, ladder: Ladder
) -> tuple[Standing, Sanction | None]:
    """The standing after one served request, and the step that it led to, if any."""
    if not hit:
        return (replace(standing, consecutive=0) if standing.consecutive else standing), None
    standing = forgiven(standing, at, ladder)
    today = day_of(at)
    earlier = standing.day_hits if today <= standing.day else 0
    standing = replace(
        standing,
        consecutive=standing.consecutive + 1,
        day=today,
        day_hits=earlier + 1,
        last_hit=at,
    )
    cause, hits = _misuse(standing, ladder)
    if cause is None or not ladder.steps:
        return standing, None
    step = _climbed(standing.step, ladder)
    until = at + _lasts(step, ladder)
    standing = replace(standing, step=step, until=until, consecutive=0, day_hits=0)
    end = None if step is Step.TERMINATE else until
    return standing, Sanction(step=step, cause=cause, hits=hits, at=at, until=end)


def forgiven(standing: Standing, at: int, ladder: Ladder) -> Standing:
    """The standing with the steps worn off that were followed by long enough a good behaviour."""
    if standing.step is None or standing.step is Step.TERMINATE or not ladder.forgive_days:
        return standing
    since = max(standing.until, standing.last_hit)
    period = ladder.forgive_days * DAY_SECONDS
    falls = max(0, at - since) // period
    if not falls:
        return standing
    below = [step for step in _declared(ladder) if STEPS.index(step) <= STEPS.index(standing.step)]
    rest = below[: max(0, len(below) - falls)]
    if not rest:
        return Standing(last=standing.last, day=standing.day, day_hits=standing.day_hits)
    return replace(standing, step=rest[-1], until=since + falls * period, consecutive=0)


def in_force(standing: Standing, at: int) -> bool:
    return standing.step is Step.TERMINATE or (standing.step is not None and at < standing.until)


def merged(one: Standing, other: Standing) -> Standing:
    """What two stores know of one user: the harder step and the larger counts."""
    harder, milder = sorted((one, other), key=_hardness, reverse=True)
    day = max(one.day, other.day)
    hits = [known.day_hits for known in (one, other) if known.day == day]
    return replace(
        harder,
        consecutive=max(one.consecutive, other.consecutive),
        day=day,
        day_hits=max(hits),
        last_hit=max(one.last_hit, other.last_hit),
        last=max(harder.last, milder.last),
    )


def _hardness(standing: Standing) -> tuple[int, int]:
    return (-1 if standing.step is None else STEPS.index(standing.step), standing.until)


def _misuse(standing: Standing, ladder: Ladder) -> tuple[Cause | None, int]:
    if 0 < ladder.consecutive_hits <= standing.consecutive:
        return Cause.CONSECUTIVE, standing.consecutive
    if 0 < ladder.daily_hits <= standing.day_hits:
        return Cause.DAILY, standing.day_hits
    return None, 0


def _declared(ladder: Ladder) -> list[Step]:
    """The declared steps in order of hardness, from the one that the first misuse leads to."""
    least = STEPS.index(ladder.first)
    return [step for step in STEPS if step in ladder.steps and STEPS.index(step) >= least]


def _climbed(step: Step | None, ladder: Ladder) -> Step:
    declared = _declared(ladder) or [max(ladder.steps, key=STEPS.index)]
    reached = -1 if step is None else STEPS.index(step)
    return next((each for each in declared if STEPS.index(each) > reached), declared[-1])


def _lasts(step: Step, ladder: Ladder) -> int:
    match step:
        case Step.WARN:
            return WARN_SECONDS
        case Step.RESTRICT:
            return ladder.restrict_minutes * 60
        case Step.SUSPEND:
            return ladder.suspend_hours * 3600
        case Step.TERMINATE:
            return 0
