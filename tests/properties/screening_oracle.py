# SPDX-License-Identifier: Apache-2.0
"""What screening must do, said slowly: every rule by brute force over whole strings.

Nothing of the guard but its character table is used here. A text is looked at after each single
character, so the oracle also says what may have left at every moment.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from genaiservice.guard.core.normalise import Normaliser


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """After a number of characters: what has left, and whether a Block hit ended it."""

    out: str
    blocked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    normaliser: Normaliser
    blocks: frozenset[str]
    masks: frozenset[str]
    allowed: frozenset[str]
    mask: str = "＊"
    breaks: Mapping[str, frozenset[int]] | None = None
    """With word boundaries: the places of a term's own gaps. None: they do not count."""

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
        hits, unsure = self._hits(normal, gaps, final=final)
        reach = size if final else _live(normal, self.allowed)
        decided = [hit for hit in hits if hit[0] < reach and hit not in unsure]
        waiting = [hit for hit in hits if hit not in decided]
        blocking = [hit for hit in decided if normal[hit[0] : hit[1]] in self.blocks]
        masking = [hit for hit in decided if hit not in blocking]
        live = size if final else self._open(normal, gaps)
        covered = _spread(masking, owner)
        undecided = _spread(waiting + blocking, owner)
        if live < size:
            undecided |= set(range(owner[live], len(text)))
        until = min(undecided - covered, default=len(text))
        chars = (self.mask if at in covered else text[at] for at in range(until))
        out = "".join(chars)
        if last is not None and len(out) < len(last.out):
            out = last.out
        return Moment(out=out, blocked=bool(blocking))

    def _hits(
        self, normal: str, gaps: list[str], *, final: bool
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """What stands in the text, and what of it the next character may still take away."""
        found = [
            (start, end)
            for start, end in _occurrences(normal, self.blocks | self.masks)
            if self._stands(normal[start:end], normal, gaps, start)
        ]
        cover = _occurrences(normal, self.allowed)
        hits = [
            (start, end)
            for start, end in found
            if not any(begin <= start and end <= stop for begin, stop in cover)
        ]
        size = len(normal)
        unsure = [
            hit
            for hit in hits
            if self.breaks is not None
            and not final
            and hit[1] == size
            and not gaps[size]
            and sort(normal[-1])
        ]
        return hits, unsure

    def _stands(self, term: str, normal: str, gaps: list[str], start: int) -> bool:
        """Whether `term`, which may go on beyond the text, stands as words from `start` on."""
        if self.breaks is None:
            return True
        size = len(normal)
        end = start + len(term)
        joined_before = start > 0 and not gaps[start] and sort(normal[start - 1])
        joined_after = end < size and not gaps[end] and sort(normal[end])
        if joined_before and sort(term[0]) == joined_before:
            return False
        if joined_after and sort(term[-1]) == joined_after:
            return False
        own = self.breaks.get(term, frozenset())
        inside = [
            gaps[start + at]
            for at in range(1, len(term))
            if sort(term[at]) and sort(term[at]) == sort(term[at - 1]) and at not in own
            # The gap at the end of the text may still grow, so only a gap is a fact.
            if start + at < size or (start + at == size and gaps[size])
        ]
        return all(gap != "blank" for gap in inside) or all(inside)

    def _open(self, normal: str, gaps: list[str]) -> int:
        for start in range(len(normal)):
            suffix = normal[start:]
            longer = (
                term
                for term in self.blocks | self.masks
                if term != suffix and term.startswith(suffix)
            )
            if any(self._stands(term, normal, gaps, start) for term in longer):
                return start
        return len(normal)


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
