# SPDX-License-Identifier: Apache-2.0
"""Runs the real operator as a process of its own, the way its pod runs it.

A process, not a task in the test's loop: signals, exit codes, memory and the user agent in the
audit log are then those of the product.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.wait import eventually

SOURCES = Path(__file__).parents[1] / "operator"
"""The operator of this very tree, whatever is installed."""
GUARD_IMAGE = "registry.example.test/genaiservice-operator:test"
NAMESPACE = "genai-system"


@dataclass(slots=True)
class OperatorProcess:
    process: "subprocess.Popen[bytes]"
    log: Path
    health_port: int = 0
    metrics_port: int = 0

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far; lines of libraries that are no JSON are left out."""
        text = self.log.read_text("utf-8", "replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def answer(self, path: str) -> tuple[int, str]:
        port = self.metrics_port if path == "/metrics" else self.health_port
        url = f"http://127.0.0.1:{port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of this name that carry these labels."""
        total = 0.0
        for line in self.answer("/metrics")[1].splitlines():
            match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            wanted = [f'{key}="{value}"' for key, value in labels.items()]
            if match and all(word in (match[1] or "") for word in wanted):
                total += float(match[2])
        return total

    @property
    def rss_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]

    def until_ready(self, within: float = 30.0) -> None:
        eventually(self._has_port, within)
        eventually(self._is_ready, within)

    def until_leading(self, within: float = 30.0) -> None:
        eventually(lambda: self.metric("genai_operator_leading") == 1.0, within)

    def until_idle(self, within: float = 30.0) -> None:
        """Every service that was waiting has been looked at."""
        eventually(self._is_idle, within)

    def stop(self, within: float = 20.0) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def _alive(self) -> None:
        if self.process.poll() is not None:
            raise SystemExit(f"the operator ended:\n{self.log.read_text('utf-8')[-4000:]}")

    def _has_port(self) -> bool:
        self._alive()
        for line in self.lines():
            if line["message"] == "serving probes":
                self.health_port, self.metrics_port = line["health_port"], line["metrics_port"]
        return self.metrics_port != 0

    def _is_ready(self) -> bool:
        self._alive()
        return self.answer("/readyz")[0] == 200

    def _is_idle(self) -> bool:
        busy = self.metric("genai_operator_queue_depth")
        return self.metric("genai_operator_leading") == 1.0 and busy == 0.0


@contextlib.contextmanager
def operating(
    kubeconfig: Path, *, identity: str = "test", settings: Mapping[str, str] | None = None
) -> Iterator[OperatorProcess]:
    """The operator, ready and leading; stopped at the end, and its log shown when it had failed."""
    with started(kubeconfig, identity=identity, settings=settings) as operator:
        operator.until_ready()
        operator.until_leading()
        yield operator


@contextlib.contextmanager
def started(
    kubeconfig: Path, *, identity: str = "test", settings: Mapping[str, str] | None = None
) -> Iterator[OperatorProcess]:
    """The operator, just started."""
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - for a child process
        "PYTHONPATH": str(SOURCES),
        "KUBECONFIG": str(kubeconfig),
        "GENAI_GUARD_IMAGE": GUARD_IMAGE,
        "GENAI_OPERATOR_NAMESPACE": NAMESPACE,
        "GENAI_IDENTITY": identity,
        "GENAI_HEALTH_PORT": "0",
        "GENAI_METRICS_PORT": "0",
        **(settings or {}),
    }
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "operator.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "genaiservice", "operator"],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        operator = OperatorProcess(process, log)
        try:
            yield operator
        except BaseException:
            print(log.read_text("utf-8", "replace")[-8000:])
            raise
        finally:
            if process.poll() is None:
                try:
                    operator.stop()
                except subprocess.TimeoutExpired:
                    operator.kill()
