# SPDX-License-Identifier: Apache-2.0
"""Many terms in one string and three arrays, found by their first two characters.

Where terms begin with thousands of different characters an automaton takes a hundred bytes a node,
and building or freeing its million nodes is one call in which no stream moves. Here a term costs
its characters and eight bytes, and there is nothing to build or to free piece by piece. A `Table`
answers `match` and `get` as `ahocorasick.Automaton` does.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from genaiservice.guard.core.normalise import PART


class Table:
    """`terms`: sorted, each once, of two characters or more. `pairs`: their first two.

    The value of a term is its place times two, plus one when the next one begins with it.
    """

    __slots__ = ("_above", "_begins", "_firsts", "_places", "_text", "heads", "pairs")

    def __init__(self, terms: Sequence[str], heads: frozenset[str]) -> None:
        self.heads = heads
        self.pairs = pairs = dict[str, int]()
        self._places = range(len(terms))
        parts = (terms[at : at + PART] for at in range(0, len(terms), PART))
        self._text = "".join(map("".join, parts))
        self._begins = begins = array("I", [0])
        self._firsts = firsts = array("I")
        self._above = above = array("I")
        """One more than the place of the longest other term that a term begins with; 0: none."""
        chain: list[int] = []
        end = 0
        for place, term in enumerate(terms):
            end += len(term)
            begins.append(end)
            if term[:2] not in pairs:
                pairs[term[:2]] = len(firsts)
                firsts.append(place)
                chain.clear()
            while chain and not term.startswith(terms[chain[-1]]):
                chain.pop()
            above.append(chain[-1] + 1 if chain else 0)
            chain.append(place)
        firsts.append(len(terms))

    def match(self, text: str) -> bool:
        """Whether a term begins with `text` (or is it)."""
        if len(text) < 2:
            return not text or text in self.heads
        first, after, beyond = self._around(text)
        if first < after and self._term(after - 1) == text:
            return True
        return after < beyond and self._term(after).startswith(text)

    def get(self, text: str, default: Any) -> Any:
        """The value of the term that `text` is, else the default."""
        first, after, _ = self._around(text)
        if first < after and self._term(after - 1) == text:
            return self._value(after - 1)
        return default

    def beginnings(self, text: str) -> Iterator[tuple[int, int]]:
        """(length, value) of every term that `text` begins with, the shortest first."""
        first, after, _ = self._around(text)
        # In sorted order, what stands between a text and the longest term that it begins with
        # begins with that term, too: the way up from the last one leads there.
        place = after if first < after else 0
        while place and not text.startswith(self._term(place - 1)):
            place = self._above[place - 1]
        found = []
        while place:
            size = self._begins[place] - self._begins[place - 1]
            found.append((size, self._value(place - 1)))
            place = self._above[place - 1]
        return reversed(found)

    def _around(self, text: str) -> tuple[int, int, int]:
        """Of the terms with its first two characters: the first, the first one after `text`, and
        the place beyond the last."""
        pair = self.pairs.get(text[:2])
        if pair is None:
            return 0, 0, 0
        first, beyond = self._firsts[pair], self._firsts[pair + 1]
        return first, bisect_right(self._places, text, first, beyond, key=self._term), beyond

    def _term(self, place: int) -> str:
        return self._text[self._begins[place] : self._begins[place + 1]]

    def _value(self, place: int) -> int:
        longer = place + 1 < len(self._places) and self._above[place + 1] == place + 1
        return 2 * place + longer
