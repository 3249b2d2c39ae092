# SPDX-License-Identifier: Apache-2.0
"""The real operator as a process of this machine, under its own service account.

Its pods on simulated nodes start no process; this one does the work. Installed by the chart:
definitions, roles, admission policies, everything but the running container.
"""

import json
import re
import sys
import time
import urllib.request
from pathlib import Path

from hack.cluster import Cluster
from hack.places import CHART, environment
from hack.processes import Processes

NAMESPACE = "genai-system"
ACCOUNT = "genaiservice-operator"
GUARD_IMAGE = "genaiservice-operator:local"
READY_SECONDS = 60.0
NAME = "operator"


def install(cluster: Cluster) -> str:
    """`helm upgrade --install` of the chart; what Helm printed. Its pods stay unscheduled, since
    the process that `start` begins here takes their place."""
    repository, tag = GUARD_IMAGE.split(":")
    nowhere = r"nodeSelector.compliance\.genai\.dev/local-process=true"
    return cluster.helm(
        "upgrade", "--install", "genai", str(CHART),
        "--namespace", NAMESPACE, "--create-namespace",
        "--set", "replicas=1", "--set-string", nowhere,
        "--set", f"guard.image.repository={repository},guard.image.tag={tag}",
    )  # fmt: skip


def start(cluster: Cluster, processes: Processes) -> int:
    """Start the operator and come back when it leads; the port of its metrics."""
    variables = {
        **environment(),
        "KUBECONFIG": str(cluster.kubeconfig_of(NAMESPACE, ACCOUNT)),
        "GENAI_GUARD_IMAGE": GUARD_IMAGE,
        "GENAI_OPERATOR_NAMESPACE": NAMESPACE,
        "GENAI_IDENTITY": "local",
        "GENAI_HEALTH_PORT": "0",
        "GENAI_METRICS_PORT": "0",
    }
    log = processes.log(NAME)
    if log.exists():  # its port is read from the log; what the one before said is kept
        log.replace(log.with_suffix(".previous.log"))
    command = (sys.executable, "-m", "genaiservice", "operator")
    processes.start(NAME, *command, environment=variables)
    deadline = time.monotonic() + READY_SECONDS
    while (port := _port(log)) is None or not _leads(port):
        processes.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"the operator does not lead yet:\n{processes.tail(NAME)}")
        time.sleep(0.05)
    return port


def _port(log: Path) -> int | None:
    for line in log.read_text("utf-8", "replace").splitlines():
        if line.startswith("{") and "serving probes" in line:
            return int(json.loads(line)["metrics_port"])
    return None


def _leads(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            said = answer.read().decode()
    except OSError:
        return False
    return bool(re.search(r"^genai_operator_leading 1", said, re.MULTILINE))
