# SPDX-License-Identifier: Apache-2.0
"""Many terms with many first characters, found by their first two.

Two characters of Chinese mostly tell which term it can only be. Such a term stands in one long
string: it costs its characters, four bytes and its pair, where a node of an automaton for each of
its characters would cost ten times that, and freeing a million nodes is one call in which no
stream moves. Terms that share their pair, as Latin ones do, are asked as a native tree.
`match` and `get` answer as those of `ahocorasick.Automaton`.
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import ahocorasick

from genaiservice.guard.core.normalise import PART

SHARED: Final = -1


class Table:
    """`terms`: sorted, each once, of two characters or more; `heads`: their first ones.

    The value of a term is its place times two, plus one when the next one begins with it.
    """

    __slots__ = ("_begins", "_text", "_tree", "heads", "longest", "pairs")

    def __init__(self, terms: Sequence[str], heads: frozenset[str], longest: int) -> None:
        self.heads = heads
        self.longest = longest
        self.pairs = pairs = dict[str, int]()
        """First two characters -> the place of the only term with them, or SHARED."""
        parts = (terms[at : at + PART] for at in range(0, len(terms), PART))
        self._text = "".join(map("".join, parts))
        self._begins = begins = array("I", [0])
        end = 0
        for place, term in enumerate(terms):
            end += len(term)
            begins.append(end)
            pairs[term[:2]] = SHARED if term[:2] in pairs else place
        self._tree = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for place, (term, follower) in enumerate(pairwise([*terms, ""])):
            if pairs[term[:2]] == SHARED:
                self._tree.add_word(term, place * 2 + follower.startswith(term))

    def match(self, text: str) -> bool:
        """Whether a term begins with `text` (or is it)."""
        if len(text) < 2:
            return not text or text in self.heads
        place = self.pairs.get(text[:2])
        if place is None:
            return False
        if place == SHARED:
            return bool(self._tree.match(text))
        return self._term(place).startswith(text)

    def get(self, text: str, default: Any) -> Any:
        """The value of the term that `text` is, else the default."""
        place = self.pairs.get(text[:2])
        if place is None:
            return default
        if place == SHARED:
            return self._tree.get(text, default)
        return 2 * place if self._term(place) == text else default

    def hits(self, normal: str) -> Iterator[tuple[int, int, int]]:
        """Every occurrence as (start, end, value), by its start, the shortest first."""
        pairs, tree, longest = self.pairs, self._tree, self.longest
        for start in range(len(normal) - 1):
            place = pairs.get(normal[start : start + 2])
            if place is None:
                continue
            if place != SHARED:
                term = self._term(place)
                if normal.startswith(term, start):
                    yield start, start + len(term), 2 * place
                continue
            rest = normal[start : start + longest]
            for size in range(2, tree.longest_prefix(rest) + 1):
                value = tree.get(rest[:size], None)
                if value is not None:
                    yield start, start + size, value

    def prefixes(self, normal: str) -> Iterator[int]:
        """Where each suffix begins that is a proper prefix of a term, the longest first."""
        pairs, tree, size = self.pairs, self._tree, len(normal)
        for start in range(max(0, size + 1 - self.longest), size - 1):
            place = pairs.get(normal[start : start + 2])
            if place is None:
                continue
            suffix = normal[start:]
            if place != SHARED:
                term = self._term(place)
                if len(suffix) < len(term) and term.startswith(suffix):
                    yield start
            elif tree.match(suffix) and tree.get(suffix, 1) & 1:
                yield start
        if size and normal[-1] in self.heads:
            yield size - 1

    def _term(self, place: int) -> str:
        return self._text[self._begins[place] : self._begins[place + 1]]
