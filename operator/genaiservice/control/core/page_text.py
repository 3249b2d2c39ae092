# SPDX-License-Identifier: Apache-2.0
"""What a page says: from the bytes of an answer to the needles that are in its text.

Rule: total and linear in the size of the page, whatever it holds. A browser's reading is not the
aim: what is between tags, and where links lead, is enough to find a number or a telephone number.
"""

import codecs
import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from genaiservice.rules.pages import Kind, Wanted, searchable

NONE_OVERDUE: Final = "noneOverdue"
_HEAD_BYTES: Final = 4096
"""Where a page may say its own encoding (HTML asks for the first 1024 bytes; many are late)."""
_TAG_CHARACTERS: Final = 8192
_CHARSET: Final = re.compile(
    rb"""charset\s{0,8}=\s{0,8}["']?\s{0,8}([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE
)
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHINESE: Final = frozenset({"gbk", "gb2312", "cp936", "hz", "gb18030", "euc_cn", "x-gbk"})
"""All read as GB 18030, which holds the others; pages often say the smaller one."""
_ENCODINGS: Final = frozenset({"utf-8", "utf-16", "utf-16-le", "utf-16-be", "big5", "iso8859-1",
                               "ascii", "cp1252"})  # fmt: skip
_EASTERN: Final = re.compile("[\u2e80-\uffdc]")
_LINK: Final = re.compile(r"(?:href|src|action|content)\s{0,8}=\s{0,8}", re.IGNORECASE)
_SILENT: Final = {
    name: re.compile(rf"</{name}", re.IGNORECASE | re.ASCII)
    for name in ("script", "style", "template")
}
_NAME: Final = re.compile(r"/?[a-zA-Z][a-zA-Z0-9]{0,20}")


def found(
    wanted: Wanted, body: bytes, charset: str, *, whole: bool, markup: bool
) -> Mapping[str, bool]:
    """For each needle whether it is there. Of a page that was cut, what is not in the part that
    was read is left out: it may be in the rest."""
    if wanted.kind is Kind.FEED:
        return {NONE_OVERDUE: _none_overdue(body)}
    if wanted.kind is Kind.DOCUMENT or not wanted.needles:
        return {}
    text = decoded(body, charset)
    searched = searchable("\n".join(visible(text)) if markup else text)
    answers = {needle.name: needle.found_in(searched) for needle in wanted.needles}
    return {name: there for name, there in answers.items() if there or whole}


def decoded(body: bytes, charset: str) -> str:
    """The text of a body: by its mark, by its bytes where they can only be UTF-8, by what header
    or page say, else UTF-8 or GB 18030."""
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    plainly = _strictly(body, "utf-8")
    # Sites move to UTF-8 and go on saying GBK. Bytes of GBK hardly ever make Chinese in UTF-8.
    if plainly is not None and _EASTERN.search(plainly):
        return plainly
    said = _CHARSET.search(body[:_HEAD_BYTES])
    for name in (charset, said[1].decode("ascii") if said else ""):
        encoding = _encoding(name)
        if encoding and (text := _strictly(body, encoding)) is not None:
            return text
    if plainly is not None:
        return plainly
    guessed = _strictly(body, "gb18030")
    return body.decode("utf-8", "replace") if guessed is None else guessed


def _encoding(name: str) -> str:
    """The codec for a declared name; "" for one that is not text (`zip`) or not known."""
    lowered = name.strip("\"' ").lower()
    if lowered in _CHINESE:
        return "gb18030"
    try:
        known = codecs.lookup(lowered).name
    except (LookupError, ValueError):
        return ""
    if known in _CHINESE:
        return "gb18030"
    return known if known in _ENCODINGS else ""


def _strictly(body: bytes, encoding: str) -> str | None:
    try:
        # Not final: the cut of a long page may go through a character.
        return codecs.getincrementaldecoder(encoding)("strict").decode(body, final=False)
    except UnicodeError:  # its parent: UTF-16 without a mark raises no more than that
        return None


def visible(page: str) -> Iterator[str]:
    """What stands between the tags, and where the links lead; no scripts, styles and comments."""
    at, end = 0, len(page)
    while at < end:
        opening = page.find("<", at)
        if opening < 0:
            yield _unescaped(page[at:])
            return
        yield _unescaped(page[at:opening])
        if page.startswith("<!--", opening):
            closing = page.find("-->", opening + 4)
            at = end if closing < 0 else closing + 3
            continue
        name = _NAME.match(page, opening + 1)
        if name is None and not page.startswith(("<!", "<?", "</"), opening):
            yield "<"
            at = opening + 1
            continue
        closing = page.find(">", opening)
        if closing < 0:
            return
        tag = page[opening : min(closing, opening + _TAG_CHARACTERS)]
        yield from _links(tag)
        at = closing + 1
        silent = _SILENT.get(name[0].lower()) if name else None
        if silent is not None:
            over = silent.search(page, at)
            at = over.start() if over else end


def _links(tag: str) -> Iterator[str]:
    said = _LINK.search(tag)
    if said is None:
        return
    rest = tag[said.end() :]
    quote = rest[:1]
    if quote in ("'", '"'):
        value = rest[1:].partition(quote)[0]
    else:
        value = re.split(r"[\s>]", rest, maxsplit=1)[0]
    target = _unescaped(value)
    yield target
    if "%" in target:
        yield unquote(target)


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:  # a numeric entity of more digits than Python turns into a number
        return text


def _none_overdue(body: bytes) -> bool:
    """Whether a feed says that no ticket is overdue: its member `overdue` is the number 0."""
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return False
    overdue = tree.get("overdue") if isinstance(tree, dict) else None
    return not isinstance(overdue, bool) and isinstance(overdue, int | float) and overdue == 0
