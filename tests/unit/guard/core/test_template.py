# SPDX-License-Identifier: Apache-2.0
"""Templates: which events are the same chunk with another text, and which only look so."""

import json
from typing import Any

import pytest

from genaiservice.api.guard_config import LabelMode
from genaiservice.guard.core.answer import Choice, texts
from genaiservice.guard.core.exchange import Options
from genaiservice.guard.core.template import Template, gap
from tests.unit.guard.core.talk import POLICY, chunk, event, request, stream


def learnt(raw: bytes) -> Template | None:
    tree = json.loads(raw[5:])
    choice = Choice(POLICY, Options(), 0, LabelMode.OFF)
    (text,) = [text for text in texts(tree["choices"][0]) if text.value]
    sides = gap(raw, tree, text)
    return Template(*sides, choice, choice.field(text.path)) if sides else None


def counted(text: str, tokens: int, **more: Any) -> bytes:
    return event(
        {"choices": [{"index": 0, "delta": {"content": text}}], "usage": {"n": tokens}, **more}
    )


SAME: dict[str, tuple[bytes, bytes, str]] = {
    "another text": (chunk("今天"), chunk("明天"), "明天"),
    "an empty text": (chunk("今天"), chunk(""), ""),
    "quotes and breaks": (chunk("今天"), chunk('a"b\\c\nd'), 'a"b\\c\nd'),
    "escapes": (chunk("今天"), chunk("今天").replace("今".encode(), b"\\u660e"), "明天"),
    "other counts": (counted("今天", 7), counted("明天", 812), "明天"),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_chunk_with_another_text_gives_the_text(case: str) -> None:
    first, second, text = SAME[case]
    template = learnt(first)
    assert template is not None
    assert template.text(second) == text
    assert json.loads(template.render(second, "后天")[5:]) == _with(second, "后天")


def _with(raw: bytes, text: str) -> Any:
    tree = json.loads(raw[5:])
    tree["choices"][0]["delta"]["content"] = text
    return tree


BASE = chunk("今天")
OTHER: dict[str, tuple[bytes, bytes]] = {
    "another index": (BASE, chunk("明天", index=1)),
    "another field": (BASE, chunk(delta={"reasoning_content": "明天"})),
    "an end": (BASE, chunk("明天", finish_reason="stop")),
    "two events": (BASE, BASE + BASE),
    "null for a text": (BASE, BASE.replace('"今天"'.encode(), b"null")),
    "a second field smuggled in": (
        BASE,
        BASE.replace("今天".encode(), '今","reasoning":"天'.encode()),
    ),
    "a broken character": (BASE, BASE.replace("今".encode(), b"\xe4\xbb")),
    "a raw line end": (BASE, BASE.replace("今".encode(), b"\n\n")),
    "a cut event": (BASE, BASE[:-30]),
    "an index behind the text": (
        event({"choices": [{"delta": {"content": "今天"}, "index": 0}], "usage": {"n": 1}}),
        event({"choices": [{"delta": {"content": "明天"}, "index": 1}], "usage": {"n": 1}}),
    ),
    "usage inside the choice": (
        event({"choices": [{"delta": {"content": "今天"}, "usage": {"n": 1}, "index": 0}]}),
        event({"choices": [{"delta": {"content": "明天"}, "usage": {"n": 1}, "index": 1}]}),
    ),
    "words for counts": (counted("今天", 7), counted("明天", 7, x="y")),
}


@pytest.mark.parametrize("case", OTHER)
def test_an_event_that_differs_in_more_than_the_text_does_not_fit(case: str) -> None:
    first, second = OTHER[case]
    template = learnt(first)
    assert template is not None
    assert template.text(second) is None


@pytest.mark.parametrize(
    "raw",
    [
        chunk("今天").replace(b"\n", b"\r\n"),
        b": words\n" + chunk("今天"),
        chunk("m"),  # the text stands twice among the bytes
    ],
)
def test_a_shape_that_is_not_certain_is_not_learnt(raw: bytes) -> None:
    tree = json.loads(raw.split(b"data:")[1])
    (text,) = [text for text in texts(tree["choices"][0]) if text.value]
    assert gap(raw, tree, text) is None


def test_choices_whose_index_stands_behind_the_text_are_never_mixed_up() -> None:
    events = [
        event(
            {
                "choices": [{"delta": {"content": text}, "index": number % 2}],
                "usage": {"n": number},
            }
        )
        for number, text in enumerate("违甲禁乙样丙本丁")
    ]
    ends = [chunk(index=at, finish_reason="stop") for at in (0, 1)]
    heard = stream([*events, *ends], body=request(n=2))
    assert heard.finish == {0: "content_filter", 1: "stop"}
    assert heard.text(index=1) == "甲乙丙丁"
