# SPDX-License-Identifier: Apache-2.0
"""Elements of the page, written out by the standard library: there is no text that is not escaped.

Rule: a page is built from elements and strings; nobody joins markup.
"""

import re
from collections.abc import Iterator
from typing import Final, TypeAlias
from xml.etree.ElementTree import Element, tostring

Part: TypeAlias = Element | str | None

_LINES: Final = frozenset(
    {
        *("head", "meta", "title", "style", "body", "main", "header", "footer", "section", "div"),
        *("h1", "h2", "h3", "p", "ul", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr"),
    }
)
"""Elements after which a new line stands, so that two reports can be compared line by line."""


def element(name: str, /, *parts: Part, kind: str = "", **attributes: str) -> Element:
    """An element with its parts in order; `kind` is its class, None parts are left out."""
    made = Element(name, {**({"class": kind} if kind else {}), **attributes})
    for part in parts:
        if isinstance(part, Element):
            made.append(part)
        elif part:
            _say(made, part)
    if name in _LINES:
        made.tail = "\n"
    return made


def _say(made: Element, text: str) -> None:
    if len(made):
        last = made[-1]
        last.tail = (last.tail or "") + text
    else:
        made.text = (made.text or "") + text


def flowing(text: str) -> Iterator[Part]:
    """The text with places where a long field path may be broken into lines: after its dots."""
    for index, part in enumerate(_DOTS.split(text)):
        if index:
            yield element("wbr")
        yield part


_DOTS: Final = re.compile(r"(?<=[A-Za-z0-9\]]\.)(?=[A-Za-z])")


def written(root: Element) -> str:
    """The whole document. Style sheets are written as they are; everything else is escaped."""
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"
