# SPDX-License-Identifier: Apache-2.0
"""XMP packets in JPEG, PNG, WebP and GIF: taken out of the file and put back in.

Pure functions over bytes. Rules: the picture's own data is not touched; a place where a reader
would look second (a further XMP packet, a PNG text chunk named AIGC) is read as well, since a
file may hold one AIGC block only.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from genaiservice.guard.core.aigc import NAME
from genaiservice.guard.media import riff, xmp
from genaiservice.guard.media.outcome import MediaRefused, Reason

JPEG_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
PNG_XMP: Final = b"XML:com.adobe.xmp\0"
GIF_XMP: Final = b"XMP DataXMP"
# Ends an application extension for readers that walk it in sub-blocks of the length named first.
GIF_TRAILER: Final = b"\x01" + bytes(range(0xFF, -1, -1)) + b"\0"
JPEG_ROOM: Final = 65533
TEXT_LIMIT: Final = 1024 * 1024


def broken(what: str) -> MediaRefused:
    return MediaRefused(Reason.UNREADABLE, what, what)


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment before the scan."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise broken("JPEG")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data) or end < at + 4:
            raise broken("JPEG")
        yield marker, at, end
        if marker == 0xDA:
            return
        at = end
    raise broken("JPEG")


def jpeg_packets(data: bytes) -> list[bytes]:
    return [data[start + 4 + len(JPEG_XMP) : end] for start, end in _jpeg_xmp(data)]


def _jpeg_xmp(data: bytes) -> list[tuple[int, int]]:
    return [
        (start, end)
        for marker, start, end in jpeg_segments(data)
        if marker == 0xE1 and data.startswith(JPEG_XMP, start + 4)
    ]


def jpeg_put(data: bytes, packet: bytes) -> bytes:
    body = JPEG_XMP + packet
    if len(body) > JPEG_ROOM:
        raise MediaRefused(Reason.TOO_LARGE, "XMP in JPEG", "JPEG 中的 XMP")
    for start, end in reversed(_jpeg_xmp(data)):
        data = data[:start] + data[end:]
    at = 2
    for marker, start, end in jpeg_segments(data):
        # JFIF and Exif have to come first.
        if marker not in (0xE0, 0xE1):
            at = start
            break
        at = end
    segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    return data[:at] + segment + data[at:]


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Type, body, start and end of each chunk."""
    at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        end = at + 12 + size
        if end > len(data):
            raise broken("PNG")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size], at, end
        if data[at + 4 : at + 8] == b"IEND":
            return
        at = end
    raise broken("PNG")


def png_texts(data: bytes) -> tuple[list[bytes], list[bytes], list[tuple[int, int]]]:
    """XMP packets, texts under the keyword AIGC, and the spans of both."""
    packets, texts, spans = [], [], []
    for kind, body, start, end in png_chunks(data):
        if kind not in (b"iTXt", b"tEXt", b"zTXt"):
            continue
        keyword, _, rest = body.partition(b"\0")
        if keyword + b"\0" == PNG_XMP and kind == b"iTXt":
            packets.append(_png_value(kind, rest))
        elif keyword == NAME.encode():
            texts.append(_png_value(kind, rest))
        else:
            continue
        spans.append((start, end))
    return packets, texts, spans


def _png_value(kind: bytes, rest: bytes) -> bytes:
    if kind == b"tEXt":
        return rest
    packed = kind == b"zTXt" or rest[:1] == b"\x01"
    value = rest[1:] if kind == b"zTXt" else rest[2:].split(b"\0", 2)[-1]
    if not packed:
        return value
    unpack = zlib.decompressobj()
    try:
        value = unpack.decompress(value, TEXT_LIMIT)
    except zlib.error as error:
        raise broken("PNG iTXt") from error
    if unpack.unconsumed_tail:
        raise MediaRefused(Reason.TOO_LARGE, "PNG text", "PNG 文本块")
    return value


def png_put(data: bytes, packet: bytes) -> bytes:
    for start, end in reversed(png_texts(data)[2]):
        data = data[:start] + data[end:]
    body = b"iTXt" + PNG_XMP + b"\0\0\0\0" + packet
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    first = next(png_chunks(data))[3]  # after IHDR
    return data[:first] + chunk + data[first:]


def webp_packets(data: bytes) -> list[bytes]:
    return [chunk.body for chunk in riff.chunks(data) if chunk.name == b"XMP "]


def webp_put(data: bytes, packet: bytes) -> bytes:
    kept = [chunk for chunk in riff.chunks(data) if chunk.name != b"XMP "]
    if not kept:
        raise broken("WebP")
    if kept[0].name == b"VP8X":
        flags = bytes([kept[0].body[0] | 0x04]) + kept[0].body[1:]
        kept[0] = riff.Chunk(name=b"VP8X", body=flags)
    else:
        kept.insert(0, riff.Chunk(name=b"VP8X", body=_webp_canvas(kept[0])))
    return riff.join(b"WEBP", [*kept, riff.Chunk(name=b"XMP ", body=packet)])


def _webp_canvas(chunk: riff.Chunk) -> bytes:
    """The extended header of a simple file: flags and the size of the canvas."""
    flags, body = 0x04, chunk.body
    if chunk.name == b"VP8L" and len(body) > 5:
        bits = int.from_bytes(body[1:5], "little")
        width, height = bits & 0x3FFF, bits >> 14 & 0x3FFF
        flags |= 0x10 if bits >> 28 & 1 else 0
    elif chunk.name == b"VP8 " and len(body) > 10:
        width = (int.from_bytes(body[6:8], "little") & 0x3FFF) - 1
        height = (int.from_bytes(body[8:10], "little") & 0x3FFF) - 1
    else:
        raise broken("WebP")
    return bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")


def gif_packets(data: bytes) -> list[bytes]:
    return [data[start + 14 : end - len(GIF_TRAILER)] for start, end in _gif_xmp(data)]


def gif_put(data: bytes, packet: bytes) -> bytes:
    for start, end in reversed(_gif_xmp(data)):
        data = data[:start] + data[end:]
    # The extension is of GIF89a; older readers skip what they do not know.
    trailer = data.rindex(b";")
    block = b"\x21\xff\x0b" + GIF_XMP + packet + GIF_TRAILER
    return b"GIF89a" + data[6:trailer] + block + data[trailer:]


def _gif_xmp(data: bytes) -> list[tuple[int, int]]:
    """Where application extensions with XMP stand; walks the blocks of the file."""
    spans = []
    at = 13 + _colours(data[10])
    while at < len(data) and data[at] != 0x3B:
        start = at
        if data[at] == 0x21:
            at += 2
        elif data[at] == 0x2C and at + 10 <= len(data):
            at += 11 + _colours(data[at + 9])
        else:
            raise broken("GIF")
        while at < len(data) and data[at]:  # sub-blocks
            at += data[at] + 1
        at += 1
        if data[start : start + 3] == b"\x21\xff\x0b" and data[start + 3 : start + 14] == GIF_XMP:
            spans.append((start, at))
    if at >= len(data):
        raise broken("GIF")
    return spans


def _colours(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def png_read(data: bytes) -> list[str]:
    packets, texts, _ = png_texts(data)
    stray = [text.decode("utf-8", "replace") for text in texts]
    return [text for packet in packets for text in xmp.read(packet)] + stray
