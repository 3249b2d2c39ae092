# SPDX-License-Identifier: Apache-2.0
"""What minors may do, over whole days of a simulated clock in Asia/Shanghai."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genaiservice.api.users_config import (
    AgeSignal,
    Band,
    BandLimits,
    Curfew,
    Identity,
    Minors,
    MinorsPolicy,
    Missing,
    UsersConfig,
)
from genaiservice.guard.core import presence as use
from genaiservice.guard.core.claim import Adult, Claim, Leave, accepted, age_band
from genaiservice.guard.core.minors import Decision, MinorsPlan, decide, plan_of
from genaiservice.guard.core.presence import SHANGHAI, Presence

BANDS = (
    BandLimits(band=Band.FROM_8, daily_minutes=40, content_policy="kids"),
    BandLimits(band=Band.FROM_12, daily_minutes=60, content_policy="teens"),
    BandLimits(band=Band.FROM_16, daily_minutes=120, content_policy="teens"),
)


def plan(
    *, missing: Missing = Missing.TREAT_AS_MINOR, age_gate: bool = False, **more: Any
) -> MinorsPlan:
    minors = replace(
        Minors(
            policy=MinorsPolicy.ALLOWED,
            age_signal=AgeSignal.DEVICE_MODE,
            bands=BANDS,
            guardian_override=True,
        ),
        **more,
    )
    return plan_of(
        UsersConfig(identity=Identity(missing=missing, age_gate=age_gate), minors=minors)
    )


def claim(band: Band | Adult | None = Band.FROM_12, *leaves: Leave, persona: str = "") -> Claim:
    return Claim(user="p", age_band=band, guardian=frozenset(leaves), persona=persona)


def at(clock: str, day: int = 10, month: int = 3) -> datetime:
    hours, minutes, *seconds = map(int, clock.split(":"))
    return datetime(2026, month, day, hours, minutes, *seconds, tzinfo=SHANGHAI)


def code(decision: Decision) -> str:
    return decision.refused.code if decision.refused is not None else "allowed"


class Day:
    """One user who sends requests; keeps what the store would keep."""

    def __init__(self, plan: MinorsPlan, who: Claim | None = None) -> None:
        self.plan, self.who = plan, who or claim()
        self.presence = Presence()

    def ask(self, now: datetime, *, answer_seconds: int = 0) -> Decision:
        decision = decide(self.who, self.presence, None, now, self.plan)
        self.presence = decision.presence
        if decision.refused is None and answer_seconds:
            start = use.seconds(now)
            self.presence = use.present(
                self.presence, start, start + answer_seconds, self.plan.idle_seconds
            )
        return decision

    def minutes(self, now: datetime) -> float:
        return self.presence.used(use.day_of(use.seconds(now))) / 60


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("00:00:00", "minors_curfew"),
        ("05:59:59", "minors_curfew"),
        ("06:00:00", "allowed"),
        ("12:00:00", "allowed"),
        ("21:59:59", "allowed"),
        ("22:00:00", "minors_curfew"),
        ("23:59:59", "minors_curfew"),
    ],
)
def test_the_curfew_holds_to_the_second(clock: str, expected: str) -> None:
    assert code(decide(claim(), Presence(), None, at(clock), plan())) == expected


def test_the_curfew_is_told_by_the_zone_of_shanghai_whatever_the_zone_of_the_time_is() -> None:
    assert code(decide(claim(), Presence(), None, at("22:00").astimezone(UTC), plan())) == (
        "minors_curfew"
    )


@pytest.mark.parametrize(
    ("start", "end", "inside", "outside"),
    [
        ("22:00", "06:00", ["23:00", "00:30"], ["06:00", "21:59"]),
        ("13:00", "14:00", ["13:00", "13:59:59"], ["12:59:59", "14:00", "23:00"]),
        ("00:00", "06:00", ["00:00", "05:59"], ["23:59:59", "06:00"]),
        ("21:30", "00:00", ["21:30", "23:59:59"], ["00:00", "21:29"]),
    ],
)
def test_a_curfew_may_lie_anywhere_in_the_day(
    start: str, end: str, inside: list[str], outside: list[str]
) -> None:
    declared = plan(curfew=Curfew(start=start, end=end))
    assert {code(decide(claim(), Presence(), None, at(t), declared)) for t in inside} == {
        "minors_curfew"
    }
    assert {code(decide(claim(), Presence(), None, at(t), declared)) for t in outside} == {
        "allowed"
    }


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (at("23:00", 31, 1), at("06:00", 1, 2)),
        (at("23:00", 28, 2), at("06:00", 1, 3)),
        (at("01:00", 1, 3), at("06:00", 1, 3)),
        (at("22:00", 31, 12), datetime(2027, 1, 1, 6, tzinfo=SHANGHAI)),
    ],
)
def test_a_curfew_over_the_end_of_a_month_ends_in_the_morning(
    now: datetime, until: datetime
) -> None:
    refused = decide(claim(), Presence(), None, now, plan()).refused
    assert refused is not None
    assert refused.until == until
    assert refused.retry_after == (until - now).total_seconds()
    assert until.strftime("%Y-%m-%d %H:%M:%S") in refused.problem.next.zh


def test_the_budget_is_spent_to_the_second() -> None:
    day, start = Day(plan()), at("10:00")
    for second in range(0, 3600, 100):
        assert code(day.ask(start + timedelta(seconds=second))) == "allowed"
    assert code(day.ask(start + timedelta(seconds=3599))) == "allowed"
    assert day.minutes(start) == 3599 / 60
    refused = day.ask(start + timedelta(seconds=3600)).refused
    assert refused is not None
    assert refused.code == "minors_budget"
    assert refused.until == at("00:00", 11)


def test_a_spent_budget_stays_spent_until_midnight_and_no_longer() -> None:
    declared = plan(curfew=Curfew(start="03:00", end="04:00"))
    day, start = Day(declared), at("10:00")
    while code(day.ask(start)) == "allowed":
        start += timedelta(minutes=4)
    for hours in range(1, 13):
        assert code(day.ask(start + timedelta(hours=hours))) == "minors_budget"
    assert code(day.ask(at("23:59:59"))) == "minors_budget"
    assert code(day.ask(at("00:00:00", 11))) == "allowed"


def test_use_over_midnight_counts_for_both_days() -> None:
    declared = plan(curfew=Curfew(start="03:00", end="04:00"))
    day = Day(declared)
    day.ask(at("23:58"))
    day.ask(at("00:02", 11))
    assert (day.minutes(at("12:00")), day.minutes(at("12:00", 11))) == (2, 2)


@pytest.mark.parametrize(
    ("gaps", "counted"),
    [
        ([], 60),
        ([30], 60),
        ([60], 60),
        ([61], 61),
        ([300], 300),
        ([299, 300], 599),
        ([361], 120),  # a pause: each visit counts its minute
        ([1000, 1000], 180),
    ],
)
def test_gaps_count_up_to_the_idle_time_and_visits_count_a_minute(
    gaps: list[int], counted: int
) -> None:
    day, now = Day(plan()), at("10:00")
    day.ask(now)
    for gap in gaps:
        now += timedelta(seconds=gap)
        day.ask(now)
    assert day.presence.used(use.day_of(use.seconds(now))) == counted


def test_a_long_answer_counts_whole() -> None:
    day = Day(plan())
    day.ask(at("10:00"), answer_seconds=900)
    assert day.minutes(at("10:00")) == 15


def test_two_devices_at_once_count_once() -> None:
    day, now = Day(plan()), at("10:00")
    for _ in range(10):
        day.ask(now, answer_seconds=60)
        day.ask(now + timedelta(seconds=20), answer_seconds=60)
        now += timedelta(seconds=80)
    assert day.presence.used(use.day_of(use.seconds(now))) == 800


@pytest.mark.parametrize("back", [1, 119, 121, 3600, 86_400, 30 * 86_400])
def test_a_clock_that_jumps_back_gives_no_budget_back(back: int) -> None:
    declared = plan(curfew=Curfew(start="03:00", end="03:01"))
    day, now = Day(declared), at("12:00", 20)
    for _ in range(9):
        day.ask(now)
        now += timedelta(minutes=4)
    before = dict(day.presence.days)
    earlier = now - timedelta(seconds=back)
    day.ask(earlier)
    after = dict(day.presence.days)
    assert all(after[known] >= seconds for known, seconds in before.items())
    day.ask(now)
    assert dict(day.presence.days)[use.day_of(use.seconds(now))] >= max(before.values())


def test_after_a_jump_back_use_is_counted_from_the_new_time() -> None:
    day = Day(plan())
    day.ask(at("15:00"))
    day.ask(at("10:00"))
    day.ask(at("10:04"))
    assert day.minutes(at("10:00")) == 5


def test_a_jump_ahead_and_back_leaves_the_day_as_it_was() -> None:
    day, now = Day(plan()), at("10:00")
    while code(day.ask(now)) == "allowed":
        now += timedelta(minutes=5)
    assert code(day.ask(at("10:00", 11))) == "allowed"
    assert code(day.ask(at("15:00"))) == "minors_budget"


def test_a_break_is_suggested_after_each_half_hour_of_one_use() -> None:
    day, now = Day(plan(bands=(BandLimits(band=Band.FROM_12, daily_minutes=240),))), at("10:00")
    told = {}
    for minute in range(0, 100, 2):
        decision = day.ask(now + timedelta(minutes=minute))
        if decision.remind_minutes:
            told[minute] = decision.remind_minutes
    assert told == {30: 30, 60: 60, 90: 90}


def test_a_pause_begins_a_new_use_for_the_reminder() -> None:
    day, now = Day(plan()), at("10:00")
    for minute in (0, 5, 10, 15, 20, 25, 36, 41, 46):
        assert day.ask(now + timedelta(minutes=minute)).remind_minutes == 0


def test_a_whole_day_of_use_never_exceeds_the_budget_outside_the_curfew() -> None:
    day, now = Day(plan()), at("00:00")
    served = []
    for _ in range(24 * 60):
        if code(day.ask(now)) == "allowed":
            served.append(now)
        now += timedelta(minutes=1)
    assert served[0] == at("06:00")
    assert len(served) == 60
    assert served[-1] == at("06:59")


def test_an_answer_is_told_when_it_must_end() -> None:
    ends = decide(claim(), Presence(), None, at("21:30"), plan()).ends_at
    assert ends == use.seconds(at("22:00"))
    day = Day(plan())
    day.ask(at("10:00"))
    assert day.ask(at("10:05")).ends_at == use.seconds(at("11:00"))


@pytest.mark.parametrize(
    ("leaves", "clock", "expected"),
    [
        ((Leave.CURFEW, Leave.BUDGET), "23:00", "allowed"),
        ((Leave.CURFEW,), "23:00", "minors_budget"),
        ((Leave.BUDGET,), "23:00", "minors_curfew"),
        ((Leave.BUDGET,), "12:00", "allowed"),
        ((Leave.CURFEW,), "12:00", "minors_budget"),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_guardian_lets_go_what_is_declared_and_nothing_else(
    leaves: tuple[Leave, ...], clock: str, expected: str, declared: bool
) -> None:
    now = at(clock)
    spent = Presence(days=((use.day_of(use.seconds(now)), 3600),))
    who = claim(Band.FROM_12, *leaves)
    decision = decide(who, spent, None, now, plan(guardian_override=declared))
    if declared:
        assert code(decision) == expected
    else:
        assert code(decision) in ("minors_curfew", "minors_budget")
    if decision.refused is None:
        assert decision.content_policy == "teens"


ALLOWED, PROHIBITED, ONLY = MinorsPolicy.ALLOWED, MinorsPolicy.PROHIBITED, MinorsPolicy.MINORS_ONLY


@pytest.mark.parametrize(
    ("policy", "band", "missing", "gate", "expected"),
    [
        (ALLOWED, Adult.ADULT, Missing.TREAT_AS_MINOR, False, "allowed"),
        (ALLOWED, Band.FROM_12, Missing.TREAT_AS_MINOR, False, "allowed"),
        (ALLOWED, Band.UNDER_3, Missing.TREAT_AS_MINOR, False, "band_not_served"),
        (ALLOWED, None, Missing.TREAT_AS_MINOR, False, "minor 8to12"),
        (ALLOWED, None, Missing.REFUSE, False, "user_unknown"),
        (ALLOWED, None, Missing.TREAT_AS_ADULT, False, "user_unknown"),
        (ALLOWED, None, Missing.TREAT_AS_ADULT, True, "user_unknown"),
        (ONLY, Adult.ADULT, Missing.REFUSE, False, "minors_only"),
        (ONLY, None, Missing.TREAT_AS_ADULT, True, "user_unknown"),
        (PROHIBITED, Adult.ADULT, Missing.REFUSE, False, "allowed"),
        (PROHIBITED, Band.FROM_16, Missing.REFUSE, False, "minors_not_served"),
        (PROHIBITED, None, Missing.TREAT_AS_MINOR, False, "minors_not_served"),
        (PROHIBITED, None, Missing.TREAT_AS_ADULT, False, "user_unknown"),
        (PROHIBITED, None, Missing.TREAT_AS_ADULT, True, "allowed"),
    ],
)
def test_nobody_becomes_an_adult_by_saying_nothing(
    policy: MinorsPolicy, band: Band | Adult | None, missing: Missing, gate: bool, expected: str
) -> None:
    declared = plan(missing=missing, age_gate=gate, policy=policy)
    decision = decide(claim(band), Presence(), None, at("12:00"), declared)
    if band is None:  # no user at all and a user of unknown age are the same
        assert decision == decide(None, Presence(), None, at("12:00"), declared)
    if expected.startswith("minor "):
        assert decision.band == expected.removeprefix("minor ")
        assert decision.content_policy == "kids"
    else:
        assert code(decision) == expected


def test_minors_mode_is_left_only_with_the_guardian() -> None:
    adult, mode = claim(Adult.ADULT), Band.FROM_12
    noon = at("12:00")
    assert decide(adult, Presence(), mode, noon, plan()).band is Band.FROM_12
    exits = claim(Adult.ADULT, Leave.EXIT)
    assert decide(exits, Presence(), mode, noon, plan()).band is Adult.ADULT
    free = plan(exit_needs_guardian=False)
    assert decide(adult, Presence(), mode, noon, free).band is Adult.ADULT
    grown_up = plan(age_signal=AgeSignal.VERIFIED_ID)
    assert decide(adult, Presence(), mode, noon, grown_up).band is Adult.ADULT


def test_a_persona_may_be_closed_to_minors() -> None:
    declared, noon = plan(refused_personas=("partner",)), at("12:00")
    minor, adult = claim(persona="partner"), claim(Adult.ADULT, persona="partner")
    assert code(decide(minor, Presence(), None, noon, declared)) == "persona_not_for_minors"
    assert code(decide(adult, Presence(), None, noon, declared)) == "allowed"


@pytest.mark.parametrize(
    ("value", "band"),
    [
        (0, Band.UNDER_3), (2, Band.UNDER_3), (3, Band.FROM_3), (7, Band.FROM_3),
        (8, Band.FROM_8), (11, Band.FROM_8), (12, Band.FROM_12), (15, Band.FROM_12),
        (16, Band.FROM_16), (17, Band.FROM_16), (18, Adult.ADULT), (150, Adult.ADULT),
        (151, None), (-1, None), (True, None), (18.0, None), ("18", None), ("Adult", None),
        ("adult", Adult.ADULT), ("12to16", Band.FROM_12), ("", None), (None, None),
        ([18], None), ({"age": 18}, None),
    ],
)  # fmt: skip
def test_an_age_is_a_band_a_word_or_a_number_and_all_else_says_nothing(
    value: object, band: Band | Adult | None
) -> None:
    assert age_band(value) == band


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        ("1.2.0", "1.2.0", True), ("1.10.0", "1.9.0", True), ("1.2.0", "1.2.1", False),
        ("2026-09-01", "2026-08-31", True), ("2026-08-31", "2026-09-01", False),
        ("2026-09-01", "1.0.0", False), ("v2", "v2", True), ("v3", "v2", False),
        (None, "1.0.0", False), ("2.0", "1.0.0", False),
    ],
)  # fmt: skip
def test_an_agreement_is_accepted_in_its_version_or_a_later_one(
    given: str | None, wanted: str, expected: bool
) -> None:
    assert accepted(given, wanted) is expected
