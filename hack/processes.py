# SPDX-License-Identifier: Apache-2.0
"""Child processes that never outlive whoever started them.

Rule of this module: every process is in a group of its own and is ended by that group; the
kernel ends it too when the starting thread dies without a word. So start from the main thread.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TAIL_LINES = 25


class ProcessEnded(RuntimeError):
    """A process that should run has ended; the message ends with what it logged last."""


class Processes:
    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(
        self, name: str, *command: str | Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program; what it prints goes to `<logs>/<name>.log`."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                mortal(*command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )
        self._running[name] = process
        return process

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def tail(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])

    def tails(self) -> str:
        return "\n".join(f"--- {name}\n{self.tail(name)}" for name in self._running)

    def ended(self, name: str) -> bool:
        return self._running[name].poll() is not None

    def check(self) -> None:
        """Raise when one of them has ended."""
        for name, process in self._running.items():
            if (code := process.poll()) is not None:
                raise ProcessEnded(f"{name} ended with code {code}. It said:\n{self.tail(name)}")

    def stop(self, name: str, *, within: float = 20.0) -> int:
        """Ask one process to end, and make it end when it does not; its exit code."""
        process = self._running.pop(name)
        signal_group(process, signal.SIGTERM)
        try:
            return process.wait(within)
        except subprocess.TimeoutExpired:
            signal_group(process, signal.SIGKILL)
            return process.wait()

    def kill(self) -> None:
        """End all of them at once. For programs whose data is thrown away anyway."""
        for process in self._running.values():
            signal_group(process, signal.SIGKILL)
        for process in self._running.values():
            process.wait()
        self._running.clear()


def mortal(*command: str | Path) -> list[str]:
    """The command, ended by the kernel when the thread that starts it ends."""
    setpriv = shutil.which("setpriv")  # util-linux, part of every Debian
    guarded = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    return [*guarded, *map(str, command)]


def signal_group(process: subprocess.Popen[Any], number: signal.Signals) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
