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
from hack.cluster import Cluster, CommandFailed, running
from hack.collector import Collector, collecting
from hack.places import environment
from hack.processes import Processes

Found = TypeVar("Found")


@dataclass(slots=True)
class Stage:
    cluster: Cluster
    processes: Processes
    folder: Path
    simulated: bool
    """Whether the nodes are simulated (ours): pods become Running without images."""
    namespace: str = "genai-demo"
    collector: Collector | None = None

    def kubectl(self, *words: str, **options: Any) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *words, **options)

    def read(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def items(self, kind: str, selector: str) -> list[dict[str, Any]]:
        said = self.kubectl("get", kind, "-l", selector, "-o", "json")
        found: list[dict[str, Any]] = json.loads(said)["items"]
        return found


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
    with contextlib.ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="genaiservice-demo-")))
        processes = Processes(folder / "logs")
        ends.callback(processes.kill)
        cluster = _existing(given, folder) if given else ends.enter_context(running(programs()))
        collector = None
        if (cluster.bin / "otelcol").exists():
            collector = ends.enter_context(collecting(cluster.bin))
        stage = Stage(cluster, processes, folder, simulated=not given, collector=collector)
        operate.install(cluster)
        operate.start(cluster, processes)
        cluster.kubectl("create", "namespace", stage.namespace)
        yield stage


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
