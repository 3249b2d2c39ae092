# SPDX-License-Identifier: Apache-2.0
"""What is heard as the explicit label: the rhythm, or the operator's recording of the words.

Rule: only a file that was configured is played; nothing is synthesised here, and nobody checks
by machine what the recording says. Its length is bounded, so that it stays a label.
"""

from pathlib import Path
from typing import Final

from genaiservice.api.label_config import AudioLabel, CueMode, MediaLimits
from genaiservice.guard.media import rhythm, wav
from genaiservice.guard.media.ffmpeg import source, workbench
from genaiservice.guard.media.outcome import Carrier, MediaRefused, Reason
from genaiservice.guard.media.rhythm import Samples

SPEECH_SECONDS: Final = 15
SPEECH_BYTES: Final = 16 * 1024 * 1024


def samples(label: AudioLabel, form: Samples, limits: MediaLimits) -> bytes:
    """The cue in the form of the file that takes it."""
    if label.mode is CueMode.RHYTHM:
        return rhythm.cue(form)
    try:
        path = Path(label.speech_file)
        if path.stat().st_size > SPEECH_BYTES:
            raise MediaRefused(Reason.NO_SPEECH)
        recording = path.read_bytes()
        return _fitting(recording, form, limits)
    except OSError as error:
        raise MediaRefused(Reason.NO_SPEECH) from error


def _fitting(recording: bytes, form: Samples, limits: MediaLimits) -> bytes:
    if recording[:4] != b"RIFF":
        raise MediaRefused(Reason.NO_SPEECH)
    own = wav.form(recording)
    pcm = wav.samples(recording)
    if not 0.5 <= len(pcm) / own.frame / own.rate <= SPEECH_SECONDS:
        raise MediaRefused(Reason.NO_SPEECH)
    if own == form:
        return pcm
    kind = f"f{form.bits}le" if form.floating else f"s{form.bits}le"
    codec = "pcm_u8" if form.bits == 8 else f"pcm_{kind}"
    with workbench(limits, len(recording)) as bench:
        path = bench.put("speech.wav", recording)
        shape = ("-ar", str(form.rate), "-ac", str(form.channels), "-c:a", codec)
        most = form.rate * form.frame * (SPEECH_SECONDS + 5)
        turned = bench.encode(
            *source(path, Carrier.WAV), *shape, "-f", "wav", out="turned.wav", most=most
        )
    return wav.samples(turned)
