# SPDX-License-Identifier: Apache-2.0
"""RIFF chunks, as in WAV and WebP: split and joined. Pure functions over bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from genaiservice.guard.media.outcome import MediaRefused, Reason

MOST_CHUNKS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    name: bytes
    body: bytes


def chunks(data: bytes) -> list[Chunk]:
    """Every chunk. The last may claim more than there is: speech engines that stream write the
    header before they know the length.
    """
    found: list[Chunk] = []
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        name = data[at : at + 4]
        if not size and name == b"data":
            size = len(data)
        found.append(Chunk(name=name, body=data[at + 8 : at + 8 + size]))
        if len(found) > MOST_CHUNKS:
            raise MediaRefused(Reason.UNREADABLE, "RIFF", "RIFF")
        at += 8 + size + size % 2
    return found


def join(kind: bytes, parts: Sequence[Chunk]) -> bytes:
    body = b"".join(
        part.name
        + len(part.body).to_bytes(4, "little")
        + part.body
        + (b"\0" if len(part.body) % 2 else b"")
        for part in parts
    )
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + kind + body
