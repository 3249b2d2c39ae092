# SPDX-License-Identifier: Apache-2.0
"""MP3: the cue through ffmpeg (decode, splice, encode again), the block as ID3 `TXXX:AIGC`.

Rule: the listener's other tags stay. After encoding, the cue is looked for in the decoded
samples, since an encoder may do what it likes.
"""

from io import BytesIO
from typing import Any, Final

from genaiservice.api.label_config import AudioLabel, CueMode, MediaLimits
from genaiservice.guard.core.aigc import NAME
from genaiservice.guard.media import cue, rhythm, wav
from genaiservice.guard.media.ffmpeg import Workbench, source
from genaiservice.guard.media.outcome import Carrier, MediaRefused, Reason
from genaiservice.guard.media.rhythm import Samples

MOST_BYTES_A_SECOND: Final = 48_000 * 2 * 2
SLACK_SECONDS: Final = 0.3
"""What an encoder may add before and after, and how far the search reaches beyond a cue."""


def with_cue(bench: Workbench, data: bytes, label: AudioLabel, limits: MediaLimits) -> bytes:
    path = bench.put("in.mp3", data)
    shown = bench.probe(path, Carrier.MP3)
    rate = _number(shown.get("format", {}).get("bit_rate"))
    plain = _decode(bench, "in.mp3", limits)
    form = wav.form(plain)
    sound = cue.samples(label, form, limits)
    spliced = wav.with_cue(plain, lambda _: sound, label.positions, limits)
    bench.put("labelled.wav", spliced)
    encoded = bench.encode(
        *source(bench.folder / "labelled.wav", Carrier.WAV),
        *("-map_metadata", "-1", "-c:a", "libmp3lame"),
        *("-b:a", str(min(max(int(rate), 64_000), 320_000)), "-f", "mp3"),
        out="out.mp3",
    )
    _check(
        wav.samples(_decode(bench, "out.mp3", limits)), form, len(wav.samples(plain)), sound, label
    )
    return _with_tags_of(data, encoded)


def _decode(bench: Workbench, name: str, limits: MediaLimits) -> bytes:
    longest = limits.media_seconds + 60
    return bench.encode(
        *source(bench.folder / name, Carrier.MP3),
        # Longer files are cut here and refused by the limit on what was decoded.
        *("-map", "0:a:0", "-t", str(longest), "-c:a", "pcm_s16le", "-f", "wav"),
        out=f"{name}.wav",
        most=int(longest * MOST_BYTES_A_SECOND * 1.1),
    )


def _check(back: bytes, form: Samples, before: int, sound: bytes, label: AudioLabel) -> None:
    slack = round(SLACK_SECONDS * form.rate) * form.frame
    grown = len(back) - before - len(sound) * len(label.positions)
    if not -slack <= grown <= slack:
        raise MediaRefused(Reason.NOT_DRAWN, "MP3", "MP3")
    if label.mode is not CueMode.RHYTHM:
        return
    for at in rhythm.places(before, len(sound), form, label.positions).values():
        if not rhythm.heard(back[max(0, at - slack) : at + len(sound) + slack], form):
            raise MediaRefused(Reason.NOT_DRAWN, "MP3", "MP3")


def read(data: bytes) -> list[str]:
    return [str(text) for frame in _ours(_tags(data)) for text in frame.text]


def write(data: bytes, text: str) -> bytes:
    tags = _tags(data)
    for old in _ours(tags):
        del tags[old.HashKey]
    from mutagen.id3 import TXXX, Encoding

    frame: Any = TXXX  # mutagen has no types for its frames
    tags.add(frame(encoding=Encoding.UTF8, desc=NAME, text=[text]))
    return _saved(tags, data)


def _with_tags_of(data: bytes, encoded: bytes) -> bytes:
    tags = _tags(data)
    return _saved(tags, encoded) if tags else encoded


def _saved(tags: Any, data: bytes) -> bytes:
    out = BytesIO(data)
    tags.save(out)
    return out.getvalue()


def _tags(data: bytes) -> Any:
    try:
        from mutagen import MutagenError
        from mutagen.id3 import ID3, ID3NoHeaderError
    except ImportError as error:
        raise MediaRefused(Reason.NO_PROGRAM, "mutagen") from error
    kind: Any = ID3
    try:
        return kind(BytesIO(data))
    except ID3NoHeaderError:
        return kind()
    except (MutagenError, ValueError) as error:
        raise MediaRefused(Reason.UNREADABLE, "ID3", "ID3") from error


def _ours(tags: Any) -> list[Any]:
    return [frame for frame in tags.getall("TXXX") if frame.desc.upper() == NAME]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
