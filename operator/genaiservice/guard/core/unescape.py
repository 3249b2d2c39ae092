# SPDX-License-Identifier: Apache-2.0
"""Escapes in texts that are JSON themselves: the arguments of a tool call, structured output.

There `\\u8fdd\\u7981` is the same to the reading program as the two characters, so it would carry
a term past every matcher. Rule: an escaped character becomes the character itself where JSON
means the same by both; control characters, quotes, backslashes and lone surrogates stay escaped.
An escape that is not complete waits for its rest (eleven characters at most).
"""

import re
from typing import Final

_ESCAPE: Final = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|(.))", re.DOTALL
)
_PARTIAL: Final = re.compile(
    # a pair of which the second half may still come, or any escape that has just begun
    r"(?:\\u[dD][89abAB][0-9a-fA-F]{2})?(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z"
)


class Unescaper:
    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting = ""

    @property
    def held(self) -> int:
        return len(self._waiting)

    def feed(self, text: str) -> str:
        if not self._waiting and "\\" not in text:
            return text
        text = self._waiting + text
        cut = _complete(text)
        self._waiting = text[cut:]
        return _ESCAPE.sub(_character, text[:cut])

    def flush(self) -> str:
        text, self._waiting = self._waiting, ""
        return _ESCAPE.sub(_character, text)


def unescape(text: str) -> str:
    """The same for a whole text."""
    own = Unescaper()
    return own.feed(text) + own.flush()


def _complete(text: str) -> int:
    """Where the escape begins that the end of `text` cuts off; else its length."""
    at = 0
    for escape in _ESCAPE.finditer(text):
        high = escape[1] is not None and escape[2] is None and 0xD800 <= int(escape[1], 16) < 0xDC00
        if (high or escape[3] == "u") and _PARTIAL.fullmatch(text, escape.start()):
            return escape.start()
        at = escape.end()
    return at + text[at:].rindex("\\") if "\\" in text[at:] else len(text)


def _character(escape: re.Match[str]) -> str:
    first, second, _ = escape.groups()
    if first is None:
        return escape[0]
    code = int(first, 16)
    if 0xD800 <= code < 0xDC00 and second is not None:
        return chr(0x10000 + ((code - 0xD800) << 10) + (int(second, 16) - 0xDC00))
    if code < 0x20 or 0xD800 <= code < 0xE000 or chr(code) in '"\\\x7f':
        return escape[0]
    return chr(code) + escape[0][6:]
