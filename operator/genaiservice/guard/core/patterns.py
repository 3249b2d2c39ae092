# SPDX-License-Identifier: Apache-2.0
"""Patterns and context rules in one automaton that also knows what may still become a match.

The places of all patterns (one for each character a match takes, repeats written out) make a
position automaton; its subsets become states of a deterministic one as texts need them, in a
bounded store. A run begins at every character. A run that has places to go on to is a proper
prefix of a match, certainly: so hold-back is as exact as for terms. Every match counts, of every
length; time is at most the length of the text times that of the longest match.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, TypeAlias

from genaiservice.api.pattern import LAST, Chars, Choice, Node, Ranges, Repeat, measure
from genaiservice.guard.core.holdback import Found
from genaiservice.guard.core.matcher import Rule, TermSet
from genaiservice.guard.core.normalise import Normaliser
from genaiservice.guard.core.words import Gaps

STATES_LIMIT: Final = 5_000
"""More states than this and the store is emptied before the next text."""

Places: TypeAlias = frozenset[int]
Part: TypeAlias = tuple[bool, Places, Places]
"""Of a part of a pattern: whether it matches nothing too, its first places, its last ones."""
_EMPTY: Final[Part] = (True, frozenset(), frozenset())


class Patterns:
    """Values of hits are `base` plus the number of the rule in `rules`."""

    __slots__ = (
        "_accepts",
        "_chars",
        "_classes",
        "_follow",
        "_ids",
        "_last",
        "_longest",
        "_owner",
        "_points",
        "_rules",
        "_steps",
        "_store",
        "base",
    )

    def __init__(
        self, trees: Sequence[Node], rules: Sequence[Rule], normaliser: Normaliser, base: int = 0
    ) -> None:
        self.base = base
        self._rules = tuple(rules)
        self._longest = max(measure(tree)[1] for tree in trees)
        self._chars: list[Ranges] = []
        self._follow: list[set[int]] = []
        self._owner: dict[int, int] = {}
        first: set[int] = set()
        for number, tree in enumerate(trees):
            _, begins, ends = self._build(tree, normaliser)
            first |= begins
            self._owner.update(dict.fromkeys(ends, number))
        edges = {edge for ranges in self._chars for low, high in ranges for edge in (low, high + 1)}
        self._points = sorted(edges)
        self._classes: dict[str, int] = {}
        self._last: tuple[str, tuple[list[Found], list[int]]] = ("", ([], []))
        # The beginning is a place of its own, which no character leads to.
        self._chars.append(())
        self._follow.append(first)
        self._clear()

    def _clear(self) -> None:
        self._store: list[Places] = []
        self._ids: dict[Places, int] = {}
        self._steps: list[dict[int, int]] = []
        self._accepts: list[tuple[int, ...]] = []
        self._state(frozenset())
        self._state(frozenset({len(self._chars) - 1}))

    # Building.

    def _build(self, node: Node, normaliser: Normaliser) -> Part:
        if isinstance(node, Chars):
            self._chars.append(_as_normalised(node, normaliser))
            self._follow.append(set())
            own = frozenset({len(self._chars) - 1})
            return False, own, own
        if isinstance(node, Repeat):
            part = _EMPTY
            # From the last repeat to the first: x{2,4} is x(x(x(x)?)?).
            for count in range(node.most, 0, -1):
                part = self._join(self._build(node.part, normaliser), part)
                if count > node.least:
                    part = (True, *part[1:])
            return part
        parts = [self._build(part, normaliser) for part in node.parts]
        if isinstance(node, Choice):
            return (
                any(part[0] for part in parts),
                frozenset().union(*(part[1] for part in parts)),
                frozenset().union(*(part[2] for part in parts)),
            )
        whole = _EMPTY
        for part in parts:
            whole = self._join(whole, part)
        return whole

    def _join(self, left: Part, right: Part) -> Part:
        for place in left[2]:
            self._follow[place] |= right[1]
        return (
            left[0] and right[0],
            left[1] | right[1] if left[0] else left[1],
            right[2] | left[2] if right[0] else right[2],
        )

    # Running.

    def _state(self, places: Places) -> int:
        found = self._ids.get(places)
        if found is None:
            found = self._ids[places] = len(self._store)
            self._store.append(places)
            self._steps.append({})
            owners = {self._owner[place] for place in places if place in self._owner}
            self._accepts.append(tuple(sorted(owners)))
        return found

    def _step(self, state: int, group: int) -> int:
        code = self._points[group - 1] if group else -1
        reached = {
            after
            for place in self._store[state]
            for after in self._follow[place]
            if any(low <= code <= high for low, high in self._chars[after])
        }
        found = self._steps[state][group] = self._state(frozenset(reached))
        return found

    def _group(self, char: str) -> int:
        group = bisect_right(self._points, ord(char))
        if len(self._classes) < 65_536:
            self._classes[char] = group
        return group

    def _scan(self, normal: str) -> tuple[list[Found], list[int]]:
        """Every match, and where the runs begin that may go on."""
        if self._last[0] == normal:
            return self._last[1]
        if len(self._store) > STATES_LIMIT:
            self._clear()
        steps, accepts, classes = self._steps, self._accepts, self._classes
        hits: list[Found] = []
        runs: list[tuple[int, int]] = []
        for place, char in enumerate(normal):
            group = classes.get(char)
            if group is None:
                group = self._group(char)
            going = []
            for start, state in (*runs, (place, 1)):
                after = steps[state].get(group)
                if after is None:
                    after = self._step(state, group)
                if after:
                    going.append((start, after))
                    hits += [(start, place + 1, self.base + one) for one in accepts[after]]
            runs = going
        open_ = [
            start for start, state in runs if any(self._follow[at] for at in self._store[state])
        ]
        self._last = (normal, (hits, open_))
        return hits, open_

    # What a `TermSet` answers too.

    def hits(self, normal: str) -> list[Found]:
        return self._scan(normal)[0]

    def live(self, normal: str, gaps: Gaps | None = None) -> int:
        starts = self._scan(normal)[1]
        return next((at for at in starts if gaps is None or gaps.begins(at)), len(normal))

    def opens(self, normal: str) -> int:
        hits, starts = self._scan(normal)
        return -1 if hits else min(starts, default=len(normal))

    def rule(self, value: int) -> Rule:
        return self._rules[value - self.base]


class Mixed:
    """Terms and patterns together; asked like a `TermSet`."""

    __slots__ = ("_patterns", "_terms", "words")

    def __init__(self, terms: TermSet | None, patterns: Patterns, *, words: bool) -> None:
        self._terms = terms
        self._patterns = patterns
        self.words = words

    def __len__(self) -> int:
        return len(self._terms) if self._terms else 0

    def opens(self, normal: str) -> int:
        first = self._terms.opens(normal) if self._terms else len(normal)
        return -1 if first < 0 else min(first, self._patterns.opens(normal))

    def hits(self, normal: str) -> list[Found]:
        return [*(self._terms.hits(normal) if self._terms else ()), *self._patterns.hits(normal)]

    def live(self, normal: str, gaps: Gaps | None = None) -> int:
        own = self._patterns.live(normal, gaps)
        return min(own, self._terms.live(normal, gaps)) if self._terms else own

    def stands(self, hit: Found, gaps: Gaps, *, final: bool) -> bool | None:
        """Gaps inside a match of a pattern do not count, only its edges."""
        if hit[2] < self._patterns.base and self._terms is not None:
            return self._terms.stands(hit, gaps, final=final)
        ends = gaps.ends(hit[1], final=final)
        return ends if ends is not False and gaps.begins(hit[0]) else False

    def unmoved(self, normal: str, more: str) -> bool:
        """A pattern counts what repeats."""
        return False

    def rule(self, value: int) -> Rule:
        if value >= self._patterns.base or self._terms is None:
            return self._patterns.rule(value)
        return self._terms.rule(value)


def _as_normalised(node: Chars, normaliser: Normaliser) -> Ranges:
    """The ranges as the normalised text has their characters; wide ones beyond ASCII stay."""
    found: set[tuple[int, int]] = set()
    for low, high in node.ranges:
        single = range(low, low + 1) if low == high else range(low, min(high, 0x7F) + 1)
        for code in single:
            found.update((ord(char), ord(char)) for char in normaliser.normalise(chr(code)))
        if low != high and high > 0x7F:
            found.add((max(low, 0x80), high))
    ranges = _merged(sorted(found))
    return _complement(ranges) if node.negated else ranges


def _merged(ranges: list[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in ranges:
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _complement(ranges: Ranges) -> Ranges:
    at, found = 0, []
    for low, high in ranges:
        if at < low:
            found.append((at, low - 1))
        at = high + 1
    if at <= LAST:
        found.append((at, LAST))
    return tuple(found)
