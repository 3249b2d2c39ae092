# SPDX-License-Identifier: Apache-2.0
"""One text in pieces: what leaves after each piece."""

from typing import Any

import pytest

from genaiservice.guard.core.effects import Action
from genaiservice.guard.core.policy import compile_policy
from genaiservice.guard.core.screener import (
    CONTEXT_LIMIT,
    HITS_LIMIT,
    Screener,
    ScreeningLimitError,
)
from tests.unit.guard.core.talk import REFUSAL


def screener(
    block: list[str], mask: list[str] | None = None, allow: list[str] | None = None
) -> Screener:
    classes: dict[str, Any] = {
        "A1a": {"action": "Block", "terms": block},
        "A2a": {"action": "Mask", "terms": mask or []},
    }
    tree = {"version": 1, "refusal": REFUSAL, "classes": classes, "allow": allow or []}
    rules = compile_policy(tree, "h")
    assert rules.enforced is not None
    return Screener(rules.enforced, rules.allowed, rules.normaliser)


STEPS: dict[str, tuple[Screener, list[tuple[str, str]], str]] = {
    "nothing open leaves at once": (
        screener(["违禁"]),
        [("今天", "今天"), ("好", "好")],
        "",
    ),
    "an open prefix waits": (
        screener(["违禁样本"]),
        [("好违", "好"), ("禁", ""), ("好", "违禁好")],
        "",
    ),
    "and leaves at the end": (screener(["违禁样本"]), [("违禁", "")], "违禁"),
    "a failed prefix may open another": (
        screener(["甲乙甲乙甲丙"]),
        [("甲乙甲乙甲", ""), ("乙", "甲乙"), ("好", "甲乙甲乙好")],
        "",
    ),
    "blanks wait with the prefix only": (
        screener(["违禁"]),
        [("好 ", "好 "), ("违 ", ""), (" ", ""), ("好", "违  好")],
        "",
    ),
    "a mask covers what stands between": (
        screener([], ["粗话"]),
        [("粗", ""), (" ", ""), ("话", "＊＊＊"), (" ", " ")],
        "",
    ),
    "the longer term decides": (
        screener(["违禁样本"], ["违禁"]),
        [("违", ""), ("禁", "＊＊"), ("好", "好")],
        "",
    ),
    "overlapping masks cover all": (
        screener([], ["甲乙丙", "丙丁戊"]),
        [("甲乙", ""), ("丙", "＊＊＊"), ("丁", ""), ("戊", "＊＊")],
        "",
    ),
    "an allowed word is no hit": (
        screener(["违禁"], allow=["违禁品管理"]),
        [("违禁", ""), ("品管", ""), ("理", "违禁品管理")],
        "",
    ),
    "an allowed word may begin before the term": (
        screener(["违禁"], allow=["不违禁"]),
        [("不", "不"), ("违", ""), ("禁", "违禁")],
        "",
    ),
    "an allowed word without a term holds nothing": (
        screener(["违禁"], allow=["你好世界"]),
        [("你好世", "你好世")],
        "",
    ),
}


@pytest.mark.parametrize("case", STEPS)
def test_what_leaves_after_each_piece(case: str) -> None:
    machine, steps, rest = STEPS[case]
    assert [machine.feed(text) for text, _ in steps] == [out for _, out in steps]
    assert machine.flush() == rest
    assert machine.held == 0
    assert machine.blocked is None


BLOCKS: dict[str, tuple[Screener, list[str], str]] = {
    "at once": (screener(["违禁"]), ["好违", "禁好"], "好"),
    "in one piece": (screener(["违禁"]), ["今天违禁好"], "今天"),
    "an allowed word that does not come": (
        screener(["违禁"], allow=["违禁品管理"]),
        ["违禁品管", "好"],
        "",
    ),
    "an allowed word that the end cuts off": (
        screener(["违禁"], allow=["违禁品管理"]),
        ["好违禁品管"],
        "好",
    ),
    "nothing of a longer term around it": (screener(["乙丙", "甲乙丙丁"]), ["甲乙丙丁"], ""),
    "a mask that becomes a block": (screener(["甲乙丙丁"], ["乙丙"]), ["甲", "乙丙", "丁"], ""),
}


