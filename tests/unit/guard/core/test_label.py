# SPDX-License-Identifier: Apache-2.0
"""The explicit label: once, on what people read, at the start or the end."""

import json
from typing import Any

import pytest

from genaiservice.api.guard_config import LabelMode
from genaiservice.guard.core.effects import Action
from genaiservice.guard.core.exchange import DEFAULT_LABEL, Options
from genaiservice.guard.core.label import Labeller
from tests.unit.guard.core.talk import (
    DONE,
    REFUSAL,
    TERM,
    chunk,
    event,
    message,
    request,
    stream,
    whole,
    words,
)

L = DEFAULT_LABEL
PREFIX, SUFFIX = Options(label=LabelMode.PREFIX), Options(label=LabelMode.SUFFIX)

CASES: dict[str, tuple[LabelMode, list[str], str]] = {
    "prefix": (LabelMode.PREFIX, ["今天", "很好"], f"{L}\n\n今天很好"),
    "suffix": (LabelMode.SUFFIX, ["今天", "很好"], f"今天很好\n\n{L}"),
    "off": (LabelMode.OFF, ["今天", "很好"], "今天很好"),
    "prefix that the model wrote": (LabelMode.PREFIX, [*L, "今天"], f"{L}今天"),
    "prefix that the model began": (LabelMode.PREFIX, ["本内容", "很好"], f"{L}\n\n本内容很好"),
    "prefix that the model only began": (LabelMode.PREFIX, ["本内容"], f"{L}\n\n本内容"),
    "suffix that the model wrote": (LabelMode.SUFFIX, ["今天", L, "\n"], f"今天{L}\n"),
    "blanks first": (LabelMode.PREFIX, ["\n\n", "今天"], f"\n\n{L}\n\n今天"),
    "blanks only": (LabelMode.PREFIX, ["\n", " "], "\n "),
    "blanks only, suffix": (LabelMode.SUFFIX, ["\n", " "], "\n "),
    "nothing": (LabelMode.SUFFIX, [], ""),
}


@pytest.mark.parametrize("case", CASES)
def test_a_text_is_labelled_once(case: str) -> None:
    mode, pieces, wanted = CASES[case]
    labeller = Labeller(mode, L)
    out = "".join([*(labeller.feed(piece) for piece in pieces), labeller.flush()])
    assert out == wanted


@pytest.mark.parametrize("case", CASES)
def test_a_streamed_and_a_whole_answer_are_labelled_alike(case: str) -> None:
    mode, pieces, wanted = CASES[case]
    options = Options(label=mode)
    assert stream(words(*pieces), options=options).text() == wanted
    assert whole(message("".join(pieces)), options=options).text() == wanted


def test_each_choice_has_its_own_label() -> None:
    ends = [chunk(index=at, finish_reason="stop") for at in (0, 1)]
    events = [chunk("甲"), chunk("乙", index=1), chunk("丙"), *ends, DONE]
    heard = stream(events, body=request(n=2), options=PREFIX)
    assert heard.text(index=0) == f"{L}\n\n甲丙"
    assert heard.text(index=1) == f"{L}\n\n乙"


@pytest.mark.parametrize("options", [PREFIX, SUFFIX])
def test_tool_calls_alone_and_reasoning_carry_no_label_and_it_is_recorded(
    options: Options,
) -> None:
    call = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}
    events = [
        chunk(delta={"reasoning_content": "想"}),
        chunk(delta=call),
        chunk(finish_reason="tool_calls"),
        DONE,
    ]
    heard = stream(events, options=options)
    assert heard.body == b"".join(events)
    assert [(one.action, one.reason) for one in heard.decisions] == [
        (Action.LABEL, "no_visible_text")
    ]


STRUCTURED: list[dict[str, Any]] = [
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "json_schema", "json_schema": {}}},
    {"guided_regex": "[a-z]+"},
]


@pytest.mark.parametrize("more", STRUCTURED)
@pytest.mark.parametrize("options", [PREFIX, SUFFIX])
def test_structured_output_stays_valid_and_the_exception_is_recorded(
    more: dict[str, Any], options: Options
) -> None:
    heard = stream(words('{"a":', '"好"}'), body=request(**more), options=options)
    assert json.loads(heard.text()) == {"a": "好"}
    assert [one.reason for one in heard.decisions] == ["structured_output"]
    answer = message('{"a":1}')
    heard = whole(answer, body=request(stream=False, **more), options=options)
    assert json.loads(heard.text()) == {"a": 1}
    assert [one.reason for one in heard.decisions] == ["structured_output"]


def test_a_blocked_choice_says_the_refusal_and_no_label_follows() -> None:
    heard = stream(words("今天", TERM), options=SUFFIX)
    assert heard.text() == f"今天\n\n{REFUSAL['zh']}"
    heard = stream(words(TERM), options=PREFIX)
    assert heard.text() == REFUSAL["zh"]


def test_completions_are_labelled_too() -> None:
    body = json.dumps({"prompt": "你好", "stream": True}).encode()
    events = [event({"choices": [{"index": 0, "text": text}]}) for text in ("甲", "乙")]
    last = event({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
    heard = stream([*events, last, DONE], body=body, path="/v1/completions", options=SUFFIX)
    assert heard.text("text") == f"甲乙\n\n{L}"


def test_a_label_is_added_to_held_text_at_its_end() -> None:
    heard = stream([chunk("好违禁"), chunk(finish_reason="stop"), DONE], options=SUFFIX)
    assert heard.text() == f"好违禁\n\n{L}"
