# SPDX-License-Identifier: Apache-2.0
"""What a minor may do now, by the claim, the use so far, the time and the declaration. Pure.

Whether somebody is a minor was found out elsewhere. Rules: nobody becomes an adult by saying
nothing; who was seen in minors mode leaves it only with a guardian where that is declared; a
guardian may let go the budget and the curfew where that is declared, never the content policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from genaiservice.api.users_config import (
    AgeSignal,
    Band,
    BandLimits,
    MinorsPolicy,
    Missing,
    UsersConfig,
)
from genaiservice.guard.core import presence as use
from genaiservice.guard.core.admission import Denial
from genaiservice.guard.core.claim import Adult, AgeBand, Claim, Leave
from genaiservice.guard.core.denials import denial
from genaiservice.guard.core.presence import Presence

MINUTE: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class MinorsPlan:
    """The declaration in the units that are counted with. `remind_seconds` 0: no reminder."""

    policy: MinorsPolicy
    limits: Mapping[Band, BandLimits]
    strictest: BandLimits | None
    missing: Missing
    curfew_start: int
    curfew_end: int
    remind_seconds: int
    remind_adults_seconds: int
    idle_seconds: int
    guardian_override: bool
    mode_is_sticky: bool
    refused_personas: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`presence` is what to keep. `remind_minutes`: in use for that long, say so; 0 is nothing."""

    presence: Presence
    band: AgeBand | None = None
    refused: Denial | None = None
    remind_minutes: int = 0
    content_policy: str = ""
    ends_at: int | None = None

    @property
    def minor(self) -> bool:
        return isinstance(self.band, Band)


def plan_of(config: UsersConfig) -> MinorsPlan:
    minors = config.minors
    order = list(Band)
    by_strictness = sorted(minors.bands, key=lambda it: (it.daily_minutes, order.index(it.band)))
    return MinorsPlan(
        policy=minors.policy,
        limits={limits.band: limits for limits in minors.bands},
        strictest=by_strictness[0] if by_strictness else None,
        missing=_missing(config),
        curfew_start=_clock(minors.curfew.start),
        curfew_end=_clock(minors.curfew.end),
        remind_seconds=minors.break_reminder_minutes * MINUTE,
        remind_adults_seconds=config.reminder_minutes * MINUTE,
        idle_seconds=config.idle_minutes * MINUTE,
        guardian_override=minors.guardian_override,
        mode_is_sticky=(
            minors.policy is not MinorsPolicy.PROHIBITED
            and minors.exit_needs_guardian
            and minors.age_signal is not AgeSignal.VERIFIED_ID
        ),
        refused_personas=frozenset(minors.refused_personas),
    )


def decide(
    claim: Claim | None, usage: Presence, mode: Band | None, now: datetime, plan: MinorsPlan
) -> Decision:
    """`mode`: the band in which this user was seen last, None for none."""
    at = use.seconds(now)
    band = band_of(claim, mode, plan)
    if isinstance(band, Denial):
        return Decision(presence=usage, refused=band)
    if isinstance(band, Adult):
        return _in_use(usage, at, plan, band, plan.remind_adults_seconds, None)
    limits = plan.limits[band]
    refused = _refused_persona(claim, plan)
    leaves = claim.guardian if claim is not None and plan.guardian_override else frozenset()
    if refused is None and Leave.CURFEW not in leaves:
        refused = _curfew(at, plan)
    if refused is not None:
        return Decision(presence=usage, band=band, refused=refused)
    budget = None if Leave.BUDGET in leaves else limits.daily_minutes * MINUTE
    decision = _within(usage, at, plan, band, budget)
    ends = [] if decision.ends_at is None else [decision.ends_at]
    if Leave.CURFEW not in leaves:
        ends.append(_next(at, plan.curfew_start))
    return replace(
        decision, content_policy=limits.content_policy, ends_at=min(ends) if ends else None
    )


def band_of(claim: Claim | None, mode: Band | None, plan: MinorsPlan) -> AgeBand | Denial:
    """The band whose limits apply, or why nobody of it is served."""
    said = claim.age_band if claim is not None else None
    if said is None:
        return _unsaid(plan)
    exits = claim is not None and Leave.EXIT in claim.guardian
    if said is Adult.ADULT and mode in plan.limits and plan.mode_is_sticky and not exits:
        said = mode
    if isinstance(said, Adult):
        only = plan.policy is MinorsPolicy.MINORS_ONLY
        return denial("minors_only") if only else said
    if plan.policy is MinorsPolicy.PROHIBITED:
        return denial("minors_not_served")
    assert said is not None  # noqa: S101 - `mode in plan.limits` above
    return said if said in plan.limits else denial("band_not_served")


def _unsaid(plan: MinorsPlan) -> AgeBand | Denial:
    match plan.missing:
        case Missing.REFUSE:
            return denial("user_unknown")
        case Missing.TREAT_AS_ADULT:
            return Adult.ADULT
    if plan.policy is MinorsPolicy.PROHIBITED or plan.strictest is None:
        return denial("minors_not_served")
    return plan.strictest.band


def _missing(config: UsersConfig) -> Missing:
    """Never an adult by silence, whatever wrote the configuration."""
    missing = config.identity.missing
    gated = config.identity.age_gate and config.minors.policy is MinorsPolicy.PROHIBITED
    if missing is Missing.TREAT_AS_ADULT and not gated:
        return Missing.REFUSE
    return missing


def _refused_persona(claim: Claim | None, plan: MinorsPlan) -> Denial | None:
    if claim is not None and claim.persona in plan.refused_personas:
        return denial("persona_not_for_minors")
    return None


def _curfew(at: int, plan: MinorsPlan) -> Denial | None:
    second, start, end = use.second_of_day(at), plan.curfew_start, plan.curfew_end
    inside = start <= second < end if start < end else second >= start or second < end
    return denial("minors_curfew", until=_next(at, end), now=at) if inside else None


def _within(usage: Presence, at: int, plan: MinorsPlan, band: Band, budget: int | None) -> Decision:
    day = use.day_of(at)
    if budget is not None:
        # What was read since the last answer counts before the next request is let in.
        spent = usage if usage.used(day) >= budget else use.bridged(usage, at, plan.idle_seconds)
        if spent.used(day) >= budget:
            refused = denial("minors_budget", until=use.midnight_after(at), now=at)
            return Decision(presence=spent, band=band, refused=refused)
    return _in_use(usage, at, plan, band, plan.remind_seconds, budget)


def _in_use(
    usage: Presence, at: int, plan: MinorsPlan, band: AgeBand, remind: int, budget: int | None
) -> Decision:
    kept = use.present(usage, at, at, plan.idle_seconds)
    times = kept.continuous // remind if remind else 0
    minutes = 0
    if times > kept.reminded:
        minutes = kept.continuous // MINUTE
        kept = replace(kept, reminded=times)
    ends = None
    if budget is not None:
        left = budget - kept.used(use.day_of(at))
        ends = max(at, kept.until) + left
        if ends >= use.midnight_after(at):
            ends = None  # the next day has its own budget
    return Decision(presence=kept, band=band, remind_minutes=minutes, ends_at=ends)


def _next(at: int, second: int) -> int:
    """The next moment after `at` at which the day is `second` old."""
    ahead = (second - use.second_of_day(at)) % use.DAY_SECONDS
    return at + (ahead or use.DAY_SECONDS)


def _clock(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 3600 + int(minutes) * 60