@pytest.mark.parametrize("case", BLOCKS)
def test_what_leaves_before_a_block(case: str) -> None:
    machine, pieces, before = BLOCKS[case]
    out = "".join([*(machine.feed(piece) for piece in pieces), machine.flush()])
    assert out == before
    assert machine.blocked is not None
    assert machine.feed("今天") == machine.flush() == ""


def test_of_equal_terms_the_strongest_action_counts() -> None:
    machine = screener(["ＡＢＣ"], ["abc"])
    machine.feed("abc。")
    assert machine.blocked is not None
    assert machine.blocked.rule.action is Action.BLOCK
    assert machine.blocked.rule.id == "A1a:0"


def test_offsets_count_original_characters() -> None:
    machine = screener(["违禁"])
    machine.feed("ﬁ \u200b好")
    machine.feed("违\u200b禁")
    assert machine.blocked is not None
    assert (machine.blocked.start, machine.blocked.end) == (4, 7)


def test_blanks_without_end_inside_a_term_are_no_way_to_fill_the_memory() -> None:
    machine = screener(["违禁"])
    machine.feed("违")
    for _ in range(4):
        machine.feed(" " * (CONTEXT_LIMIT // 4))
    with pytest.raises(ScreeningLimitError):
        machine.feed(" ")
    assert machine.held <= 2 * CONTEXT_LIMIT


def test_every_mask_is_recorded_once() -> None:
    machine = screener([], ["粗话", "粗话连篇"])
    for char in "粗话连篇粗话":
        machine.feed(char)
    machine.flush()
    assert [(hit.start, hit.end) for hit in machine.hits] == [(0, 2), (0, 4), (4, 6)]


def test_hits_without_number_are_no_way_to_fill_the_memory() -> None:
    machine = screener([], ["粗话"])
    with pytest.raises(ScreeningLimitError):
        machine.feed("粗话" * (HITS_LIMIT + 1))


def test_a_whole_text_may_hold_as_many_blanks_as_it_likes() -> None:
    machine = screener(["违禁"])
    text = "违" + " " * (CONTEXT_LIMIT * 2)
    assert machine.feed(text) + machine.flush() == text


def counting(threshold: int, block: list[str], mask: list[str]) -> Screener:
    classes: dict[str, Any] = {
        "A1a": {"action": "Block", "threshold": threshold, "terms": block},
        "A2a": {"action": "Mask", "terms": mask},
    }
    rules = compile_policy({"version": 1, "refusal": REFUSAL, "classes": classes}, "h")
    assert rules.enforced is not None
    return Screener(rules.enforced, rules.allowed, rules.normaliser)


@pytest.mark.parametrize("cut", [1, 2, 3, 100])
def test_a_class_with_a_threshold_blocks_from_that_hit_on_and_records_the_earlier_ones(
    cut: int,
) -> None:
    machine = counting(3, ["违禁", "样本"], ["粗话"])
    text = "好违禁，粗话，样本。违 禁好"
    out = "".join(machine.feed(text[at : at + cut]) for at in range(0, len(text), cut))
    assert out + machine.flush() == "好违禁，＊＊，样本。"
    assert [hit.rule.action for hit in machine.hits] == [
        Action.FLAG,
        Action.MASK,
        Action.FLAG,
        Action.BLOCK,
    ]


def test_a_term_that_is_also_masked_is_masked_and_does_not_count() -> None:
    machine = counting(2, ["违禁"], ["违禁"])
    assert machine.feed("违禁违禁违禁好") == "＊＊＊＊＊＊好"
    assert machine.blocked is None


def test_a_text_below_the_threshold_leaves_whole_and_each_text_counts_for_itself() -> None:
    for _ in range(3):
        machine = counting(3, ["违禁"], [])
        assert machine.feed("违禁违禁") + machine.flush() == "违禁违禁"
        assert len(machine.hits) == 2
