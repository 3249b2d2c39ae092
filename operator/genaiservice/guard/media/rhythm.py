# SPDX-License-Identifier: Apache-2.0
"""The rhythm cue of GB 45438-2025 5.3, short-long-short-short (Morse "AI"), as samples.

Pure functions over bytes: the cue in any linear sample format, spliced in and never mixed over
what is said, so that both stay audible.
"""

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from math import cos, pi, sin
from typing import Final

from genaiservice.api.label_config import Moment

UNIT_SECONDS: Final = 0.1
PATTERN: Final = (1, 3, 1, 1)
"""Length of each tone in units; a pause of one unit follows each."""
LEAD_UNITS: Final = 2
TONE_HZ: Final = 880
LOUDNESS: Final = 0.35
FADE_SECONDS: Final = 0.005
WINDOW_SECONDS: Final = 0.02
SECONDS: Final = UNIT_SECONDS * (LEAD_UNITS + sum(PATTERN) + len(PATTERN) + 1)
"""Length of the whole cue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """How samples are stored: whole numbers of `bits`, or floating point; interleaved."""

    rate: int
    channels: int
    bits: int
    floating: bool = False

    @property
    def frame(self) -> int:
        return self.channels * self.bits // 8

    @property
    def silence(self) -> bytes:
        return b"\x80" if self.bits == 8 else b"\0"


@lru_cache(maxsize=32)
def cue(form: Samples) -> bytes:
    """The whole cue with a short silence before and after it."""
    unit = round(form.rate * UNIT_SECONDS)
    values = [0.0] * (unit * LEAD_UNITS)
    for length in PATTERN:
        values += _tone(unit * length, form.rate) + [0.0] * unit
    values += [0.0] * unit
    return b"".join(_encode(value, form) * form.channels for value in values)


def places(pcm: int, cue_bytes: int, form: Samples, moments: Sequence[Moment]) -> dict[Moment, int]:
    """Where each cue begins, in bytes of the result, around `pcm` bytes of sound."""
    whole = pcm // form.frame * form.frame
    middle = whole // form.frame // 2 * form.frame
    found: dict[Moment, int] = {}
    for moment, before in ((Moment.START, 0), (Moment.MIDDLE, middle), (Moment.END, whole)):
        if moment in moments:
            found[moment] = before + len(found) * cue_bytes
    return found


def splice(pcm: bytes, cue_bytes: bytes, form: Samples, moments: Sequence[Moment]) -> bytes:
    """`pcm` with the cue put in at each moment; what was there stays whole."""
    whole = len(pcm) // form.frame * form.frame
    parts, at = [], 0
    for index, place in enumerate(places(whole, len(cue_bytes), form, moments).values()):
        upto = place - index * len(cue_bytes)
        parts += [pcm[at:upto], cue_bytes]
        at = upto
    return b"".join([*parts, pcm[at:whole]])


def heard(pcm: bytes, form: Samples) -> bool:
    """Whether short-long-short-short stands in 16-bit samples: a detector, no comparison."""
    values = array("h", pcm[: len(pcm) // form.frame * form.frame])
    if sys.byteorder == "big":
        values.byteswap()
    mono = values[:: form.channels]
    window = max(1, round(form.rate * WINDOW_SECONDS))
    powers = [
        _power(mono[at : at + window], form.rate) for at in range(0, len(mono) - window, window)
    ]
    # Half of the amplitude, where the window is filled by the tone alone.
    tones = [power > (LOUDNESS * 0.5) ** 2 for power in powers]
    runs = [(on, sum(1 for _ in group)) for on, group in groupby(tones)]
    unit = UNIT_SECONDS / WINDOW_SECONDS
    want = [(on, units * unit) for length in PATTERN for on, units in ((True, length), (False, 1))]
    want.pop()  # the last pause runs into what follows
    return any(
        all(
            on == wanted and abs(count - length) <= unit * 0.4
            for (on, count), (wanted, length) in zip(runs[at:], want, strict=False)
        )
        for at in range(len(runs) - len(want) + 1)
    )


def _power(window: "array[int]", rate: int) -> float:
    """Squared amplitude of the cue's pitch in the window (Goertzel), 1 for full scale."""
    turn = 2 * cos(2 * pi * TONE_HZ / rate)
    last = before = 0.0
    for value in window:
        last, before = value + turn * last - before, last
    energy = last * last + before * before - turn * last * before
    return energy * 4 / (len(window) * 32768) ** 2


def _tone(count: int, rate: int) -> list[float]:
    fade = max(1, round(rate * FADE_SECONDS))
    tone = []
    for index in range(count):
        edge = min(index, count - 1 - index)
        # Without the fade each tone would start and end in a click.
        gain = 0.5 - 0.5 * cos(pi * edge / fade) if edge < fade else 1.0
        tone.append(LOUDNESS * gain * sin(2 * pi * TONE_HZ * index / rate))
    return tone


def _encode(value: float, form: Samples) -> bytes:
    if form.floating:
        return struct.pack("<f" if form.bits == 32 else "<d", value)
    if form.bits == 8:
        return bytes([128 + round(value * 127)])
    top = (1 << form.bits - 1) - 1
    return round(value * top).to_bytes(form.bits // 8, "little", signed=True)
