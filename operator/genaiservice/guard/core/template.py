# SPDX-License-Identifier: Apache-2.0
"""Chunks that differ from an earlier one in a single string need no JSON parser.

A model's stream repeats itself: identifier, model, index and punctuation are the same bytes in
each event, only the text differs. A `Template` keeps the bytes before and after that string. An
event that begins and ends with them, and whose middle is one JSON string, is certainly the same
object with another text: a quote that is not escaped would make the middle no JSON string. Once
per shape the parser vouches for it: put a probe into the gap, and only that text may differ.
"""

import json
import re
from typing import Any, Final

import orjson

from genaiservice.guard.core.answer import Choice, Text, texts
from genaiservice.guard.core.field import Field

_PROBE: Final = "\x01probe\x01"


_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NUMBER: Final = re.compile(rb"\d+")


class Template:
    """`text` reads the string of a fitting event; `sides` are its bytes before and after.

    The numbers of `usage` may differ, which some models send with each chunk.
    """

    __slots__ = ("_after", "_before", "_from", "_tail", "_to", "choice", "feed", "hits")

    def __init__(self, before: bytes, after: bytes, choice: Choice, field: Field) -> None:
        self._before = before
        self._after = after
        self._from = len(before)
        self._to = -len(after)
        self._tail = _counting(after)
        self.choice = choice
        self.feed = field.feed
        self.hits = field.hits

    def text(self, raw: bytes) -> str | None:
        """The text of an event of this shape; None for another one."""
        if not raw.startswith(self._before):
            return None
        if raw.endswith(self._after):
            literal = raw[self._from : self._to]
        elif self._tail is None:
            return None
        else:
            string = _STRING.match(raw, self._from)
            if string is None or self._tail.fullmatch(raw, string.end()) is None:
                return None
            literal = string[0]
        try:
            text = orjson.loads(literal)
        except orjson.JSONDecodeError:
            return None
        return text if type(text) is str else None

    def counts(self, raw: bytes) -> bool:
        """Whether an event without its text still tells something: its numbers are new."""
        return not raw.endswith(self._after)

    def render(self, raw: bytes, text: str) -> bytes:
        """The event `raw`, of this shape, with another text."""
        if raw.endswith(self._after):
            return self._before + orjson.dumps(text) + self._after
        string = _STRING.match(raw, self._from)
        tail = raw[string.end() :] if string else self._after
        return self._before + orjson.dumps(text) + tail


def _counting(after: bytes) -> re.Pattern[bytes] | None:
    """A pattern of `after` for any numbers in what follows `"usage":` at the end of the object.

    What follows must be fields of the outermost object, seen by their being an object of their
    own: so the index of the choice, say, never counts as a number that may differ.
    """
    at = after.find(b'"usage":')
    if at < 0:
        return None
    try:
        orjson.loads(b"{" + after[at:])
    except orjson.JSONDecodeError:
        return None
    counts = _NUMBER.sub(rb"[0-9]+", re.escape(after[at:]))
    return re.compile(re.escape(after[:at]) + counts)


def gap(raw: bytes, tree: dict[str, Any], text: Text) -> tuple[bytes, bytes] | None:
    """The bytes before and after the string `text` of the event `raw`; None when unsure."""
    if not raw.startswith(b"data:") or raw.count(b"\n") != 2 or b"\r" in raw:
        return None
    value = text.value
    for literal in {orjson.dumps(value), json.dumps(value).encode()}:
        if raw.count(literal) == 1:
            before, after = raw.split(literal)
            if _vouched(before[5:] + orjson.dumps(_PROBE) + after, tree, text):
                return before, after
    return None


def _vouched(probe: bytes, tree: dict[str, Any], text: Text) -> bool:
    try:
        other = orjson.loads(probe)
    except orjson.JSONDecodeError:
        return False
    for choice in other.get("choices", ()):
        for candidate in texts(choice):
            if candidate.path == text.path and candidate.value == _PROBE:
                candidate.put(text.value)
                return bool(other == tree)
    return False
