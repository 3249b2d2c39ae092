# SPDX-License-Identifier: Apache-2.0
"""The one entry: `label` puts both labels into a file, `inspect` reads what a file carries.

`label` blocks for as long as the work takes (at most `limits.work_seconds` in ffmpeg): call it in
a thread, as `guard/labelling.py` does. Rule: it returns a file whose labels were read back, or a
refusal; never the original.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from genaiservice.api.label_config import AudioLabel, Foreign, MediaLabels, MediaLimits
from genaiservice.api.problem import ProblemError, Text
from genaiservice.guard.core import aigc
from genaiservice.guard.core.aigc import Aigc, Standing
from genaiservice.guard.media import (
    cue,
    images,
    markdown,
    metadata,
    mp3,
    ooxml,
    sniff,
    video,
    wav,
)
from genaiservice.guard.media.ffmpeg import workbench
from genaiservice.guard.media.outcome import (
    Carrier,
    Found,
    Labelled,
    LabelPlan,
    MediaRefused,
    Reason,
    Refused,
)

VIDEO: Final = (Carrier.MP4, Carrier.MOV, Carrier.MKV, Carrier.WEBM)
DAMAGE: Final = (
    ValueError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    MemoryError,
    EOFError,
    struct.error,
    OSError,
)
"""What a parser may raise for hostile bytes besides its own refusal."""
_BROKEN_BEFORE: Final = Text(en="a broken AIGC block was replaced", zh="已替换不合格的 AIGC 标识")
_KEPT: Final = Text(
    en="the sound label of another producer was kept", zh="已保留其他提供者的有效标识"
)


def label(data: bytes | Path, media_type: str, plan: LabelPlan) -> Labelled | Refused:
    """The file with both labels, or why it may not leave."""
    try:
        return _label(_bytes(data, plan.labels.limits), media_type, plan)
    except MediaRefused as error:
        return Refused(reason=error.reason, problem=error.problem)
    except DAMAGE:
        damaged = MediaRefused(Reason.UNREADABLE)
        return Refused(reason=damaged.reason, problem=damaged.problem)


def inspect(
    data: bytes | Path, media_type: str, ours: str = "", limits: MediaLimits | None = None
) -> tuple[Carrier, tuple[Found, ...]]:
    """Every AIGC block of a file and what it is; raises MediaRefused for what cannot be read."""
    try:
        content = _bytes(data, limits or MediaLimits())
        carrier = sniff.carrier(content, media_type)
        return carrier, _found(content, carrier, ours)
    except MediaRefused:
        raise
    except DAMAGE as error:
        raise MediaRefused(Reason.UNREADABLE) from error


def _label(data: bytes, media_type: str, plan: LabelPlan) -> Labelled:
    carrier = sniff.carrier(data, media_type)
    before = _found(data, carrier, plan.labels.producer_code)
    block, notes = _block(before, plan)
    work = _video if carrier in VIDEO else _plain
    result, drawn = work(data, carrier, block, plan)
    if sniff.of_content(result) is not (None if carrier is Carrier.MARKDOWN else carrier):
        raise MediaRefused(Reason.NOT_KEPT)
    return Labelled(
        data=result,
        media_type=media_type,
        carrier=carrier,
        block=block,
        drawn=drawn,
        notes=notes,
    )


def _bytes(data: bytes | Path, limits: MediaLimits) -> bytes:
    size = len(data) if isinstance(data, bytes) else data.stat().st_size
    if size > limits.file_bytes:
        raise MediaRefused(Reason.TOO_LARGE, f"{size} bytes", f"{size} 字节")
    return data if isinstance(data, bytes) else data.read_bytes()


def _found(data: bytes, carrier: Carrier, ours: str) -> tuple[Found, ...]:
    found = []
    for raw in metadata.read(data, carrier):
        outer = metadata.wrapped(carrier)
        problems = aigc.faults(raw, wrapped=outer)
        block = None if problems else aigc.parse(raw, wrapped=outer)
        standing = aigc.standing(block, ours)
        found.append(Found(standing=standing, raw=raw, block=block, problems=problems))
    return tuple(found)


def _block(before: tuple[Found, ...], plan: LabelPlan) -> tuple[Aigc, tuple[Text, ...]]:
    """The block that the file will carry, and what happened to those that it had."""
    foreign = [one.block for one in before if one.standing is Standing.FOREIGN and one.block]
    if foreign and plan.labels.foreign is Foreign.REFUSE:
        raise MediaRefused(Reason.FOREIGN)
    if foreign and plan.labels.foreign is Foreign.KEEP:
        return foreign[0], (_KEPT,)
    sound = [one.block for one in before if one.block]
    kept = next((aigc.propagation(one) for one in sound if any(aigc.propagation(one))), None)
    broken = any(one.standing is Standing.BROKEN for one in before)
    try:
        block = aigc.build(
            plan.labels.producer_code,
            plan.produce_id,
            reserved=plan.reserved_code,
            kept=kept or ("", "", ""),
        )
    except ProblemError as error:
        first = error.problems[0]
        where = f"{first.where} {first.what.en}", f"{first.where} {first.what.zh}"
        raise MediaRefused(Reason.NOT_DECLARED, *where) from error
    return block, (_BROKEN_BEFORE,) if broken else ()


def _plain(data: bytes, carrier: Carrier, block: Aigc, plan: LabelPlan) -> tuple[bytes, str]:
    kept, drawn = metadata.packet(data, carrier), ""
    if plan.explicit:
        data, drawn = _EXPLICIT[carrier](data, carrier, plan.labels)
    return metadata.written(data, carrier, block, kept), drawn


def _video(data: bytes, carrier: Carrier, block: Aigc, plan: LabelPlan) -> tuple[bytes, str]:
    labels, text, drawn = plan.labels, aigc.render(block), ""
    with workbench(labels.limits, len(data)) as bench:
        if plan.explicit:
            video.check_limits(bench, data, carrier, labels.limits)
            result = video.label(bench, data, carrier, labels.video, labels.font, text)
            drawn = f"{labels.video.position.value} 0-{labels.video.min_seconds:g} s"
        else:
            result = video.tag(bench, data, carrier, text)
    metadata.check(result, carrier, block)
    return result, drawn


def _picture(data: bytes, carrier: Carrier, labels: MediaLabels) -> tuple[bytes, str]:
    return images.draw(data, carrier, labels.image, labels.font, labels.limits)


def _wav(data: bytes, _: Carrier, labels: MediaLabels) -> tuple[bytes, str]:
    look = labels.audio
    result = wav.with_cue(
        data, lambda form: cue.samples(look, form, labels.limits), look.positions, labels.limits
    )
    return result, _audible(look)


def _mp3(data: bytes, _: Carrier, labels: MediaLabels) -> tuple[bytes, str]:
    with workbench(labels.limits, len(data)) as bench:
        return mp3.with_cue(bench, data, labels.audio, labels.limits), _audible(labels.audio)


def _audible(look: AudioLabel) -> str:
    return f"{look.mode.value} {', '.join(look.positions)}"


def _markdown(data: bytes, _: Carrier, labels: MediaLabels) -> tuple[bytes, str]:
    return markdown.with_label(data, labels.document_text), "first line"


def _ooxml(data: bytes, _: Carrier, labels: MediaLabels) -> tuple[bytes, str]:
    return ooxml.with_label(data, labels.document_text), "first paragraph"


_EXPLICIT: Final[dict[Carrier, Callable[[bytes, Carrier, MediaLabels], tuple[bytes, str]]]] = {
    Carrier.JPEG: _picture,
    Carrier.PNG: _picture,
    Carrier.WEBP: _picture,
    Carrier.GIF: _picture,
    Carrier.WAV: _wav,
    Carrier.MP3: _mp3,
    Carrier.MARKDOWN: _markdown,
    Carrier.OOXML: _ooxml,
}
