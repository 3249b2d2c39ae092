# SPDX-License-Identifier: Apache-2.0
"""What screening must do, said slowly: every rule by brute force over whole strings.

Nothing of the guard but its character table is used here. A text is looked at after each single
character, so the oracle also says what may have left at every moment.
"""

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
        hits = self._hits(normal)
        reach = size if final else _live(normal, self.allowed)
        decided = [hit for hit in hits if hit[0] < reach]
        waiting = [hit for hit in hits if hit[0] >= reach]
        blocking = [hit for hit in decided if normal[hit[0] : hit[1]] in self.blocks]
        masking = [hit for hit in decided if hit not in blocking]
        live = size if final else _live(normal, self.blocks | self.masks)
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

    def _hits(self, normal: str) -> list[tuple[int, int]]:
        found = _occurrences(normal, self.blocks | self.masks)
        cover = _occurrences(normal, self.allowed)
        return [
            (start, end)
            for start, end in found
            if not any(begin <= start and end <= stop for begin, stop in cover)
        ]


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
