# SPDX-License-Identifier: Apache-2.0
"""How files that leave the service are labelled: the part `media` of the guard's configuration.

The operator renders it from `spec.compliance.labelling` and `provider.aigcProviderCode`; the
guard and `genaictl label` read it. Rule: the least that the Labelling Measures and GB 45438 ask
for (5 % of the shortest side, 2 seconds, both elements) is the least that can be configured.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from genaiservice.api import provider_code
from genaiservice.api.fields import Fields
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Problem, ProblemError, Text

LEAST_HEIGHT: Final = 5.0
LEAST_SECONDS: Final = 2.0
LEAST_LOG_DAYS: Final = 184
"""Six months: how long the log of unlabelled files is kept (Labelling Measures Art. 9)."""
DEFAULT_TEXT: Final = "AI生成"


class Position(StrEnum):
    """Edge is the middle of the lower edge."""

    TOP_LEFT = "TopLeft"
    TOP_RIGHT = "TopRight"
    BOTTOM_LEFT = "BottomLeft"
    BOTTOM_RIGHT = "BottomRight"
    EDGE = "Edge"


class CueMode(StrEnum):
    """Rhythm: short-long-short-short (Morse "AI"). Speech: a recording that says the label."""

    RHYTHM = "Rhythm"
    SPEECH = "Speech"


class Moment(StrEnum):
    START = "Start"
    MIDDLE = "Middle"
    END = "End"


class Foreign(StrEnum):
    """What happens to a file that already carries another producer's sound label.

    Refuse: the file does not leave. Keep: their metadata stays and ours is not written. Replace:
    ours is written, and their propagator fields stay.
    """

    REFUSE = "Refuse"
    KEEP = "Keep"
    REPLACE = "Replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLabel:
    label_text: str = DEFAULT_TEXT
    min_height_percent_of_short_side: float = LEAST_HEIGHT
    position: Position = Position.BOTTOM_RIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioLabel:
    """`speech_file`: a WAV file that says the label, for CueMode.SPEECH."""

    mode: CueMode = CueMode.RHYTHM
    positions: tuple[Moment, ...] = (Moment.START,)
    speech_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLabel:
    label_text: str = DEFAULT_TEXT
    min_seconds: float = LEAST_SECONDS
    min_height_percent_of_short_side: float = LEAST_HEIGHT
    position: Position = Position.TOP_LEFT


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """Beyond these a file is refused unread or unfinished; `work_seconds` is for one file."""

    file_bytes: int = 64 * 1024 * 1024
    pixels: int = 40_000_000
    frames: int = 200
    media_seconds: float = 600
    work_seconds: float = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLabels:
    """`producer_code` empty: no file can be labelled, so none leaves. `font`: "" finds one.

    `unlabelled_on_request`: a user who accepted the agreement may ask for a file without the label
    that people perceive (Labelling Measures Art. 9); its metadata is written all the same.
    """

    producer_code: str = ""
    image: ImageLabel = ImageLabel()
    audio: AudioLabel = AudioLabel()
    video: VideoLabel = VideoLabel()
    document_text: str = "本内容由人工智能生成"
    foreign: Foreign = Foreign.REFUSE
    unlabelled_on_request: bool = False
    font: str = ""
    limits: MediaLimits = MediaLimits()


def parse(tree: Any, where: str = "media") -> MediaLabels:
    """The labels in `tree`; raises ProblemError with every fault found."""
    problems: list[Problem] = []
    labels = read(Fields(tree, where, problems))
    if problems:
        raise ProblemError(*problems)
    return labels


def read(root: Fields) -> MediaLabels:
    labels = MediaLabels(
        producer_code=_producer_code(root),
        image=_image(root.child("image")),
        audio=_audio(root.child("audio")),
        video=_video(root.child("video")),
        document_text=_label_text(root, "documentText", MediaLabels().document_text),
        foreign=root.choice("foreign", Foreign.REFUSE),
        unlabelled_on_request=root.boolean("unlabelledOnRequest", False),
        font=root.text("font", ""),
        limits=_limits(root.child("limits")),
    )
    root.end()
    return labels


def of_declaration(compliance: Json, speech_file: str = "") -> dict[str, Any]:
    """The JSON of this part for `spec.compliance` of a GenAIService that the rules allowed.

    What is not declared is left out, so that the defaults of the standard hold.
    """
    asked = {
        "image": ("labelText", "minHeightPercentOfShortSide", "position"),
        "audio": ("mode", "positions"),
        "video": ("labelText", "minSeconds", "minHeightPercentOfShortSide"),
    }
    media: dict[str, Any] = {}
    for part, keys in asked.items():
        declared = lookup(compliance, "labelling", part, default=None) or {}
        if chosen := {key: declared[key] for key in keys if declared.get(key)}:
            media[part] = chosen
    if speech_file:
        media.setdefault("audio", {})["speechFile"] = speech_file
    if _excepted(lookup(compliance, "labelling", "unlabelledOnRequest", default=None)):
        media["unlabelledOnRequest"] = True
    if code := lookup(compliance, "provider", "aigcProviderCode", default=""):
        media["producerCode"] = code
    return media


def _excepted(declared: Any) -> bool:
    days = lookup(declared, "logRetentionDays")
    kept = isinstance(days, int) and days >= LEAST_LOG_DAYS
    return kept and all(lookup(declared, key) is True for key in ("enabled", "agreementClause"))


def has_both_elements(text: str) -> bool:
    """GB 45438 5.1-5.4: artificial intelligence, and generated or synthesised."""
    return ("人工智能" in text or "AI" in text) and ("生成" in text or "合成" in text)


def _producer_code(root: Fields) -> str:
    code = root.text("producerCode", "", most=64)
    if code and not provider_code.is_producer_code(code):
        root.report(
            "producerCode",
            Text(en="is no code of a producer", zh="不是生成服务提供者编码"),
            Text(
                en="write the 27 characters of provider.aigcProviderCode, 1 at position 23",
                zh="请填写 provider.aigcProviderCode 的 27 位编码，第 23 位为 1",
            ),
            Text(en="GB 45438 Annex E, TC260-PG-20252A", zh="GB 45438 附录 E、TC260-PG-20252A"),
        )
    return code


def _label_text(read_: Fields, key: str, default: str) -> str:
    text = read_.text(key, default, most=200)
    if not has_both_elements(text) or "\n" in text:
        read_.report(
            key,
            Text(en="lacks an element of the label", zh="缺少标识要素"),
            Text(
                en="write one line with 人工智能 or AI, and 生成 or 合成",
                zh="请填写一行含“人工智能”或“AI”以及“生成”或“合成”的文字",
            ),
            Text(en="GB 45438-2025, chapter 5", zh="GB 45438-2025 第 5 章"),
        )
    return text


def _image(read_: Fields) -> ImageLabel:
    label = ImageLabel(
        label_text=_label_text(read_, "labelText", DEFAULT_TEXT),
        min_height_percent_of_short_side=read_.number(
            "minHeightPercentOfShortSide", LEAST_HEIGHT, least=LEAST_HEIGHT, most=50
        ),
        position=read_.choice("position", Position.BOTTOM_RIGHT),
    )
    read_.end()
    return label


def _audio(read_: Fields) -> AudioLabel:
    known = {moment.value: moment for moment in Moment}
    written = read_.texts("positions", most=3) or (Moment.START.value,)
    if unknown := [name[:40] for name in written if name not in known]:
        read_.report(
            "positions",
            Text(en=f"does not know {', '.join(unknown)}", zh=f"不支持 {'、'.join(unknown)}"),
            Text(en=f"write some of {', '.join(known)}", zh=f"请从 {'、'.join(known)} 中选择"),
        )
    label = AudioLabel(
        mode=read_.choice("mode", CueMode.RHYTHM),
        positions=tuple(moment for name, moment in known.items() if name in written),
        speech_file=read_.text("speechFile", ""),
    )
    if label.mode is CueMode.SPEECH and not label.speech_file:
        read_.report(
            "speechFile",
            Text(en="is missing", zh="缺失"),
            Text(
                en="name a WAV file that says the label, or set mode to Rhythm",
                zh="请指定播报标识的 WAV 文件，或将 mode 设为 Rhythm",
            ),
        )
    read_.end()
    return label


def _video(read_: Fields) -> VideoLabel:
    label = VideoLabel(
        label_text=_label_text(read_, "labelText", DEFAULT_TEXT),
        min_seconds=read_.number("minSeconds", LEAST_SECONDS, least=LEAST_SECONDS, most=86400),
        min_height_percent_of_short_side=read_.number(
            "minHeightPercentOfShortSide", LEAST_HEIGHT, least=LEAST_HEIGHT, most=50
        ),
        position=read_.choice("position", Position.TOP_LEFT),
    )
    read_.end()
    return label


def _limits(read_: Fields) -> MediaLimits:
    least = MediaLimits()
    limits = MediaLimits(
        file_bytes=read_.integer("fileBytes", least.file_bytes, least=1024, most=2 * 1024**3),
        pixels=read_.integer("pixels", least.pixels, least=4096, most=80_000_000),
        frames=read_.integer("frames", least.frames, least=1, most=10_000),
        media_seconds=read_.number("mediaSeconds", least.media_seconds, least=1, most=86400),
        work_seconds=read_.number("workSeconds", least.work_seconds, least=1, most=3600),
    )
    read_.end()
    return limits
