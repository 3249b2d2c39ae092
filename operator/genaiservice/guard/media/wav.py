# SPDX-License-Identifier: Apache-2.0
"""WAV: the cue in its samples, the block in its RIFF sub-chunk `AIGC`.

Pure functions over bytes. Rule: every other chunk stays as it is, but for the count of samples.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Final

from genaiservice.api.label_config import MediaLimits, Moment
from genaiservice.guard.core.aigc import NAME
from genaiservice.guard.media import rhythm, riff
from genaiservice.guard.media.outcome import MediaRefused, Reason
from genaiservice.guard.media.rhythm import Samples
from genaiservice.guard.media.riff import Chunk

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
RATES: Final = range(4000, 400_001)
MOST_CHANNELS: Final = 16
CHUNK: Final = NAME.encode()


def form(data: bytes) -> Samples:
    """How the file stores its samples; raises MediaRefused for compressed ones."""
    return _form(riff.chunks(data))


def samples(data: bytes) -> bytes:
    """The samples of the only data chunk."""
    return _samples(riff.chunks(data))


def with_cue(
    data: bytes, cue: Callable[[Samples], bytes], moments: Sequence[Moment], limits: MediaLimits
) -> bytes:
    """The file with the cue, sample for sample, at each moment; `cue` makes it in a form."""
    parts = riff.chunks(data)
    layout, pcm = _form(parts), _samples(parts)
    seconds = len(pcm) / layout.frame / layout.rate
    if seconds > limits.media_seconds:
        raise MediaRefused(Reason.TOO_LARGE, f"{seconds:.0f} s", f"{seconds:.0f} 秒")
    label = cue(layout)
    result = _replace(parts, rhythm.splice(pcm, label, layout, moments), layout)
    back = samples(result)
    where = rhythm.places(len(pcm), len(label), layout, moments)
    if not label or not where or not all(back.startswith(label, at) for at in where.values()):
        raise MediaRefused(Reason.NOT_DRAWN, "WAV", "WAV")
    return result


def _form(parts: Sequence[Chunk]) -> Samples:
    chunk = next((chunk for chunk in parts if chunk.name == b"fmt "), None)
    if chunk is None or len(chunk.body) < 16:
        raise MediaRefused(Reason.UNREADABLE, "WAV", "WAV")
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk.body[:16])
    if tag == EXTENSIBLE and len(chunk.body) >= 26:
        tag = int.from_bytes(chunk.body[24:26], "little")  # head of the sub-format
    known = (tag, bits) in {(PCM, 8), (PCM, 16), (PCM, 24), (PCM, 32), (FLOAT, 32), (FLOAT, 64)}
    if not known or not 1 <= channels <= MOST_CHANNELS or rate not in RATES:
        what = f"WAV format {tag}, {bits} bit, {channels} channels, {rate} Hz"
        raise MediaRefused(Reason.UNSUPPORTED, what, what)
    return Samples(rate=rate, channels=channels, bits=bits, floating=tag == FLOAT)


def _samples(parts: Sequence[Chunk]) -> bytes:
    found = [chunk.body for chunk in parts if chunk.name == b"data"]
    if len(found) != 1 or not found[0]:
        raise MediaRefused(Reason.UNREADABLE, "WAV", "WAV")
    return found[0]


def _replace(chunks: Sequence[Chunk], pcm: bytes, layout: Samples) -> bytes:
    parts = []
    for chunk in chunks:
        if chunk.name == b"data":
            parts.append(Chunk(name=b"data", body=pcm))
        elif chunk.name == b"fact":
            count = len(pcm) // layout.frame
            body = count.to_bytes(4, "little") + chunk.body[4:]
            parts.append(Chunk(name=b"fact", body=body))
        else:
            parts.append(chunk)
    return riff.join(b"WAVE", parts)


def read(data: bytes) -> list[str]:
    return [
        chunk.body.rstrip(b"\0").decode("utf-8", "replace")
        for chunk in riff.chunks(data)
        if chunk.name == CHUNK
    ]


def write(data: bytes, text: str) -> bytes:
    parts = [chunk for chunk in riff.chunks(data) if chunk.name != CHUNK]
    if not any(chunk.name == b"data" for chunk in parts):
        raise MediaRefused(Reason.UNREADABLE, "WAV", "WAV")
    return riff.join(b"WAVE", [*parts, Chunk(name=CHUNK, body=text.encode())])
