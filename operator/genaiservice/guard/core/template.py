# SPDX-License-Identifier: Apache-2.0
"""Chunks that differ from an earlier one in a single string need no JSON parser.

A model's stream repeats itself: identifier, model, index and punctuation are the same bytes in
each event, only the text differs. A `Template` keeps the bytes before and after that string. An
event that begins and ends with them, and whose middle is one JSON string, is certainly the same
object with another text: a quote that is not escaped would make the middle no JSON string. Once
per shape the parser vouches for it: put a probe into the gap, and only that text may differ.
"""

import json
from typing import Any, Final

import orjson

from genaiservice.guard.core.answer import Choice, Text, texts
from genaiservice.guard.core.field import Field

_PROBE: Final = "\x01probe\x01"


class Template:
    __slots__ = ("after", "before", "choice", "feed", "from_", "hits", "to")

    def __init__(self, before: bytes, after: bytes, choice: Choice, field: Field) -> None:
        self.before = before
        self.after = after
        self.from_ = len(before)
        self.to = -len(after)
        self.choice = choice
        self.feed = field.feed
        self.hits = field.hits


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
