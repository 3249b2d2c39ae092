# SPDX-License-Identifier: Apache-2.0
"""What an outcome of the detectors does: by class, by screening mode, by where the answer is."""

import json
from dataclasses import replace

import pytest

from genaiservice.api.guard_config import Screening
from genaiservice.guard.core.effects import Action, CloseUpstream, Direction, Respond
from genaiservice.guard.core.exchange import Exchange, Options, State
from genaiservice.guard.core.opinion import PASSED, Failure, Finding, Outcome, ReviewOptions
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.windows import ASKED_AT_ONCE, QUESTION_CHARACTERS
from tests.unit.guard.core.reviewer import Reviewer
from tests.unit.guard.core.talk import (
    DONE,
    MASKED,
    REFUSAL,
    TERM,
    UNLABELLED,
    chunk,
    message,
    policy,
    request,
    words,
)

BOTH = ReviewOptions(window_characters=10)
PROMPTS = replace(BOTH, directions=frozenset({Direction.INPUT}))
ANSWERS = replace(BOTH, directions=frozenset({Direction.OUTPUT}))
GONE = Outcome(failures=(Failure(detector="d", fault="timeout"),))
OPEN = Outcome(failures=(Failure(detector="d", fault="timeout", open=True),))
POLICY = policy(
    classes={
        "A1a": {"action": "Block", "terms": [TERM]},
        "A2a": {"action": "Mask", "terms": [MASKED]},
        "A3a": {"action": "Flag", "terms": ["留意词"]},
        "A4a": {
            "action": "Replace",
            "terms": ["代答词"],
            "answers": [{"en": "Ask a doctor.", "zh": "请咨询医生。"}],
        },
    }
)


def found(risk: str) -> Outcome:
    return Outcome(findings=(Finding(detector="d", category="c", risk=risk),))


def asked(
    review: ReviewOptions, body: bytes | None = None, *, rules: Policy = POLICY, **more: object
) -> Reviewer:
    options = replace(UNLABELLED, review=review, **more)  # type: ignore[arg-type]
    reviewer = Reviewer(Exchange(rules, options))
    path = "/v1/chat/completions"
    return reviewer.take(reviewer.exchange.request(path, "application/json", body or request()))


def streaming(review: ReviewOptions, *texts: str, **more: object) -> Reviewer:
    """An answer of these pieces is on its way."""
    reviewer = asked(review, **more)  # type: ignore[arg-type]
    reviewer.take(reviewer.exchange.response(200, "text/event-stream"))
    for data in words(*texts, finish=False):
        reviewer.take(reviewer.exchange.upstream(data))
    return reviewer


@pytest.mark.parametrize(
    ("outcome", "said", "action", "reason"),
    [
        pytest.param(found("A1a"), REFUSAL["zh"], Action.BLOCK, "detector", id="Block"),
        pytest.param(found("A4a"), "请咨询医生。", Action.BLOCK, "detector", id="Replace"),
        pytest.param(
            found("A2a"), REFUSAL["zh"], Action.BLOCK, "detector", id="Mask names no place"
        ),
        pytest.param(
            found("A5b"), REFUSAL["zh"], Action.BLOCK, "detector", id="class without terms"
        ),
        pytest.param(found("A3a"), "说得很好说得很好说得很好", Action.FLAG, "detector", id="Flag"),
        pytest.param(
            GONE, "detector_unavailable", Action.ERROR, "detector_unavailable", id="failure"
        ),
        pytest.param(
            OPEN,
            "说得很好说得很好说得很好",
            Action.FLAG,
            "detector_failed_open",
            id="failure, declared open",
        ),
    ],
)
def test_an_outcome_acts_as_its_class_does(
    outcome: Outcome, said: str, action: Action, reason: str
) -> None:
    reviewer = streaming(ANSWERS, "说得很好" * 3)
    reviewer.answer(1, outcome)
    assert said in reviewer.heard.body.decode()
    (decision,) = reviewer.heard.decisions
    assert (decision.action, decision.reason) == (action, reason)
    assert reviewer.heard.ended is (action is not Action.FLAG)
    assert reviewer.heard.closed is reviewer.heard.ended


@pytest.mark.parametrize("outcome", [found("A1a"), GONE])
def test_observing_changes_nothing(outcome: Outcome) -> None:
    reviewer = streaming(ANSWERS, "说得很好" * 3, output=Screening.OBSERVE)
    reviewer.answer(1, outcome)
    assert "说得很好" in reviewer.heard.body.decode()
    assert [one.action for one in reviewer.heard.decisions] == [Action.FLAG]


