# SPDX-License-Identifier: Apache-2.0
"""One text of an answer, screened as the configuration says, and the whole-text checks.

A `Field` is a stream of its own: the content of a choice, its reasoning, the arguments of one
tool call. In Observe mode, and for classes whose action is Flag, screeners only watch.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from genaiservice.api.guard_config import Screening
from genaiservice.guard.core.effects import Action, Decision, Direction
from genaiservice.guard.core.logprobs import Spelling
from genaiservice.guard.core.options import Hears, Options, go_on
from genaiservice.guard.core.place import told
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.screener import WHOLE_LIMIT, Hit, Screener
from genaiservice.guard.core.unescape import Unescaper

Path: TypeAlias = tuple[str | int, ...]

SLICE: Final = 256
"""So many characters of a whole text are screened at a time, once they are normalised."""


class Field:
    """`feed` and `flush` answer what may leave; `hits` what was found, emptied by its reader."""

    __slots__ = ("_escapes", "_screener", "_watchers", "feed", "hits", "name", "path", "spelling")

    feed: Callable[[str], str]

    def __init__(
        self, policy: Policy, mode: Screening, path: Path, *, escaped: bool = False
    ) -> None:
        """`escaped` says that the text is JSON itself, with escapes of its own."""
        self.path = path
        self.name = _name(path)
        self.hits: list[Hit] = []
        self.spelling = Spelling()
        self._screener, self._watchers = _screeners(policy, mode, self.hits)
        self._escapes = Unescaper() if escaped and mode is not Screening.OFF else None
        # Nearly every field has one screener: its method is the field's, without a layer.
        plain = not self._watchers and self._escapes is None
        self.feed = self._screener.feed if plain and self._screener else self._feed

    @property
    def blocked(self) -> bool:
        return self._screener is not None and self._screener.blocked is not None

    @property
    def held(self) -> int:
        if self._screener is None:
            return 0
        return self._screener.held + (self._escapes.held if self._escapes else 0)

    @property
    def released(self) -> int:
        """How many characters have left, masked or not."""
        return self.seen - self.held

    @property
    def escaped(self) -> bool:
        """Whether characters are counted after their escapes were read."""
        return self._escapes is not None

    @property
    def seen(self) -> int:
        screeners = (self._screener, *self._watchers)
        return max((screener.seen for screener in screeners if screener), default=0)

    def take_spelling(self) -> list[Any]:
        return self.spelling.take(self.released) if self.spelling.waits else []

    def keep_masks(self) -> None:
        """Notes which characters were masked, for the tokens that spell them."""
        masks = [(hit.start, hit.end) for hit in self.hits if hit.rule.action is Action.MASK]
        # Those of the past are of use only to tokens that wait.
        recent = self.spelling.masks if self.spelling.waits else []
        self.spelling.masks = recent + masks

    def _feed(self, text: str) -> str:
        meant = text if self._escapes is None else self._escapes.feed(text)
        for watcher in self._watchers:
            watcher.feed(meant)
        return text if self._screener is None else self._screener.feed(meant)

    def whole(self, text: str, between: Callable[[], None] = go_on) -> str:
        """What may leave of a text that is there entirely; `between` is called after each slice."""
        return self._sliced(self.feed, text, between) + self.flush()

    def _sliced(self, feed: Callable[[str], str], text: str, between: Callable[[], None]) -> str:
        """The result does not depend on the cuts (`screener`); time and memory of a step do."""
        screeners = [one for one in (self._screener, *self._watchers) if one is not None]
        for screener in screeners:
            screener.limit = WHOLE_LIMIT
        out, at = [], 0
        while at < len(text):
            # What is open is read again with every slice: with longer ones, all stays linear.
            size = max((screener.open for screener in screeners), default=0) + SLICE
            piece = text[at : at + size]
            for screener in screeners[:1]:
                piece = screener.no_longer(piece, size)
            out.append(feed(piece))
            at += len(piece)
            between()
        return "".join(out)

    def flush(self) -> str:
        rest = "" if self._escapes is None else self._escapes.flush()
        for watcher in self._watchers:
            watcher.feed(rest)
            watcher.flush()
        if self._screener is None:
            return ""
        return (
            self._screener.feed(rest) + self._screener.flush() if rest else self._screener.flush()
        )


class Heard(Field):
    """A field whose released text is heard, too."""

    __slots__ = ("_hears", "_plain", "_source", "_whole")

    def __init__(
        self,
        policy: Policy,
        mode: Screening,
        path: Path,
        *,
        escaped: bool,
        hears: Hears,
        choice: int,
        whole: bool,
    ) -> None:
        super().__init__(policy, mode, path, escaped=escaped)
        self._hears, self._source, self._whole = hears, (choice, *path), whole
        self._plain, self.feed = self.feed, self._feed_heard

    def _feed_heard(self, text: str) -> str:
        out = self._plain(text)
        if out:
            self._hears(self._source, out, self._whole)
        return out

    def whole(self, text: str, between: Callable[[], None] = go_on) -> str:
        out = self._sliced(self._plain, text, between)
        if out:
            self._hears(self._source, out, self._whole)
        return out + self.flush()

    def flush(self) -> str:
        out = super().flush()
        if out:
            self._hears(self._source, out, False)
        return out


def field_of(
    policy: Policy,
    options: Options,
    path: Path,
    *,
    escaped: bool = False,
    choice: int = 0,
    whole: bool = False,
) -> Field:
    """The field of a text of an answer; `whole` when it may repeat what came in pieces."""
    hears = options.hears
    if hears is None:
        return Field(policy, options.output, path, escaped=escaped)
    return Heard(
        policy, options.output, path, escaped=escaped, hears=hears, choice=choice, whole=whole
    )


def _screeners(
    policy: Policy, mode: Screening, hits: list[Hit]
) -> tuple[Screener | None, tuple[Screener, ...]]:
    if mode is Screening.OFF:
        return None, ()
    watched = [policy.flagged, policy.enforced if mode is Screening.OBSERVE else None]
    watchers = tuple(
        Screener(terms, policy.allowed, policy.normaliser, observe=True, hits=hits)
        for terms in watched
        if terms is not None
    )
    if mode is Screening.OBSERVE or policy.enforced is None:
        return None, watchers
    screener = Screener(
        policy.enforced, policy.allowed, policy.normaliser, mask=policy.mask, hits=hits
    )
    return screener, watchers


def clean(policy: Policy, mode: Screening, text: str) -> bool:
    """Whether `text`, taken alone, would leave unaltered."""
    if mode is not Screening.BLOCK or policy.enforced is None:
        return True
    field = Field(policy, mode, ())
    return field.whole(text) == text and not field.blocked


def decision(
    policy: Policy, mode: Screening, direction: Direction, hit: Hit, field: Field, choice: int = 0
) -> Decision:
    return Decision(
        direction=direction,
        action=Action.FLAG if mode is Screening.OBSERVE else hit.rule.action,
        policy=policy.hash,
        reason="term",
        risk=hit.rule.risk,
        rule=hit.rule.id,
        start=hit.start,
        end=hit.end,
        choice=choice,
        field=told(field.name),
        length=field.seen,
    )


def _name(path: Path) -> str:
    """`("delta", "tool_calls", 0, "function", "name")` -> `tool_calls[0].function.name`."""
    name = ""
    for step in path[1:] if path[:1] in (("delta",), ("message",)) else path:
        name += f"[{step}]" if isinstance(step, int) else f".{step}" if name else step
    return name
