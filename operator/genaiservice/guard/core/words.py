# SPDX-License-Identifier: Apache-2.0
"""Word boundaries: when a term of letters or digits stands in a text, and when it only seems to.

Normalisation takes blanks and signs away, so `as seen` reads `asseen`. This module looks at what
stood between the characters. There are two kinds of word characters: letters (Latin, Greek,
Cyrillic) and digits; Chinese has no word boundaries and no rule here. Between two neighbours of
the normalised text lies a gap: JOINED (nothing, or what nobody sees), SIGN (punctuation, symbol,
emoji) or BLANK. The rule, for an occurrence of a term:

- edges: the character before it (after it) is of another kind than its first (last) one, or
  there is a gap between them: `ass` is not in `class`, `64` is not in `1964`;
- inside, between neighbours of one kind: no gap is a BLANK, or all are gaps: `a-ss` and `a s s`
  are the term, `as s` is not. Gaps that stand in the term itself (`kill him`) are free.

Too much: letters spelled apart by blanks that are a part of a longer word spelled so
(`c l a s s`); a word that a sign breaks in two (`pen-is`). Too little: a term broken by one blank
(`fu ck`), plurals and other endings (`asses`; list them), terms joined to a word (`xass`).
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from genaiservice.guard.core.normalise import Normaliser, gap_of

LETTER: Final = 1
DIGIT: Final = 2

JOINED: Final = 0
SIGN: Final = 1
BLANK: Final = 2

Before: TypeAlias = tuple[int, int]
"""What stands before a text: the kind of the last character that is seen, the gap after it."""
NOTHING: Final[Before] = (0, JOINED)
Run: TypeAlias = tuple[str, Before]
"""The character that is repeated at the end of a text, and what stands before the first one."""
NO_RUN: Final[Run] = ("", NOTHING)
Spread: TypeAlias = Callable[[frozenset[int], str, str, str], frozenset[int] | None]
"""(own gaps, term, prefix of it, text) -> the places of the gaps in a text unlike the prefix."""

_LETTERS: Final = "A-Za-z\u00aa\u00b5\u00ba\u00c0-\u052f\u1e00-\u1fff"
WORDY: Final = re.compile(f"[0-9{_LETTERS}]")
_TURN: Final = re.compile(f"[{_LETTERS}](?=[^{_LETTERS}])|[0-9](?=[^0-9])")
"""A word character before one of another kind."""
COMPLEX_LOOKS: Final = 256
"""Most terms compared to tell whether a prefix is still open; beyond, it counts as open."""


@lru_cache(maxsize=4096)
def kind(char: str) -> int:
    """0 for a character without word boundaries, else LETTER or DIGIT."""
    if WORDY.match(char) is None:
        return 0
    return DIGIT if "0" <= char <= "9" else LETTER


class Gaps:
    """The gaps of one normalised text; `at[i]` is the one before its character i."""

    __slots__ = ("_before", "_run", "at", "normal")

    def __init__(
        self,
        whole: str,
        normal: str,
        starts: Sequence[int],
        before: Before = NOTHING,
        run: Run = NO_RUN,
    ) -> None:
        self.normal = normal
        self._before = before[0]
        self._run = run
        self.at = bytearray(len(normal) + 1)
        self.at[0] = before[1]
        if not isinstance(starts, range):
            for place, char in enumerate(whole):
                start = starts[place]
                if start == starts[place + 1]:
                    self.at[start] = max(self.at[start], gap_of(char))

    def begins(self, start: int) -> bool:
        """Whether a word may begin at `start`."""
        own = kind(self.normal[start])
        other = kind(self.normal[start - 1]) if start else self._before
        return own == 0 or own != other or self.at[start] != JOINED

    def ends(self, end: int, *, final: bool) -> bool | None:
        """Whether a word may end before `end`; None when what comes next decides."""
        own = kind(self.normal[end - 1])
        if own == 0 or self.at[end] != JOINED:
            return True
        if end == len(self.normal):
            return True if final else None
        return own != kind(self.normal[end])

    def begins_run(self, start: int) -> bool:
        """The same for the run of one letter that `start` is in, joined: where the run begins."""
        char = self.normal[start]
        if kind(char) != LETTER:
            return self.begins(start)
        while start and self.at[start] == JOINED and self.normal[start - 1] == char:
            start -= 1
        if start or self.at[0] != JOINED or self._run[0] != char:
            return self.begins(start)
        before, gap = self._run[1]
        return before != LETTER or gap != JOINED

    def ends_run(self, end: int, *, final: bool) -> bool | None:
        char = self.normal[end - 1]
        if kind(char) == LETTER:
            size = len(self.normal)
            while end < size and self.at[end] == JOINED and self.normal[end] == char:
                end += 1
        return self.ends(end, final=final)

    def holds(self, start: int, end: int, free: frozenset[int], follower: str | None = "") -> bool:
        """Whether the gaps inside are those of one word, or of one spelled letter by letter.

        `follower` is the character of the term after `end`: the text stops before it. None
        stands for one of the same kind, the strictest case.
        """
        normal, at = self.normal, self.at
        whole = spelled = True
        last = kind(normal[start])
        for place in range(start + 1, end):
            own = kind(normal[place])
            if own and own == last and place - start not in free:
                gap = at[place]
                whole = whole and gap != BLANK
                spelled = spelled and gap != JOINED
                if not whole and not spelled:
                    return False
            last = own
        if last and at[end] == BLANK and follower != "" and end - start not in free:
            whole = whole and follower is not None and kind(follower) != last
        return whole or spelled


class Words:
    """What a set of terms must know about its words: own gaps, and which terms are not simple.

    A simple term has no gap of its own, and after its letters or digits nothing else.
    """

    __slots__ = ("_complex", "_free", "_open_gaps")

    def __init__(self, terms: Sequence[str], breaks: Mapping[str, frozenset[int]]) -> None:
        self._free = dict(breaks)
        self._complex = sorted(term for term in terms if term in breaks or _TURN.search(term))
        self._open_gaps = frozenset(
            term[:place] for term in self._complex for place in _gap_places(term, self.free(term))
        )

    def free(self, term: str) -> frozenset[int]:
        return self._free.get(term, frozenset())

    def open(self, gaps: Gaps, start: int) -> bool:
        """Whether the text from `start` on, a proper prefix of a term, may become one."""
        return gaps.begins(start) and self.goes_on(gaps, start, gaps.normal[start:])

    def goes_on(self, gaps: Gaps, start: int, prefix: str, spread: Spread | None = None) -> bool:
        """Whether the gaps from `start` on are those of a term that begins with `prefix`."""
        size = len(gaps.normal)
        if gaps.holds(start, size, frozenset(), None):
            return True
        if spread is None and self._hopeless(gaps, start):
            return False
        first = bisect_left(self._complex, prefix)
        for looked, term in enumerate(self._complex[first : first + COMPLEX_LOOKS + 1]):
            if looked == COMPLEX_LOOKS:
                return True
            if not term.startswith(prefix):
                return False
            if len(term) == len(prefix):
                continue
            free: frozenset[int] | None = self.free(term)
            if spread is not None:
                free = spread(self.free(term), term, prefix, gaps.normal[start:])
            if free is not None and gaps.holds(start, size, free, term[len(prefix)]):
                return True
        return False

    def _hopeless(self, gaps: Gaps, start: int) -> bool:
        """Whether a blank and a joint stand where no complex term lets them: neither whole words
        nor letters by themselves, whichever term it becomes."""
        normal, at = gaps.normal, gaps.at
        size = len(normal)
        last = kind(normal[-1])
        blank = last > 0 and at[size] == BLANK and normal[start:] not in self._open_gaps
        joint = False
        for place in range(start + 1, size):
            own = kind(normal[place])
            joined = own and own == kind(normal[place - 1])
            if joined and normal[start:place] not in self._open_gaps:
                blank = blank or at[place] == BLANK
                joint = joint or at[place] == JOINED
        return blank and joint


def _gap_places(term: str, free: frozenset[int]) -> Iterator[int]:
    """After how many characters of the term a gap means nothing."""
    yield from free
    yield from (turn.end() for turn in _TURN.finditer(term))


def own_gaps(term: str, normaliser: Normaliser) -> frozenset[int]:
    """The places in the normalised term where blanks or signs stand in the term as written."""
    normal = normaliser.normalise(term)
    if WORDY.search(normal) is None:
        return frozenset()
    starts = normaliser.starts(term, normal)
    if len(set(starts)) == len(starts):
        return frozenset()  # nothing in it vanishes
    gaps = Gaps(term, normal, starts)
    return frozenset(
        place
        for place in range(1, len(normal))
        if gaps.at[place] and kind(normal[place]) and kind(normal[place]) == kind(normal[place - 1])
    )
