# SPDX-License-Identifier: Apache-2.0
"""Finds the font that the label is drawn with: the configured one, the packaged one, Debian's.

Rule: a font without a character of the label is no font; an empty box is no label.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from genaiservice.guard.media.outcome import MediaRefused, Reason

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

PACKAGED: Final = ("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf")
"""Noto Sans SC (SIL OFL 1.1) as the extra `media` brings it; only its data file is used."""
DEBIAN: Final = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
)
PROBE_SIZE: Final = 32


def find(configured: str, text: str) -> Path:
    """The font file for `text`; raises MediaRefused when there is none."""
    for path in [Path(configured)] if configured else _known():
        if path.is_file() and _covers(path, text):
            return path
    raise MediaRefused(Reason.NO_FONT)


@lru_cache(maxsize=64)
def load(path: Path, size: int) -> "FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def _known() -> list[Path]:
    packaged = find_spec(PACKAGED[0])
    own = [Path(packaged.origin).with_name(PACKAGED[1])] if packaged and packaged.origin else []
    return own + [Path(path) for path in DEBIAN]


@lru_cache(maxsize=64)
def _covers(path: Path, text: str) -> bool:
    """Whether each character has a glyph of its own; all that lack one look alike."""
    try:
        font = load(path, PROBE_SIZE)
    except OSError:
        return False
    missing = bytes(font.getmask("\U0010fffe"))
    return all(sign.isspace() or bytes(font.getmask(sign)) != missing for sign in text)
