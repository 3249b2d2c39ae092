# SPDX-License-Identifier: Apache-2.0
"""Processes of a benchmark: each on its CPU, with its log, its CPU time and its memory."""

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from hack.places import ROOT, environment

LOAD_CPU, PROXY_CPU = 0, 1
TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def many_files() -> None:
    """Thousands of streams are thousands of sockets; children inherit the limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


@contextmanager
def running(
    command: list[str],
    port: int,
    log: Path,
    *,
    cpu: int,
    env: Mapping[str, str] | None = None,
    within: float = 20,
    first: bool = True,
) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once it listens on `port`; it is ended with the context. `first`: see place."""
    variables = {**environment(), "PYTHONPATH": str(ROOT), **(env or {})}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=variables)
    try:
        place(process.pid, cpu, first=first)
        _await(process, port, log, within)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class NotUpError(Exception):
    """A program did not come up; the message has the end of its log."""


def _await(process: subprocess.Popen[bytes], port: int, log: Path, within: float) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise NotUpError(f"nothing listens on port {port}: {log.read_text(errors='replace')[-600:]}")


def place(pid: int, cpu: int, *, first: bool = True) -> None:
    """Pins a process, and puts it before all other work where the machine allows that.

    On a busy machine a proxy that wakes late finds several chunks in one read and looks cheaper
    than it is; with real-time priority every proxy sees the stream as it was paced. Where threads
    of one process share the CPU, that priority would let one of them run for 100 ms on end.
    """
    os.sched_setaffinity(pid, {cpu})
    if first:
        with suppress(PermissionError):
            os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))


def family(pid: int) -> list[int]:
    """The process and its children, to the last."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        children = []
    return [pid, *(one for child in children for one in family(int(child)))]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children, all their threads."""
    total = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def rss_megabytes(pid: int) -> float:
    total = 0
    for one in family(pid):
        lines = Path(f"/proc/{one}/status").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return round(total / 1024, 1)
