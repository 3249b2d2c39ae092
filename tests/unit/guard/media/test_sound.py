# SPDX-License-Identifier: Apache-2.0
"""The rhythm in WAV: heard by an ear of the tests' own, at the places that were declared."""

import struct
from itertools import groupby
from pathlib import Path

import pytest

from genaiservice.guard.media import rhythm, riff, wav
from genaiservice.guard.media.outcome import Reason
from genaiservice.guard.media.rhythm import Samples
from tests.unit.guard.media import samples
from tests.unit.guard.media.samples import labelled, plan, refused


def loud_runs(pcm: bytes, rate: int) -> list[tuple[bool, float]]:
    """Loud and silent stretches of 16-bit mono samples, in seconds."""
    values = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    step = rate // 100
    peaks = [max(map(abs, values[at : at + step])) > 2000 for at in range(0, len(values), step)]
    return [(loud, sum(1 for _ in group) / 100) for loud, group in groupby(peaks)]


def test_the_cue_is_short_long_short_short() -> None:
    form = Samples(rate=16000, channels=1, bits=16)
    tones = [seconds for loud, seconds in loud_runs(rhythm.cue(form), 16000) if loud]
    assert len(tones) == 4
    assert tones[0] == pytest.approx(tones[2], abs=0.03)
    assert tones[0] == pytest.approx(tones[3], abs=0.03)
    assert tones[1] >= 2.5 * tones[0]


def test_the_speech_stays_whole_around_the_cue() -> None:
    before = wav.samples(samples.wav(1))
    after = wav.samples(labelled(samples.wav(1), "audio/wav").data)
    cue = rhythm.cue(Samples(rate=16000, channels=1, bits=16))
    assert after == cue + before


@pytest.mark.parametrize(
    ("positions", "places"),
    [
        (["Start"], [0]),
        (["End"], [1]),
        (["Middle"], [0.5]),
        (["Start", "End"], [0, 1]),
        (["End", "Middle", "Start"], [0, 0.5, 1]),
    ],
)
def test_the_cue_is_heard_at_each_declared_place(positions: list[str], places: list[float]) -> None:
    form = Samples(rate=16000, channels=1, bits=16)
    cue = rhythm.cue(form)
    data = labelled(samples.wav(1), "audio/wav", plan(audio={"positions": positions})).data
    pcm = wav.samples(data)
    assert pcm.count(cue) == len(places)
    for index, place in enumerate(places):
        at = int(place * 32000) + index * len(cue)
        assert pcm[at : at + len(cue)] == cue
        assert rhythm.heard(pcm[at : at + len(cue)], form)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_every_linear_format_takes_the_cue(rate: int, bits: int, channels: int) -> None:
    before = samples.wav(0.5, rate, channels, bits)
    after = labelled(before, "audio/wav").data
    frame = channels * bits // 8
    grown = (len(wav.samples(after)) - len(wav.samples(before))) / frame / rate
    assert grown == pytest.approx(rhythm.SECONDS, abs=0.01)


def test_a_length_that_was_not_known_when_it_was_written_is_put_right() -> None:
    result = labelled(samples.wav(1, streamed=True), "audio/wav")
    assert result.data[4:8] == (len(result.data) - 8).to_bytes(4, "little")
    assert len(wav.samples(result.data)) == 32000 + len(
        rhythm.cue(Samples(rate=16000, channels=1, bits=16))
    )


def test_chunks_of_others_stay() -> None:
    data = samples.wav(1) + b"LIST\x04\0\0\0INFO" + b"fact\x04\0\0\0\0\0\0\0"
    result = labelled(data, "audio/wav").data
    assert b"LIST\x04\0\0\0INFO" in result
    assert b"fact\x04\0\0\0" + (len(wav.samples(result)) // 2).to_bytes(4, "little") in result
    assert [chunk.name for chunk in riff.chunks(result)] == [
        b"fmt ",
        b"data",
        b"LIST",
        b"fact",
        b"AIGC",
    ]


def test_a_recording_that_says_the_label_is_played(tmp_path: Path) -> None:
    path, speech = tmp_path / "label.wav", samples.wav(0.7)
    path.write_bytes(speech)
    how = plan(audio={"mode": "Speech", "speechFile": str(path), "positions": ["End"]})
    after = wav.samples(labelled(samples.wav(1), "audio/wav", how).data)
    assert after == wav.samples(samples.wav(1)) + wav.samples(speech)


@pytest.mark.parametrize(
    "speech",
    [None, b"", b"ID3 no wav", samples.wav(0.1), samples.wav(16)],
    ids=["absent", "empty", "MP3", "too short", "too long"],
)
def test_a_recording_that_is_no_label_refuses_the_file(
    tmp_path: Path, speech: bytes | None
) -> None:
    path = tmp_path / "label.wav"
    if speech is not None:
        path.write_bytes(speech)
    how = plan(audio={"mode": "Speech", "speechFile": str(path)})
    assert refused(samples.wav(1), "audio/wav", how) is Reason.NO_SPEECH


def test_longer_sound_than_the_limit_is_refused() -> None:
    limits = plan(limits={"mediaSeconds": 1})
    assert refused(samples.wav(1.1), "audio/wav", limits) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("tag", "bits"), [(6, 8), (2, 4), (1, 12), (3, 16)], ids=["A-law", "ADPCM", "12 bit", "half"]
)
def test_compressed_samples_are_refused(tag: int, bits: int) -> None:
    data = bytearray(samples.wav(0.2))
    data[20:22] = tag.to_bytes(2, "little")
    data[34:36] = bits.to_bytes(2, "little")
    assert refused(bytes(data), "audio/wav") is Reason.UNSUPPORTED


def test_the_detector_does_not_hear_the_rhythm_where_there_is_none() -> None:
    form = Samples(rate=16000, channels=1, bits=16)
    cue = rhythm.cue(form)
    half = len(cue) // 4 * 2
    assert rhythm.heard(cue, form)
    assert not rhythm.heard(wav.samples(samples.wav(2)), form)
    assert not rhythm.heard(cue[half:] + cue[:half], form)
    assert not rhythm.heard(bytes(len(cue)), form)
