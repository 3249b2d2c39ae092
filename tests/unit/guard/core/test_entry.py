# SPDX-License-Identifier: Apache-2.0
"""One request of one user: the checks in their order, and what is counted afterwards."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genaiservice.api.users_config import (
    Band,
    BandLimits,
    Identity,
    Ladder,
    Minors,
    MinorsPolicy,
    Missing,
    RealName,
    Step,
    UsersConfig,
)
from genaiservice.guard.core.admission import Admission, ReminderKind
from genaiservice.guard.core.claim import Adult, Claim
from genaiservice.guard.core.denials import DENIALS, denial
from genaiservice.guard.core.entry import UserRules, enter, leave, rules_of
from genaiservice.guard.core.ladder import Standing
from genaiservice.guard.core.user_state import NEW, UserState

NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)
NIGHT = datetime(2026, 3, 10, 15, tzinfo=UTC)
AT = int(NOON.timestamp())
MINORS = Minors(
    policy=MinorsPolicy.ALLOWED, bands=(BandLimits(band=Band.FROM_12, daily_minutes=60),)
)
LADDER = Ladder(steps=tuple(Step), consecutive_hits=2, daily_hits=0)
ADULT = Claim(user="p", age_band=Adult.ADULT, agreement_version="2.0", real_name=True)


def rules(**more: Any) -> UserRules:
    return rules_of(UsersConfig(**{"minors": MINORS, "ladder": LADDER, **more}))


def asked(
    claim: Claim | None, declared: UserRules, state: UserState = NEW, path: str = "/v1/x",
    now: datetime = NOON,
) -> Admission:  # fmt: skip
    return enter(state, "p", claim, path, now, declared)[1]


def code(admission: Admission) -> str:
    assert admission.allow == (admission.error is None)
    return admission.error.code if admission.error is not None else "ok"


def at_step(step: Step) -> UserState:
    return UserState(standing=Standing(step=step, until=AT + 36_000, last=AT, last_hit=AT))


@pytest.mark.parametrize(
    ("version", "expected"),
    [(None, "agreement_not_accepted"), ("1.9", "agreement_not_accepted"), ("2.0", "ok")],
)
def test_the_agreement_in_force_is_accepted_before_use(version: str | None, expected: str) -> None:
    who = replace(ADULT, agreement_version=version)
    assert code(asked(who, rules(agreement_version="2.0"))) == expected
    assert code(asked(who, rules())) == "ok"


@pytest.mark.parametrize(
    ("asked_for", "path", "real", "expected"),
    [
        (RealName(required=True), "/v1/x", False, "real_name_needed"),
        (RealName(required=True), "/v1/x", True, "ok"),
        (RealName(required=True, paths=("/v1/publish",)), "/v1/publish", False, "real_name_needed"),
        (RealName(required=True, paths=("/v1/publish",)), "/v1/x", False, "ok"),
        (RealName(required=False, paths=("/v1/publish",)), "/v1/publish", False, "ok"),
    ],
)
def test_a_real_identity_is_asked_for_where_it_is_declared(
    asked_for: RealName, path: str, real: bool, expected: str
) -> None:
    who = replace(ADULT, real_name=real)
    assert code(asked(who, rules(real_name=asked_for), path=path)) == expected


def test_nobody_has_accepted_nothing_and_is_nobody() -> None:
    declared = rules(
        agreement_version="2.0",
        minors=Minors(),
        identity=Identity(missing=Missing.TREAT_AS_ADULT, age_gate=True),
    )
    assert code(asked(None, declared)) == "agreement_not_accepted"


@pytest.mark.parametrize(
    ("step", "age", "now", "expected"),
    [
        (Step.TERMINATE, Band.FROM_12, NIGHT, "account_terminated"),
        (Step.SUSPEND, Band.FROM_12, NOON, "account_suspended"),
        (Step.RESTRICT, Band.FROM_12, NIGHT, "minors_curfew"),
        (Step.RESTRICT, Band.FROM_12, NOON, "account_restricted"),
        (Step.RESTRICT, Band.UNDER_3, NOON, "band_not_served"),
    ],
)
def test_the_gravest_reason_is_told(step: Step, age: Band, now: datetime, expected: str) -> None:
    standing = replace(at_step(step).standing, last=int(now.timestamp()))
    who = replace(ADULT, age_band=age)
    assert code(asked(who, rules(), UserState(standing=standing), now=now)) == expected


def test_a_refused_request_is_no_use_and_waits_no_longer_for_having_been_sent() -> None:
    state = at_step(Step.RESTRICT)
    after, admission = enter(state, "p", ADULT, "/v1/x", NOON + timedelta(seconds=3), rules())
    assert code(admission) == "account_restricted"
    assert after == state


def test_a_warned_user_is_served_and_told() -> None:
    admission = asked(ADULT, rules(), at_step(Step.WARN))
    assert code(admission) == "ok"
    assert [reminder.kind for reminder in admission.reminders] == [ReminderKind.WARNING]


def test_everybody_is_reminded_where_that_is_declared() -> None:
    declared, state, told = rules(reminder_minutes=120, minors=Minors()), NEW, []
    for minute in range(0, 250, 5):
        now = NOON + timedelta(minutes=minute)
        state, admission = enter(state, "p", ADULT, "/v1/x", now, declared)
        told += [reminder.minutes for reminder in admission.reminders]
    assert told == [120, 240]


@pytest.mark.parametrize(
    ("requests", "sanctioned"),
    [
        ([(True, False), (True, False)], True),
        ([(True, False), (False, True), (True, False)], False),
        ([(True, False), (False, False), (True, False)], True),
    ],
)
def test_a_row_of_hits_is_ended_by_a_served_prompt_and_by_nothing_less(
    requests: list[tuple[bool, bool]], sanctioned: bool
) -> None:
    state, sanction = NEW, None
    for hit, served in requests:
        state, sanction = leave(state, NOON, hit=hit, served=served, seconds=1, rules=rules())
    assert (sanction is not None) == sanctioned


def test_a_user_seen_as_a_minor_stays_in_minors_mode() -> None:
    minor, adult = replace(ADULT, age_band=Band.FROM_12), ADULT
    state, _ = enter(NEW, "p", minor, "/v1/x", NOON, rules())
    state, admission = enter(state, "p", adult, "/v1/x", NOON, rules())
    assert admission.minor
    assert code(enter(state, "p", adult, "/v1/x", NIGHT, rules())[1]) == "minors_curfew"


@pytest.mark.parametrize("name", sorted(DENIALS))
def test_every_denial_says_what_why_and_next_in_both_languages(name: str) -> None:
    for until in (None, AT + 60):
        said = denial(name, until=until, now=AT).problem
        for text in (said.what, said.why, said.next):
            assert text.en
            assert text.zh
            if until is not None:
                assert "{" not in text.en + text.zh
