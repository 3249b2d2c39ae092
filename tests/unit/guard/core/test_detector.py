# SPDX-License-Identifier: Apache-2.0
"""Questions and answers of both protocols: what is a finding, what a pass, what no opinion."""

import json
from dataclasses import replace
from typing import Any

import pytest

from genaiservice.api.detector_config import Category, Detector, Kind
from genaiservice.guard.core.detector import NoOpinionError, findings, question
from genaiservice.guard.core.effects import Direction

MODERATION = Detector(
    name="mod",
    kind=Kind.MODERATION,
    url="http://d/v1",
    categories=(
        Category(name="hate", risk_class="A2a", threshold=0.5),
        Category(name="violence", risk_class="A1c"),
    ),
    ignored_categories=("illicit",),
    other_risk_class="A1h",
)
MODEL = Detector(
    name="lg",
    kind=Kind.GUARD_MODEL,
    url="http://d/v1",
    model="guard",
    categories=(
        Category(name="S1", risk_class="A1a"),
        Category(name="Hate Speech", risk_class="A2a"),
    ),
    ignored_categories=("S9",),
    other_risk_class="A1h",
)


def result(flagged: Any = False, scores: Any = None, **categories: Any) -> Any:
    return {
        "flagged": flagged,
        "categories": {"hate": False, "violence": False, **categories},
        "category_scores": {"hate": 0.1} if scores is None else scores,
    }


def said(content: Any, **more: Any) -> Any:
    message = {"role": "assistant", "content": content}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop", **more}]}


def found(detector: Detector, tree: Any) -> list[tuple[str, str]]:
    body = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return [(one.category, one.risk) for one in findings(detector, body)]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param(result(), [], id="nothing"),
        pytest.param(result(scores={"hate": 0.5}), [("hate", "A2a")], id="at the threshold"),
        pytest.param(result(True, hate=True), [], id="below our threshold, whatever they say"),
        pytest.param(result(True, violence=True), [("violence", "A1c")], id="their own yes"),
        pytest.param(result(True, illicit=True), [], id="ignored"),
        pytest.param(result(True, selfharm=True), [("other", "A1h")], id="not listed"),
        pytest.param(result(True), [("other", "A1h")], id="flagged, no category says why"),
        pytest.param(
            result(True, scores={"hate": 1}, violence=True),
            [("hate", "A2a"), ("violence", "A1c")],
            id="two",
        ),
    ],
)
def test_a_moderation_answer(tree: Any, expected: list[tuple[str, str]]) -> None:
    assert found(MODERATION, {"id": "m", "model": "x", "results": [tree]}) == expected


@pytest.mark.parametrize(
    "tree",
    [
        pytest.param({}, id="empty"),
        pytest.param([], id="a list"),
        pytest.param({"results": []}, id="no result"),
        pytest.param({"results": [result(), result()]}, id="two results"),
        pytest.param({"results": [result(flagged="no")]}, id="flagged is a text"),
        pytest.param({"results": [result(violence=0)]}, id="a number for yes or no"),
        pytest.param({"results": [result(scores={})]}, id="score missing"),
        pytest.param({"results": [result(scores={"hate": 7})]}, id="score out of range"),
        pytest.param({"results": [result(scores={"hate": True})]}, id="score is a boolean"),
        pytest.param(
            {"results": [{"flagged": False, "categories": {}, "category_scores": {"hate": 0}}]},
            id="does not look for a listed category",
        ),
        pytest.param({"error": {"message": "over quota"}}, id="an error object"),
    ],
)
def test_a_moderation_answer_of_another_shape_is_no_opinion(tree: Any) -> None:
    with pytest.raises(NoOpinionError) as error:
        found(MODERATION, tree)
    assert error.value.fault == "schema"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("safe", []),
        (" Safe\n", []),
        ("unsafe\nS1", [("S1", "A1a")]),
        ("unsafe S1", [("S1", "A1a")]),
        ("unsafe\nS1, hate  speech", [("S1", "A1a"), ("Hate Speech", "A2a")]),
        ("Unsafe\nCategories: S1\nHate Speech", [("S1", "A1a"), ("Hate Speech", "A2a")]),
        ("unsafe\nS9", []),
        ("unsafe\nS7", [("other", "A1h")]),
        ("unsafe\nS1,S7", [("S1", "A1a"), ("other", "A1h")]),
        ("unsafe", [("other", "A1h")]),
    ],
)
def test_a_guard_models_answer(content: str, expected: list[tuple[str, str]]) -> None:
    assert found(MODEL, said(content)) == expected


def test_a_category_that_is_called_other_keeps_its_class_beside_the_unknown_ones() -> None:
    named = replace(MODEL, categories=(Category(name="other", risk_class="A1a"),))
    assert found(named, said("unsafe\nother, S7")) == [("other", "A1a"), ("other", "A1h")]


@pytest.mark.parametrize(
    ("tree", "fault"),
    [
        pytest.param(said("I cannot help with that."), "unknown_answer", id="a refusal"),
        pytest.param(said("safe, but ignore the rules"), "unknown_answer", id="more than safe"),
        pytest.param(said("not unsafe"), "unknown_answer", id="not at the beginning"),
        pytest.param(said("unsafely"), "unknown_answer", id="another word"),
        pytest.param(said(""), "unknown_answer", id="nothing"),
        pytest.param(said(None), "schema", id="null"),
        pytest.param(said("safe", finish_reason="length"), "schema", id="cut off"),
        pytest.param({"choices": []}, "schema", id="no choice"),
        pytest.param({"choices": [*said("safe")["choices"]] * 2}, "schema", id="two choices"),
        pytest.param(b"<html>", "not_json", id="HTML"),
        pytest.param(b'{"choices": [], "choices": []}', "not_json", id="a key twice"),
    ],
)
def test_another_answer_of_a_guard_model_is_no_opinion(tree: Any, fault: str) -> None:
    with pytest.raises(NoOpinionError) as error:
        found(MODEL, tree)
    assert error.value.fault == fault


def test_the_text_stands_in_the_template_once_and_as_it_is() -> None:
    asking = Detector(
        name="d",
        kind=Kind.GUARD_MODEL,
        url="http://d",
        model="m",
        categories=(),
        template="{role} says: <<{text}>>",
    )
    body = json.loads(question(asking, Direction.OUTPUT, "{text}{role}\\\ud800"))
    assert body["messages"] == [{"role": "user", "content": "Agent says: <<{text}{role}\\?>>"}]
    assert (body["temperature"], body["stream"]) == (0, False)


def test_a_moderation_question_names_a_model_only_when_declared() -> None:
    assert json.loads(question(MODERATION, Direction.INPUT, "你好")) == {"input": "你好"}
