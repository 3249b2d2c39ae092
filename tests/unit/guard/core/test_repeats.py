# SPDX-License-Identifier: Apache-2.0
"""Repeated characters: what is met, what leaves meanwhile, what a run without end costs."""

import tracemalloc

import pytest

from genaiservice.guard.core.screener import CONTEXT_LIMIT, Screener, ScreeningLimitError
from tests.unit.guard.core.test_words import found, screener

HITS = (
    ("敏感词", "敏敏感感词"),
    ("敏感词", "敏感感感词词词"),
    ("敏感词", "敏 敏感，感词"),
    ("敏感词", "敏感\u200b感词"),
    ("bad", "baaad"),
    ("bad", "bbbaaaddd"),
    ("bad", "so baaaad!"),
    ("bad", "b a a a d"),
    ("good", "gooood"),
    ("天天样", "天天天样"),
    ("哈哈", "哈哈哈"),
    ("low", "looow"),
    ("kill him", "kiiill himmm"),
    ("as s", "as sss"),
    ("b bba", "bbb a"),
)
HARMLESS = (
    ("food", "fod"),
    ("天天", "天"),
    ("low", "yellow"),
    ("low", "lows"),
    ("664", "6664"),
    ("a64b", "a644b"),
    ("bad", "ba ad"),
    ("敏感词", "敏感"),
)


@pytest.mark.parametrize(("term", "text"), HITS)
def test_a_stretched_term_is_met(term: str, text: str) -> None:
    assert found(text, term, repeats=True)


@pytest.mark.parametrize(("term", "text"), HARMLESS)
def test_a_term_is_not_met_in_fewer_characters_other_words_or_other_numbers(
    term: str, text: str
) -> None:
    assert not found(text, term, repeats=True)


@pytest.mark.parametrize(("term", "text"), [hit for hit in HITS if hit[0] in ("敏感词", "bad")])
def test_only_the_switch_makes_the_difference(term: str, text: str) -> None:
    assert not found(text, term)


STEPS: dict[str, tuple[tuple[str, ...], list[tuple[str, str]]]] = {
    "what repeats before a term leaves": (
        ("哈样",),
        [("哈哈哈", "哈哈"), ("哈", "哈"), ("好", "哈好")],
    ),
    "inside it waits": (("敏感词",), [("敏感", ""), ("感", ""), ("感", ""), ("好", "敏感感感好")]),
    "a run longer than the last of a term is over": (("好样样",), [("好样", ""), ("样", "")]),
    "a run at the end of a word waits": (("bad", "x样"), [("bad", ""), ("d", ""), ("e", "badde")]),
    "what stood before a run is not forgotten": (
        ("low",),
        [("yel", "yel"), ("l", "l"), ("ow", "ow")],
    ),
    "a run with a gap of its own goes on after it": (
        ("hihif fi",),
        [("hihiff", ""), (" ", ""), ("f", ""), ("i", ""), ("", "")],
    ),
    "nor a gap of its own inside a run": (("b bba",), [("bbb", ""), (" ", ""), ("a", "")]),
    "nor when the whole run has left": (("low",), [("l", ""), ("l", "l"), ("l", "l"), ("ow", "")]),
}


@pytest.mark.parametrize("case", STEPS)
def test_what_leaves_after_each_piece(case: str) -> None:
    terms, steps = STEPS[case]
    machine = screener(*terms, repeats=True)
    assert [machine.feed(text) for text, _ in steps] == [out for _, out in steps]


@pytest.mark.parametrize("term", ["哈样", "hay"])
def test_one_character_for_ever_leaves_as_it_comes(term: str) -> None:
    machine = screener(term, repeats=True)
    held = set()
    for _ in range(300):
        machine.feed(term[0] * 100)
        held.add(machine.held)
    assert held == {1}
    machine.feed(term[1:])
    machine.flush()
    assert machine.blocked is not None


@pytest.mark.parametrize("term", ["敏感词", "bad"])
def test_a_run_inside_a_term_costs_the_same_for_each_piece_and_ends_in_a_bound(
    term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = screener(term, repeats=True)
    machine.feed(term[0] + term[1] * 100)
    with monkeypatch.context() as patch:
        patch.delattr(Screener, "_advance")  # the step that looks at the whole context
        while machine.held < CONTEXT_LIMIT:
            assert machine.feed(term[1] * 7) == ""
    with pytest.raises(ScreeningLimitError):
        machine.feed(term[1] * 2)


def test_a_run_inside_a_term_is_found_at_its_end() -> None:
    machine = screener("bad", repeats=True)
    pieces = ["ba", *["a" * 7] * 1000, "d", " "]
    assert [machine.feed(piece) for piece in pieces] == [""] * len(pieces)
    assert machine.blocked is not None


def test_a_long_text_costs_no_object_for_each_character_and_does_not_stay_in_memory() -> None:
    """A prompt of the largest size would else take a gigabyte: more than the guard has."""
    machine, text = screener("ababac", repeats=True), "ab" * 10_000
    tracemalloc.start()
    try:
        machine.feed(text)
        now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10 * len(text)
    assert now < len(text) / 2
