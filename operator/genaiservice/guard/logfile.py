# SPDX-License-Identifier: Apache-2.0
"""The file under the decision log: append, rotate, sync. It knows bytes, not decisions.

`decisions.log` is written; once it is full it becomes `decisions.log.000001`, and so on: a
rotated file never changes its name again, so whoever archives it takes it once. The oldest go
when there are more than `keep`. Used by one thread; every fault is an OSError.
"""

import contextlib
import errno
import logging
import os
import re
import stat
import time
from pathlib import Path
from typing import Final

from genaiservice.api.decision_chain import last_hash
from genaiservice.api.recording_config import Fsync, Recording

TAIL_BYTES: Final = 256 * 1024
SYNC_SECONDS: Final = 1.0
NO_SYNC: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EROFS})
"""What pipes and devices answer to fsync."""

log = logging.getLogger(__name__)


class LogFile:
    def __init__(self, path: Path | None, settings: Recording) -> None:
        """`path`: None for standard output, which is neither rotated nor synced."""
        self._path = path
        self._settings = settings
        self._target: int | None = None
        self._size = 0
        self._regular = False
        self._synced = 0.0
        self._unsynced = False
        self._stuck = self._begun = False

    def write(self, data: bytes) -> int:
        """How many bytes were taken; the rest must be given again."""
        target = self._target if self._target is not None else self._open()
        taken = os.write(target, data)
        self._size += taken
        self._unsynced = True
        return taken

    def written(self) -> None:
        """A whole batch of lines is out: syncs and rotates as the settings say."""
        match self._settings.fsync:
            case Fsync.ALWAYS:
                self._sync()
            case Fsync.INTERVAL if time.monotonic() - self._synced >= SYNC_SECONDS:
                self._sync()
            case _:
                pass
        if self._regular and 0 < self._settings.rotate_bytes <= self._size:
            self._rotate()

    @property
    def sync_due(self) -> float | None:
        """Seconds until what was written has to be synced; None when nothing waits for it."""
        if not self._unsynced or self._settings.fsync is not Fsync.INTERVAL:
            return None
        return max(0.0, self._synced + SYNC_SECONDS - time.monotonic())

    def forget(self) -> None:
        """Closes a file that fails, so that a replaced or remounted one is found."""
        target, self._target = self._target, None
        if target is not None and self._path is not None:
            os.close(target)

    def close(self) -> None:
        try:
            if self._target is not None and self._settings.fsync is not Fsync.NEVER:
                self._sync()
        finally:
            self.forget()

    def last(self) -> str:
        """The hash of the newest line on disk; empty when there is none or it cannot be read."""
        if self._path is None:
            return ""
        try:
            newest = [self._path, *reversed(rotated(self._path))]
            return next((found for path in newest if (found := _last_of(path))), "")
        except OSError:
            return ""

    def _open(self) -> int:
        if self._path is None:
            self._target = 1
            return 1
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        target = os.open(self._path, flags, 0o640)
        try:
            found = os.fstat(target)
            self._size = found.st_size
            self._regular = stat.S_ISREG(found.st_mode)
            # A line that broke off when an earlier process was killed stays as it is, but alone.
            # One of this process is not over yet: its rest follows.
            mendable = not self._begun and self._regular and self._size
            if mendable and os.pread(target, 1, self._size - 1) != b"\n":
                self._size += os.write(target, b"\n")
        except OSError:
            os.close(target)
            raise
        self._target = target
        self._begun = True
        return target

    def _sync(self) -> None:
        self._synced = time.monotonic()
        self._unsynced = False
        if self._target is None or self._path is None:
            return
        try:
            os.fdatasync(self._target)
        except OSError as error:
            if error.errno not in NO_SYNC:
                self._unsynced = True
                raise

    def _rotate(self) -> None:
        if self._path is None:
            return
        older = rotated(self._path)
        number = _number(older[-1]) + 1 if older else 1
        try:
            if self._settings.fsync is not Fsync.NEVER:
                self._sync()
            self._path.rename(self._path.with_name(f"{self._path.name}.{number:06d}"))
        except OSError as error:
            # Decisions are still recorded, in a file that grows: no reason to refuse requests.
            if not self._stuck:
                log.warning("decision log cannot be rotated", extra={"reason": error.strerror})
            self._stuck = True
            return
        self._stuck = False
        self.forget()
        for path in rotated(self._path)[: -self._settings.keep_files]:
            with contextlib.suppress(OSError):  # tried again at the next rotation
                path.unlink()


def rotated(path: Path) -> list[Path]:
    """The rotated files of a log, oldest first."""
    pattern = re.compile(re.escape(path.name) + r"\.[0-9]{6,}")
    found = [entry for entry in path.parent.iterdir() if pattern.fullmatch(entry.name)]
    return sorted((entry for entry in found if entry.is_file()), key=_number)


def _number(path: Path) -> int:
    return int(path.name.rpartition(".")[2])


def _last_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return ""
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            return last_hash(file.read(TAIL_BYTES).splitlines())
    except FileNotFoundError:
        return ""
