# SPDX-License-Identifier: Apache-2.0
"""A guard as users run it: `genaiservice guard --config FILE` as a process of its own."""

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.wait import eventually

TERM = "违禁样本"
LABEL = "本内容由人工智能生成"
CANARY = "canary-7f3e9b"
"""Stands in prompts, answers, keys and headers; no output of the guard may hold it."""


def policy(*terms: str, action: str = "Block", **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "test",
        "refusal": {"en": "This cannot be answered.", "zh": "该内容无法回答。"},
        "classes": {"A1a": {"action": action, "terms": [TERM, *terms]}},
        **more,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Guard:
    """Starts when entered, ready or not as `wait` says; ends with the context."""

    def __init__(
        self,
        folder: Path,
        upstream: str,
        *,
        wait: bool = True,
        moderation: dict[str, Any] | None = None,
        timeouts: dict[str, float] | None = None,
        **config: Any,
    ) -> None:
        self.folder = folder
        self.port, self.admin_port = free_port(), free_port()
        self._wait = wait
        self.config: dict[str, Any] = {
            "upstream": {"url": upstream, **(timeouts or {})},
            "listen": {"host": "127.0.0.1", "port": self.port, "adminPort": self.admin_port},
            "policyFile": "policy.json",
            "directiveFile": "directive",
            "decisionLog": "decisions.log",
            "complaintUrl": "https://example.cn/complaints",
            **config,
        }
        self.write_policy(moderation or policy())
        (folder / "guard.json").write_text(json.dumps(self.config))

    def __enter__(self) -> Self:
        self._errors = (self.folder / "stderr.log").open("wb")
        command = [sys.executable, "-m", "genaiservice", "guard", "--config"]
        self.process = subprocess.Popen(
            [*command, str(self.folder / "guard.json")],
            stdout=self._errors,
            stderr=self._errors,
        )
        path = "/readyz" if self._wait else "/livez"
        try:
            eventually(lambda: self.admin(path)[0] == 200, within=20)
        except AssertionError as error:
            self.__exit__(None, None, None)
            raise AssertionError(f"the guard did not come up: {self.log()}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._errors.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def admin(self, path: str) -> tuple[int, str]:
        address = f"http://127.0.0.1:{self.admin_port}{path}"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def readiness(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.admin("/readyz")[1])
        return report

    def metric(self, name: str) -> float:
        """The sum of all series whose name and labels begin with `name`."""
        lines = [line for line in self.admin("/metrics")[1].splitlines() if line.startswith(name)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def write_policy(self, tree: Any) -> None:
        text = tree if isinstance(tree, str) else json.dumps(tree, ensure_ascii=False)
        self._replace("policy.json", text)

    def write_directive(self, text: str) -> None:
        self._replace("directive", text)

    def _replace(self, name: str, text: str) -> None:
        fresh = self.folder / f"{name}.new"
        fresh.write_text(text)
        fresh.replace(self.folder / name)

    def decisions(self, event: str = "decision") -> list[dict[str, Any]]:
        path = self.folder / "decisions.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for text in lines if (line := json.loads(text))["event"] == event]

    def log(self) -> str:
        return (self.folder / "stderr.log").read_text()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def rss_megabytes(self) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class Raw:
    """A client that speaks bytes, for what no HTTP library would send."""

    def __init__(
        self, guard: Guard, *, port: int | None = None, receive_buffer: int | None = None
    ) -> None:
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(10)
        self._socket.connect(("127.0.0.1", port or guard.port))
        self.received = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def finish(self) -> None:
        """Nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def post(self, path: str, body: bytes, *lines: str, method: str = "POST") -> None:
        head = [f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: application/json"]
        head += [f"Content-Length: {len(body)}", *lines, "", ""]
        self.send("\r\n".join(head).encode() + body)

    def until(self, mark: bytes) -> bytes:
        """Everything received so far, once it holds `mark`."""
        start = 0
        while self.received.find(mark, start) < 0:
            start = max(0, len(self.received) - len(mark))
            data = self._socket.recv(65536)
            if not data:
                raise AssertionError(f"closed before {mark!r}: {self.received[-300:]!r}")
            self.received += data
        return bytes(self.received)

    def to_end(self) -> bytes:
        """Everything until the guard closes."""
        while data := self._socket.recv(65536):
            self.received += data
        return bytes(self.received)


def chat(text: str = "你好", *, stream: bool = True, **more: Any) -> bytes:
    tree = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}], **more}
    return json.dumps(tree, ensure_ascii=False).encode()
