# SPDX-License-Identifier: Apache-2.0
"""What the story plays on: a cluster (ours, or one that KUBECONFIG names), operator, collector."""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hack import operate
from hack.cluster import Cluster, CommandFailed, free_ports, running
from hack.places import environment
from hack.processes import Processes

Found = TypeVar("Found")

COLLECTOR = """\
receivers:
  otlp:
    protocols:
      http: {{endpoint: "127.0.0.1:{port}"}}
exporters:
  file: {{path: "{path}", flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [file]}}
"""


@dataclass(slots=True)
class Stage:
    cluster: Cluster
    processes: Processes
    folder: Path
    simulated: bool
    """Whether the nodes are simulated (ours): pods become Running without images."""
    namespace: str = "genai-demo"
    collector: str | None = None
    traces: Path | None = None

    def kubectl(self, *words: str, **options: Any) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *words, **options)

    def read(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def items(self, kind: str, selector: str) -> list[dict[str, Any]]:
        said = self.kubectl("get", kind, "-l", selector, "-o", "json")
        found: list[dict[str, Any]] = json.loads(said)["items"]
        return found

    def start_collector(self) -> None:
        (port,) = free_ports(1)
        self.traces = self.folder / "traces.json"
        config = self.folder / "collector.yaml"
        config.write_text(COLLECTOR.format(port=port, path=self.traces), "utf-8")
        program = self.cluster.bin / "otelcol"
        self.processes.start("otelcol", program, "--config", config)
        self.collector = f"http://127.0.0.1:{port}"


def until(what: str, look: Callable[[], Found], within: float = 60.0) -> Found:
    """What `look` gives as soon as it is true; it may fail meanwhile as kubectl does."""
    deadline = time.monotonic() + within
    while True:
        with contextlib.suppress(CommandFailed):
            if found := look():
                return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within:.0f} s")
        time.sleep(0.02)


@contextlib.contextmanager
def staged(programs: Callable[[], Path]) -> Iterator[Stage]:
    """A cluster with the chart installed and the operator leading; everything of ours ends."""
    given = environment().get("KUBECONFIG")
    with tempfile.TemporaryDirectory(prefix="genaiservice-demo-") as name:
        folder = Path(name)
        processes = Processes(folder / "logs")
        try:
            if given:
                yield _prepared(Stage(_existing(given, folder), processes, folder, False))
            else:
                with running(programs()) as plane:
                    yield _prepared(Stage(plane, processes, folder, True))
        finally:
            processes.kill()


def _existing(kubeconfig: str, folder: Path) -> Cluster:
    """The cluster of KUBECONFIG, with kubectl and helm of the PATH."""
    links = folder / "bin"
    links.mkdir()
    (folder / "home").mkdir()
    for program in ("kubectl", "helm", "otelcol"):
        found = shutil.which(program)
        if found:
            (links / program).symlink_to(found)
        elif program != "otelcol":
            raise SystemExit(
                f"KUBECONFIG names a cluster, and there is no {program} on the PATH. "
                "Install it, or unset KUBECONFIG: then a control plane is built here."
            )
    return Cluster(bin=links, data=folder, kubeconfig=Path(kubeconfig.split(os.pathsep)[0]))


def _prepared(stage: Stage) -> Stage:
    operate.install(stage.cluster)
    operate.start(stage.cluster, stage.processes)
    stage.cluster.kubectl("create", "namespace", stage.namespace)
    if (stage.cluster.bin / "otelcol").exists():
        stage.start_collector()
    return stage
