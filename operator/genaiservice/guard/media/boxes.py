# SPDX-License-Identifier: Apache-2.0
"""Reads the AIGC texts of MP4/MOV (keys and ilst) and Matroska/WebM (SimpleTag).

Pure functions over bytes, so that a file can be inspected where no ffmpeg is. Rule: every place
that a reader would look is counted, since a file may hold one block only; what is damaged is a
refusal, never an empty answer.
"""

from collections.abc import Iterator
from typing import Final

from genaiservice.guard.core.aigc import NAME
from genaiservice.guard.media.outcome import MediaRefused, Reason

KEY: Final = NAME.encode()
CONTAINERS: Final = (b"moov", b"udta", b"trak")
DEEPEST: Final = 8

SEGMENT, TAGS, TAG, SIMPLE = 0x18538067, 0x1254C367, 0x7373, 0x67C8
TAG_NAME, TAG_TEXT, CLUSTER = 0x45A3, 0x4487, 0x1F43B675


def mp4(data: bytes) -> list[str]:
    return [
        text.decode("utf-8", "replace")
        for kind, start, end in _boxes(data, 0, len(data))
        if kind == b"moov"
        for text in _moov(data, start, end, 0)
    ]


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the body of each box."""
    while at + 8 <= end:
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        kind = data[at + 4 : at + 8]
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            # To the end; inside `udta` of QuickTime four zero bytes close the list.
            size = end - at
        if size < head or at + size > end:
            raise MediaRefused(Reason.UNREADABLE, "MP4", "MP4")
        yield kind, at + head, at + size
        at += size


def _moov(data: bytes, start: int, end: int, depth: int) -> Iterator[bytes]:
    for kind, first, last in _boxes(data, start, end):
        if kind in CONTAINERS and depth < DEEPEST:
            yield from _moov(data, first, last, depth + 1)
        elif kind == b"meta":
            # ISO has version and flags before the children, QuickTime has not.
            plain = data[first + 4 : first + 8] == b"hdlr"
            yield from _meta(data, first if plain else first + 4, last)


def _meta(data: bytes, start: int, end: int) -> Iterator[bytes]:
    inner = {kind: (first, last) for kind, first, last in _boxes(data, start, end)}
    keys = _keys(data, *inner[b"keys"]) if b"keys" in inner else []
    for kind, first, last in _boxes(data, *inner[b"ilst"]) if b"ilst" in inner else ():
        number = int.from_bytes(kind, "big")
        named = keys[number - 1] if 0 < number <= len(keys) else b""
        parts = [(name, data[a + 4 : b]) for name, a, b in _boxes(data, first, last)]
        if kind == b"----":  # free form: its own name
            named = next((body for name, body in parts if name == b"name"), b"")
        if named.upper() == KEY:
            # Behind version and flags stand the locale, then the text.
            yield from (body[4:] for name, body in parts if name == b"data")


def _keys(data: bytes, start: int, end: int) -> list[bytes]:
    return [data[first:last] for _, first, last in _boxes(data, start + 8, end)]


def matroska(data: bytes) -> list[str]:
    return [
        text
        for kind, start, end in _elements(data, 0, len(data))
        if kind == SEGMENT
        for kind, first, last in _elements(data, start, end)
        if kind == TAGS
        for kind, tag, tag_end in _elements(data, first, last)
        if kind == TAG
        for text in _simple(data, tag, tag_end, 0)
    ]


def _simple(data: bytes, start: int, end: int, depth: int) -> Iterator[str]:
    for kind, first, last in _elements(data, start, end):
        if kind != SIMPLE or depth > DEEPEST:
            continue
        parts = {kind: data[a:b] for kind, a, b in _elements(data, first, last)}
        if parts.get(TAG_NAME, b"").rstrip(b"\0").upper() == KEY:
            yield parts.get(TAG_TEXT, b"").rstrip(b"\0").decode("utf-8", "replace")
        yield from _simple(data, first, last, depth + 1)


def _elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Id, start and end of the body of each element."""
    while at < end:
        kind, at = _number(data, at, end, keep_marker=True)
        size, at = _number(data, at, end, keep_marker=False)
        if size < 0:  # unknown: a live recording; clusters then run on to the next of their level
            if kind == CLUSTER:
                raise MediaRefused(Reason.UNREADABLE, "live Matroska", "直播 Matroska")
            size = end - at
        if at + size > end:
            raise MediaRefused(Reason.UNREADABLE, "Matroska", "Matroska")
        yield kind, at, at + size
        at += size


def _number(data: bytes, at: int, end: int, *, keep_marker: bool) -> tuple[int, int]:
    first = data[at] if at < end else 0
    length = 9 - first.bit_length()
    if first == 0 or at + length > end:
        raise MediaRefused(Reason.UNREADABLE, "Matroska", "Matroska")
    value = int.from_bytes(data[at : at + length], "big")
    if not keep_marker:
        value &= (1 << 7 * length) - 1
        value = -1 if value == (1 << 7 * length) - 1 else value
    return value, at + length
