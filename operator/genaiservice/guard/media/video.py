# SPDX-License-Identifier: Apache-2.0
"""Video: the start label burnt in through ffmpeg, and the block in the container's own tags.

Rules: ffmpeg's exit code is not believed (without `use_metadata_tags` an MP4 loses the label and
ffmpeg reports success): frames of the result are decoded and measured, tags are read back by
`boxes`. Sound and subtitles are copied.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from genaiservice.api.label_config import MediaLimits, VideoLabel
from genaiservice.guard.core.aigc import NAME
from genaiservice.guard.media import drawing, fonts
from genaiservice.guard.media.ffmpeg import Workbench, source
from genaiservice.guard.media.outcome import Carrier, MediaRefused, Reason

ENCODERS: Final[dict[str, tuple[str, ...]]] = {
    "h264": ("libx264", "-preset", "veryfast", "-crf", "18"),
    "hevc": ("libx265", "-preset", "veryfast", "-crf", "20", "-tag:v", "hvc1"),
    "vp8": ("libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "4M", "-crf", "10"),
    "vp9": ("libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "0", "-crf", "28"),
    "av1": ("libsvtav1", "-preset", "10", "-crf", "28"),
    "mpeg4": ("mpeg4", "-q:v", "2"),
}
"""Codec of the source -> how it is encoded again."""
MUXERS: Final = {
    Carrier.MP4: "mp4",
    Carrier.MOV: "mov",
    Carrier.MKV: "matroska",
    Carrier.WEBM: "webm",
}
PIXELS: Final = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le")
"""Pixel formats that are kept; others become yuv420p."""
MARGIN_SECONDS: Final = 0.2
"""The label is shown longer by this, so that the last moment asked for is not its edge."""
MOST_STREAMS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    codec: str
    pixels: str
    size: tuple[int, int]
    seconds: float
    """0 when the file does not say."""
    offset: float
    """When the picture begins, after the first stream of the file."""


def label(
    bench: Workbench, data: bytes, carrier: Carrier, look: VideoLabel, font: str, text: str
) -> bytes:
    """The video with the label at its start and with the AIGC text `text` (tags only: `tag`)."""
    path = bench.put("in", data)
    shape = _shape(bench.probe(path, carrier))
    plate = drawing.plate(
        look.label_text,
        shape.size,
        look.min_height_percent_of_short_side,
        look.position,
        fonts.find(font, look.label_text),
    )
    picture = BytesIO()
    plate.image.save(picture, "PNG")
    bench.put("label.png", picture.getvalue())
    until = shape.offset + look.min_seconds + MARGIN_SECONDS
    left, top = plate.at
    missing = max(0.0, until - shape.offset - shape.seconds) if shape.seconds else 0.0
    # A shorter video holds its last picture until the label was seen long enough.
    hold = f"tpad=stop_mode=clone:stop_duration={missing:.3f}," if missing else ""
    graph = (
        f"[0:v:0]{hold}null[base];[base][1:v]overlay={left}:{top}:format=auto:"
        f"enable='lt(t,{until:.3f})',format={shape.pixels}[out]"
    )
    result = bench.encode(
        *source(path, carrier),
        *("-protocol_whitelist", "file,pipe", "-f", "png_pipe", "-i", "label.png"),
        *("-filter_complex", graph, "-map", "[out]", "-map", "0:a?", "-map", "0:s?"),
        *("-c:a", "copy", "-c:s", "copy", "-c:v", *ENCODERS[shape.codec]),
        *_tags(carrier, text),
        out="out",
    )
    _verify(bench, carrier, plate, look)
    return result


def tag(bench: Workbench, data: bytes, carrier: Carrier, text: str) -> bytes:
    """The same streams with the AIGC text in the container."""
    path = bench.put("in", data)
    bench.probe(path, carrier)
    return bench.encode(
        *source(path, carrier),
        *("-map", "0:v?", "-map", "0:a?", "-map", "0:s?", "-c", "copy"),
        *_tags(carrier, text),
        out="out",
    )


def check_limits(bench: Workbench, data: bytes, carrier: Carrier, limits: MediaLimits) -> None:
    """Refuses from the header what would be too much to decode."""
    shape = _shape(bench.probe(bench.put("in", data), carrier))
    if shape.size[0] * shape.size[1] > limits.pixels or shape.seconds > limits.media_seconds:
        what = f"{shape.size[0]} x {shape.size[1]}, {shape.seconds:.0f} s"
        raise MediaRefused(Reason.TOO_LARGE, what, what)


def _tags(carrier: Carrier, text: str) -> tuple[str, ...]:
    flags = ("-movflags", "use_metadata_tags+faststart")
    mov = carrier in (Carrier.MP4, Carrier.MOV)
    tags = ("-map_metadata", "0", "-metadata", f"{NAME}={text}")
    return (*tags, *(flags if mov else ()), "-f", MUXERS[carrier])


def _shape(shown: dict[str, Any]) -> Shape:
    streams = shown.get("streams", [])
    pictures = [
        one
        for one in streams
        if one.get("codec_type") == "video" and not one.get("disposition", {}).get("attached_pic")
    ]
    if len(pictures) != 1 or len(streams) > MOST_STREAMS:
        what = f"{len(pictures)} video streams"
        raise MediaRefused(Reason.UNSUPPORTED, what, f"{len(pictures)} 条视频流")
    picture, form = pictures[0], shown.get("format", {})
    codec = str(picture.get("codec_name"))
    size = (int(picture.get("width", 0)), int(picture.get("height", 0)))
    if codec not in ENCODERS or not all(size):
        raise MediaRefused(Reason.UNSUPPORTED, codec[:40])
    turns = [side.get("rotation", 0) for side in picture.get("side_data_list", [])]
    if any(round(_number(turn) / 90) % 2 for turn in turns):
        size = (size[1], size[0])  # ffmpeg decodes it upright
    seconds = _number(picture.get("duration")) or _number(form.get("duration"))
    offset = _number(picture.get("start_time")) - _number(form.get("start_time"))
    # The label's picture would lend its transparency to a codec that can store it.
    pixels = str(picture.get("pix_fmt"))
    pixels = pixels if pixels in PIXELS else "yuv420p"
    return Shape(codec=codec, pixels=pixels, size=size, seconds=seconds, offset=max(0.0, offset))


def _verify(bench: Workbench, carrier: Carrier, plate: drawing.Plate, look: VideoLabel) -> None:
    """Decodes pictures from the first to the last moment of the label and measures it in each."""
    from PIL import Image

    for at in (0.0, look.min_seconds / 2, look.min_seconds - 0.05):
        shot = bench.ffmpeg(
            *("-ss", f"{at:.3f}", *source(bench.folder / "out", carrier)),
            *("-map", "0:v:0", "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-"),
        )
        if not shot:
            raise MediaRefused(
                Reason.NOT_DRAWN, f"no picture at {at:.2f} s", f"{at:.2f} 秒处无画面"
            )
        with Image.open(BytesIO(shot), formats=("PNG",)) as picture:
            drawing.verify(picture, plate, look.min_height_percent_of_short_side)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
