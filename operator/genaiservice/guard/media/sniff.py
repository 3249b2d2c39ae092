# SPDX-License-Identifier: Apache-2.0
"""Which carrier a file is, by its own first bytes; the media type only confirms it.

Rule: the name or header that came with a file is never believed against its content.
"""

from typing import Final

from genaiservice.guard.media.outcome import Carrier, MediaRefused, Reason

TYPES: Final[dict[str, Carrier]] = {
    "image/jpeg": Carrier.JPEG,
    "image/jpg": Carrier.JPEG,
    "image/png": Carrier.PNG,
    "image/apng": Carrier.PNG,
    "image/webp": Carrier.WEBP,
    "image/gif": Carrier.GIF,
    "image/tiff": Carrier.TIFF,
    "image/heic": Carrier.HEIF,
    "image/heif": Carrier.HEIF,
    "image/avif": Carrier.HEIF,
    "video/mp4": Carrier.MP4,
    "audio/mp4": Carrier.MP4,
    "video/quicktime": Carrier.MOV,
    "video/x-matroska": Carrier.MKV,
    "video/webm": Carrier.WEBM,
    "video/x-flv": Carrier.FLV,
    "video/x-msvideo": Carrier.AVI,
    "audio/wav": Carrier.WAV,
    "audio/x-wav": Carrier.WAV,
    "audio/wave": Carrier.WAV,
    "audio/vnd.wave": Carrier.WAV,
    "audio/mpeg": Carrier.MP3,
    "audio/mp3": Carrier.MP3,
    "application/pdf": Carrier.PDF,
    "text/markdown": Carrier.MARKDOWN,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": Carrier.OOXML,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": Carrier.OOXML,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": Carrier.OOXML,
}
"""Media type -> carrier. What is not here is no file that the guard lets out."""

WRITTEN: Final[dict[Carrier, str]] = {carrier: kind for kind, carrier in reversed(TYPES.items())}
"""Carrier -> its first media type above."""

_HEIF_BRANDS: Final = {b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1", b"avif", b"avis"}
_FIRST: Final = (
    (b"\xff\xd8\xff", Carrier.JPEG),
    (b"\x89PNG\r\n\x1a\n", Carrier.PNG),
    (b"GIF87a", Carrier.GIF),
    (b"GIF89a", Carrier.GIF),
    (b"II*\x00", Carrier.TIFF),
    (b"MM\x00*", Carrier.TIFF),
    (b"FLV\x01", Carrier.FLV),
    (b"ID3", Carrier.MP3),
    (b"PK\x03\x04", Carrier.OOXML),
    (b"%PDF-", Carrier.PDF),
)
_RIFF: Final = {b"WEBP": Carrier.WEBP, b"WAVE": Carrier.WAV, b"AVI ": Carrier.AVI}


def carrier(data: bytes, media_type: str) -> Carrier:
    """The carrier of `data`; raises MediaRefused when it is none, or not what was said."""
    plain = media_type.split(";")[0].strip().lower()
    said = TYPES.get(plain)
    found = of_content(data)
    if found is None and said is Carrier.MARKDOWN:
        return Carrier.MARKDOWN
    if found is None:
        raise MediaRefused(Reason.UNSUPPORTED, plain[:80] or "no media type", plain[:80])
    if said is not found:
        raise MediaRefused(Reason.MISMATCH, f"{found.value} as {plain[:80]}", f"{found.value}")
    return found


def guess(head: bytes, suffix: str) -> str:
    """The media type of a file that came without one; "" when nothing tells it."""
    found = of_content(head)
    if found is None and suffix.lower() in (".md", ".markdown"):
        found = Carrier.MARKDOWN
    return WRITTEN.get(found, "") if found else ""


def of_content(data: bytes) -> Carrier | None:
    for magic, found in _FIRST:
        if data.startswith(magic):
            return found
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand in _HEIF_BRANDS:
            return Carrier.HEIF
        return Carrier.MOV if brand == b"qt  " else Carrier.MP4
    if data[:4] == b"\x1a\x45\xdf\xa3":
        # The DocType stands in the first few bytes of the EBML header.
        return Carrier.WEBM if b"webm" in data[:64] else Carrier.MKV
    if len(data) > 2 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2:
        return Carrier.MP3  # frame sync of layer III; AAC in ADTS has layer bits 00
    return None
