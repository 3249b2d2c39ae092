# SPDX-License-Identifier: Apache-2.0
"""Sets of terms: which occur in a normalised text, and which may still come.

A `TermSet` knows normalised strings only. It keeps them in a native automaton, or where that would
be slow and large, in a `Table`. The value that either has for a term is an integer: the place of
the term in the set, times two, plus one when a longer term begins with this one (then a text that
ends with it is still live). What a term *means* is kept in flat arrays: 200,000 terms cost no
Python object each.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import islice, pairwise
from typing import Any, Final, NamedTuple

import ahocorasick

from genaiservice.guard.core.effects import Action
from genaiservice.guard.core.normalise import PART
from genaiservice.guard.core.table import Table
from genaiservice.guard.core.words import WORDY, Gaps, Words


class Risk(NamedTuple):
    """A class of the policy: what to do from the hit `threshold` of a text on (Block only)."""

    name: str
    action: Action
    threshold: int = 1
    sort: str = "term"
    """What of the class this is: its terms, or further forms of them (pinyin, components)."""

    @property
    def strength(self) -> int:
        """Which of two classes counts that have the same term: what surely alters comes first."""
        if self.action is Action.FLAG:
            return 0
        return 1 if self.threshold > 1 else 2 if self.action is Action.MASK else 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A term's place in the policy: its class, its number there, what to do when it is met."""

    risk: str
    index: int
    action: Action
    sort: str = "term"
    """Or pinyin, components, pattern, context: each has its own numbers."""
    threshold: int = 1

    @property
    def strength(self) -> int:
        return Risk(self.risk, self.action, self.threshold).strength

    @property
    def id(self) -> str:
        return f"{self.risk}:{self.index}" if self.sort == "term" else self._long_id

    @property
    def _long_id(self) -> str:
        return f"{self.risk}:{self.sort}:{self.index}"


WIDE: Final = 256
"""More first characters than this and the root of the automaton is slow to leave."""


