# SPDX-License-Identifier: Apache-2.0
"""A table answers as the native automaton does, of which it takes the place."""

import ahocorasick
from hypothesis import given
from hypothesis import strategies as st

from genaiservice.guard.core.matcher import in_order
from genaiservice.guard.core.normalise import PART
from genaiservice.guard.core.table import Table

TEXT = st.text("ab中\U0001f600", max_size=6)
TERMS = st.frozensets(st.text("ab中\U0001f600", min_size=2, max_size=5), min_size=1, max_size=40)


def table(terms: frozenset[str]) -> Table:
    return Table(sorted(terms), frozenset(term[0] for term in terms), max(map(len, terms)))


def begins(terms: frozenset[str], text: str) -> bool:
    return any(term != text and term.startswith(text) for term in terms)


@given(TERMS, TEXT)
def test_it_matches_and_finds_as_the_automaton(terms: frozenset[str], text: str) -> None:
    found, oracle = table(terms), ahocorasick.Automaton(ahocorasick.STORE_INTS)
    for place, term in enumerate(sorted(terms)):
        oracle.add_word(term, 2 * place + begins(terms, term))
    for asked in {text, *terms}:
        assert found.match(asked) == oracle.match(asked)
        assert found.get(asked, None) == oracle.get(asked, None)
        places = [(start, end) for start in range(len(asked)) for end in range(len(asked) + 1)]
        occurring = [(start, end) for start, end in places if asked[start:end] in terms]
        expected = [(start, end, oracle.get(asked[start:end])) for start, end in occurring]
        assert list(found.hits(asked)) == expected
        starts = range(len(asked))
        assert list(found.prefixes(asked)) == [at for at in starts if begins(terms, asked[at:])]


@given(TERMS)
def test_terms_are_put_in_the_order_of_their_characters(terms: frozenset[str]) -> None:
    assert in_order(terms) == sorted(terms)


def test_a_head_with_more_terms_than_a_part_is_in_order_too() -> None:
    terms = [f"a{number * 7919 % 10_007}" for number in range(2 * PART + 1)]
    assert in_order(terms) == sorted(terms)
