# SPDX-License-Identifier: Apache-2.0
"""What comes out of labelling: a labelled file, or a refusal that says what, why and what next.

Rule: there is no third outcome. A file whose labels could not be read back is refused.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from genaiservice.api.label_config import MediaLabels
from genaiservice.api.problem import Problem, ProblemError, Text
from genaiservice.guard.core.aigc import Aigc, Standing


class Carrier(StrEnum):
    """File formats by the names of `labelling.metadata.carriers`."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    GIF = "GIF"
    TIFF = "TIFF"
    HEIF = "HEIF"
    MP4 = "MP4"
    MOV = "MOV"
    MKV = "MKV"
    WEBM = "WebM"
    FLV = "FLV"
    AVI = "AVI"
    WAV = "WAV"
    MP3 = "MP3"
    OOXML = "OOXML"
    PDF = "PDF"
    MARKDOWN = "Markdown"


class Reason(StrEnum):
    UNSUPPORTED = "UnsupportedCarrier"
    MISMATCH = "TypeMismatch"
    UNREADABLE = "Unreadable"
    TOO_LARGE = "TooLarge"
    TOO_SLOW = "TookTooLong"
    FOREIGN = "ForeignLabel"
    NOT_DRAWN = "LabelNotDrawn"
    NOT_KEPT = "MetadataNotKept"
    NO_FONT = "NoFont"
    NO_PROGRAM = "NoProgram"
    NO_SPEECH = "NoSpeechRecording"
    NOT_DECLARED = "NotDeclared"
    NOT_RECORDED = "NotRecorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPlan:
    """How to label one file; `produce_id` is its own number, drawn by the caller.

    `explicit=False` only on the exception path of Art. 9 of the Labelling Measures, whose log the
    caller keeps: the metadata is written all the same.
    """

    labels: MediaLabels
    produce_id: str
    reserved_code: str = ""
    explicit: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """`drawn`: where the explicit label stands, "" without one. `notes`: what was done besides."""

    data: bytes
    media_type: str
    carrier: Carrier
    block: Aigc
    drawn: str = ""
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    reason: Reason
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One block of a file as `inspect` reads it; `problems` is empty for a sound one."""

    standing: Standing
    raw: str
    block: Aigc | None
    problems: tuple[Problem, ...] = ()


class MediaRefused(ProblemError):
    """A file that may not leave. `detail` is a figure or a name, never content of the file."""

    def __init__(self, reason: Reason, en: str = "", zh: str = "") -> None:
        what, why, next_ = TEXTS[reason]
        if en:
            what = Text(en=f"{what.en}: {en}", zh=f"{what.zh}：{zh or en}")
        self.reason = reason
        self.problem = Problem(what=what, why=why, next=next_)
        super().__init__(self.problem)


def _texts(en: tuple[str, str, str], zh: tuple[str, str, str]) -> tuple[Text, Text, Text]:
    what, why, next_ = (Text(en=a, zh=b) for a, b in zip(en, zh, strict=True))
    return what, why, next_


_MEASURES_EN: Final = "Labelling Measures Art. 4 and 5 ask for both labels in every exported file"
_MEASURES_ZH: Final = "《标识办法》第四条、第五条要求导出文件同时具有显式与隐式标识"
TEXTS: Final[dict[Reason, tuple[Text, Text, Text]]] = {
    Reason.UNSUPPORTED: _texts(
        (
            "files of this format cannot be labelled here",
            _MEASURES_EN,
            "export JPEG, PNG, WebP, GIF, MP4, MOV, MKV, WebM, WAV, MP3, DOCX or Markdown",
        ),
        (
            "无法为该格式的文件添加标识",
            _MEASURES_ZH,
            "请导出 JPEG、PNG、WebP、GIF、MP4、MOV、MKV、WebM、WAV、MP3、DOCX 或 Markdown",
        ),
    ),
    Reason.MISMATCH: _texts(
        (
            "the content is not what its media type says",
            "a file must be labelled as what it is",
            "send the media type of the content",
        ),
        ("文件内容与媒体类型不符", "须按文件的真实格式添加标识", "请使用与内容一致的媒体类型"),
    ),
    Reason.UNREADABLE: _texts(
        ("the file cannot be read", "what cannot be read cannot be labelled", "send a whole file"),
        ("无法读取文件", "无法读取的文件不能添加标识", "请提供完整的文件"),
    ),
    Reason.TOO_LARGE: _texts(
        (
            "the file is beyond a limit",
            "work and memory for one file are bounded",
            "make it smaller, or raise media.limits",
        ),
        ("文件超出限制", "单个文件可用的内存与时间有限", "请缩小文件或调高 media.limits"),
    ),
    Reason.TOO_SLOW: _texts(
        (
            "labelling did not end in time",
            "work for one file is bounded",
            "make it shorter, or raise media.limits.workSeconds",
        ),
        ("未在时限内完成标识", "单个文件可用的时间有限", "请缩短内容或调高 workSeconds"),
    ),
    Reason.FOREIGN: _texts(
        (
            "the file carries a sound label of another producer",
            "nobody may alter another's label (Labelling Measures Art. 10)",
            "set media.foreign to Keep or Replace if the service may answer for it",
        ),
        (
            "文件已带有其他生成服务提供者的有效标识",
            "不得擅自改动他人标识（《标识办法》第十条）",
            "如本服务可对其负责，请将 media.foreign 设为 Keep 或 Replace",
        ),
    ),
    Reason.NOT_DRAWN: _texts(
        (
            "the explicit label could not be made perceivable",
            "GB 45438-2025 5.2-5.4",
            "make the picture larger or the label text shorter",
        ),
        ("无法添加可感知的显式标识", "GB 45438-2025 5.2-5.4", "请增大画面或缩短标识文字"),
    ),
    Reason.NOT_KEPT: _texts(
        (
            "the metadata read back is not what was written",
            "GB 45438-2025 6.1: exactly one AIGC block in a file",
            "report the file's format; it stays inside",
        ),
        (
            "写入的元数据未能原样读回",
            "GB 45438-2025 6.1：每个文件仅保留一个 AIGC 标识",
            "请反馈文件格式；该文件不予输出",
        ),
    ),
    Reason.NO_FONT: _texts(
        (
            "there is no font with the characters of the label",
            "a drawn label must be readable",
            "install the extra 'media' or fonts-noto-cjk, or set media.font",
        ),
        (
            "缺少包含标识文字的字体",
            "绘制的标识必须清晰可读",
            "请安装 media 附加依赖或 fonts-noto-cjk，或设置 media.font",
        ),
    ),
    Reason.NO_PROGRAM: _texts(
        (
            "a program or package is missing",
            "video and MP3 need ffmpeg and ffprobe, pictures Pillow, MP3 mutagen",
            "install ffmpeg and the extra 'media'",
        ),
        (
            "缺少程序或软件包",
            "视频与 MP3 需要 ffmpeg 与 ffprobe，图片需要 Pillow，MP3 需要 mutagen",
            "请安装 ffmpeg 与 media 附加依赖",
        ),
    ),
    Reason.NO_SPEECH: _texts(
        (
            "the recording that says the label cannot be used",
            "GB 45438-2025 5.3",
            "name a WAV file of at most 15 seconds in media.audio.speechFile, or use Rhythm",
        ),
        (
            "无法使用语音标识录音",
            "GB 45438-2025 5.3",
            "请在 media.audio.speechFile 中指定不超过 15 秒的 WAV 文件，或改用 Rhythm",
        ),
    ),
    Reason.NOT_RECORDED: _texts(
        (
            "the recipient of an unlabelled file cannot be recorded",
            "Labelling Measures Art. 9 asks for this log",
            "ask for the file with its label, or try again later",
        ),
        (
            "无法记录无显式标识文件的接收者",
            "《标识办法》第九条要求留存该日志",
            "请获取带标识的文件，或稍后再试",
        ),
    ),
    Reason.NOT_DECLARED: _texts(
        (
            "the metadata of this service cannot be built",
            "GB 45438-2025 Annex E",
            "declare compliance.provider.aigcProviderCode and number each file",
        ),
        (
            "无法生成本服务的元数据标识",
            "GB 45438-2025 附录 E",
            "请申报 compliance.provider.aigcProviderCode 并为每个文件编号",
        ),
    ),
}
"""Reason -> what, why, next."""
