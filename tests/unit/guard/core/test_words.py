# SPDX-License-Identifier: Apache-2.0
"""Word boundaries: what a term of letters or digits is found in, and what leaves meanwhile."""

from typing import Any

import pytest

from genaiservice.guard.core.policy import compile_policy
from genaiservice.guard.core.screener import Screener
from genaiservice.guard.core.words import COMPLEX_LOOKS
from tests.unit.guard.core.talk import REFUSAL


def screener(*terms: str, **switches: bool) -> Screener:
    tree: dict[str, Any] = {
        "version": 1,
        "refusal": REFUSAL,
        "classes": {"A1a": {"action": "Block", "terms": list(terms)}},
        "normalisation": switches,
    }
    rules = compile_policy(tree, "h")
    assert rules.enforced is not None
    return Screener(rules.enforced, rules.allowed, rules.normaliser)


def found(text: str, *terms: str, **switches: bool) -> bool:
    """Whether a term is met; the same for the whole text and for single characters."""
    answers = set()
    for pieces in ([text], [*text]):
        machine = screener(*terms, **switches)
        for piece in pieces:
            machine.feed(piece)
        machine.flush()
        answers.add(machine.blocked is not None)
    (answer,) = answers
    return answer


HITS = (
    ("ass", "an ass."),
    ("ass", "ASS"),
    ("ass", "你ass好"),
    ("ass", "(ass)"),
    ("ass", "x-ass"),
    ("ass", "a-s-s"),
    ("ass", "a s s"),
    ("ass", "a . s\ns"),
    ("ass", "a\u200bss"),
    ("ass", "a-ss"),
    ("ass", "ass4"),
    ("kill him", "kill him"),
    ("kill him", "killhim"),
    ("kill him", "kill, him"),
    ("kill him", "k i l l h i m"),
    ("sb 250", "sb250"),
    ("看av片", "看av 片"),
    ("64", "19 64"),
    ("64", "六 64 年"),
    ("违禁", "x违 禁x"),
)
HARMLESS = (
    ("ass", "class"),
    ("ass", "as seen"),
    ("ass", "as s"),
    ("ass", "assess"),
    ("ass", "as\u200bsess"),
    ("ass", "well-as-seen"),
    ("kill him", "kill himself"),
    ("kill him", "k ill him"),
    ("64", "1964"),
    ("64", "640"),
)


@pytest.mark.parametrize(("term", "text"), HITS)
def test_a_word_is_found_alone_joined_by_signs_or_spelled(term: str, text: str) -> None:
    assert found(text, term)


@pytest.mark.parametrize(("term", "text"), HARMLESS)
def test_a_word_is_not_found_in_or_across_other_words(term: str, text: str) -> None:
    assert not found(text, term)
    assert found(text, term, words=False)


SWITCHED = (
    ("digits", "六四样本", "64样本"),
    ("digits", "八九", "捌九"),
    ("leet", "ass", "4$$"),
    ("leet", "boobs", "80085"),
)


@pytest.mark.parametrize(("switch", "term", "text"), SWITCHED)
def test_what_is_off_unless_wished_finds_its_disguise_only_when_on(
    switch: str, term: str, text: str
) -> None:
    assert found(text, term, **{switch: True})
    assert not found(text, term)


def test_with_numerals_as_digits_and_letters_both_readings_are_one() -> None:
    assert found("一s", "is", digits=True, leet=True)


STEPS: dict[str, tuple[tuple[str, ...], list[tuple[str, str]]]] = {
    "a whole word waits for what follows it": (("ass",), [("ass", ""), ("e", "asse")]),
    "nothing is seen of an invisible sign": (
        ("ass",),
        [("ass", ""), ("\u200b", ""), ("e", "ass\u200be")],
    ),
    "a prefix inside a word does not wait": (("ass",), [("cl", "cl"), ("a", "a"), ("s", "s")]),
    "nor after what left long ago": (("ass",), [("x", "x"), ("\u200b", "\u200b"), ("as", "as")]),
    "a blank ends the hope of a prefix": (("ass",), [("as", ""), (" ", "as ")]),
    "but not of one spelled by letters": (("ass",), [("a", ""), (" ", ""), ("s", ""), (" ", "")]),
    "nor where a term has a gap itself": (("as x",), [("as", ""), (" ", "")]),
    "nor where a term goes on in Chinese": (("as", "as样"), [("好a", "好"), ("s", "")]),
    "Chinese waits as ever": (("违禁", "ass"), [("违", ""), (" ", ""), ("好", "违 好")]),
}


@pytest.mark.parametrize("case", STEPS)
def test_what_leaves_after_each_piece(case: str) -> None:
    terms, steps = STEPS[case]
    machine = screener(*terms)
    assert [machine.feed(text) for text, _ in steps] == [out for _, out in steps]
    assert machine.blocked is None


@pytest.mark.parametrize("filler", [" ", "-", "\u200b"])
def test_a_run_of_what_vanishes_after_a_letter_costs_the_same_for_each_piece(
    filler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = screener("ab")
    machine.feed("a" + filler)
    monkeypatch.delattr(Screener, "_advance")  # the step that looks at the whole context
    for _ in range(100):
        assert machine.feed(filler) == ""
    assert machine.held == 102


def test_of_many_terms_with_gaps_only_those_that_allow_this_gap_keep_a_text() -> None:
    letters = "abcdefghijklmnopqrst"
    terms = [f"sha {one}i{two}o" for one in letters for two in letters]
    assert len(terms) > COMPLEX_LOOKS
    machine = screener(*terms)
    assert [machine.feed(piece) for piece in ("sh", " ", "sha", " ", "a", "x")] == [
        *("", "sh ", "", "", "", "sha ax")
    ]