class TermSet:
    """Terms of two characters or more. `heads` and `pairs` are their first one and first two.

    `words` is set when word boundaries count for one of the terms: `hits` and `prefixes` know
    nothing of them; `live` and `stands` do, given the gaps.

    `entries`: normalised term -> (place in `classes`, number of the term in that class)."""

    __slots__ = (
        "_class_of",
        "_classes",
        "_index_of",
        "_lengths",
        "automaton",
        "heads",
        "longest",
        "pairs",
        "wide",
        "words",
    )

    def __init__(
        self,
        entries: Mapping[str, tuple[int, int]],
        classes: tuple[Risk, ...],
        breaks: Mapping[str, frozenset[int]] | None = None,
    ) -> None:
        """`breaks`, when word boundaries count: of terms with gaps of their own, the places."""
        normals = in_order(entries)
        self._lengths = array("H", (len(term) for term in normals))
        self.longest = max(self._lengths)
        self.heads = frozenset(term[0] for term in normals)
        self.wide = len(self.heads) > WIDE
        self.automaton: Any
        self.pairs: Container[str]
        if self.wide:
            self.automaton = Table(normals, self.heads, self.longest)
            self.pairs = self.automaton.pairs
        else:
            self.automaton = _automaton(normals)
            self.pairs = frozenset(term[:2] for term in normals)
        worded = breaks is not None and any(WORDY.search(term) for term in normals)
        self.words = Words(normals, breaks or {}) if worded else None
        self._class_of = array("B", (entries[term][0] for term in normals))
        self._index_of = array("I", (entries[term][1] for term in normals))
        self._classes = classes

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def opens(self) -> Callable[[str], int]:
        """Answers -1 when any term occurs in a short text, else what `live` would.

        The question of every chunk, in the way that is the quicker one for these terms. Kept by
        its asker: a method kept here would tie the set to itself, and it could not be freed.
        """
        return self._opens_wide if self.wide else _narrow(self.automaton, self.longest)

    def _opens_wide(self, normal: str) -> int:
        pairs, size = self.pairs, len(normal)
        for start in range(size - 1):
            if normal[start : start + 2] in pairs:
                found = next(self.automaton.hits(normal), None)
                return self.live(normal) if found is None else -1
        # No two characters begin a term: at most the last one does.
        return size - 1 if size and normal[-1] in self.heads else size

    def hits(self, normal: str) -> list[tuple[int, int, int]]:
        """Every occurrence as (start, end, value)."""
        if self.wide:
            return list(self.automaton.hits(normal))
        lengths = self._lengths
        return [
            (end + 1 - lengths[value >> 1], end + 1, value)
            for end, value in self.automaton.iter(normal)
        ]

    def live(self, normal: str, gaps: Gaps | None = None) -> int:
        """Where the longest suffix begins that is a proper prefix of a term; else the length.

        With `gaps` a prefix counts only when it may still stand as words.
        """
        words = self.words
        if gaps is None or words is None:
            return next(self.prefixes(normal), len(normal))
        return next((at for at in self.prefixes(normal) if words.open(gaps, at)), len(normal))

    def stands(self, hit: tuple[int, int, int], gaps: Gaps, *, final: bool) -> bool | None:
        """Whether an occurrence stands as words; None when what comes next decides."""
        start, end, _ = hit
        ends = gaps.ends(end, final=final)
        if ends is False or not gaps.begins(start):
            return False
        free = self.words.free(gaps.normal[start:end]) if self.words else frozenset()
        return ends if gaps.holds(start, end, free) else False

    def unmoved(self, normal: str, more: str) -> bool:
        """Whether `more` only repeats, after `normal`, what decides nothing."""
        return False

    def prefixes(self, normal: str) -> Iterator[int]:
        """Where each suffix begins that is a proper prefix of a term, the longest first."""
        return self.automaton.prefixes(normal) if self.wide else self._prefixes(normal)

    def _prefixes(self, normal: str) -> Iterator[int]:
        automaton, pairs = self.automaton, self.pairs
        size = len(normal)
        for start in range(max(0, size + 1 - self.longest), size - 1):
            if normal[start : start + 2] in pairs:
                suffix = normal[start:]
                if automaton.match(suffix) and automaton.get(suffix, 1) & 1:
                    yield start
        if size and normal[-1] in self.heads:
            yield size - 1

    def rule(self, value: int) -> Rule:
        place = value >> 1
        risk = self._classes[self._class_of[place]]
        return Rule(
            risk=risk.name,
            index=self._index_of[place],
            action=risk.action,
            sort=risk.sort,
            threshold=risk.threshold,
        )


def in_order(terms: Iterable[str]) -> list[str]:
    """`terms` sorted, a part at a time: one call would keep every stream waiting for 0.1 s."""
    by_head = defaultdict[str, list[str]](list)
    for term in terms:
        by_head[term[0]].append(term)
    ordered: list[str] = []
    for head in sorted(by_head):
        rest = iter(by_head.pop(head))
        ordered.extend(merge(*iter(lambda: sorted(islice(rest, PART)), [])))  # noqa: B023 - used up
    return ordered


def _automaton(normals: list[str]) -> "ahocorasick.Automaton":
    automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
    for place, (term, follower) in enumerate(pairwise([*normals, ""])):
        automaton.add_word(term, place * 2 + follower.startswith(term))
    automaton.make_automaton()
    return automaton


def _narrow(automaton: "ahocorasick.Automaton", longest: int) -> Callable[[str], int]:
    """`opens` of terms with few first characters. A closure: asked for every chunk, it must not
    look up an attribute each time."""
    find, match = automaton.iter, automaton.match

    def opens(normal: str) -> int:
        for _ in find(normal):
            return -1
        size = len(normal)
        rest = normal if size <= longest else normal[-longest:]
        while rest:
            if match(rest):
                return size - len(rest)
            rest = rest[1:]
        return size

    return opens
