# SPDX-License-Identifier: Apache-2.0
"""The misuse ladder climbs, wears off, and never forgets what it must not."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from genaiservice.api.users_config import Ladder, Step
from genaiservice.guard.core.ladder import (
    WARNING,
    Cause,
    Sanction,
    Standing,
    admit,
    count,
    forgiven,
    merged,
)

DAY = 86_400
HOUR = 3600
NOON = int(datetime(2026, 3, 10, 4, tzinfo=UTC).timestamp())
"""12:00 in Shanghai."""
FULL = Ladder(steps=tuple(Step), consecutive_hits=3, daily_hits=5)


def misuse(standing: Standing, at: int, ladder: Ladder = FULL) -> tuple[Standing, Sanction]:
    """As many hits in a row as it takes."""
    for _ in range(10):
        standing, sanction = count(standing, True, at, ladder)
        if sanction is not None:
            return standing, sanction
    raise AssertionError("no sanction after 10 hits")


def code(standing: Standing, at: int, ladder: Ladder = FULL) -> str:
    _, refused, reminder = admit(standing, at, ladder)
    if refused is not None:
        return refused.code
    return "warned" if reminder is WARNING else "free"


def test_repeated_misuse_climbs_every_declared_step() -> None:
    standing, at, steps = Standing(), NOON, []
    for _ in range(4):
        standing, sanction = misuse(standing, at)
        steps.append(sanction.step)
        at += 2 * DAY
    assert steps == list(Step)


@pytest.mark.parametrize(
    ("steps", "first", "expected"),
    [
        ((Step.SUSPEND,), Step.WARN, [Step.SUSPEND, Step.SUSPEND]),
        ((Step.TERMINATE, Step.WARN), Step.WARN, [Step.WARN, Step.TERMINATE]),
        (tuple(Step), Step.SUSPEND, [Step.SUSPEND, Step.TERMINATE]),
        ((Step.WARN, Step.RESTRICT), Step.SUSPEND, [Step.RESTRICT, Step.RESTRICT]),
    ],
)
def test_the_first_misuse_leads_to_the_declared_step(
    steps: tuple[Step, ...], first: Step, expected: list[Step]
) -> None:
    ladder, standing, found = replace(FULL, steps=steps, first=first), Standing(), []
    for _ in range(2):
        standing, sanction = misuse(standing, NOON, ladder)
        found.append(sanction.step)
    assert found == expected


def test_hits_in_a_row_are_broken_by_an_innocent_request() -> None:
    standing, sanction = Standing(), None
    for hit in (True, True, False, True, True):
        standing, sanction = count(standing, hit, NOON, replace(FULL, daily_hits=0))
        assert sanction is None
    standing, sanction = count(standing, True, NOON, replace(FULL, daily_hits=0))
    assert sanction is not None
    assert (sanction.cause, sanction.hits) == (Cause.CONSECUTIVE, 3)


def test_hits_of_a_day_add_up_between_innocent_requests_and_end_at_midnight() -> None:
    ladder = replace(FULL, consecutive_hits=0)
    standing, at = Standing(), NOON + 12 * HOUR - 4
    for second in range(4):  # the last seconds of the day in Shanghai
        standing, sanction = count(standing, True, at + second, ladder)
        assert sanction is None
        standing, _ = count(standing, False, at + second, ladder)
    again, sanction = count(standing, True, at + 3, ladder)
    assert sanction is not None
    assert (sanction.cause, sanction.hits) == (Cause.DAILY, 5)
    again, sanction = count(standing, True, at + 4, ladder)
    assert sanction is None
    assert again.day_hits == 1


@pytest.mark.parametrize(
    ("step", "seconds", "inside", "after"),
    [
        (Step.WARN, DAY, "warned", "free"),
        (Step.RESTRICT, HOUR, "account_restricted", "free"),
        (Step.SUSPEND, DAY, "account_suspended", "free"),
    ],
)
def test_the_effect_of_a_step_ends_to_the_second(
    step: Step, seconds: int, inside: str, after: str
) -> None:
    standing, sanction = misuse(Standing(), NOON, replace(FULL, first=step))
    assert sanction.until == NOON + seconds
    last = NOON + seconds - 1
    assert code(replace(standing, last=last), last) == inside
    assert code(standing, NOON + seconds) == after


def test_a_terminated_account_stays_so_for_good() -> None:
    standing, sanction = misuse(Standing(), NOON, replace(FULL, first=Step.TERMINATE))
    assert sanction.until is None
    assert code(standing, NOON + 100 * 365 * DAY) == "account_terminated"
    assert code(Standing(), NOON) == "free"  # restored by people: the record is gone


def test_a_restricted_account_may_send_one_request_each_interval() -> None:
    standing, _ = misuse(Standing(), NOON, replace(FULL, first=Step.RESTRICT))
    served = []
    for second in range(60):
        standing, refused, _ = admit(standing, NOON + second, FULL)
        if refused is None:
            served.append(second)
        else:
            assert refused.status == 429
            assert refused.retry_after == 10 - second % 10
    assert served == [0, 10, 20, 30, 40, 50]


def test_a_clock_set_back_does_not_lock_a_restricted_account_out() -> None:
    standing, _ = misuse(Standing(), NOON, replace(FULL, first=Step.RESTRICT))
    standing, _, _ = admit(standing, NOON + 1800, FULL)
    assert admit(standing, NOON, FULL)[1] is None


@pytest.mark.parametrize(
    ("days", "step"),
    [
        (29, Step.SUSPEND), (31, Step.RESTRICT), (61, Step.WARN), (91, None), (400, None),
    ],
)  # fmt: skip
def test_a_step_is_forgotten_after_each_period_without_a_hit(days: int, step: Step | None) -> None:
    standing, _ = misuse(Standing(), NOON, replace(FULL, first=Step.SUSPEND))
    assert forgiven(standing, NOON + days * DAY, FULL).step is step


def test_forgiveness_does_not_depend_on_how_often_it_is_asked_for() -> None:
    standing, _ = misuse(Standing(), NOON, replace(FULL, first=Step.SUSPEND))
    often = standing
    for day in range(100):
        often = forgiven(often, NOON + day * DAY, FULL)
        assert often.step is forgiven(standing, NOON + day * DAY, FULL).step


def test_no_declared_step_sanctions_nobody() -> None:
    standing = Standing()
    for _ in range(100):
        standing, sanction = count(standing, True, NOON, Ladder())
        assert sanction is None
    assert code(standing, NOON, Ladder()) == "free"


def test_two_records_of_one_user_merge_to_the_stricter() -> None:
    suspended, _ = misuse(Standing(), NOON, replace(FULL, first=Step.SUSPEND))
    counted, _ = count(Standing(), True, NOON, FULL)
    for one, other in ((suspended, counted), (counted, suspended)):
        both = merged(one, other)
        assert (both.step, both.until) == (Step.SUSPEND, suspended.until)
        assert (both.day_hits, both.consecutive) == (1, 1)
