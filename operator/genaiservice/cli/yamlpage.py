# SPDX-License-Identifier: Apache-2.0
"""A page of YAML with comments, written line by line. YAML libraries write no comments."""

import json
import re
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_/.-]*")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
COMMENT_COLUMN: Final = 2


class Page:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def comment(self, text: str, depth: int) -> None:
        self._lines += [f"{'  ' * depth}# {line}" for line in text.split("\n") if line]

    def open(self, key: str, depth: int) -> None:
        self._lines.append(f"{'  ' * depth}{_key(key)}:")

    def pair(self, key: str, value: Any, depth: int, note: str = "") -> None:
        self._add(f"{'  ' * depth}{_key(key)}: {scalar(value)}", note)

    def item(self, key: str, value: Any, depth: int, note: str = "") -> None:
        """The first field of a list item; the others follow one level deeper."""
        self._add(f"{'  ' * depth}- {_key(key)}: {scalar(value)}", note)

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def _add(self, line: str, note: str) -> None:
        self._lines.append(f"{line}{' ' * COMMENT_COLUMN}# {note}" if note else line)


def _key(name: str) -> str:
    return scalar(name)


def scalar(value: Any) -> str:
    """A value on one line; a text is quoted unless it can be nothing but a text."""
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(scalar(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)}: {scalar(item)}' for key, item in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)
