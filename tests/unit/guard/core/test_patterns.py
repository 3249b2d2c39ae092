# SPDX-License-Identifier: Apache-2.0
"""Patterns and context rules in a stream: what waits, what leaves, what is met."""

from typing import Any

import pytest

from genaiservice.guard.core.effects import Action
from genaiservice.guard.core.patterns import STATES_LIMIT, Mixed, Patterns
from genaiservice.guard.core.policy import compile_policy
from genaiservice.guard.core.screener import Screener
from tests.unit.guard.core.talk import REFUSAL


def screener(action: str = "Block", allow: tuple[str, ...] = (), **part: Any) -> Screener:
    tree = {
        "version": 1,
        "refusal": REFUSAL,
        "classes": {"A4e": {"action": action, "terms": part.pop("terms", []), **part}},
        "allow": list(allow),
    }
    rules = compile_policy(tree, "h")
    assert rules.enforced is not None
    return Screener(rules.enforced, rules.allowed, rules.normaliser)


def mobile(action: str = "Block") -> Screener:
    return screener(action, patterns=[r"1[3-9]\d{9}"])


def near() -> Screener:
    return screener(contexts=[{"first": ["甲甲"], "second": ["乙乙", "丙丙"], "within": 3}])


STEPS: dict[str, tuple[Screener, list[tuple[str, str]], str]] = {
    "what no match can become leaves": (
        mobile(),
        [("好1", "好"), ("2", "12"), (" 13", " "), ("好", "13好")],
        "",
    ),
    "a match inside a longer number is none": (
        mobile(),
        [("1380013800", ""), ("0", ""), ("1", "138001380001")],
        "",
    ),
    "a mask covers the blanks inside": (
        mobile("Mask"),
        [("138 0013 ", ""), ("8000", ""), ("。", "＊" * 13 + "。")],
        "",
    ),
    "after the first expression so much waits as may stand between": (
        near(),
        [("好甲甲", "好"), ("一二三", ""), ("四", "甲甲一二三四")],
        "",
    ),
    "the end lets it go": (near(), [("甲甲一", "")], "甲甲一"),
    "and so does one side alone": (near(), [("乙乙一二三四", "乙乙一二三四")], ""),
    "an allowed word may cover a match": (
        screener(allow=("样本12号",), patterns=["样本?\\d{2}"]),
        [("样本12", ""), ("号", "样本12号")],
        "",
    ),
}


@pytest.mark.parametrize("case", STEPS)
def test_what_leaves_after_each_piece(case: str) -> None:
    machine, steps, rest = STEPS[case]
    assert [machine.feed(text) for text, _ in steps] == [out for _, out in steps]
    assert machine.flush() == rest
    assert machine.blocked is None


MET: dict[str, tuple[Screener, str, str, str]] = {
    "a number": (mobile(), "好13800138000。", "好", "A4e:pattern:0"),
    "two expressions in order": (near(), "好甲甲一，丙丙", "好", "A4e:context:0"),
    "and the other way round": (near(), "好乙乙甲甲", "好", "A4e:context:0"),
    "a term beside patterns": (
        screener(terms=["违禁"], patterns=[r"1[3-9]\d{9}"]),
        "13违禁",
        "13",
        "A4e:0",
    ),
}


@pytest.mark.parametrize("case", MET)
def test_a_match_blocks_and_nothing_of_it_leaves(case: str) -> None:
    machine, text, before, rule = MET[case]
    assert "".join(map(machine.feed, text)) == before
    assert machine.blocked is not None
    assert machine.blocked.rule.id == rule


def test_of_a_term_and_a_pattern_on_the_same_characters_the_stronger_counts() -> None:
    classes = {
        "A1a": {"action": "Mask", "terms": ["样本"]},
        "A2a": {"action": "Block", "terms": [], "patterns": ["样(本|品)"]},
    }
    rules = compile_policy({"version": 1, "refusal": REFUSAL, "classes": classes}, "h")
    assert rules.enforced is not None
    machine = Screener(rules.enforced, rules.allowed, rules.normaliser)
    machine.feed("样本")
    assert machine.blocked is not None
    assert machine.blocked.rule.action is Action.BLOCK


def test_the_store_of_states_stays_bounded_and_answers_the_same_after() -> None:
    rules = compile_policy(
        {
            "version": 1,
            "refusal": REFUSAL,
            "classes": {
                "A1a": {"action": "Block", "terms": [], "patterns": ["a.{0,90}b.{0,90}c.{2}d"]}
            },
        },
        "h",
    )
    assert isinstance(rules.enforced, Mixed)
    machine = rules.enforced._patterns
    assert isinstance(machine, Patterns)
    size, number = 0, 1
    while size <= STATES_LIMIT:
        machine.hits("a" + "".join("abc"[number % size] for size in (2, 3) for _ in range(2)) * 20)
        text = "".join("abcx"[(number >> (2 * at)) % 4] for at in range(60))
        machine.hits("a" + text)
        size, number = len(machine._store), number * 7 + 3
    assert machine.hits("axbxcxxd") == [(0, 8, 0)]
    assert len(machine._store) <= STATES_LIMIT
