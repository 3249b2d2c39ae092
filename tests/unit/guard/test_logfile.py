# SPDX-License-Identifier: Apache-2.0
"""Files under the decision log: rotation, restarts, killed writers, disks and limits that end."""

import json
import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from genaiservice.api.decision_chain import Verifier
from genaiservice.api.recording_config import Fsync, Recording
from genaiservice.guard.logfile import rotated
from genaiservice.guard.record import DecisionLog
from tests.wait import eventually


def opened(path: Path, process: str = "p", lines: int = 1000, **settings: Any) -> DecisionLog:
    log = DecisionLog(
        path,
        process=process,
        service="shop/chat",
        now=lambda: datetime(2026, 11, 25, tzinfo=UTC),
        lines=lines,
        settings=Recording(**settings),
    )
    log.start()
    return log


def fill(path: Path, count: int, process: str = "p", **settings: Any) -> None:
    log = opened(path, process, **settings)
    for number in range(count):
        log.note("directive", number=number)
        if number % 50 == 0:
            eventually(lambda: not log._queue)  # batches of a size that shows rotation
    assert log.close(5)


def faults(path: Path, *, late: bool = False) -> list[str]:
    verifier = Verifier(begins_late=late)
    found = [
        problem.what.en
        for file in [*rotated(path), path]
        if file.exists()
        for data in file.read_bytes().splitlines(keepends=True)
        for problem in verifier.line(data, file.name)
    ]
    return [*found, *(problem.what.en for problem in verifier.end())]


@pytest.mark.parametrize("fsync", list(Fsync))
def test_the_chain_goes_on_over_rotated_files(tmp_path: Path, fsync: Fsync) -> None:
    path = tmp_path / "log"
    fill(path, 400, rotate_bytes=4096, keep_files=1000, fsync=fsync)
    files = rotated(path)
    assert len(files) > 3
    assert [file.name for file in files[:2]] == ["log.000001", "log.000002"]
    assert faults(path) == []
    files[1].unlink()
    assert any("removed" in fault for fault in faults(path))


def test_only_the_newest_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    fill(path, 400, rotate_bytes=4096, keep_files=2)
    assert len(rotated(path)) == 2
    assert faults(path, late=True) == []


def test_a_restart_goes_on_where_the_log_ended_and_rotates_on(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for process in ("p", "q", "r"):
        fill(path, 120, process, rotate_bytes=4096, keep_files=1000)
    numbers = [int(file.name[-6:]) for file in rotated(path)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert faults(path) == []


def test_the_end_of_a_log_that_is_removed_before_a_restart_is_found(tmp_path: Path) -> None:
    path = tmp_path / "log"
    fill(path, 10)
    whole = path.read_bytes().splitlines(keepends=True)
    fill(path, 3, "q")
    later = path.read_bytes().splitlines(keepends=True)[len(whole) :]
    path.write_bytes(b"".join(whole[:-2] + later))
    assert any("end of the log before it was removed" in fault for fault in faults(path))


def test_a_line_of_a_killed_writer_stays_alone_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log"
    fill(path, 3)
    with path.open("ab") as file:
        file.write(b'{"event":"decision","ac')
    fill(path, 3, "q")
    assert faults(path) == ["was cut off: the process ended while it wrote, or the end was removed"]


def test_a_folder_that_forbids_rotation_costs_no_decision(tmp_path: Path) -> None:
    path = tmp_path / "log"
    (tmp_path / "log.000001").mkdir()  # the next name is taken by something that no file replaces
    fill(path, 200, rotate_bytes=4096, keep_files=3)
    assert path.stat().st_size > 4096 * 3
    assert faults(path) == []


def test_what_a_full_queue_lost_is_counted_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "later" / "log"
    log = opened(path, lines=5)
    for _ in range(30):
        log.note("directive")
    lost = log.dropped
    assert lost > 0
    path.parent.mkdir()
    eventually(lambda: log.failure is None)
    log.note("directive")
    assert log.close(5)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    # One line or several: the thread may take a batch between two losses.
    assert sum(line["lines"] for line in lines if line["event"] == "lost") == lost
    assert faults(path) == []


WRITER = """
import resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
from genaiservice.guard.record import DecisionLog
log = DecisionLog(
    Path(sys.argv[1]), process="p", service="s", now=lambda: datetime(2026, 11, 25, tzinfo=UTC)
)
log.start()
for number in range(200):
    log.note("directive", number=number)
while log.failure is None:
    time.sleep(0.01)
print(log.failure.what.en, flush=True)
sys.stdin.readline()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
while log.failure is not None:
    time.sleep(0.01)
print(log.close(5), flush=True)
"""


def test_a_disk_that_ends_in_the_middle_of_a_line_loses_nothing(tmp_path: Path) -> None:
    """The limit on file size ends a write as a full disk does: in part first, then not at all."""
    path = tmp_path / "log"

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (9999, resource.RLIM_INFINITY))

    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=limited,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert "File too large" in process.stdout.readline()
        assert path.stat().st_size == 9999
        assert not path.read_bytes().endswith(b"\n")
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert process.stdout.readline() == "True\n"
    assert len(path.read_bytes().splitlines()) == 201
    assert faults(path) == []
