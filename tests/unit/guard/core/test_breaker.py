# SPDX-License-Identifier: Apache-2.0
"""The breaker: after some failures in a row nobody asks, then one does, and its end decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genaiservice.guard.core.breaker import FAILURES, SECONDS, Breaker, Position


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.allows(0)
        breaker.failed(0)
    return breaker


def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker()
    for _ in range(3):
        for _ in range(FAILURES - 1):
            breaker.failed(0)
        breaker.succeeded()
    assert breaker.allows(0)
    assert not opened().allows(SECONDS - 0.01)


def test_half_open_lets_one_question_through() -> None:
    breaker = opened()
    assert breaker.allows(SECONDS)
    assert breaker.position is Position.HALF_OPEN
    assert not breaker.allows(SECONDS + 60)


@pytest.mark.parametrize(
    ("end", "asks"),
    [
        pytest.param(lambda one: one.succeeded(), [True, True], id="answered: closed"),
        pytest.param(lambda one: one.failed(SECONDS), [False, False], id="failed: open again"),
        pytest.param(
            lambda one: one.withdrawn(), [True, False], id="withdrawn: the next one tries"
        ),
    ],
)
def test_the_end_of_that_question_decides(end: object, asks: list[bool]) -> None:
    breaker = opened()
    breaker.allows(SECONDS)
    end(breaker)  # type: ignore[operator]
    assert [breaker.allows(SECONDS), breaker.allows(SECONDS)] == asks


@given(st.lists(st.tuples(st.sampled_from(["failed", "succeeded", "withdrawn"]), st.floats(0, 30))))
def test_it_never_stays_open_for_good(steps: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), 0.0
    for end, passed in steps:
        now += passed
        if breaker.allows(now):
            breaker.failed(now) if end == "failed" else getattr(breaker, end)()
    assert breaker.allows(now + SECONDS)
