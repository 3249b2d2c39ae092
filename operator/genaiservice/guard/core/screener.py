# SPDX-License-Identifier: Apache-2.0
"""Screening of one text that arrives in pieces: what may leave now, what was found.

Safety contract:
- a character that may still become part of a Block or Mask hit does not leave;
- a character that cannot leaves in the same call; the result does not depend on the cuts;
- after a Block hit nothing leaves any more.

Open is the longest suffix of the normalised text that is a proper prefix of a term, a hit that
an allowed word may still cover, and a hit of which the next character tells whether it ends a
word (`words`). The context is what must be remembered to decide these: it
may begin before the first held character, since an allowed word may begin before its term.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from genaiservice.guard.core.behind import Behind, BehindRuns
from genaiservice.guard.core.effects import Action
from genaiservice.guard.core.holdback import Found, Span, frontier, merge, uncovered
from genaiservice.guard.core.matcher import Rule, TermSet
from genaiservice.guard.core.normalise import Normaliser, gap_of
from genaiservice.guard.core.patterns import Mixed
from genaiservice.guard.core.words import WORDY, Gaps

CONTEXT_LIMIT: Final = 16_384
"""Most characters kept open: blanks without end inside a term must not fill the memory."""
WHOLE_LIMIT: Final = 32_768
"""The same of a text that is there entirely, as long as no more than `CONTEXT_LIMIT` of them are
seen: a table of empty rows after an open prefix is an honest prompt."""
PLAIN_SIZE: Final = 64
"""Up to this many characters (a streamed chunk) the short path is the quicker one."""

Offsets = Sequence[int]


HITS_LIMIT: Final = 10_000
"""Most hits that wait for their reader: a text made of terms must not fill the memory either."""


class ScreeningLimitError(Exception):
    """More characters stay open, or more hits wait, than may be kept: no screening of this text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A rule was met at these offsets (characters of the original text)."""

    rule: Rule
    start: int
    end: int


class Screener:
    """`feed` and `flush` answer what may leave, and append to `hits` what was found.

    The list may be shared by several screeners; who reads it empties it. With `observe` every
    rule counts as Flag, and the caller ignores what `feed` answers.
    """

    __slots__ = (
        "_allowed",
        "_base",
        "_behind",
        "_context",
        "_counts",
        "_decided",
        "_gap",
        "_mask",
        "_normal",
        "_normal_base",
        "_normaliser",
        "_observe",
        "_opens",
        "_pending",
        "_sent",
        "_table",
        "_terms",
        "_words",
        "blocked",
        "hits",
        "limit",
    )

    def __init__(
        self,
        terms: TermSet | Mixed,
        allowed: TermSet | None,
        normaliser: Normaliser,
        *,
        mask: str = "＊",
        observe: bool = False,
        hits: list[Hit] | None = None,
    ) -> None:
        self._terms = terms
        self._allowed = allowed
        self._normaliser = normaliser
        self._mask = mask
        self._observe = observe
        self._table = normaliser.table
        self._opens = terms.opens
        self._words = bool(terms.words)
        self._behind = (BehindRuns if normaliser.repeats else Behind)(normaliser)
        self.limit = CONTEXT_LIMIT
        self._gap = 0  # after the context, when words count in it
        self.blocked: Hit | None = None
        self.hits: list[Hit] = [] if hits is None else hits
        self._context = ""
        self._normal = ""  # the context, normalised
        self._sent = 0  # characters of the context that have left already
        self._base = 0  # offset of the context in the whole text
        self._normal_base = 0  # the same in the normalised text
        self._counts: dict[str, int] = {}  # hits of classes that have a threshold
        self._decided: set[Span] = set()
        self._pending: set[Span] = set()

    @property
    def seen(self) -> int:
        """Characters of the text so far."""
        return self._base + len(self._context)

    @property
    def held(self) -> int:
        """Characters that wait."""
        return len(self._context) - self._sent

    @property
    def open(self) -> int:
        """Characters that are looked at again with the next ones."""
        return len(self._context)

    def no_longer(self, text: str, size: int) -> str:
        """The beginning of `text` that is not longer once it is normalised (or one character)."""
        while len(text) > 1 and len(text.translate(self._table)) > size:
            text = text[: len(text) // 2]  # there are characters that become eighteen
        return text

    def feed(self, text: str) -> str:
        """What may leave now; the very `text` when it leaves whole and nothing waited."""
        if self.blocked is not None:
            return ""
        more = text.translate(self._table)
        if self._allowed is not None or self._sent:
            return self._advance(text, more)
        if not more and 0 < len(self._context) < self.limit and self._decides_nothing(text):
            self._context += text
            return ""
        # Nearly every chunk ends in here: nothing found, perhaps the end opens a term.
        whole = self._context + text
        normal = self._normal + more
        size = len(normal)
        if size > PLAIN_SIZE:
            if self._unmoved(text, more):
                self._context, self._normal = whole, normal
                return ""
            return self._advance(text, more)
        live = self._opens(normal)
        if live == size:
            self._base += len(whole)
            self._normal_base += size
            self._context = self._normal = ""
            if size:
                self._behind.text = whole
            else:
                self._behind.skip(whole)
            return whole
        if live < 0 or normal != whole:
            return self._advance(text, more)
        if self._words and WORDY.search(normal, live):
            return self._advance(text, more)
        if live:
            self._behind.text = whole[:live]
        self._base += live
        self._normal_base += live
        self._context = self._normal = whole[live:]
        return whole[:live]

    def flush(self) -> str:
        """The text is complete: what was open is decided."""
        return "" if self.blocked is not None else self._advance("", "", final=True)

    def _advance(self, text: str, more: str, *, final: bool = False) -> str:
        """One step in full: find, decide, release, and keep what the next step needs."""
        whole, normal = self._context + text, self._normal + more
        size = len(normal)
        if not final and len(self._context) > CONTEXT_LIMIT and self._too_much():
            raise ScreeningLimitError
        starts = self._normaliser.starts(whole, normal)
        gaps = self._gaps(whole, normal, starts)
        self._gap = gaps.at[size] if gaps is not None else 0
        keep = live = size if final else self._terms.live(normal, gaps)
        found = self._still_open(self._terms.hits(normal))
        if not found and self._allowed is None and not self._sent:
            self._pending = set()
            until = len(whole) if live == size else _origin(starts, live)
            return self._release(whole, normal, starts, (until, until), [])
        unsure: set[Found] = set()
        if gaps is not None and found:
            found, unsure = self._worded(found, gaps, final=final)
            keep = min([keep, *(hit[0] for hit in unsure)])
        if len(found) > 1:
            found = self._strongest(found)
        reach = size
        if self._allowed is not None:
            reach = size if final else self._allowed.live(normal)
            keep = min(keep, reach)
            found = uncovered(found, self._allowed.hits(normal)) if found else found
        waiting = [hit for hit in found if hit[0] >= reach or hit in unsure]
        found = [hit for hit in found if hit[0] < reach and hit not in unsure]
        blocks = self._blocks(found)
        if blocks and len(text) > 1:
            return self._replay(text, _origin(starts, min(blocks)[0]) - len(self._context))
        self._decide(found, starts)
        self._pending = {self._absolute(hit) for hit in waiting}
        masked = merge([_spread(hit, starts) for hit in found if self._action(hit) is Action.MASK])
        undecided = [_spread(hit, starts) for hit in (*waiting, *blocks)]
        if live < size:  # with the blanks that follow: they would belong to the term
            undecided.append((_origin(starts, live), len(whole)))
        until = frontier(len(whole), self._sent, undecided, masked)
        rest = len(whole) if keep == size else _origin(starts, keep)
        return self._release(whole, normal, starts, (until, rest), masked)

    def _too_much(self) -> bool:
        return len(self._context) > self.limit or len(self._normal) > CONTEXT_LIMIT

    def _decides_nothing(self, text: str) -> bool:
        """Blanks after an open prefix; after a word, when the gap that they widen was as wide."""
        if not self._words or WORDY.search(self._normal) is None:
            return True
        return max(map(gap_of, text), default=0) <= self._gap

    def _unmoved(self, text: str, more: str) -> bool:
        """A long run after an open prefix goes on, without gaps: all stays as it was."""
        return (
            self._terms.unmoved(self._normal, more)
            and len(text) == len(more)
            and len(self._context) < CONTEXT_LIMIT
            and self._context[-2:].translate(self._table) == self._normal[-2:]
        )

    def _gaps(self, whole: str, normal: str, starts: Offsets) -> Gaps | None:
        """What stood between the characters, when that counts here."""
        if not self._words or WORDY.search(normal) is None:
            return None
        return Gaps(whole, normal, starts, self._behind.before(), self._behind.run)

    def _worded(
        self, found: list[Found], gaps: Gaps, *, final: bool
    ) -> tuple[list[Found], set[Found]]:
        """The hits that stand as words, and those of them of which the next character decides."""
        stand: list[Found] = []
        unsure: set[Found] = set()
        for hit in found:
            stands = self._terms.stands(hit, gaps, final=final)
            if stands is not False:
                stand.append(hit)
            if stands is None:
                unsure.add(hit)
        return stand, unsure

    def _strongest(self, found: list[Found]) -> list[Found]:
        """Of hits on the very same characters (a term, a pattern) the one that does most."""
        best: dict[Span, Found] = {}
        for hit in found:
            other = best.setdefault(hit[:2], hit)
            if other is not hit and self._strength(other) < self._strength(hit):
                best[hit[:2]] = hit
        return list(best.values()) if len(best) < len(found) else found

    def _still_open(self, found: list[Found]) -> list[Found]:
        """Without the hits that an allowed word covered earlier: it may have left the context."""
        known = len(self._normal)
        return [
            hit
            for hit in found
            if hit[1] > known
            or (span := self._absolute(hit)) in self._decided
            or span in self._pending
        ]

    def _blocks(self, found: list[Found]) -> list[Found]:
        """The hits that block; of a class with a threshold those that reach it."""
        blocks: list[Found] = []
        counts: dict[str, int] | None = None
        for hit in sorted(found, key=_by_end) if len(found) > 1 else found:
            if self._action(hit) is not Action.BLOCK:
                continue
            rule = self._terms.rule(hit[2])
            if rule.threshold > 1:
                if self._absolute(hit) in self._decided:
                    continue  # it was met before and only counted
                counts = counts or dict(self._counts)
                counts[rule.risk] = counts.get(rule.risk, 0) + 1
                if counts[rule.risk] < rule.threshold:
                    continue
            blocks.append(hit)
        return blocks

    def _replay(self, text: str, cut: int) -> str:
        """A Block hit lies in `text`: step to it by halves, down to single characters.

        So what leaves before it is the same as if the characters had come one by one.
        """
        cut = cut if 0 < cut < len(text) else len(text) // 2
        out = ""
        for half in (text[:cut], text[cut:]):
            if self.blocked is None:
                out += self._advance(half, half.translate(self._table))
        return out

    def _decide(self, found: list[Found], starts: Offsets) -> None:
        for hit in sorted(found, key=_by_end):
            span = self._absolute(hit)
            if span in self._decided:
                continue
            if len(self.hits) >= HITS_LIMIT:
                raise ScreeningLimitError
            self._decided.add(span)
            start, end = _spread(hit, starts)
            rule = self._counted(self._terms.rule(hit[2]))
            met = Hit(rule=rule, start=self._base + start, end=self._base + end)
            self.hits.append(met)
            if self.blocked is None and not self._observe and rule.action is Action.BLOCK:
                self.blocked = met

    def _counted(self, rule: Rule) -> Rule:
        """The rule as it counts now: a Flag as long as its class has not been met often enough."""
        if rule.threshold == 1:
            return rule
        met = self._counts[rule.risk] = self._counts.get(rule.risk, 0) + 1
        return rule if met >= rule.threshold else replace(rule, action=Action.FLAG)

    def _release(
        self, whole: str, normal: str, starts: Offsets, cuts: tuple[int, int], masked: list[Span]
    ) -> str:
        """Lets out what is before `cuts[0]`; keeps what is after `cuts[1]` as context."""
        until, rest = cuts
        sent = self._sent
        out = mask_over(whole, self._mask, masked, sent, until) if masked else whole[sent:until]
        rest = len(whole) if self.blocked else min(until, rest)
        for start, stop in masked:  # a mask that waits needs its beginning
            if start < until < stop:
                rest = min(rest, start)
        at = starts[rest]
        if at:
            self._behind.text = whole[:rest]
        else:
            self._behind.skip(whole[:rest])
        self._context, self._normal = whole[rest:], normal[at:]
        self._base += rest
        self._normal_base += at
        self._sent = max(until - rest, 0)
        self._decided = {span for span in self._decided if span[1] > self._normal_base}
        return out

    def _action(self, hit: Found) -> Action:
        return Action.FLAG if self._observe else self._terms.rule(hit[2]).action

    def _strength(self, hit: Found) -> int:
        return self._terms.rule(hit[2]).strength

    def _absolute(self, hit: Found) -> Span:
        return hit[0] + self._normal_base, hit[1] + self._normal_base


def mask_over(whole: str, mask: str, masked: list[Span], sent: int, until: int) -> str:
    parts, at = [], sent
    for begin, end in masked:
        start, stop = max(at, begin), min(until, end)
        if start < stop:
            parts += [whole[at:start], mask * (stop - start)]
            at = stop
    parts.append(whole[at:until])
    return "".join(parts)


def _by_end(hit: Found) -> Span:
    return hit[1], hit[0]


def _spread(hit: Found, starts: Offsets) -> Span:
    """The original characters of a hit, with the blanks between them."""
    return _origin(starts, hit[0]), _origin(starts, hit[1] - 1) + 1


def _origin(starts: Offsets, place: int) -> int:
    """The original character whose piece holds the normalised character at `place`."""
    return place if isinstance(starts, range) else bisect_right(starts, place) - 1