def test_nothing_is_asked_where_screening_is_off() -> None:
    reviewer = streaming(BOTH, "说得很好" * 3, output=Screening.OFF, input=Screening.OFF)
    assert not reviewer.asked
    assert "说得很好" in reviewer.heard.body.decode()


def test_terms_come_first_and_detectors_hear_what_may_leave() -> None:
    """A masked word is not told to a detector, a blocked prompt is not asked about at all."""
    reviewer = streaming(ANSWERS, f"他说{MASKED}又说了一些别的话")
    assert MASKED not in reviewer.asked[1].text
    blocked = asked(BOTH, request(messages=[{"role": "user", "content": TERM}]))
    assert not blocked.asked
    assert blocked.heard.ended


def test_detectors_hear_what_the_escapes_in_arguments_mean() -> None:
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": r'"\u60c5\u611f"'},
    }
    said = [{"role": "assistant", "tool_calls": [call]}, {"role": "user", "content": "继续"}]
    assert "情感" in asked(PROMPTS, request(messages=said)).asked[1].text


def test_the_model_begins_while_the_prompt_is_judged_but_says_nothing() -> None:
    reviewer = streaming(PROMPTS, "答案")
    assert reviewer.heard.forwarded is not None
    assert reviewer.heard.body == b""
    reviewer.answer(1)
    assert "答案" in reviewer.heard.body.decode()


def test_a_prompt_is_refused_before_the_model_answered() -> None:
    reviewer = asked(PROMPTS, request(stream=False))
    reviewer.answer(1, found("A1a"))
    assert reviewer.heard.status == 200
    assert reviewer.heard.read().text() == REFUSAL["zh"]
    assert reviewer.heard.closed


def test_a_prompt_without_an_opinion_is_refused_with_the_reason() -> None:
    reviewer = asked(PROMPTS)
    reviewer.answer(1, GONE)
    assert reviewer.heard.status == 503
    assert reviewer.heard.read().error["code"] == "detector_unavailable"
    (decision,) = reviewer.heard.decisions
    assert decision.rule == "detector:d:timeout"
    assert decision.action is Action.REFUSE


def test_every_text_of_a_long_prompt_is_asked_about_a_few_at_a_time() -> None:
    said = "".join(chr(0x4E00 + at % 5000) for at in range(6 * QUESTION_CHARACTERS))
    reviewer = asked(PROMPTS, request(messages=[{"role": "user", "content": said}]))
    most = 0
    while reviewer.open:
        most = max(most, len(reviewer.open))
        reviewer.answer(min(reviewer.open))
    texts = [ask.text for ask in reviewer.asked.values()]
    assert most == ASKED_AT_ONCE
    assert max(map(len, texts)) <= QUESTION_CHARACTERS
    assert all(any(said[at : at + 50] in text for text in texts) for at in range(0, len(said), 50))


def test_a_short_window_is_asked_about_when_its_time_is_over() -> None:
    reviewer = streaming(ANSWERS, "短")
    assert not reviewer.asked
    reviewer.wake()
    assert reviewer.asked[1].text == "短"
    reviewer.answer(1)
    assert "短" in reviewer.heard.body.decode()


def test_a_window_is_shown_with_what_stands_before_it() -> None:
    reviewer = streaming(ANSWERS, "前面说的一些话语都在这里", "后面说的一些话语都在这里")
    assert reviewer.asked[2].text == "前面说的一些话语都在这里后面说的一些话语都在这里"


def test_choices_are_texts_of_their_own_and_end_together() -> None:
    reviewer = asked(ANSWERS, request(n=2))
    exchange = reviewer.exchange
    reviewer.take(exchange.response(200, "text/event-stream"))
    for index, text in ((0, "甲说"), (1, "乙说"), (0, "的话语"), (1, "的话语话语")):
        reviewer.take(exchange.upstream(chunk(text, index=index)))
    assert reviewer.asked[1].text.split("\n") == ["甲说的话语", "乙说的话语话语"]
    reviewer.answer(1, found("A1a"))
    read = reviewer.heard.read()
    assert read.finish == {0: "content_filter", 1: "content_filter"}
    assert read.text(index=1) == REFUSAL["zh"]


def whole(review: ReviewOptions, content: str = "一个完整的回答在这里") -> Reviewer:
    reviewer = asked(review, request(stream=False))
    exchange = reviewer.exchange
    reviewer.take(exchange.response(200, "application/json"))
    reviewer.take(exchange.upstream(json.dumps(message(content)).encode()))
    return reviewer.take(exchange.upstream_closed(None))


