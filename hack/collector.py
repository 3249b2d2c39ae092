# SPDX-License-Identifier: Apache-2.0
"""A real OpenTelemetry Collector on 127.0.0.1 that writes what it is sent to a file.

The file holds one OTLP JSON document a line. It listens for OTLP over HTTP on a free port.
"""

import contextlib
import json
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import free_ports
from hack.processes import Processes

START_SECONDS = 20.0


class CollectorFailed(RuntimeError):
    """It did not come up; the message holds what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    endpoint: str
    """What `telemetry.otlpEndpoint` takes; traces go to `<endpoint>/v1/traces`."""
    file: Path


@contextlib.contextmanager
def collecting(programs: Path) -> Iterator[Collector]:
    """A collector for the length of a `with`. Call it from the main thread."""
    data = Path(tempfile.mkdtemp(prefix="genaiservice-collector-"))
    processes = Processes(data)
    try:
        (port,) = free_ports(1)
        config = data / "config.json"
        file = data / "received.jsonl"
        config.write_text(json.dumps(configuration(port, file)))
        processes.start("otelcol", programs / "otelcol", f"--config={config}")
        until_listening(port, processes)
        yield Collector(endpoint=f"http://127.0.0.1:{port}", file=file)
    finally:
        processes.kill()
        shutil.rmtree(data, ignore_errors=True)


def configuration(port: int, file: Path) -> dict[str, object]:
    """JSON is YAML too. Nothing is batched: a test wants to see each span at once."""
    pipeline = {"receivers": ["otlp"], "exporters": ["file"]}
    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
        "exporters": {"file": {"path": str(file), "flush_interval": "50ms"}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": pipeline, "metrics": pipeline, "logs": pipeline},
        },
    }


def until_listening(port: int, processes: Processes) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        processes.check()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > deadline:
            raise CollectorFailed(f"the collector does not listen.\n{processes.tails()}")
        time.sleep(0.02)
