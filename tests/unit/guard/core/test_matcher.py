# SPDX-License-Identifier: Apache-2.0
"""A set of terms answers as a slow search would, by both of its ways."""

from random import Random

import pytest

from genaiservice.guard.core.effects import Action
from genaiservice.guard.core.matcher import WIDE, Risk, TermSet

FEW = {"ab": (0, 0), "abc": (0, 1), "bcd": (1, 0), "ca": (1, 1), "aabb": (0, 2)}
MANY = {**FEW, **{chr(code) * 2: (0, 9) for code in range(0x4E00, 0x4E00 + WIDE)}}
CLASSES = (Risk("A1a", Action.BLOCK), Risk("A2a", Action.MASK))
SETS = {"few": TermSet(FEW, CLASSES), "many": TermSet(MANY, CLASSES)}


def texts() -> list[str]:
    draw = Random(3)  # noqa: S311 - makes cases
    return [
        "".join(draw.choice("aabbccdx") for _ in range(draw.randint(0, 12))) for _ in range(500)
    ]


def occurrences(text: str) -> list[tuple[int, int]]:
    return sorted(
        (start, start + len(term))
        for term in FEW
        for start in range(len(text))
        if text.startswith(term, start)
    )


def live(text: str) -> int:
    for start in range(len(text)):
        rest = text[start:]
        if any(term != rest and term.startswith(rest) for term in FEW):
            return start
    return len(text)


def test_the_two_sets_take_different_ways() -> None:
    assert [SETS[name].wide for name in ("few", "many")] == [False, True]


@pytest.mark.parametrize("name", SETS)
def test_hits_live_prefix_and_short_question_agree_with_a_slow_search(name: str) -> None:
    terms = SETS[name]
    for text in texts():
        found = occurrences(text)
        assert sorted((start, end) for start, end, _ in terms.hits(text)) == found, text
        assert terms.live(text) == live(text), text
        assert terms.opens(text) == (-1 if found else live(text)), text


@pytest.mark.parametrize("name", SETS)
def test_a_value_leads_to_class_number_and_action(name: str) -> None:
    ((_, _, value),) = SETS[name].hits("xbcdx")
    rule = SETS[name].rule(value)
    assert (rule.id, rule.action) == ("A2a:0", Action.MASK)
