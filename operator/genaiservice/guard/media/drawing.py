# SPDX-License-Identifier: Apache-2.0
"""The drawn label: white characters on a black plate with a white rim, legible on any ground.

Rule: the height that counts is the ink of the smaller of a capital letter and a Chinese
character, so that every reading of "text height" (GB 45438-2025 5.2, 5.4) holds. `verify` looks
at decoded pixels, never at what was meant to be drawn.
"""

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from genaiservice.api.label_config import Position
from genaiservice.guard.media import fonts
from genaiservice.guard.media.outcome import MediaRefused, Reason

if TYPE_CHECKING:
    from PIL.Image import Image

LEGIBLE: Final = 10
"""Pixels of ink below which nobody reads Chinese characters."""
AGREE: Final = 0.97
"""Share of the plate's pixels that must come back black or white as drawn."""
MOST_LINES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """The picture of the label (mode L), where it goes, and the ink's height of its lines."""

    image: "Image"
    at: tuple[int, int]
    ink: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        left, top = self.at
        return left, top, left + self.image.width, top + self.image.height


def plate(
    text: str, size: tuple[int, int], percent: float, position: Position, font: Path
) -> Plate:
    """The label for a picture of `size`; raises MediaRefused when it cannot be legible there."""
    # One pixel more than asked: coding may soften the outermost row.
    need = max(LEGIBLE, ceil(min(size) * percent / 100) + 1)
    points = _points(font, need)
    for count in range(1, min(MOST_LINES, len(text)) + 1):
        drawn = _draw(_lines(text, count), font, points, need)
        if drawn.width <= size[0] and drawn.height <= size[1]:
            return Plate(image=drawn, at=_place(drawn.size, size, position, need), ink=need)
    raise MediaRefused(Reason.NOT_DRAWN, f"{size[0]} x {size[1]} pixels", f"{size[0]} x {size[1]}")


def verify(picture: "Image", label: Plate, percent: float) -> None:
    """Checks a decoded picture: the plate is there, and its ink is as high as the law asks."""
    seen = _two_tones(picture.crop(label.box).convert("RGB").convert("L"))
    meant = _two_tones(label.image)
    pairs = zip(seen.tobytes(), meant.tobytes(), strict=True)
    agreed = sum(a == b for a, b in pairs) / (meant.width * meant.height)
    rim = _rim(label.ink)
    inner = seen.crop((rim + 1, rim + 1, seen.width - rim - 1, seen.height - rim - 1)).getbbox()
    ink = inner[3] - inner[1] if inner else 0
    if agreed < AGREE or ink < min(picture.size) * percent / 100:
        share = f"{agreed:.0%}, {ink} px"
        raise MediaRefused(Reason.NOT_DRAWN, f"read back {share}", f"回读 {share}")


def _two_tones(image: "Image") -> "Image":
    return image.point([0] * 128 + [255] * 128)


def _points(font: Path, need: int) -> int:
    """The smallest size at which both a capital and a Chinese character have the ink."""
    points = need
    while min(_ink(font, points, "A"), _ink(font, points, "工")) < need:
        points += max(1, need // 16)
    return points


def _ink(font: Path, points: int, sign: str) -> float:
    box = fonts.load(font, points).getbbox(sign)
    return box[3] - box[1]


def _lines(text: str, count: int) -> list[str]:
    width = ceil(len(text) / count)
    return [text[at : at + width] for at in range(0, len(text), width)]


def _rim(need: int) -> int:
    return max(1, need // 10)


def _draw(lines: list[str], font: Path, points: int, need: int) -> "Image":
    from PIL import Image, ImageDraw

    face = fonts.load(font, points)
    boxes = [face.getbbox(line) for line in lines]
    rim, pad = _rim(need), max(2, need // 3)
    margin = rim + pad
    width = ceil(max(box[2] - box[0] for box in boxes)) + 2 * margin
    height = ceil(sum(box[3] - box[1] for box in boxes)) + pad * (len(boxes) - 1) + 2 * margin
    image = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, width - 1, height - 1), outline=255, width=rim)
    top: float = margin
    for line, box in zip(lines, boxes, strict=True):
        pen.text((margin - box[0], top - box[1]), line, fill=255, font=face)
        top += box[3] - box[1] + pad
    return image


def _place(
    label: tuple[int, int], size: tuple[int, int], position: Position, need: int
) -> tuple[int, int]:
    """In the corner or at the edge, half a character away from it where there is room."""
    room = (size[0] - label[0], size[1] - label[1])
    gap = (min(need // 2, room[0]), min(need // 2, room[1]))
    left, top = room[0] - gap[0], room[1] - gap[1]
    if position in (Position.TOP_LEFT, Position.BOTTOM_LEFT):
        left = gap[0]
    if position in (Position.TOP_LEFT, Position.TOP_RIGHT):
        top = gap[1]
    if position is Position.EDGE:
        left = room[0] // 2
    # Video stores colour for pairs of pixels: a plate on even places has clean edges.
    return left // 2 * 2, top // 2 * 2
