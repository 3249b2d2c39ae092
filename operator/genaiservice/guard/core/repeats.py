# SPDX-License-Identifier: Apache-2.0
"""Repeated characters: 敏敏感感词 and baaad are met as the terms 敏感词 and bad (switch `repeats`).

Inside an occurrence each run of one character may be longer than the term has it, never shorter:
`fod` is not `food`. The first and the last run of a term count exactly, so what repeats before or
after an occurrence is no part of it, and a text that repeats one character for ever leaves as it
comes. Digits are not looked through: 644 is another number than 64. Where word boundaries count,
they are looked for at the ends of the whole runs: `yellow` does not hold `low`, `looow` does.

Too much: a word that another one stretches (`looser`, `loser`; `到到处`).
Too little: patterns and context rules count characters as written; an allowed word does, too.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from genaiservice.api.pattern import LAST
from genaiservice.guard.core.holdback import Found
from genaiservice.guard.core.matcher import Risk, TermSet, in_order
from genaiservice.guard.core.words import Gaps

_RUN: Final = re.compile(r"(.)\1*", re.DOTALL)
_REPEATED: Final = re.compile(r"(.)\1", re.DOTALL)
_DIGITS: Final = frozenset("0123456789")

Run = tuple[str, int, int]
"""A character, where its run begins, where it ends."""
Open = tuple[int, list[str]]
"""Where an open text begins, and the prefixes of terms that it may be."""
_NOTHING: Final[tuple[str, list[Found], list[Open]]] = ("", [], [])
_KEPT: Final = 4096
"""Up to so many characters the last text is remembered after its hits were told: no whole prompt
stays with the policy."""


class Stretched(TermSet):
    """Terms whose inner runs may be longer in the text; asked like any `TermSet`."""

    __slots__ = ("_deeper", "_last", "_longest_run", "_spaced", "_split")

    def __init__(
        self,
        entries: Mapping[str, tuple[int, int]],
        classes: tuple[Risk, ...],
        breaks: Mapping[str, frozenset[int]] | None = None,
    ) -> None:
        if breaks is not None:
            # A gap inside a run (`b bba`) is one anywhere in it, stretched or not.
            breaks = {term: _moved(free, term, term, term) or free for term, free in breaks.items()}
        super().__init__(entries, classes, breaks)
        self._longest_run = max(end - begin for term in entries for _, begin, end in _runs(term))
        normals = in_order(entries)
        self._spaced = {place: term for place, term in enumerate(normals) if term in (breaks or {})}
        self._split = any(_splits_run(term, free) for term, free in (breaks or {}).items())
        self._deeper = frozenset(_deeper(normals))
        self._last = _NOTHING

    @property
    def opens(self) -> Callable[[str], int]:
        # Of a text in which nothing repeats the plain way knows the same, and is the quicker one.
        plain, repeated = super().opens, _REPEATED.search
        return lambda normal: self._opens(normal) if repeated(normal) else plain(normal)

    def _opens(self, normal: str) -> int:
        found, open_ = self._scan(normal)
        if found:
            return -1
        return open_[0][0] if open_ else len(normal)

    def hits(self, normal: str) -> list[Found]:
        found, _ = self._scan(normal)
        if len(normal) > _KEPT:
            self._last = _NOTHING
        return found

    def live(self, normal: str, gaps: Gaps | None = None) -> int:
        words = self.words
        for start, prefixes in self._scan(normal)[1]:
            if gaps is None or words is None:
                return start
            text, plain = normal[start:], not self._split
            if gaps.begins_run(start) and any(
                words.goes_on(gaps, start, prefix, None if plain and prefix == text else _moved)
                for prefix in prefixes
            ):
                return start
        return len(normal)

    def stands(self, hit: Found, gaps: Gaps, *, final: bool) -> bool | None:
        start, end, value = hit
        ends = gaps.ends_run(end, final=final)
        if ends is False or not gaps.begins_run(start):
            return False
        term = self._spaced.get(value >> 1)
        free = frozenset[int]()
        if term is not None and self.words is not None:
            free = _moved(self.words.free(term), term, term, gaps.normal[start:end]) or free
        return ends if gaps.holds(start, end, free) else False

    def unmoved(self, normal: str, more: str) -> bool:
        """Whether `more` only lengthens a run at the end that is longer than any of a term."""
        char = normal[-1:]
        return (
            char not in _DIGITS
            and char * 2 not in self.pairs
            and normal.endswith(char * (self._longest_run + 2))
            and more == char * len(more)
        )

    def _scan(self, normal: str) -> tuple[list[Found], list[Open]]:
        """Every occurrence, and what is open at the end, the longest first."""
        if self._last[0] == normal:
            return self._last[1], self._last[2]
        pairs, size = self.pairs, len(normal)
        found: list[Found] = []
        open_: list[Open] = []
        end = 0
        # Unless a term begins with a repeated character, only the last one of a run begins it.
        for start in range(size - 1):
            if normal[start : start + 2] in pairs:
                end = end if start < end else _run_end(normal, start)
                alive = self._walk(normal, start, end, found)
                if alive:
                    open_.append((start, alive))
        if size and normal[-1] in self.heads:
            open_.append((size - 1, [normal[-1]]))
        self._last = (normal, found, open_)
        return found, open_

    def _walk(self, normal: str, start: int, end: int, found: list[Found]) -> list[str]:
        """Adds the occurrences that begin at `start`; answers the prefixes that are open there.

        `end` of the run that `start` is in; the others are looked for as they are reached, since a
        text may be of millions of them.
        """
        get, match = self.automaton.get, self.automaton.match
        alive, begin, size = [""], start, len(normal)
        while begin < size:
            char = normal[begin]
            exact = begin == start or char in _DIGITS
            going = []
            for term in alive:
                for count in range(1, min(end - begin, self._longest_run) + 1):
                    term += char
                    if not match(term):
                        break
                    value = get(term, None)
                    if value is not None:
                        found.append((start, begin + count, value))
                    if begin + count == end or not (exact or term in self._deeper):
                        going.append(term)
            if not going:
                return going
            alive, begin = going, end
            end = _run_end(normal, begin)
        return [term for term in alive if get(term, 1) & 1]


def _run_end(text: str, start: int) -> int:
    run = _RUN.match(text, start)
    return run.end() if run else start


def _runs(text: str) -> Iterator[Run]:
    return ((run[1], *run.span()) for run in _RUN.finditer(text))


def _deeper(terms: list[str]) -> Iterator[str]:
    """The prefixes (of sorted terms) that go on with their last character, and with no other."""
    for term in terms:
        for char, begin, end in _runs(term):
            for place in range(begin + 1, end):
                prefix = term[:place]
                after = bisect_left(terms, prefix + chr(min(ord(char) + 1, LAST)))
                first = bisect_right(terms, prefix)
                if terms[first].startswith(prefix + char) and not (
                    after < len(terms) and terms[after].startswith(prefix)
                ):
                    yield prefix


def _splits_run(term: str, free: frozenset[int]) -> bool:
    return any(term[place - 1] == term[place] for place in free)


def _moved(free: frozenset[int], term: str, prefix: str, text: str) -> frozenset[int] | None:
    """The gaps that stand in a term (`free`), as places of `text`: its `prefix`, stretched.

    None when the term cannot be: the run at the end is longer already than it goes on with.
    """
    moved: set[int] = set()
    known, size = len(prefix), len(text)
    for (_, begin, end), (_, low, high) in zip(_runs(term), _runs(text), strict=False):
        if begin in free:
            moved.add(low)
        inner = any(place in free for place in range(begin + 1, end))
        if inner:
            moved.update(range(low + 1, high))
        if high == size:
            if known < end and known - begin < high - low:
                return None
            # After a run inside the term what comes may belong to the run still.
            stays = inner and (known < end or 0 < begin < end < len(term))
            if stays or (known == end and end in free):
                moved.add(size)
    return frozenset(moved)
