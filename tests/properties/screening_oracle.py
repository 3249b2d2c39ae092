# SPDX-License-Identifier: Apache-2.0
"""What screening must do, said slowly: every rule by brute force over whole strings.

Nothing of the guard but its character table is used here. A text is looked at after each single
character, so the oracle also says what may have left at every moment.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from genaiservice.guard.core.normalise import Normaliser

Cut: TypeAlias = tuple[int, int]
Way: TypeAlias = tuple[int, frozenset[int]]
"""How many characters of a term were met, and after how many of the text a gap is free."""
Met: TypeAlias = tuple[str, bool, Cut, set[Way]]
"""A term, whether it is what a pattern matches, a piece of the text, what it is of the term."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """After a number of characters: what has left, and whether a Block hit ended it."""

    out: str
    blocked: bool
    counted: tuple[Cut, ...] = ()
    """The hits of blocked terms so far, in the order in which they were decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    normaliser: Normaliser
    blocks: frozenset[str]
    masks: frozenset[str]
    allowed: frozenset[str]
    mask: str = "＊"
    breaks: Mapping[str, frozenset[int]] | None = None
    """With word boundaries: the places of a term's own gaps. None: they do not count."""
    spoken: frozenset[str] = frozenset()
    """What patterns match, to be blocked: gaps inside are free, and repeats count."""
    repeats: bool = False
    threshold: int = 1
    """From which hit on a blocked term blocks; before it, what is also masked is masked."""

    @property
    def words(self) -> frozenset[str]:
        return self.blocks | self.masks | self.spoken

    def finds(self, text: str) -> bool:
        """Whether any term is in a normalised text, word boundaries aside."""
        free, gaps = replace(self, breaks=None), [""] * (len(text) + 1)
        return bool(free._hits(text, gaps, list(free._met(text, gaps)), final=True)[0])

    def moments(self, text: str) -> list[Moment]:
        """One per number of characters seen (0 … len), and a last one for the end of the text."""
        seen: list[Moment] = []
        for size in range(len(text) + 1):
            seen.append(self._look(text[:size], seen[-1] if seen else None, final=False))
        seen.append(self._look(text, seen[-1], final=True))
        return seen

    def _look(self, text: str, last: Moment | None, *, final: bool) -> Moment:
        if last is not None and last.blocked:
            return last
        pieces = [self.normaliser.normalise(char) for char in text]
        owner = [at for at, piece in enumerate(pieces) for _ in piece]
        normal = "".join(pieces)
        size = len(normal)
        gaps = _gaps(text, pieces)
        met = list(self._met(normal, gaps))
        hits, unsure = self._hits(normal, gaps, met, final=final)
        reach = size if final else _live(normal, self.allowed)
        decided = [hit for hit in hits if hit[0] < reach and hit not in unsure]
        waiting = [hit for hit in hits if hit not in decided]
        before = last.counted if last else ()
        counted = [hit for hit in decided if hits[hit] and hit not in before]
        order = (*before, *sorted(counted, key=lambda hit: (hit[1], hit[0])))
        blocking = list(order[self.threshold - 1 :])
        masking = [hit for hit in decided if not hits[hit]]
        live = size if final else self._open(normal, gaps, met)
        covered = _spread(masking, owner)
        undecided = _spread(waiting + blocking, owner)
        if live < size:
            undecided |= set(range(owner[live], len(text)))
        until = min(undecided - covered, default=len(text))
        chars = (self.mask if at in covered else text[at] for at in range(until))
        out = "".join(chars)
        if last is not None and len(out) < len(last.out):
            out = last.out
        return Moment(out=out, blocked=bool(blocking), counted=order)

    def _hits(
        self, normal: str, gaps: list[str], met: list[Met], *, final: bool
    ) -> tuple[dict[Cut, bool], set[Cut]]:
        """What stands in the text and whether it blocks; what of it may still be taken away."""
        cover = _occurrences(normal, self.allowed)
        hits: dict[Cut, bool] = {}
        sure: set[Cut] = set()
        for term, exact, (start, end), ways in met:
            whole = {way for way in ways if way[0] == len(term)}
            if not whole or not self._gaps_fit(term, normal, gaps, (start, end), whole):
                continue
            if any(begin <= start and end <= stop for begin, stop in cover):
                continue
            last = self._end_of_run(normal, gaps, end, exact=exact)
            open_end = self.breaks is not None and not gaps[last]
            if open_end and last < len(normal) and sort(normal[last]) == sort(term[-1]) != "":
                continue
            blocks = exact or term in self.blocks
            known = hits.setdefault((start, end), blocks)
            if known is not blocks:
                hits[start, end] = self.threshold == 1
            if final or not open_end or last < len(normal) or not sort(term[-1]):
                sure.add((start, end))
        return hits, set(hits) - sure

    def _open(self, normal: str, gaps: list[str], met: list[Met]) -> int:
        found = [len(normal)]
        for term, _, cut, ways in met:
            if cut[1] == len(normal) and cut[0] < min(found):
                begun = {way for way in ways if way[0] < len(term)}
                if begun and self._gaps_fit(term, normal, gaps, cut, begun):
                    found.append(cut[0])
        return min(found)

    def _met(self, normal: str, gaps: list[str]) -> Iterator[Met]:
        """Every piece of the text that is a term, or the beginning of one."""
        for term, exact, start in self._begun(normal, gaps):
            for end, ways in self._ends(term, normal, start, exact=exact):
                yield term, exact, (start, end), ways

    def _begun(self, normal: str, gaps: list[str]) -> Iterator[tuple[str, bool, int]]:
        """Each term, whether it is what a pattern matches, and each place where it may begin."""
        terms = [(term, False) for term in self.blocks | self.masks]
        for term, exact in terms + [(word, True) for word in self.spoken]:
            for start in range(len(normal)):
                if normal[start] != term[0]:
                    continue
                begin = start
                if self.repeats and not exact and sort(term[0]) == "letter":
                    while begin and not gaps[begin] and normal[begin - 1] == term[0]:
                        begin -= 1
                joined = begin > 0 and not gaps[begin] and sort(normal[begin - 1])
                if self.breaks is None or not joined or joined != sort(term[0]):
                    yield term, exact, start

    def _ends(
        self, term: str, normal: str, start: int, *, exact: bool
    ) -> Iterator[tuple[int, set[Way]]]:
        """For each end of the text from `start`: how far into the term it may have come."""
        ways: set[Way] = {(0, frozenset())}
        for end in range(start + 1, len(normal) + 1):
            char, at = normal[end - 1], frozenset({end - 1 - start})
            after: set[Way] = set()
            for met, free in ways:
                if term[met : met + 1] == char:
                    own = exact or self._is_free(term, met)
                    after.add((met + 1, free | at if own else free))
                if self.repeats and not exact and met and term[met - 1] == char:
                    first, last = _run(term, met - 1)
                    if first > 0 and last < len(term) and sort(char) != "digit":
                        own = self._is_free_inside(term, first, last)
                        after.add((met, free | at if own else free))
            ways = after
            if not ways:
                return
            yield (
                end,
                {
                    (met, free | {end - start} if exact or self._is_free(term, met) else free)
                    for met, free in ways
                },
            )

    def _gaps_fit(self, term: str, normal: str, gaps: list[str], cut: Cut, ways: set[Way]) -> bool:
        """Whether the gaps inside are those of one word, or of one spelled by letters."""
        if self.breaks is None:
            return bool(ways)
        start, end = cut
        for met, free in ways:
            inside = [
                gaps[at]
                for at in range(start + 1, end)
                if sort(normal[at]) and sort(normal[at]) == sort(normal[at - 1])
                if at - start not in free
            ]
            # The gap at the end of the text may still grow, so only a gap is a fact.
            following = sort(term[met]) if met < len(term) else ""
            if following and following == sort(normal[end - 1]) and end - start not in free:
                inside += [gaps[end]] if gaps[end] else []
            if all(gap != "blank" for gap in inside) or all(inside):
                return True
        return False

    def _is_free(self, term: str, place: int) -> bool:
        """Whether a gap before this character of the term stands in the term as well."""
        own = (self.breaks or {}).get(term, frozenset())
        if self.repeats and 0 < place < len(term) and term[place] == term[place - 1]:
            return self._is_free_inside(term, *_run(term, place))
        return place in own

    def _is_free_inside(self, term: str, begin: int, end: int) -> bool:
        own = (self.breaks or {}).get(term, frozenset())
        return any(place in own for place in range(begin + 1, end))

    def _end_of_run(self, normal: str, gaps: list[str], end: int, *, exact: bool) -> int:
        char = normal[end - 1]
        if self.repeats and not exact and sort(char) == "letter":
            while end < len(normal) and not gaps[end] and normal[end] == char:
                end += 1
        return end


