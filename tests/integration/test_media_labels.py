# SPDX-License-Identifier: Apache-2.0
"""Labelled files as independent programs read them: exiftool, ffprobe and ffmpeg of Debian.

Needs no cluster. The files come from ffmpeg's own test sources, in the codecs that models answer.
"""

import base64
import json
import shutil
import struct
import subprocess
from functools import cache
from io import BytesIO
from itertools import groupby
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from PIL import Image

from genaiservice.guard.media import ffmpeg as running
from genaiservice.guard.media import label as entry
from genaiservice.guard.media.outcome import MediaRefused, Reason
from tests.unit.guard.media.samples import (
    DOCX,
    FORMATS,
    OURS,
    docx,
    ground,
    labelled,
    moving,
    picture,
    plan,
    refused,
    wav,
)

PICTURE = ("-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=3")
TONE = ("-f", "lavfi", "-i", "sine=frequency=300:duration=3")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
VIDEOS = {
    "h264.mp4": ("video/mp4", (*PICTURE, *TONE, *H264, "-c:a", "aac", "-metadata", "title=t")),
    "h265.mp4": (
        "video/mp4",
        (*PICTURE, "-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p"),
    ),
    "mpeg4.mov": ("video/quicktime", (*PICTURE, *TONE, "-c:v", "mpeg4", "-c:a", "aac")),
    "h264.mov": ("video/quicktime", (*PICTURE, *H264)),
    "h264.mkv": ("video/x-matroska", (*PICTURE, *TONE, *H264, "-c:a", "aac")),
    "vp8.webm": ("video/webm", (*PICTURE, "-c:v", "libvpx", "-deadline", "realtime")),
    "vp9.webm": ("video/webm", (*PICTURE, "-c:v", "libvpx-vp9", "-deadline", "realtime")),
}
MP3 = (*TONE, "-c:a", "libmp3lame", "-metadata", "title=a song")


@pytest.fixture(autouse=True, scope="module")
def programs() -> None:
    for program, package in (("ffmpeg", "ffmpeg"), ("exiftool", "libimage-exiftool-perl")):
        assert shutil.which(program), f"apt-get install {package}, or `make test`"


@cache
def made(name: str, *arguments: str) -> bytes:
    """A file as ffmpeg makes it; the muxer follows from the name's ending."""
    muxer = {"mkv": "matroska"}.get(name.rsplit(".", 1)[-1], name.rsplit(".", 1)[-1])
    with running.workbench(plan().labels.limits, 0) as bench:
        path = bench.folder / "made"
        run("ffmpeg", "-v", "error", *arguments, "-f", muxer, str(path))
        return path.read_bytes()


def video(name: str) -> bytes:
    return made(name, *VIDEOS[name][1])


