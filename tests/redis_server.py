# SPDX-License-Identifier: Apache-2.0
"""A real redis-server of Debian for tests: started, killed, frozen and started again."""

import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from hack.packages import install, missing
from tests.guard_process import free_port
from tests.wait import eventually

PASSWORD = "swordfish-for-tests"


def program() -> str:
    absent = missing(["redis-server"])
    problem = install(absent) if absent else ""
    assert not problem, problem
    found = shutil.which("redis-server", path="/usr/bin:/usr/sbin:/usr/local/bin")
    assert found is not None
    return found


class RedisServer:
    """Keeps what it was told on disk, so that a restart forgets nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        (folder / "password").write_text(PASSWORD + "\n")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def password_file(self) -> str:
        return str(self._folder / "password")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self._folder),
            "requirepass": PASSWORD,
            "masterauth": PASSWORD,
            "repl-diskless-sync-delay": "0",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "no",  # what was written outlives the process, if not the machine
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([program(), *words], stdout=log, stderr=log)
        eventually(lambda: self.command("PING").startswith(b"+PONG"), within=20)

    def kill(self) -> None:
        """At once, as when a node is lost."""
        self._process.kill()
        self._process.wait(10)

    def freeze(self) -> None:
        """It still takes connections and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def follow(self, primary: "RedisServer") -> None:
        """Until it holds what the primary holds."""
        assert self.command("REPLICAOF", "127.0.0.1", str(primary.port)).startswith(b"+OK")
        eventually(lambda: b"master_link_status:up" in self.command("INFO", "replication"))

    def promote(self) -> None:
        assert self.command("REPLICAOF", "NO", "ONE").startswith(b"+OK")

    def command(self, *words: str) -> bytes:
        """One inline command after AUTH; its raw answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(f"AUTH {PASSWORD}\r\n".encode())
            assert connection.recv(64).startswith(b"+OK")
            connection.sendall((" ".join(words) + "\r\n").encode())
            return connection.recv(65536)
