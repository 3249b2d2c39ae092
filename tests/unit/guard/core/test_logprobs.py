# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from genaiservice.guard.core.logprobs import faithful


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
    "legacy, clean alternatives": ({"tokens": ["今天"], "top_logprobs": [{"明": -1}, None]}, True),
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
