# SPDX-License-Identifier: Apache-2.0
"""Patterns: what is read as `re` reads it, and what is refused, where and why."""

import re
from itertools import product

import pytest

from genaiservice.api.pattern import PatternError, measure, parse
from genaiservice.api.problem import Lang
from genaiservice.guard.core.effects import Action
from genaiservice.guard.core.matcher import Rule
from genaiservice.guard.core.normalise import Normaliser, Switches
from genaiservice.guard.core.patterns import Patterns

PLAIN = Normaliser(Switches(case=False, width=False, traditional=False))
RULE = Rule(risk="A1a", index=0, action=Action.BLOCK, sort="pattern")

READ = (
    "ab",
    "a.b",
    "a?b?ab",
    "(ab|b)1",
    "(?:ab){2}",
    "a{2,3}b{1}?",
    "[ab]1[^ab]",
    "[a-b1]{2}",
    r"\d\d?a",
    r"a\w",
    r"[\d]a",
    "(a(b|1)?){2}",
    "违{1,2}a",
)


@pytest.mark.parametrize("pattern", READ)
def test_a_pattern_matches_as_re_says_and_lengths_are_exact(pattern: str) -> None:
    machine = Patterns([parse(pattern)], [RULE], PLAIN)
    texts = ["".join(chars) for size in range(6) for chars in product("ab1违", repeat=size)]
    matching = {text for text in texts if re.fullmatch(pattern, text, re.ASCII)}
    for text in texts:
        met = (0, len(text), 0) in machine.hits(text)
        assert met == (text in matching), text
    least, most, _ = measure(parse(pattern))
    assert least == min(map(len, matching))
    assert most >= max(map(len, matching))


REFUSED = {
    "ab*": "repeats without end (at 3)",
    "ab+": "repeats without end (at 3)",
    "ab{2,}": "repeats without end (at 3)",
    "a{300}": "more than 256 characters",
    "(ab){200}": "more than 256 characters",
    "((a?){100}){100}aa": "more than 256 characters",
    "(a|b?){256}": "a single character or none",
    ("(" + "|".join("ab" for _ in range(60)) + "){40}"): "too large",
    "^ab": "around a match",
    "ab$": "around a match",
    r"\bab": "around a match",
    "(?=ab)ab": "around a match",
    "(?P<x>ab)": "around a match",
    r"ab\1": "cannot be read",
    "a b": "a blank or a sign",
    r"a\sb": "a blank or a sign",
    r"a\.b": "a blank or a sign",
    "[-a]b": "a blank or a sign",
    "a": "a single character or none",
    "": "a single character or none",
    "(ab": "cannot be read",
    "ab)": "cannot be read",
    "[ab": "cannot be read",
    "[b-a]a": "cannot be read",
    "a{,2}b": "cannot be read",
    "a{2": "cannot be read",
    "a{0}bb": "cannot be read",
    "a??*b": "cannot be read",
    "ab" * 300: "longer than 512",
    "(" * 40 + "ab" + ")" * 40: "too large",
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_a_refused_pattern_is_told_why_without_its_words(pattern: str) -> None:
    with pytest.raises(PatternError) as caught:
        parse(pattern)
    said = caught.value.problem.render(Lang.EN)
    assert REFUSED[pattern] in said
    assert caught.value.problem.render(Lang.ZH)


def test_a_pattern_is_read_in_the_letters_of_the_normalised_text() -> None:
    machine = Patterns([parse("[A-C]違[樣字]")], [RULE], Normaliser(Switches()))
    assert machine.hits("b违样") == [(0, 3, 0)]