def test_a_whole_answer_waits_for_its_outcome() -> None:
    reviewer = whole(BOTH)
    assert reviewer.exchange.state is State.REVIEWING
    assert reviewer.exchange.waiting
    reviewer.answer(2)
    assert not reviewer.heard.ended
    reviewer.answer(1)
    assert reviewer.heard.read().text() == "一个完整的回答在这里"
    assert not reviewer.exchange.waiting


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [(found("A1a"), 200, REFUSAL["zh"]), (GONE, 503, "detector_unavailable")],
)
def test_of_a_refused_whole_answer_nothing_is_shown(
    outcome: Outcome, status: int, said: str
) -> None:
    reviewer = whole(ANSWERS).answer(1, outcome)
    (answer,) = [one for one in reviewer.heard.effects if isinstance(one, Respond)]
    assert answer.status == status
    assert said in answer.body.decode()
    assert "一个完整的回答" not in answer.body.decode()


def test_speech_waits_for_the_prompt_that_it_speaks() -> None:
    reviewer = Reviewer(Exchange(POLICY, Options(files=True, review=PROMPTS)))
    exchange = reviewer.exchange
    body = json.dumps({"model": "m", "input": "念这句话", "voice": "v"}).encode()
    reviewer.take(exchange.request("/v1/audio/speech", "application/json", body))
    reviewer.take(exchange.response(200, "audio/mpeg")).take(exchange.upstream(b"sound"))
    reviewer.take(exchange.upstream_closed(None)).take(exchange.labelled([b"labelled"]))
    assert reviewer.heard.body == b""
    reviewer.answer(1)
    assert reviewer.heard.body == b"labelled"


def test_a_term_that_blocks_stops_the_model_though_detectors_still_look() -> None:
    reviewer = streaming(ANSWERS, "先说一点", TERM)
    assert any(isinstance(effect, CloseUpstream) for effect in reviewer.heard.effects)
    assert not reviewer.heard.ended
    reviewer.answer(1)
    assert reviewer.heard.read().text() == f"先说一点\n\n{REFUSAL['zh']}"
    assert TERM not in reviewer.heard.body.decode()


def test_a_late_outcome_and_a_second_one_change_nothing() -> None:
    reviewer = streaming(ANSWERS, "说得很好" * 3)
    reviewer.take(reviewer.exchange.woken(1))
    assert reviewer.heard.ended
    size = len(reviewer.heard.effects)
    reviewer.take(reviewer.exchange.answered(1, PASSED)).take(reviewer.exchange.woken(1))
    reviewer.take(reviewer.exchange.upstream(DONE))
    assert len(reviewer.heard.effects) == size


def test_a_model_that_floods_the_detectors_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genaiservice.guard.core.reviewed.HELD_BYTES", 1000)
    reviewer = streaming(ANSWERS, *["说得很好" * 3] * 20)
    assert "detector_unavailable" in reviewer.heard.body.decode()
    assert "说得很好" not in reviewer.heard.body.decode()
    assert [one.rule for one in reviewer.heard.decisions] == ["detector::behind"]


@pytest.mark.parametrize("review", [ANSWERS, BOTH])
def test_a_flood_that_is_only_observed_goes_on(
    review: ReviewOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genaiservice.guard.core.reviewed.HELD_BYTES", 1000)
    observes = {"output": Screening.OBSERVE, "input": Screening.OBSERVE}
    reviewer = streaming(review, *["说得很好" * 3] * 20, **observes)
    assert "detector_unavailable" not in reviewer.heard.body.decode()
    for data in (chunk(finish_reason="stop"), DONE):
        reviewer.take(reviewer.exchange.upstream(data))
    reviewer.pass_all()
    assert reviewer.heard.ended
    assert reviewer.heard.body.decode().count("说得很好") == 60
    assert {(one.action, one.rule) for one in reviewer.heard.decisions} == {
        (Action.FLAG, "detector::behind")
    }


def test_an_enforced_prompt_is_not_forgotten_in_a_flood_that_is_observed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("genaiservice.guard.core.reviewed.HELD_BYTES", 1000)
    reviewer = streaming(BOTH, *["说得很好" * 3] * 20, output=Screening.OBSERVE)
    assert "说得很好" not in reviewer.heard.body.decode()
    assert "detector_unavailable" in reviewer.heard.body.decode()