def run(*command: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout


def exiftool(path: Path) -> list[str]:
    """Every value that exiftool shows under a name with AIGC in it."""
    shown = run("exiftool", "-json", "-b", "-a", "-u", "-G1:4", str(path))
    [tree] = json.loads(shown)
    return [_text(str(value)) for name, value in tree.items() if "aigc" in name.lower()] + [
        str(value).removeprefix("(AIGC) ")
        for name, value in tree.items()
        if str(value).startswith("(AIGC) ")
    ]


def _text(shown: str) -> str:
    """exiftool takes the byte that pads a RIFF chunk for a part of it, and the whole for binary."""
    if not shown.startswith("base64:"):
        return shown
    return base64.b64decode(shown.removeprefix("base64:")).removesuffix(b"\0").decode()


def ffprobe(path: Path) -> dict[str, Any]:
    shown = run("ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path))
    tree: dict[str, Any] = json.loads(shown)
    return tree


def frame(path: Path, at: float) -> Image.Image:
    shot = run(
        "ffmpeg", "-v", "error", "-i", str(path), "-ss", str(at), "-frames:v", "1",
        "-f", "image2pipe", "-c:v", "png", "-",
    )  # fmt: skip
    return Image.open(BytesIO(shot)).convert("L")


def ours(values: list[str], number: str = "n-1") -> None:
    assert len(values) == 1, values
    block = json.loads(values[0])["AIGC"]
    assert (block["Label"], block["ContentProducer"], block["ProduceID"]) == ("1", OURS, number)


@pytest.mark.parametrize("kind", FORMATS)
def test_exiftool_reads_one_block_in_a_picture(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(labelled(picture(kind, "noise"), kind).data)
    ours(exiftool(path))
    assert run("exiftool", "-validate", "-s3", str(path)).startswith(b"OK")


@pytest.mark.parametrize("kind", ["image/gif", "image/webp", "image/png"])
def test_exiftool_reads_one_block_in_a_moving_picture(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(labelled(moving(kind), kind).data)
    ours(exiftool(path))


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png", "image/webp", "image/gif"])
def test_what_exiftool_wrote_before_is_kept(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(picture(kind))
    run("exiftool", "-q", "-overwrite_original", "-XMP-dc:Creator=画家", str(path))
    path.write_bytes(labelled(path.read_bytes(), kind).data)
    assert run("exiftool", "-s3", "-XMP-dc:Creator", str(path)).decode().strip() == "画家"
    ours(exiftool(path))


@pytest.mark.parametrize("explicit", [True, False])
def test_exiftool_reads_one_block_in_wav_and_mp3(explicit: bool, tmp_path: Path) -> None:
    for name, data, kind in (
        ("a.wav", wav(1), "audio/wav"),
        ("a.mp3", made("a.mp3", *MP3), "audio/mpeg"),
    ):
        path = tmp_path / name
        path.write_bytes(labelled(data, kind, plan(explicit=explicit)).data)
        ours(exiftool(path))
        assert ffprobe(path)["streams"][0]["codec_type"] == "audio"


def test_exiftool_reads_one_property_in_a_word_document(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(labelled(docx(), DOCX).data)
    [value] = exiftool(path)
    assert json.loads(value)["ProduceID"] == "n-1"


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_shows_its_label_for_two_seconds_and_carries_one_block(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    before = video(name)
    path.write_bytes(labelled(before, VIDEOS[name][0]).data)
    ours(exiftool(path))
    shown = ffprobe(path)
    ours([shown["format"]["tags"]["AIGC"]])
    if name == "h264.mp4":
        assert shown["format"]["tags"]["title"] == "t"
        assert {one["codec_name"] for one in shown["streams"]} == {"h264", "aac"}
    plain = tmp_path / f"plain-{name}"
    plain.write_bytes(before)
    for at in (0, 1.9):
        assert label_height(frame(path, at)) >= 240 * 0.05
    # Without the label the same corner has no such plate.
    assert label_height(frame(plain, 0)) == 0
    assert label_height(frame(path, 2.6)) == 0


def label_height(shot: Image.Image) -> int:
    """Rows of ink between the plate's upper and lower rim at the top left; 0 without a plate."""
    strip = shot.crop((8, 6, 58, 46)).point([0] * 128 + [255] * 128)
    rows = [strip.crop((0, y, 50, y + 1)).getextrema() for y in range(strip.height)]
    white, black = (255, 255), (0, 0)
    rims = [y for y, row in enumerate(rows) if row == white]
    inside = rows[1 : next((y for y in rims if y > 1), 0)]
    ink = [y for y, row in enumerate(inside) if row != black]
    framed = rims[:1] == [0] and inside[:1] == inside[-1:] == [black]
    return ink[-1] - ink[0] + 1 if framed and ink else 0


def test_a_video_shorter_than_the_label_holds_its_last_picture(tmp_path: Path) -> None:
    short = ("-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=0.8")
    path = tmp_path / "short.mp4"
    path.write_bytes(labelled(made("short.mp4", *short, *H264), "video/mp4").data)
    assert float(ffprobe(path)["format"]["duration"]) >= 2
    assert label_height(frame(path, 1.9)) >= 12


def test_a_turned_video_is_labelled_upright(tmp_path: Path) -> None:
    flat, turned = tmp_path / "flat.mp4", tmp_path / "turned.mp4"
    flat.write_bytes(video("h264.mp4"))
    run(
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(flat),
        "-c",
        "copy",
        "-metadata:s:v",
        "rotate=90",
        str(turned),
    )
    result = labelled(turned.read_bytes(), "video/mp4")
    turned.write_bytes(result.data)
    shot = frame(turned, 1)
    assert shot.size == (240, 320)
    assert label_height(shot) >= 12


def test_the_flag_that_keeps_the_tag_is_the_one_that_ffmpeg_needs(tmp_path: Path) -> None:
    """The mistake of others, seen on this ffmpeg: without the flag the block is lost."""
    flat, lost = tmp_path / "flat.mp4", tmp_path / "lost.mp4"
    flat.write_bytes(video("h264.mp4"))
    run("ffmpeg", "-v", "error", "-i", str(flat), "-c", "copy", "-metadata", "AIGC={}", str(lost))
    assert "AIGC" not in ffprobe(lost)["format"]["tags"]
    assert entry.inspect(lost, "video/mp4")[1] == ()


@pytest.mark.parametrize("positions", [["Start"], ["Middle"], ["Start", "End"]])
@pytest.mark.parametrize("rate", ["44100", "16000"])
def test_the_rhythm_is_heard_in_the_decoded_mp3(
    rate: str, positions: list[str], tmp_path: Path
) -> None:
    data = made("a.mp3", *MP3, "-ar", rate)
    path = tmp_path / "a.mp3"
    path.write_bytes(labelled(data, "audio/mpeg", plan(audio={"positions": positions})).data)
    assert ffprobe(path)["format"]["tags"]["title"] == "a song"
    assert float(ffprobe(path)["format"]["duration"]) == pytest.approx(
        3 + 1.3 * len(positions), abs=0.2
    )
    assert rhythms(path) == len(positions)


def rhythms(path: Path) -> int:
    """How often short-long-short-short is heard above the programme of 300 Hz."""
    pcm = run(
        "ffmpeg", "-v", "error", "-i", str(path), "-af", "highpass=f=700,highpass=f=700",
        "-ac", "1", "-ar", "16000", "-f", "s16le", "-",
    )  # fmt: skip
    values = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    loud = [max(map(abs, values[at : at + 160])) > 2500 for at in range(0, len(values), 160)]
    tones = [sum(1 for _ in group) for on, group in groupby(loud) if on]
    names = "".join("L" if length > 20 else "s" for length in tones if length > 5)
    assert len(names) % 4 == 0, names
    return names.count("sLss")


def test_a_recording_of_another_form_is_turned_into_that_of_the_file(tmp_path: Path) -> None:
    speech = tmp_path / "speech.wav"
    speech.write_bytes(wav(1, 8000, 2, 8))
    how = plan(audio={"mode": "Speech", "speechFile": str(speech)})
    for data, kind in ((wav(1), "audio/wav"), (made("a.mp3", *MP3), "audio/mpeg")):
        path = tmp_path / "out"
        path.write_bytes(data)
        before = float(ffprobe(path)["format"]["duration"])
        path.write_bytes(labelled(data, kind, how).data)
        assert float(ffprobe(path)["format"]["duration"]) == pytest.approx(before + 1, abs=0.2)


def test_a_playlist_cannot_pose_as_a_video(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    for text in (
        f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n",
        f"ffconcat version 1.0\nfile {secret}\n",
    ):
        head = b"\0\0\0\x18ftypmp42" + bytes(12)
        assert refused(head + text.encode(), "video/mp4") is Reason.UNREADABLE


@pytest.mark.parametrize("keep", [0.3, 0.9])
@pytest.mark.parametrize("name", ["h264.mp4", "vp8.webm", "h264.mkv"])
def test_a_cut_video_does_not_leave(name: str, keep: float) -> None:
    data = video(name)
    assert refused(data[: int(len(data) * keep)], VIDEOS[name][0]) is Reason.UNREADABLE


def test_work_beyond_its_time_is_stopped_and_its_files_are_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    long = ("-f", "lavfi", "-i", "testsrc=size=1280x720:rate=25:duration=40")
    data = made("long.mp4", *long, *H264)
    start = monotonic()
    assert refused(data, "video/mp4", plan(limits={"workSeconds": 1})) is Reason.TOO_SLOW
    # Encoding it would take many times as long: it was ended, not waited for.
    assert monotonic() - start < 4
    assert refused(data, "video/mp4", plan(limits={"mediaSeconds": 5})) is Reason.TOO_LARGE
    assert refused(data, "video/mp4", plan(limits={"pixels": 4096})) is Reason.TOO_LARGE
    assert list(tmp_path.iterdir()) == []


def test_without_ffmpeg_no_video_leaves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = video("h264.mp4")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused(data, "video/mp4") is Reason.NO_PROGRAM


def test_a_video_of_sound_alone_is_not_labelled_here() -> None:
    assert refused(made("a.mp4", *TONE, "-c:a", "aac"), "audio/mp4") is Reason.UNSUPPORTED


def test_a_wall_of_noise_is_labelled_legibly(tmp_path: Path) -> None:
    path = tmp_path / "noise.jpg"
    out = BytesIO()
    ground("noise", (1024, 1024)).save(out, "JPEG", quality=60)
    path.write_bytes(labelled(out.getvalue(), "image/jpeg").data)
    ours(exiftool(path))


def test_a_video_is_labelled_anew_with_one_block(tmp_path: Path) -> None:
    once = labelled(video("h264.mp4"), "video/mp4").data
    path = tmp_path / "again.mp4"
    path.write_bytes(labelled(once, "video/mp4", plan("n-2")).data)
    ours(exiftool(path), "n-2")
    with pytest.raises(MediaRefused):
        entry.inspect(path, "video/webm")
