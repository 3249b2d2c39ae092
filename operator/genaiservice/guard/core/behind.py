# SPDX-License-Identifier: Apache-2.0
"""What stands before the rest of a text, of which the beginning has gone already.

Just enough is kept to know where a word begins: the last piece in which a character is seen; and,
where repeats are looked through, what stood before the run that this piece ends with.
"""

from genaiservice.guard.core.normalise import Normaliser, gap_of
from genaiservice.guard.core.words import JOINED, NO_RUN, NOTHING, Before, Run, kind


class Behind:
    """Remembers just enough of what has gone to know what stands before the rest."""

    __slots__ = ("_before", "_normaliser", "text")

    def __init__(self, normaliser: Normaliser) -> None:
        self._normaliser = normaliser
        self._before: Before = NOTHING
        self.text = ""
        """The last piece that went with a character that is seen."""

    def skip(self, text: str) -> None:
        """A piece went in which no character is seen."""
        self._before, self.text = self.before(text), ""

    @property
    def run(self) -> Run:
        """The run at the end; not known unless repeats are looked through."""
        return NO_RUN

    def before(self, more: str = "") -> Before:
        gap = JOINED
        for char in reversed(self.text + more):
            piece = self._normaliser.normalise(char)
            if piece:
                return kind(piece[-1]), gap
            gap = max(gap, gap_of(char))
        return self._before[0], max(self._before[1], gap)


class BehindRuns(Behind):
    """Remembers, too, what stood before the run of one character that has gone last."""

    __slots__ = ("_run", "_text")

    def __init__(self, normaliser: Normaliser) -> None:
        self._run = NO_RUN
        self._text = ""
        super().__init__(normaliser)

    @property
    def text(self) -> str:
        return self._text

    @text.setter
    def text(self, piece: str) -> None:
        if piece:
            self._run = self._run_after(piece)
        self._text = piece

    @property
    def run(self) -> Run:
        return self._run

    def _run_after(self, piece: str) -> Run:
        """The run at the end of all that has gone with `piece`, in which a character is seen."""
        repeated, gap = "", JOINED
        for char in reversed(piece):
            normal = self._normaliser.normalise(char)
            if not normal:
                gap = max(gap, gap_of(char)) if repeated else JOINED
            for one in reversed(normal):
                if not repeated:
                    repeated = one
                elif one != repeated or gap != JOINED:
                    return repeated, (kind(one), gap)
        before, earlier = self.before()
        gap = max(gap, earlier)
        if self._run[0] == repeated and gap == JOINED:
            return self._run
        return repeated, (before, gap)
