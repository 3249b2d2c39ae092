# SPDX-License-Identifier: Apache-2.0
"""One request of one user: the whole decision on entry, and what is counted when it leaves. Pure.

Order of the checks, the gravest first: an ended or suspended account, the agreement, the real
identity, the limits of minors, the pace of a restricted account. Rule: a refused request is no use
and no hit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from genaiservice.api.problem import Text
from genaiservice.api.users_config import Band, Ladder, RealName, UsersConfig
from genaiservice.guard.core import ladder as misuse
from genaiservice.guard.core import minors
from genaiservice.guard.core import presence as use
from genaiservice.guard.core.admission import Admission, Denial, Reminder, ReminderKind
from genaiservice.guard.core.claim import Claim, accepted
from genaiservice.guard.core.denials import denial
from genaiservice.guard.core.ladder import Sanction
from genaiservice.guard.core.minors import Decision, MinorsPlan
from genaiservice.guard.core.user_state import UserState

TAKE_A_BREAK: Final = Text(
    en="You have been using this service for {minutes} minutes without a pause. Take a break.",
    zh="您已连续使用 {minutes} 分钟，请休息一下。",
)

PACED: Final = 429
"""A pace is checked last: who is to be refused for good is not told to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRules:
    """What the configuration asks of every user."""

    minors: MinorsPlan
    ladder: Ladder
    agreement_version: str
    real_name: RealName

    @property
    def keeps_state(self) -> bool:
        """Whether anything is counted; without it no store is asked."""
        plan = self.minors
        return bool(plan.limits or plan.remind_adults_seconds or self.ladder.steps)


def rules_of(config: UsersConfig) -> UserRules:
    return UserRules(
        minors=minors.plan_of(config),
        ladder=config.ladder,
        agreement_version=config.agreement_version,
        real_name=config.real_name,
    )


def enter(
    state: UserState, user: str, claim: Claim | None, path: str, now: datetime, rules: UserRules
) -> tuple[UserState, Admission]:
    """`claim` is None where nothing valid was said; `user` is then the peer or empty."""
    at = use.seconds(now)
    standing, limited, warning = misuse.admit(state.standing, at, rules.ladder)
    paced = limited is not None and limited.status == PACED
    refused = (None if paced else limited) or _unaccepted(claim, path, rules)
    if refused is not None:
        return state, Admission(user=user, error=refused)
    decision = minors.decide(claim, state.presence, state.mode, now, rules.minors)
    if decision.refused is not None:
        spent = replace(state, presence=decision.presence)
        return spent, Admission(user=user, minor=decision.minor, error=decision.refused)
    if limited is not None:
        return state, Admission(user=user, minor=decision.minor, error=limited)
    mode = decision.band if isinstance(decision.band, Band) else None
    entered = UserState(presence=decision.presence, standing=standing, mode=mode)
    return entered, _admission(user, decision, warning)


def leave(
    state: UserState,
    now: datetime,
    *,
    hit: bool,
    served: bool,
    seconds: float,
    rules: UserRules,
) -> tuple[UserState, Sanction | None]:
    """`seconds`: how long the answer took. `served`: the prompt reached the model; what is neither
    served nor a hit (a broken request) must not end a row of hits."""
    at = use.seconds(now)
    span = max(0, int(seconds))
    presence = use.present(state.presence, at - span, at, rules.minors.idle_seconds)
    standing, sanction = state.standing, None
    if rules.ladder.steps and (hit or served):
        standing, sanction = misuse.count(standing, hit, at, rules.ladder)
    return replace(state, presence=presence, standing=standing), sanction


def _unaccepted(claim: Claim | None, path: str, rules: UserRules) -> Denial | None:
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("agreement_not_accepted", lambda: _agreed(claim, rules)),
        ("real_name_needed", lambda: _real(claim, path, rules.real_name)),
    )
    return next((denial(code) for code, holds in checks if not holds()), None)


def _agreed(claim: Claim | None, rules: UserRules) -> bool:
    if not rules.agreement_version:
        return True
    return claim is not None and accepted(claim.agreement_version, rules.agreement_version)


def _real(claim: Claim | None, path: str, asked: RealName) -> bool:
    if not asked.required or (asked.paths and path not in asked.paths):
        return True
    return claim is not None and claim.real_name


def _admission(user: str, decision: Decision, warning: Reminder | None) -> Admission:
    reminders = [] if warning is None else [warning]
    minutes = decision.remind_minutes
    if minutes:
        text = TAKE_A_BREAK.format(minutes=minutes)
        reminders.append(Reminder(kind=ReminderKind.BREAK, minutes=minutes, text=text))
    ends = decision.ends_at
    return Admission(
        user=user,
        minor=decision.minor,
        policy_set=decision.content_policy,
        reminders=tuple(reminders),
        ends_at=None if ends is None else datetime.fromtimestamp(ends, UTC),
    )
