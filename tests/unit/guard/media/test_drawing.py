# SPDX-License-Identifier: Apache-2.0
"""Drawn labels, measured in the decoded picture by a ruler that shares no code with the drawing."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from genaiservice.api.label_config import MediaLimits
from genaiservice.guard.media.outcome import Reason
from tests.unit.guard.media.samples import FORMATS, ground, labelled, moving, picture, plan, refused

STILL = tuple(FORMATS)
SIZES = ((320, 240), (600, 840), (960, 200), (64, 64))


def decoded(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as image:
        return image.convert("L")


def plate(size: tuple[int, int], kind: str, **image: object) -> tuple[int, int, int, int]:
    """Where the label stands: what became white on a black ground."""
    result = labelled(picture(kind, "black", size), kind, plan(image=image))
    found = decoded(result.data).point([0] * 128 + [255] * 128).getbbox()
    assert found is not None
    return found


def heights(image: Image.Image, box: tuple[int, int, int, int]) -> list[int]:
    """Rows of ink of each upright piece of the text inside the rim."""
    label = image.crop(box).point([0] * 128 + [255] * 128)
    rim = 0
    while label.getpixel((rim, label.height // 2)) == 255:
        rim += 1
    inner = label.crop((rim, rim, label.width - rim, label.height - rim))
    columns = [inner.crop((x, 0, x + 1, inner.height)).getbbox() for x in range(inner.width)]
    pieces: list[list[tuple[int, int, int, int]]] = [[]]
    for column in columns:
        if column is None:
            pieces.append([])
        else:
            pieces[-1].append(column)
    return [max(c[3] for c in piece) - min(c[1] for c in piece) for piece in pieces if piece]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("colour", ["white", "black", "grey", "noise"])
@pytest.mark.parametrize("kind", STILL)
def test_the_text_has_five_percent_of_the_shortest_side(
    kind: str, colour: str, size: tuple[int, int]
) -> None:
    result = labelled(picture(kind, colour, size), kind)
    pieces = heights(decoded(result.data), plate(size, kind))
    # The letter A comes first and is lower than the Chinese characters.
    assert pieces[0] >= min(size) * 0.05
    assert max(pieces) >= pieces[0]
    assert len(pieces) >= 3


@pytest.mark.parametrize("percent", [5, 8, 12.5])
def test_a_larger_label_is_drawn_where_one_is_declared(percent: float) -> None:
    image = {"minHeightPercentOfShortSide": percent}
    result = labelled(picture("image/png", "noise", (600, 800)), "image/png", plan(image=image))
    box = plate((600, 800), "image/png", **image)
    assert heights(decoded(result.data), box)[0] >= 600 * percent / 100


@pytest.mark.parametrize(
    ("position", "left", "top"),
    [
        ("TopLeft", True, True),
        ("TopRight", False, True),
        ("BottomLeft", True, False),
        ("BottomRight", False, False),
        ("Edge", None, False),
    ],
)
def test_the_label_stands_where_it_is_declared(position: str, left: bool | None, top: bool) -> None:
    box = plate((400, 300), "image/png", position=position)
    gaps = box[0], 400 - box[2]
    assert (box[1] < 300 - box[3]) is top
    assert (abs(gaps[0] - gaps[1]) <= 4) if left is None else (gaps[0] < gaps[1]) is left


@pytest.mark.parametrize("kind", ["image/gif", "image/webp", "image/png"])
def test_every_frame_of_a_moving_picture_is_labelled(kind: str) -> None:
    result = labelled(moving(kind), kind)
    with Image.open(BytesIO(result.data)) as image:
        assert getattr(image, "n_frames", 1) == 3
        for index in range(3):
            image.seek(index)
            corner = image.convert("L").crop((100, 120, 200, 160))
            assert corner.getextrema() in {(low, 255) for low in range(24)}


def test_the_rest_of_the_picture_stays_as_it_was() -> None:
    before = ground("noise", (300, 200))
    after = labelled(picture("image/png", "noise", (300, 200)), "image/png").data
    box = plate((300, 200), "image/png")
    with Image.open(BytesIO(after)) as image:
        changed = ImageChops.difference(before, image.convert("RGB")).getbbox()
    assert changed is not None
    assert changed[0] >= box[0]
    assert changed[1] >= box[1]


def test_a_picture_that_is_turned_by_its_exif_gets_an_upright_label() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    result = labelled(picture("image/jpeg", "white", (400, 200), exif=exif), "image/jpeg")
    with Image.open(BytesIO(result.data)) as image:
        assert image.size == (200, 400)
        assert image.getexif().get(0x0112) is None
        assert image.getexif()[0x010F] == "maker"


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16"])
def test_pictures_of_every_mode_are_labelled(mode: str) -> None:
    out = BytesIO()
    Image.new("L", (200, 200), 90).convert(mode).save(out, "PNG")
    assert labelled(out.getvalue(), "image/png").drawn.startswith("BottomRight")


def test_a_picture_for_print_is_labelled_in_its_own_colours() -> None:
    out = BytesIO()
    Image.new("CMYK", (200, 200), (0, 90, 0, 0)).save(out, "JPEG")
    with Image.open(BytesIO(labelled(out.getvalue(), "image/jpeg").data)) as image:
        assert image.mode == "CMYK"


def test_a_colour_profile_is_kept() -> None:
    profile = b"not a real profile, but ours"
    result = labelled(picture("image/jpeg", icc_profile=profile), "image/jpeg")
    with Image.open(BytesIO(result.data)) as image:
        assert image.info["icc_profile"] == profile


def test_a_picture_too_small_for_a_legible_label_is_refused() -> None:
    assert refused(picture("image/png", size=(20, 900)), "image/png") is Reason.NOT_DRAWN


def test_a_font_without_the_characters_of_the_label_is_no_font(tmp_path: Path) -> None:
    empty = tmp_path / "empty.otf"
    empty.write_bytes(b"no font")
    for font in (str(empty), str(tmp_path / "absent.otf")):
        assert refused(picture("image/png"), "image/png", plan(font=font)) is Reason.NO_FONT


def test_more_pixels_than_the_limit_are_refused_before_they_are_decoded() -> None:
    bomb = picture("image/png", "white", (9000, 9000))
    assert len(bomb) < 1024 * 1024
    assert MediaLimits().pixels < 81_000_000
    assert refused(bomb, "image/png") is Reason.TOO_LARGE


def test_more_frames_than_the_limit_are_refused() -> None:
    limits = plan(limits={"frames": 2})
    assert refused(moving("image/gif"), "image/gif", limits) is Reason.TOO_LARGE
