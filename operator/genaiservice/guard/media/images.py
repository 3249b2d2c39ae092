# SPDX-License-Identifier: Apache-2.0
"""Explicit labels in still and moving pictures of JPEG, PNG, WebP and GIF.

Decodes within limits, draws on every frame, encodes in the same format with the original's
colour profile and quality, and looks at the decoded result. Only the parser of the declared
format is used, and size and frames are known from the header before a pixel is decoded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from genaiservice.api.label_config import ImageLabel, MediaLimits
from genaiservice.guard.media import drawing, fonts, riff
from genaiservice.guard.media.outcome import Carrier, MediaRefused, Reason

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS: Final = {
    Carrier.JPEG: "JPEG",
    Carrier.PNG: "PNG",
    Carrier.WEBP: "WEBP",
    Carrier.GIF: "GIF",
}
PLAIN_MODES: Final = ("RGB", "RGBA", "L", "CMYK")


def draw(
    data: bytes, carrier: Carrier, label: ImageLabel, font: str, limits: MediaLimits
) -> tuple[bytes, str]:
    """`data` with the label on every frame, and where it stands."""
    path = fonts.find(font, label.label_text)
    percent = label.min_height_percent_of_short_side
    with _opened(data, carrier, limits) as picture:
        frames = [_plain(frame) for frame in _frames(picture)]
        options = _options(picture, carrier, data)  # last: it takes the orientation away
    plate = drawing.plate(label.label_text, frames[0].size, percent, label.position, path)
    for frame in frames:
        frame.paste(plate.image.convert(frame.mode), plate.at)
    out = BytesIO()
    if len(frames) > 1:
        options |= {"save_all": True, "append_images": frames[1:]}
    with _faults():
        frames[0].save(out, FORMATS[carrier], **options)
    with _opened(out.getvalue(), carrier, limits) as result:
        if getattr(result, "n_frames", 1) < len(frames) and carrier is not Carrier.GIF:
            raise MediaRefused(Reason.NOT_DRAWN, "frames were lost", "丢失帧")
        for frame in _frames(result):
            drawing.verify(frame, plate, percent)
    return out.getvalue(), f"{label.position.value} {plate.ink} px"


@contextmanager
def _opened(data: bytes, carrier: Carrier, limits: MediaLimits) -> Iterator["Image"]:
    try:
        from PIL import Image
    except ImportError as error:
        raise MediaRefused(Reason.NO_PROGRAM, "Pillow") from error
    with _faults(), Image.open(BytesIO(data), formats=(FORMATS[carrier],)) as picture:
        frames = getattr(picture, "n_frames", 1)
        pixels = picture.width * picture.height * frames
        if pixels > limits.pixels or frames > limits.frames:
            shape = f"{picture.width} x {picture.height} x {frames}"
            raise MediaRefused(Reason.TOO_LARGE, f"{shape} pixels", f"{shape} 像素")
        yield picture


@contextmanager
def _faults() -> Iterator[None]:
    """What Pillow raises for damaged or hostile files, as a refusal."""
    from PIL import Image

    try:
        yield
    except MediaRefused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaRefused(Reason.TOO_LARGE) from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError) as error:
        raise MediaRefused(Reason.UNREADABLE) from error


def _frames(picture: "Image") -> Iterator["Image"]:
    from PIL import ImageOps

    count = getattr(picture, "n_frames", 1)
    for index in range(count):
        if count > 1:
            picture.seek(index)
        picture.load()
        # A picture that is turned by its Exif would show a label that is turned, too.
        yield ImageOps.exif_transpose(picture).copy() if count == 1 else picture.copy()


def _plain(frame: "Image") -> "Image":
    """A mode in which black and white are what they seem."""
    if frame.mode in PLAIN_MODES:
        return frame
    if frame.mode.startswith("I;16") or frame.mode == "I":
        return frame.point(lambda value: value * (1 / 256)).convert("L")
    clear = frame.mode in ("LA", "PA", "RGBa", "La") or "transparency" in frame.info
    return frame.convert("RGBA" if clear else "RGB")


def _options(picture: "Image", carrier: Carrier, data: bytes) -> dict[str, Any]:
    """What the encoder is told so that the copy is like the original."""
    options: dict[str, Any] = {}
    if profile := picture.info.get("icc_profile"):
        options["icc_profile"] = profile
    if carrier is not Carrier.GIF and (exif := picture.getexif()):
        exif.pop(0x0112, None)  # the orientation is applied
        options["exif"] = exif.tobytes()
    if carrier is Carrier.JPEG:
        options |= _jpeg_options(picture)
    if carrier is Carrier.WEBP:
        lossless = b"VP8L" in {chunk.name for chunk in riff.chunks(data)}
        options |= {"lossless": lossless, "quality": 90, "exact": True}
    if getattr(picture, "n_frames", 1) > 1:
        options |= {"duration": _durations(picture), "loop": picture.info.get("loop", 0)}
        if carrier is Carrier.GIF:
            options["disposal"] = 2
    return options


def _jpeg_options(picture: Any) -> dict[str, Any]:
    from PIL import JpegImagePlugin

    sampling = JpegImagePlugin.get_sampling(picture)
    options: dict[str, Any] = {"qtables": picture.quantization}
    return options | ({"subsampling": sampling} if sampling >= 0 else {})


def _durations(picture: "Image") -> list[int]:
    found = []
    for index in range(getattr(picture, "n_frames", 1)):
        picture.seek(index)
        picture.load()
        found.append(int(picture.info.get("duration", 100)))
    picture.seek(0)
    return found
