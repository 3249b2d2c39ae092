# SPDX-License-Identifier: Apache-2.0
"""The AIGC blocks of a file by carrier: which function reads and which writes them.

Rule: `written` is the only way in: what was written is read back, must be the only block and the
same text, otherwise the file is refused.
"""

from collections.abc import Callable
from typing import Final

from genaiservice.guard.core import aigc
from genaiservice.guard.core.aigc import Aigc
from genaiservice.guard.media import boxes, markdown, mp3, ooxml, pictures, wav, xmp
from genaiservice.guard.media.outcome import Carrier, MediaRefused, Reason

Packets = Callable[[bytes], list[bytes]]
Put = Callable[[bytes, bytes], bytes]


def _from_packets(packets: Packets) -> Callable[[bytes], list[str]]:
    return lambda data: [text for packet in packets(data) for text in xmp.read(packet)]


READERS: Final[dict[Carrier, Callable[[bytes], list[str]]]] = {
    Carrier.JPEG: _from_packets(pictures.jpeg_packets),
    Carrier.PNG: pictures.png_read,
    Carrier.WEBP: _from_packets(pictures.webp_packets),
    Carrier.GIF: _from_packets(pictures.gif_packets),
    Carrier.WAV: wav.read,
    Carrier.MP3: mp3.read,
    Carrier.MP4: boxes.mp4,
    Carrier.MOV: boxes.mp4,
    Carrier.MKV: boxes.matroska,
    Carrier.WEBM: boxes.matroska,
    Carrier.OOXML: ooxml.read,
    Carrier.MARKDOWN: markdown.read,
}
PACKETS: Final[dict[Carrier, tuple[Packets, Put]]] = {
    Carrier.JPEG: (pictures.jpeg_packets, pictures.jpeg_put),
    Carrier.PNG: (lambda data: pictures.png_texts(data)[0], pictures.png_put),
    Carrier.WEBP: (pictures.webp_packets, pictures.webp_put),
    Carrier.GIF: (pictures.gif_packets, pictures.gif_put),
}
"""Carriers of XMP: how packets are taken out and how one is put in."""
WRITERS: Final[dict[Carrier, Callable[[bytes, str], bytes]]] = {
    Carrier.WAV: wav.write,
    Carrier.MP3: mp3.write,
    Carrier.OOXML: ooxml.write,
    Carrier.MARKDOWN: markdown.write,
}


def wrapped(carrier: Carrier) -> bool:
    """Whether the fields stand under the outer key `AIGC` in this carrier."""
    return carrier is not Carrier.OOXML


def read(data: bytes, carrier: Carrier) -> list[str]:
    """The raw text of every block; raises MediaRefused for a carrier that has no reader."""
    if carrier not in READERS:
        raise MediaRefused(Reason.UNSUPPORTED, carrier.value)
    return READERS[carrier](data)


def packet(data: bytes, carrier: Carrier) -> bytes:
    """The XMP packet of a picture, b"" without one: drawing must not lose it."""
    found = PACKETS[carrier][0](data) if carrier in PACKETS else []
    return found[0] if found else b""


def written(data: bytes, carrier: Carrier, block: Aigc, kept: bytes = b"") -> bytes:
    """`data` with `block`; `kept` is the XMP packet that the original had."""
    text = aigc.render(block, wrapped=wrapped(carrier))
    if carrier in PACKETS:
        result = PACKETS[carrier][1](data, xmp.write(kept, text))
    else:
        result = WRITERS[carrier](data, text)
    check(result, carrier, block)
    return result


def check(data: bytes, carrier: Carrier, block: Aigc) -> None:
    """Reads back: exactly one block, and it is this one (GB 45438-2025 6.1)."""
    found = read(data, carrier)
    if len(found) != 1:
        raise MediaRefused(Reason.NOT_KEPT, f"{len(found)} blocks", f"{len(found)} 个标识")
    if aigc.faults(found[0], wrapped=wrapped(carrier)):
        raise MediaRefused(Reason.NOT_KEPT)
    if aigc.parse(found[0], wrapped=wrapped(carrier)) != block:
        raise MediaRefused(Reason.NOT_KEPT)
