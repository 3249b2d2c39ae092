# SPDX-License-Identifier: Apache-2.0
"""What it costs to label one file: drawn or heard, metadata written, both read back.

Beside it, in the same run, the floor that nobody gets under: the same decode and encode without a
label (Pillow, ffmpeg). Prints one JSON line and writes it to `results/media_labels.json`.
"""

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "operator"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from PIL import Image

from benchmarks.report import quantiles, report
from genaiservice.api import label_config
from genaiservice.guard.media.label import label
from genaiservice.guard.media.outcome import Labelled, LabelPlan

PRODUCER = "001191110108MA01H2CH8D10001"
PLAN = LabelPlan(labels=label_config.parse({"producerCode": PRODUCER}), produce_id="bench-1")
SIDE = 1024
SECONDS = 5
ROUNDS = {"image": 15, "sound": 10, "video": 3}
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


def photograph() -> Image.Image:
    """Smooth areas with some grain, as a model paints them."""
    draw = random.Random(3)  # noqa: S311 - not a secret
    small = Image.frombytes("RGB", (32, 32), draw.randbytes(32 * 32 * 3))
    grain = Image.frombytes("L", (SIDE, SIDE), draw.randbytes(SIDE * SIDE)).convert("RGB")
    return Image.blend(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), grain, 0.04)


def picture(kind: str) -> bytes:
    out = BytesIO()
    photograph().save(out, FORMATS[kind])
    return out.getvalue()


def again(data: bytes, kind: str) -> None:
    """Decode and encode, and decode once more as a check would."""
    with Image.open(BytesIO(data)) as image:
        image.load()
        out = BytesIO()
        image.save(out, FORMATS[kind])
    with Image.open(BytesIO(out.getvalue())) as image:
        image.load()


def made(ending: str, *arguments: str) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=ending) as file:
        command = ["ffmpeg", "-v", "error", "-y", *arguments, file.name]
        subprocess.run(command, check=True, timeout=120)
        return Path(file.name).read_bytes()


def encoded_again(data: bytes, ending: str, *codec: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=ending) as file:
        file.write(data)
        file.flush()
        made(ending, "-i", file.name, *codec)


def milliseconds(work: Callable[[], object], rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return taken


def labelled(data: bytes, kind: str) -> None:
    result = label(data, kind, PLAN)
    assert isinstance(result, Labelled), result


def main() -> None:
    raw: dict[str, dict[str, list[float]]] = {}
    for kind in FORMATS:
        data = picture(kind)
        raw[kind] = {
            "label": milliseconds(lambda d=data, k=kind: labelled(d, k), ROUNDS["image"]),
            "floor": milliseconds(lambda d=data, k=kind: again(d, k), ROUNDS["image"]),
        }
    tone = ("-f", "lavfi", "-i", f"sine=frequency=300:duration={SECONDS}")
    wav, mp3 = made(".wav", *tone), made(".mp3", *tone)
    raw["audio/wav"] = {"label": milliseconds(lambda: labelled(wav, "audio/wav"), ROUNDS["sound"])}
    raw["audio/mpeg"] = {
        "label": milliseconds(lambda: labelled(mp3, "audio/mpeg"), ROUNDS["sound"]),
        "floor": milliseconds(lambda: encoded_again(mp3, ".mp3"), ROUNDS["sound"]),
    }
    source = ("-f", "lavfi", "-i", f"testsrc2=size=1280x720:rate=24:duration={SECONDS}")
    codec = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p")
    video = made(".mp4", *source, *codec)
    raw["video/mp4"] = {
        "label": milliseconds(lambda: labelled(video, "video/mp4"), ROUNDS["video"]),
        "floor": milliseconds(lambda: encoded_again(video, ".mp4", *codec), ROUNDS["video"]),
    }
    numbers = {
        kind: {name: quantiles(values) for name, values in both.items()}
        for kind, both in raw.items()
    }
    report("media_labels", {"milliseconds": numbers}, targets={}, raw=raw)


if __name__ == "__main__":
    main()
