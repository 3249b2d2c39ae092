# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from genaiservice.guard.core.logprobs import faithful
from tests.unit.guard.core.talk import DONE, Heard, chunk, event, stream


def token(text: str, **more: Any) -> dict[str, Any]:
    return {"token": text, "logprob": -1.0, "bytes": list(text.encode()), **more}


CASES: dict[str, tuple[Any, bool]] = {
    "none": (None, True),
    "the tokens of the text": ({"content": [token("今"), token("天")]}, True),
    "without bytes": ({"content": [token("今天", bytes=None)]}, True),
    "with clean alternatives": ({"content": [token("今天", top_logprobs=[token("明")])]}, True),
    "other tokens": ({"content": [token("今")]}, False),
    "other bytes": ({"content": [token("今天", bytes=[1, 2])]}, False),
    "an alternative that is a hit": (
        {"content": [token("今天", top_logprobs=[token("违禁")])]},
        False,
    ),
    "alternatives of an alternative": (
        {"content": [token("今天", top_logprobs=[token("明", top_logprobs=[token("x")])])]},
        False,
    ),
    "an unknown field": ({"content": [token("今天", note="x")]}, False),
    "an unknown list": ({"content": [token("今天")], "other": [1]}, False),
    "tokens of the refusal": ({"content": [token("今天")], "refusal": [token("x")]}, False),
    "a string": ("今天", False),
    "entries of a wrong type": ({"content": ["今天"]}, False),
    "legacy": ({"tokens": ["今", "天"], "token_logprobs": [None, -1], "text_offset": [0, 1]}, True),
    "legacy, clean alternatives": ({"tokens": ["今天"], "top_logprobs": [{"明": -1}]}, True),
    "legacy, columns of unequal length": ({"tokens": ["今天"], "top_logprobs": [{}, {}]}, False),
    "legacy, a hit": ({"tokens": ["今天"], "top_logprobs": [{"违禁": -1}]}, False),
    "legacy, other tokens": ({"tokens": ["违", "禁"]}, False),
    "legacy, text among numbers": ({"tokens": ["今天"], "token_logprobs": ["违禁"]}, False),
    "legacy, a number for a list": ({"tokens": ["今天"], "token_logprobs": 5}, False),
    "legacy, a number for alternatives": ({"tokens": ["今天"], "top_logprobs": 5}, False),
    "legacy, unknown field": ({"tokens": ["今天"], "note": "x"}, False),
}


@pytest.mark.parametrize("case", CASES)
def test_logprobs_are_faithful_when_they_tell_nothing_beside_the_text(case: str) -> None:
    logprobs, wanted = CASES[case]
    assert faithful(logprobs, "今天", lambda word: "违禁" not in word) is wanted


def spelled(text: str, *tokens: str) -> bytes:
    return chunk(text, logprobs={"content": [token(one) for one in tokens or (text,)]})


def tokens_of(heard: Heard) -> list[str]:
    return [
        entry["token"]
        for tree in heard.trees
        for choice in tree["choices"]
        for entry in (choice.get("logprobs") or {}).get("content", ())
    ]


def test_tokens_wait_with_their_text_and_none_is_lost() -> None:
    texts = ["今天", "违", "禁", "好", "违禁"]
    events = [*(spelled(text) for text in texts), chunk(finish_reason="stop"), DONE]
    heard = stream(events)
    assert heard.text() == "".join(texts)
    assert tokens_of(heard) == texts
    said = ""
    for tree in heard.trees:
        spoken = tokens_of(Heard(trees=[tree]))
        said += tree["choices"][0]["delta"].get("content", "")
        assert "".join(spoken) == "" or said.endswith("".join(spoken))


def test_tokens_of_masked_characters_never_leave() -> None:
    events = [spelled("他"), spelled("说粗"), spelled("话"), spelled("词走", "词", "走")]
    heard = stream([*events, spelled("了"), chunk(finish_reason="stop"), DONE])
    assert heard.text() == "他说＊＊＊走了"
    assert tokens_of(heard) == ["他", "走", "了"]


def test_tokens_of_a_blocked_choice_are_dropped() -> None:
    heard = stream([spelled("今"), spelled("违禁"), spelled("样本"), DONE])
    assert tokens_of(heard) == ["今"]


def test_legacy_tokens_wait_too() -> None:
    def said(text: str, at: int) -> bytes:
        logprobs = {
            "tokens": [text],
            "token_logprobs": [-1.0],
            "top_logprobs": None,
            "text_offset": [at],
        }
        return event({"choices": [{"index": 0, "text": text, "logprobs": logprobs}]})

    last = event({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
    body = b'{"prompt": "x", "stream": true}'
    heard = stream(
        [said("今", 0), said("违", 1), said("好", 2), last], body=body, path="/v1/completions"
    )
    found = [tree["choices"][0].get("logprobs") for tree in heard.trees]
    assert [one and one["tokens"] for one in found] == [["今"], None, ["违", "好"], None]
    assert found[2]["text_offset"] == [1, 2]
