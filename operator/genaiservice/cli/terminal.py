# SPDX-License-Identifier: Apache-2.0
"""Lines for people: colour only on terminals and never alone, progress on long work.

A few escape codes and no library: what `check` prints must be there in a blink, and importing one
would take longer than judging a hundred services.
"""

import os
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final, TextIO, TypeVar

from genaiservice.api.problem import Lang, Text

T = TypeVar("T")
STYLES: Final = {
    "red": "\x1b[31m",
    "green": "\x1b[32m",
    "yellow": "\x1b[33m",
    "cyan": "\x1b[36m",
    "bold": "\x1b[1m",
    "dim": "\x1b[2m",
}
_RESET: Final = "\x1b[0m"
QUIET_SECONDS: Final = 1.0
"""Work that is shorter than this shows no progress."""


class Paper:
    """Where a verb writes, in one language. Control characters of users' values are made visible,
    so that a manifest cannot move the cursor of who reads about it."""

    def __init__(self, lang: Lang, stream: TextIO | None = None) -> None:
        self.lang = lang
        self._stream = stream or sys.stdout
        self._colour = _coloured(self._stream)

    def line(self, text: str = "", style: str = "", indent: int = 0) -> None:
        body = visible(text)
        if style and self._colour:
            body = f"{STYLES[style]}{body}{_RESET}"
        self._stream.write(f"{' ' * indent if body else ''}{body}\n")

    def say(self, text: Text, style: str = "", indent: int = 0) -> None:
        self.line(text.in_(self.lang), style, indent)

    def pair(self, label: Text | str, text: Text | str, indent: int = 4) -> None:
        """`label: text`; nothing when there is no text."""
        name = label if isinstance(label, str) else label.in_(self.lang)
        body = text if isinstance(text, str) else text.in_(self.lang)
        if body:
            mark = f"{STYLES['dim']}{name}{_RESET}" if self._colour else name
            colon = "：" if self.lang is Lang.ZH else ": "
            self._stream.write(f"{' ' * indent}{mark}{colon}{visible(body)}\n")

    def head(self, label: Text, indent: int = 4) -> None:
        """`label:` before lines that belong to it."""
        colon = "：" if self.lang is Lang.ZH else ":"
        self.line(f"{label.in_(self.lang)}{colon}", "dim", indent)

    def table(self, rows: Iterable[tuple[str, ...]], indent: int = 0) -> None:
        """Columns by the width of their widest cell; a Chinese character takes two places."""
        held = [tuple(visible(cell) for cell in row) for row in rows]
        widths = [max(map(width, column)) for column in zip(*held, strict=True)]
        for row in held:
            cells = [
                cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=True)
            ]
            self._stream.write(" " * indent + "  ".join(cells).rstrip() + "\n")


def width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def visible(text: str) -> str:
    return "".join(
        sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text.replace("\n", " ")
    )


def _coloured(stream: TextIO) -> bool:
    env = os.environ  # noqa: TID251 - the terminal's own switches
    return stream.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb"


def counted(items: Iterable[T], lang: Lang, stream: TextIO | None = None) -> Iterator[T]:
    """The items, with a running count on the error stream when it is a terminal and time passes."""
    out = stream or sys.stderr
    if not out.isatty():
        yield from items
        return
    told = started = time.monotonic()
    shown = False
    for number, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - started > QUIET_SECONDS and now - told > 0.2:
            word = Text(en="looked at", zh="已处理").in_(lang)
            out.write(f"\r{word} {number} ")
            out.flush()
            told, shown = now, True
    if shown:
        out.write("\r\x1b[K")
