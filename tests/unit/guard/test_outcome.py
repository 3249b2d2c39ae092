# SPDX-License-Identifier: Apache-2.0
"""How an answer ended: read from what it ended with, and never a word of its text."""

import json
from typing import Any

import pytest

from genaiservice.guard.outcome import WHOLE_BYTES, Outcome, outcome
from tests.unit.guard.core import dialects
from tests.upstream import DONE, completion, event

USAGE = {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}


def test_a_stream_tells_its_reason_and_its_counts_from_the_last_events() -> None:
    parts = [event("好"), event(finish="stop"), event(finish=None, usage=USAGE), DONE]
    assert outcome(parts, stream=True) == Outcome(
        finish_reasons=("stop",), input_tokens=7, output_tokens=9
    )


def test_a_cut_first_event_is_left_out() -> None:
    parts = [event("好")[30:], event(finish="length")]
    assert outcome(parts, stream=True).finish_reasons == ("length",)


def test_a_whole_answer_tells_them_too() -> None:
    assert outcome([completion("好")], stream=False) == Outcome(
        finish_reasons=("stop",), input_tokens=3, output_tokens=5
    )


@pytest.mark.parametrize(
    "tree",
    [
        {},
        [],
        {"choices": None, "usage": None},
        {"choices": [None, 3], "usage": {"prompt_tokens": "7"}},
        {"choices": [{"finish_reason": None}], "usage": {"prompt_tokens": True}},
    ],
)
def test_what_is_not_as_expected_stays_unknown(tree: Any) -> None:
    assert outcome([json.dumps(tree).encode()], stream=False) == Outcome()


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"x" * (WHOLE_BYTES + 1)])
def test_what_is_no_json_or_too_large_stays_unknown(data: bytes) -> None:
    assert outcome([data], stream=False) == Outcome()
    assert outcome([b"data: {" + data], stream=True) == Outcome()


def test_a_reason_of_the_models_own_words_is_not_repeated() -> None:
    assert outcome([event(finish="my secret")], stream=True).finish_reasons == ("other",)


SCRIPT = [("text", ["好"])]


@pytest.mark.parametrize(
    ("parts", "reason", "tokens"),
    [
        (dialects.messages_stream(SCRIPT), "end_turn", (3, 9)),
        (dialects.responses_stream(SCRIPT), "completed", (3, 9)),
        (dialects.ollama_stream(SCRIPT), "stop", (None, 9)),
    ],
)
def test_streams_of_other_dialects_tell_them_too(
    parts: list[bytes], reason: str, tokens: tuple[int | None, int]
) -> None:
    found = outcome(parts, stream=True)
    assert found.finish_reasons == (reason,)
    assert (found.input_tokens, found.output_tokens) == tokens


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ({"stop_reason": "refusal", "usage": {"input_tokens": 1, "output_tokens": 2}}, "refusal"),
        (dialects.response_tree([], usage={"input_tokens": 1, "output_tokens": 2}), "completed"),
        (
            {"done": True, "done_reason": "length", "prompt_eval_count": 1, "eval_count": 2},
            "length",
        ),
    ],
)
def test_whole_answers_of_other_dialects_tell_them_too(tree: Any, reason: str) -> None:
    found = outcome([json.dumps(tree).encode()], stream=False)
    assert found == Outcome(finish_reasons=(reason,), input_tokens=1, output_tokens=2)
