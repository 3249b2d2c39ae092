# SPDX-License-Identifier: Apache-2.0
"""Texts that are there entirely are screened in slices: the same verdict, in bounded steps."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genaiservice.api.guard_config import Screening
from genaiservice.guard.core import field as fields
from genaiservice.guard.core.field import Field
from genaiservice.guard.core.policy import Policy, compile_policy
from genaiservice.guard.core.screener import CONTEXT_LIMIT, WHOLE_LIMIT, ScreeningLimitError
from tests.unit.guard.core.talk import REFUSAL

CLASSES: dict[str, Any] = {
    "A1a": {"action": "Block", "terms": ["甲乙丙丙丁", "bad word"], "threshold": 2},
    "A2a": {"action": "Mask", "terms": ["甲乙", "aab", "ass"], "pinyin": ["jia yi"]},
    "A3a": {"action": "Flag", "terms": ["乙丙"], "components": ["十日十"]},
    "A4a": {
        "action": "Mask",
        "terms": [],
        "patterns": [r"1\d{4}"],
        "contexts": [{"first": ["丁"], "second": ["甲"], "within": 3}],
    },
    "A5a": {"action": "Block", "terms": ["丁丁甲甲"]},
}
SWITCHES: dict[str, dict[str, bool]] = {
    "usual": {},
    "repeats": {"repeats": True},
    "all": {"repeats": True, "digits": True, "leet": True},
    "none": dict.fromkeys(("width", "case", "zeroWidth", "separators", "words"), False),
}


def rules(switches: str, *, allow: bool) -> Policy:
    tree = {
        "version": 1,
        "refusal": REFUSAL,
        "classes": CLASSES,
        "normalisation": SWITCHES[switches],
        "allow": ["甲乙人", "class", "丁甲乙"] if allow else [],
    }
    return compile_policy(tree, "h")


POLICIES = [
    pytest.param(rules(name, allow=allow), id=f"{name}{', allow' if allow else ''}")
    for name in SWITCHES
    for allow in (False, True)
]
TEXTS = st.lists(
    st.sampled_from(
        [*"甲乙丙丁人 ab1s.\u200b\u0301ﷺ①ａ", "bad word", "jia yi", "十日十", "class", "甲乙丙丙丁"]
    ),
    max_size=60,
).map("".join)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("mode", [Screening.BLOCK, Screening.OBSERVE])
@given(text=TEXTS, size=st.integers(1, 9), escaped=st.booleans())
@settings(max_examples=25)
def test_slices_say_what_the_whole_says(
    policy: Policy, mode: Screening, text: str, size: int, escaped: bool
) -> None:
    at_once = Field(policy, mode, ("x",), escaped=escaped)
    expected = at_once.feed(text) + at_once.flush()
    sliced = Field(policy, mode, ("x",), escaped=escaped)
    usual, fields.SLICE = fields.SLICE, size  # type: ignore[misc]
    try:
        out = sliced.whole(text)
    finally:
        fields.SLICE = usual  # type: ignore[misc]
    assert out == expected
    assert sliced.blocked == at_once.blocked
    assert _told(sliced) == _told(at_once)
    if not sliced.blocked:
        assert sliced.seen == at_once.seen


def _told(field: Field) -> list[tuple[str, int, int]]:
    """A watcher and the screener share one list; which of them came first is no matter."""
    return sorted((hit.rule.id, hit.start, hit.end) for hit in field.hits)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("text", ["甲乙人" * 900, "甲 " * 900, "ﷺ" * 300, "a" * 3_000])
def test_no_step_of_a_long_text_is_long(policy: Policy, text: str) -> None:
    """Between two breaths no screener reads more than twice what is open and a slice."""
    field, breaths = Field(policy, Screening.OBSERVE, ("x",)), [0]
    longest = 0

    def breathe() -> None:
        nonlocal longest
        longest = max(longest, field.seen - breaths[-1])
        breaths.append(field.seen)

    field.whole(text, breathe)
    assert field.seen == len(text)
    assert longest <= 2 * fields.SLICE


def test_what_stays_open_for_long_is_still_bounded() -> None:
    policy = rules("repeats", allow=False)

    def screened(text: str) -> list[str]:
        field = Field(policy, Screening.BLOCK, ("x",))
        field.whole(text)
        return [hit.rule.id for hit in field.hits]

    # Rows of an empty table after an open prefix: an honest prompt.
    assert screened("甲" + "," * (CONTEXT_LIMIT + 1000) + "乙") == ["A2a:0"]
    assert screened("甲" + "," * (CONTEXT_LIMIT + 1000) + "人") == []
    for text in ("甲" + "," * (3 * WHOLE_LIMIT), "甲乙" + "丙" * (3 * CONTEXT_LIMIT)):
        with pytest.raises(ScreeningLimitError):
            screened(text + "人")


def test_a_block_at_the_end_of_a_long_run_is_found_in_few_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stepping to it by single characters took a step for each, of all of them."""
    field = Field(rules("repeats", allow=False), Screening.BLOCK, ("x",))
    steps = 0
    screener = field._screener
    assert screener is not None
    advance = type(screener)._advance

    def counted(*given: Any, **more: Any) -> str:
        nonlocal steps
        steps += 1
        return advance(*given, **more)

    monkeypatch.setattr(type(screener), "_advance", counted)
    field.feed("丁丁" + "甲甲" + "好" * 4000 + "甲乙" + "丙" * 4000 + "丁甲乙丙丙丁")
    assert field.blocked
    assert steps < 100
