# SPDX-License-Identifier: Apache-2.0
"""Laws of answers that detectors review, over random dialects, cuts, and orders of what happens.

Every character of an answer is another one, so a look at what left tells which question it stood
in. Hypothesis draws a seed; from it `random` makes many small cases. A failing case names its seed.
"""

from collections.abc import Iterator
from dataclasses import replace
from random import Random as Draw

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genaiservice.guard.core.effects import Direction
from genaiservice.guard.core.exchange import Exchange
from genaiservice.guard.core.opinion import (
    PASSED,
    Failure,
    Finding,
    Outcome,
    ReviewOptions,
)
from tests.properties.test_protocols import DIALECTS, Dialect, cut, heard
from tests.properties.test_screening import drawn
from tests.unit.guard.core import dialects
from tests.unit.guard.core.reviewer import Reviewer
from tests.unit.guard.core.talk import REFUSAL, UNLABELLED, policy, request, words

CASES = 12
SEEDS = settings(max_examples=12, deadline=None, derandomize=True)
FIRST, LAST = 0xA000, 0xA48C
"""Yi syllables: no term, no refusal and no event holds one."""
RULES = policy(
    classes={
        "A1a": {"action": "Block", "terms": [chr(code) + "违禁" for code in range(FIRST, LAST, 3)]}
    }
)
"""So that characters also wait for what comes after them."""
CHAT = Dialect(
    "/v1/chat/completions",
    request,
    lambda script: words(*(piece for _, parts in script for piece in parts)),
    dialects.messages_read,
    "content_filter",
    "stop",
)
SPOKEN = {**DIALECTS, "chat": CHAT}
FOUND = Outcome(findings=(Finding(detector="d", category="hate", risk="A1a"),))
GONE = Outcome(failures=(Failure(detector="d", fault="timeout"),))
CHANCES = (PASSED, PASSED, PASSED, PASSED, PASSED, FOUND, GONE)


def a_script(draw: Draw, dialect: Dialect) -> dialects.Script:
    """Pieces of characters that are all different."""
    fresh: Iterator[str] = map(chr, range(FIRST, LAST))
    kinds = dialect.kinds if dialect.joined else [draw.choice(dialect.kinds) for _ in range(2)]
    script: dialects.Script = []
    for kind in kinds if dialect is not CHAT else ["text"]:
        sizes = [draw.choice((0, 1, 3, 40)) for _ in range(draw.randint(0, 8))]
        script.append((kind, ["".join(next(fresh) for _ in range(size)) for size in sizes]))
    return script


def reviewed(draw: Draw, dialect: Dialect) -> Reviewer:
    sides = draw.choice((frozenset(Direction), {Direction.OUTPUT}, {Direction.INPUT}))
    review = ReviewOptions(
        directions=frozenset(sides), window_characters=draw.choice((1, 8, 50, 400))
    )
    reviewer = Reviewer(Exchange(RULES, replace(UNLABELLED, review=review)))
    reviewer.take(reviewer.exchange.request(dialect.path, "application/json", dialect.request()))
    return reviewer


def left(reviewer: Reviewer) -> set[str]:
    return {char for char in reviewer.heard.body.decode() if FIRST <= ord(char) < LAST}


def check(reviewer: Reviewer) -> None:
    """What left stood in a question that passed, and nothing left before the prompt passed."""
    review = reviewer.exchange._options.review
    assert review is not None
    if Direction.OUTPUT in review.directions:
        assert left(reviewer) <= set("".join(reviewer.passed))
    if Direction.INPUT in review.directions and not reviewer.passed:
        assert not left(reviewer)


def broken(draw: Draw, events: list[bytes]) -> list[bytes]:
    """Events that are lost, doubled, swapped or cut, and bytes that change."""
    for _ in range(draw.choice((0, 0, 1, 3))):
        at = draw.randrange(len(events))
        event = events[at]
        half, place = len(event) // 2, draw.randrange(len(event) + 1)
        events[at : at + 1] = draw.choice(
            (
                [],
                [event, event],
                [event[:half]],
                [event[:place] + bytes([draw.randrange(256)]) + event[place + 1 :]],
                [*events[at + 1 : at + 2], event],
            )
        )
        if not events:
            return [b""]
    return events