def _run(term: str, place: int) -> tuple[int, int]:
    """Where the run of the character at `place` begins and ends."""
    begin, end = place, place + 1
    while begin and term[begin - 1] == term[place]:
        begin -= 1
    while end < len(term) and term[end] == term[place]:
        end += 1
    return begin, end


def sort(char: str) -> str:
    """The kind of a word character; nothing for others."""
    if char.isdecimal():
        return "digit"
    return "letter" if char.isalpha() and ord(char) < 0x530 else ""


def _gaps(text: str, pieces: list[str]) -> list[str]:
    """Before each normalised character, and at the end: "", "sign" or "blank"."""
    gaps, gap = [], ""
    for char, piece in zip(text, pieces, strict=True):
        if piece:
            gaps += [gap, *[""] * (len(piece) - 1)]
            gap = ""
        elif char.isspace():
            gap = "blank"
        elif unicodedata.category(char)[0] in "PSC" and unicodedata.category(char) != "Cf":
            gap = gap or "sign"
    return [*gaps, gap]


def _spread(hits: list[tuple[int, int]], owner: list[int]) -> set[int]:
    """The original characters of the hits, with what vanishes between them."""
    return {at for start, end in hits for at in range(owner[start], owner[end - 1] + 1)}


def _occurrences(text: str, words: frozenset[str]) -> list[tuple[int, int]]:
    return [
        (start, start + len(word))
        for start in range(len(text))
        for word in words
        if text.startswith(word, start)
    ]


def _live(text: str, words: frozenset[str]) -> int:
    for start in range(len(text)):
        suffix = text[start:]
        if any(word != suffix and word.startswith(suffix) for word in words):
            return start
    return len(text)
