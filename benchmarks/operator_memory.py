# SPDX-License-Identifier: Apache-2.0
"""Memory of the operator with 500 services on a real API server (target: 120 MB resident).

Half of them are managed and allowed, with all their children; half adopt and are refused. The
operator sees them come, then is started anew, so that both ways to fill its cache are measured.
The writes of the restarted operator are counted, too (target: 0).

    python -m benchmarks.operator_memory [--services 500]

One JSON line on stdout; every sample under benchmarks/results/.
"""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

from benchmarks.operator_latency import each, place, prepare
from benchmarks.report import report
from genaiservice.kube.access import open_access
from genaiservice.kube.client import Client
from hack.build import programs
from hack.cluster import ControlPlane, running
from tests.operator_process import OperatorProcess, operating
from tests.operator_world import complete, service
from tests.wait import eventually

USER = "system:serviceaccount:genai-system:genaiservice-operator"
SETTLE_SECONDS = 10.0


async def populate(kubeconfig: Path, services: int) -> None:
    access = await open_access(kubeconfig, user_agent="benchmark")
    client = Client(access, clock=time.monotonic)

    async def make(number: int) -> None:
        namespace, name = place(number)
        # No replicas: the simulated nodes need not run 250 pods to fill the operator's cache.
        managed = {"managed": 0, "compliance": complete()} if number % 2 else {}
        tree = service(name, **managed)
        tree["metadata"]["namespace"] = namespace
        await client.create(tree)

    await each(services, 8, make)
    await access.close()


def all_told(plane: ControlPlane, services: int) -> None:
    items = plane.api.get("/apis/compliance.genai.dev/v1alpha1/genaiservices")["items"]
    assert len(items) == services
    missing = [item["metadata"]["name"] for item in items if "status" not in item]
    assert missing == []
    deployments = plane.api.get("/apis/apps/v1/deployments")["items"]
    assert len(deployments) == services // 2


def settled(operator: OperatorProcess) -> list[float]:
    """Resident memory, a sample a second, while nothing happens."""
    operator.until_idle(within=120)
    samples = []
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end:
        samples.append(round(operator.rss_mb, 1))
        time.sleep(1)
    return samples


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--services", type=int, default=500)
    chosen = arguments.parse_args()
    raw: dict[str, Any] = {}
    with running(programs()) as plane:
        kubeconfig = prepare(plane)
        with operating(kubeconfig) as operator:
            raw["empty_mb"] = [round(operator.rss_mb, 1)]
            began = time.monotonic()
            asyncio.run(populate(plane.kubeconfig, chosen.services))
            eventually(lambda: all_told(plane, chosen.services), within=180)
            raw["all_told_seconds"] = [round(time.monotonic() - began, 2)]
            raw["grown_mb"] = settled(operator)
            operator.stop()
        mark = plane.audit_mark()
        with operating(kubeconfig, identity="anew") as operator:
            raw["restarted_mb"] = settled(operator)
            writes = plane.writes(user=USER, since=mark)
    written = [str(write) for write in writes if write.resource != "leases"]
    raw["written_after_restart"] = written
    numbers = {
        "services": chosen.services,
        "empty_mb": raw["empty_mb"][0],
        "all_told_seconds": raw["all_told_seconds"][0],
        "grown_mb": max(raw["grown_mb"]),
        "restarted_mb": max(raw["restarted_mb"]),
        "writes_after_restart": len(written),
    }
    targets = {"grown_mb": 120.0, "restarted_mb": 120.0, "writes_after_restart": 0}
    report("operator_memory", numbers, targets=targets, raw=raw)


if __name__ == "__main__":
    main()