def calls(
    draw: Draw, dialect: Dialect, reviewer: Reviewer, *, breaks: bool = False
) -> Iterator[None]:
    """Everything that the model does, step by step."""
    exchange = reviewer.exchange
    reviewer.take(exchange.response(200, dialect.content_type))
    yield
    events = dialect.stream(a_script(draw, dialect))
    if breaks:
        events = broken(draw, events)
    for data in cut(draw, b"".join(events)):
        reviewer.take(exchange.upstream(data))
        yield
    reviewer.take(exchange.upstream_closed(draw.choice((None, "reset")) if breaks else None))
    yield


@SEEDS
@pytest.mark.parametrize("name", SPOKEN)
@given(st.integers(0, 2**32))
def test_no_character_leaves_before_its_question_passed(name: str, seed: int) -> None:
    """Whatever is answered, in whatever order, and whatever the model says; it ends, once."""
    for case in range(CASES):
        draw = drawn(seed, case)
        reviewer = reviewed(draw, SPOKEN[name])
        for _ in calls(draw, SPOKEN[name], reviewer, breaks=True):
            check(reviewer)
            while reviewer.open and draw.random() < 0.4:
                reviewer.answer(draw.choice(list(reviewer.open)), draw.choice(CHANCES))
                check(reviewer)
            if reviewer.wakes and draw.random() < 0.1:
                reviewer.wake()
                check(reviewer)
        while reviewer.open and not reviewer.heard.ended:
            reviewer.answer(draw.choice(list(reviewer.open)), draw.choice(CHANCES))
            check(reviewer)
        assert reviewer.heard.ended, case
        size = len(reviewer.heard.body)
        reviewer.pass_all()
        assert len(reviewer.heard.body) == size, case


@SEEDS
@pytest.mark.parametrize("name", SPOKEN)
@given(st.integers(0, 2**32))
def test_detectors_that_never_answer_end_the_answer_by_its_budget(name: str, seed: int) -> None:
    for case in range(CASES):
        draw = drawn(seed, case)
        reviewer = reviewed(draw, SPOKEN[name])
        for _ in calls(draw, SPOKEN[name], reviewer):
            check(reviewer)
        asked = bool(reviewer.open)
        while not reviewer.heard.ended:
            assert reviewer.wakes, case  # else it would wait for ever
            reviewer.wake()
        assert (
            not asked
            or b"detector_unavailable" in reviewer.heard.body
            or ("检测" in reviewer.heard.body.decode())
        ), case
        assert not left(reviewer) or not asked, case


@SEEDS
@pytest.mark.parametrize("name", SPOKEN)
@given(st.integers(0, 2**32))
def test_detectors_that_let_pass_change_no_byte(name: str, seed: int) -> None:
    dialect = SPOKEN[name]
    for case in range(CASES):
        draw = drawn(seed, case)
        reads = cut(draw, b"".join(dialect.stream(a_script(draw, dialect))))
        reviewer = reviewed(draw, dialect)
        reviewer.take(reviewer.exchange.response(200, dialect.content_type))
        for data in reads:
            reviewer.take(reviewer.exchange.upstream(data))
            while reviewer.open and draw.random() < 0.4:
                reviewer.answer(draw.choice(list(reviewer.open)))
        reviewer.take(reviewer.exchange.upstream_closed(None)).pass_all()
        assert reviewer.heard.body == heard(dialect, reads, RULES).body, case


@SEEDS
@pytest.mark.parametrize("name", SPOKEN)
@given(st.integers(0, 2**32))
def test_a_finding_ends_the_answer_in_the_words_of_its_dialect(name: str, seed: int) -> None:
    dialect = SPOKEN[name]
    for case in range(CASES):
        draw = drawn(seed, case)
        reviewer = reviewed(draw, dialect)
        for _ in calls(draw, dialect, reviewer):
            for number in list(reviewer.open):
                if not reviewer.heard.ended:
                    reviewer.answer(number, draw.choice((PASSED, PASSED, FOUND)))
        reviewer.pass_all()
        blocked = [one for one in reviewer.heard.decisions if one.reason == "detector"]
        if not blocked:
            continue
        assert len(blocked) == 1, case
        assert reviewer.heard.closed, case
        assert REFUSAL["zh"] in reviewer.heard.body.decode(), case
        streamed = reviewer.heard.status == 200 and not reviewer.heard.body.startswith(b"{")
        if streamed and dialect is CHAT:
            assert set(reviewer.heard.read().finish.values()) == {dialect.blocked}, case
        elif dialect is not CHAT:
            assert dialect.read(reviewer.heard.body).end == dialect.blocked, case
