# SPDX-License-Identifier: Apache-2.0
"""Terms in one native automaton: which occur in a normalised text, and which may still come.

A `TermSet` knows normalised strings only. A value that the automaton carries is an integer: the
place of the term in the set, times two, plus one when a longer term begins with this one (then
a text that ends with it is still live). What a term *means* is kept in flat arrays: 200,000
terms cost no Python object each.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import ahocorasick

from genaiservice.guard.core.effects import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A term's place in the policy: its class, its number there, what to do when it is met."""

    risk: str
    index: int
    action: Action

    @property
    def id(self) -> str:
        return f"{self.risk}:{self.index}"


class TermSet:
    """`entries`: normalised term -> (place in `classes`, number of the term in that class)."""

    __slots__ = ("_class_of", "_classes", "_index_of", "_lengths", "automaton", "longest")

    def __init__(
        self,
        entries: Mapping[str, tuple[int, int]],
        classes: tuple[tuple[str, Action], ...],
    ) -> None:
        normals = sorted(entries)
        automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for place, (term, follower) in enumerate(pairwise([*normals, ""])):
            automaton.add_word(term, place * 2 + follower.startswith(term))
        automaton.make_automaton()
        self.automaton = automaton
        self.longest = max(map(len, normals))
        self._lengths = array("H", map(len, normals))
        self._class_of = array("B", (entries[term][0] for term in normals))
        self._index_of = array("I", (entries[term][1] for term in normals))
        self._classes = classes

    def __len__(self) -> int:
        return len(self._lengths)

    def hits(self, normal: str) -> list[tuple[int, int, int]]:
        """Every occurrence as (start, end, value), by end, the longer first."""
        lengths = self._lengths
        return [
            (end + 1 - lengths[value >> 1], end + 1, value)
            for end, value in self.automaton.iter(normal)
        ]

    def live(self, normal: str) -> int:
        """Where the longest suffix begins that is a proper prefix of a term; else the length."""
        automaton = self.automaton
        size = len(normal)
        for start in range(max(0, size + 1 - self.longest), size):
            suffix = normal[start:]
            if automaton.match(suffix) and automaton.get(suffix, 1) & 1:
                return start
        return size

    def rule(self, value: int) -> Rule:
        place = value >> 1
        risk, action = self._classes[self._class_of[place]]
        return Rule(risk=risk, index=self._index_of[place], action=action)
