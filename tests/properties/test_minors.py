# SPDX-License-Identifier: Apache-2.0
"""Whatever users and clocks do: no minor gets more than the budget, none at night, none back."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from genaiservice.api.users_config import (
    AgeSignal,
    Band,
    BandLimits,
    Identity,
    Minors,
    MinorsPolicy,
    Missing,
    UsersConfig,
)
from genaiservice.guard.core import presence as use
from genaiservice.guard.core.claim import Adult, Claim, age_band
from genaiservice.guard.core.minors import decide, plan_of
from genaiservice.guard.core.presence import VISIT_SECONDS, Presence

BUDGET_MINUTES = 20
PLAN = plan_of(
    UsersConfig(
        minors=Minors(
            policy=MinorsPolicy.ALLOWED,
            age_signal=AgeSignal.VERIFIED_ID,
            bands=(BandLimits(band=Band.FROM_12, daily_minutes=BUDGET_MINUTES),),
        )
    )
)
CLAIM = Claim(user="p", age_band=Band.FROM_12)
START = datetime(2026, 2, 27, 16, tzinfo=UTC)
"""Midnight in Shanghai, the day before the last one of the month."""

gaps = st.lists(st.integers(0, 4000), min_size=1, max_size=80)
jumps = st.lists(
    st.one_of(st.integers(0, 2000), st.integers(-200_000, 200_000)), min_size=1, max_size=60
)


@settings(deadline=None, max_examples=300)
@given(gaps)
def test_no_day_holds_more_use_than_its_budget_and_no_night_any(gaps: list[int]) -> None:
    presence, now = Presence(), START
    served: dict[int, list[int]] = {}
    for gap in gaps:
        now += timedelta(seconds=gap)
        at = use.seconds(now)
        decision = decide(CLAIM, presence, None, now, PLAN)
        presence = decision.presence
        night = not 6 * 3600 <= use.second_of_day(at) < 22 * 3600
        if decision.refused is None:
            assert not night
            served.setdefault(use.day_of(at), []).append(at)
        elif night:
            assert decision.refused.code == "minors_curfew"
    for day, times in served.items():
        assert presence_span(times) <= BUDGET_MINUTES * 60
        assert day in served


def presence_span(times: list[int]) -> int:
    """The use between served requests, by the definition: gaps up to the idle time, summed."""
    pairs = pairwise(times)
    return sum(later - one for one, later in pairs if later - one <= PLAN.idle_seconds)


@settings(deadline=None, max_examples=500)
@given(jumps)
def test_no_jump_of_the_clock_takes_a_counted_second_back(steps: list[int]) -> None:
    presence, now = Presence(), START + timedelta(days=400)
    for step in steps:
        now += timedelta(seconds=step)
        at = use.seconds(now)
        after = use.present(presence, at, at, PLAN.idle_seconds)
        for day, seconds in presence.days[-use.DAYS_KEPT + 1 :]:
            assert after.used(day) >= seconds
        presence = after


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 900)), max_size=40))
def test_counted_use_is_the_union_of_the_spans(spans: list[tuple[int, int]]) -> None:
    """Against an oracle that paints seconds; spans end in the order in which they are counted."""
    start = use.seconds(START)
    ordered = sorted(((begin, begin + length) for begin, length in spans), key=lambda it: it[1])
    presence = Presence()
    painted: set[int] = set()
    until = None
    for begin, end in ordered:
        presence = use.present(presence, start + begin, start + end, PLAN.idle_seconds)
        if until is None or begin - until > PLAN.idle_seconds:
            stop = max(end, begin + VISIT_SECONDS)
            painted.update(range(begin, stop))
            until = stop
        else:
            painted.update(range(until, end))
            until = max(until, end)
    total = sum(seconds for _, seconds in presence.days)
    assert total == len(painted)


@settings(deadline=None, max_examples=500)
@given(
    st.one_of(
        st.none(), st.booleans(), st.floats(), st.text(), st.lists(st.integers()),
        st.dictionaries(st.text(), st.integers()), st.integers(max_value=17),
        st.integers(min_value=151),
    ),
    st.sampled_from(Missing),
    st.sampled_from(MinorsPolicy),
    st.booleans(),
)  # fmt: skip
def test_no_odd_value_makes_an_adult(
    value: object, missing: Missing, policy: MinorsPolicy, gate: bool
) -> None:
    band = age_band(value)
    assert (band is Adult.ADULT) == (value in ("adult", "18plus", "18+"))
    if band is Adult.ADULT:
        return
    plan = plan_of(
        UsersConfig(
            identity=Identity(missing=missing, age_gate=gate),
            minors=Minors(policy=policy, bands=(BandLimits(band=Band.FROM_12, daily_minutes=60),)),
        )
    )
    noon = START + timedelta(hours=12)
    decision = decide(Claim(user="p", age_band=band), Presence(), None, noon, plan)
    gated = gate and policy is MinorsPolicy.PROHIBITED and missing is Missing.TREAT_AS_ADULT
    if decision.band is Adult.ADULT:
        assert gated
        assert band is None
