# SPDX-License-Identifier: Apache-2.0
"""Small files as models and speech engines answer them, and the plan to label them with."""

import random
import struct
import zipfile
from io import BytesIO
from math import pi, sin
from typing import Any

from PIL import Image

from genaiservice.api import label_config
from genaiservice.guard.media.label import label
from genaiservice.guard.media.outcome import Labelled, LabelPlan, Reason, Refused

OURS = "001191110108MA01H2CH8D10001"
OTHERS = "001191110102MAD55U9H0F10002"
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"}
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def plan(produce_id: str = "n-1", explicit: bool = True, **media: Any) -> LabelPlan:
    labels = label_config.parse({"producerCode": OURS} | media)
    return LabelPlan(labels=labels, produce_id=produce_id, explicit=explicit)


def labelled(data: bytes, kind: str, how: LabelPlan | None = None) -> Labelled:
    result = label(data, kind, how or plan())
    assert isinstance(result, Labelled), result
    return result


def refused(data: bytes, kind: str, how: LabelPlan | None = None) -> Reason:
    result = label(data, kind, how or plan())
    assert isinstance(result, Refused), "it should not have left"
    assert result.problem.what.zh
    assert result.problem.next.en
    return result.reason


def ground(colour: str, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A picture of one colour, or of noise."""
    if colour != "noise":
        return Image.new("RGB", size, colour)
    bits = random.Random(7).randbytes(size[0] * size[1] * 3)  # noqa: S311 - not a secret
    return Image.frombytes("RGB", size, bits)


def picture(
    kind: str, colour: str = "white", size: tuple[int, int] = (320, 240), **options: Any
) -> bytes:
    out = BytesIO()
    ground(colour, size).save(out, FORMATS[kind], **options)
    return out.getvalue()


def moving(kind: str, frames: int = 3) -> bytes:
    pictures = [Image.new("RGB", (200, 160), (80 * index, 200, 30)) for index in range(frames)]
    out = BytesIO()
    first, *rest = pictures
    first.save(out, FORMATS[kind], save_all=True, append_images=rest, duration=100, loop=0)
    return out.getvalue()


def wav(
    seconds: float = 1, rate: int = 16000, channels: int = 1, bits: int = 16, streamed: bool = False
) -> bytes:
    """A tone of 300 Hz; `streamed`: with lengths that were not known when they were written."""
    top = (1 << bits - 1) - 1
    values = (round(0.3 * top * sin(2 * pi * 300 * n / rate)) for n in range(int(rate * seconds)))
    if bits == 8:
        pcm = b"".join(bytes([128 + value]) * channels for value in values)
    else:
        pcm = b"".join(
            value.to_bytes(bits // 8, "little", signed=True) * channels for value in values
        )
    frame = channels * bits // 8
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * frame, frame, bits)
    size = 0xFFFFFFFF if streamed else len(pcm)
    whole = 0xFFFFFFFF if streamed else 36 + len(pcm)
    return (
        b"RIFF" + struct.pack("<I", whole) + b"WAVEfmt \x10\0\0\0" + head
        + b"data" + struct.pack("<I", size) + pcm
    )  # fmt: skip


def package(parts: dict[str, str]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return out.getvalue()


def docx(**more: str) -> bytes:
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    base = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    return package(
        {
            "[Content_Types].xml": f'<Types xmlns="{base}/content-types">'
            f'<Default Extension="rels" ContentType="{base}.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{base}/relationships"><Relationship Id="rId1" '
            f'Type="{office}/officeDocument" Target="word/document.xml"/></Relationships>',
            "word/document.xml": f'<w:document xmlns:w="{word}"><w:body><w:p><w:r>'
            "<w:t>hello</w:t></w:r></w:p></w:body></w:document>",
        }
        | more
    )
