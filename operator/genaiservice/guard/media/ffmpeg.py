# SPDX-License-Identifier: Apache-2.0
"""Runs ffmpeg and ffprobe: bounded in time, output and memory of what they print; no network.

Rules: the demuxer is named, so that a file cannot pose as a playlist; only files of our own
folder and pipes may be opened; the exit code alone proves nothing, callers read results back.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final

from genaiservice.api.label_config import MediaLimits
from genaiservice.guard.media.outcome import Carrier, MediaRefused, Reason

DEMUXERS: Final = {
    Carrier.MP4: "mov",
    Carrier.MOV: "mov",
    Carrier.MKV: "matroska",
    Carrier.WEBM: "matroska",
    Carrier.MP3: "mp3",
    Carrier.WAV: "wav",
}
LOCAL_ONLY: Final = ("-protocol_whitelist", "file,pipe")
GROWTH: Final = 4
"""How many times larger than its source a result may be, above a few MiB."""


class Workbench:
    """One file's work: a folder that is removed, and the time that is left."""

    def __init__(self, folder: Path, limits: MediaLimits, source_bytes: int) -> None:
        self.folder = folder
        self._ends = monotonic() + limits.work_seconds
        self._most = GROWTH * source_bytes + 16 * 1024 * 1024

    def put(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def ffmpeg(self, *arguments: str) -> bytes:
        head = ("-nostdin", "-hide_banner", "-v", "error", "-y", "-threads", "2")
        return self._run("ffmpeg", (*head, *arguments), self._most)

    def encode(self, *arguments: str, out: str, most: int = 0) -> bytes:
        """Runs ffmpeg with a limit on the file it writes; a cut file is a refusal."""
        path, most = self.folder / out, most or self._most
        self.ffmpeg(*arguments, "-fs", str(most), str(path))
        # ffmpeg ends early and with exit code 0 near the limit.
        if not path.is_file() or path.stat().st_size > most * 0.95:
            raise MediaRefused(Reason.TOO_LARGE, "result", "输出文件")
        return path.read_bytes()

    def probe(self, path: Path, carrier: Carrier) -> dict[str, Any]:
        how = (*LOCAL_ONLY, "-f", DEMUXERS[carrier], "-of", "json")
        what = ("-show_format", "-show_streams", str(path))
        shown = self._run("ffprobe", ("-v", "error", *how, *what), 1024 * 1024)
        try:
            tree: dict[str, Any] = json.loads(shown)
        except ValueError as error:
            raise MediaRefused(Reason.UNREADABLE) from error
        return tree

    def _run(self, program: str, arguments: Sequence[str], most: int) -> bytes:
        path = shutil.which(program)
        left = self._ends - monotonic()
        if path is None:
            raise MediaRefused(Reason.NO_PROGRAM, program)
        if left <= 0:
            raise MediaRefused(Reason.TOO_SLOW)
        out = self.folder / "stdout"
        with out.open("wb") as stream:
            try:
                done = subprocess.run(  # noqa: S603 - fixed program, arguments of ours
                    [path, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    # What ffmpeg says may quote the file; it is read by nobody.
                    stderr=subprocess.DEVNULL,
                    timeout=left,
                    check=False,
                    cwd=self.folder,
                    env={"LC_ALL": "C", "HOME": str(self.folder), "PATH": "/usr/bin:/bin"},
                )
            except subprocess.TimeoutExpired as error:
                raise MediaRefused(Reason.TOO_SLOW) from error
        if done.returncode:
            raise MediaRefused(Reason.UNREADABLE, program)
        if out.stat().st_size > most:
            raise MediaRefused(Reason.TOO_LARGE, program)
        return out.read_bytes()


def source(path: Path, carrier: Carrier) -> tuple[str, ...]:
    """The arguments that open one file of ours and nothing else."""
    return (*LOCAL_ONLY, "-f", DEMUXERS[carrier], "-i", str(path))


@contextmanager
def workbench(limits: MediaLimits, source_bytes: int) -> Iterator[Workbench]:
    with tempfile.TemporaryDirectory(prefix="genai-label-") as folder:
        yield Workbench(Path(folder), limits, source_bytes)
