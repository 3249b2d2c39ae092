# SPDX-License-Identifier: Apache-2.0
"""Time that the guard adds: to the first token, between chunks, and whether 1,000 streams hold.

100 streams run at once, 50 new ones a second, each of 200 chunks 10 ms apart, 10,000 terms, with
decision log and tracing. The model server says when each request came and each chunk went, so the
time on the way is exact: what is added to the first token is request and first chunk together,
what is added between chunks is by how much a gap grew. The same is measured without any proxy in
the same run, and subtracted. The guard has one CPU, all else the other.

    python -m benchmarks.guard_latency [--runs 2] [--streams 500]
"""

import argparse
import os
import statistics
import sys
import time
from contextlib import nullcontext
from typing import Any

from benchmarks.report import report
from benchmarks.rig import client
from benchmarks.rig.processes import cpu_seconds, many_files, rss_megabytes
from benchmarks.rig.proxies import NGINX, Proxy, guarded, model_server, proxied

PER_SECOND = 50
GUARD = guarded(10_000)
IDLE_STREAMS, IDLE_CHUNKS, IDLE_SECONDS = 1000, 10, 1.0
PARTS = ("first_p50_ms", "first_p99_ms", "between_p50_ms", "between_p99_ms")
TARGETS = {
    "added.first_p50_ms": 1.0,
    "added.first_p99_ms": 5.0,
    "added.between_p99_ms": 2.0,
    "idle.faults": 0,
}


def paced(proxy: Proxy | None, total: int) -> dict[str, Any]:
    with (
        model_server() as model,
        proxied(proxy, model) if proxy else nullcontext() as up,
    ):
        port = up.port if up else model
        client.ask(port, streams=20, rounds=1, chunks=50)
        options = {"per-second": PER_SECOND, "total": total, "model": model}
        found = client.ask(port, **options)
    return {"proxy": proxy.name if proxy else "no proxy", **found}


def idle() -> dict[str, Any]:
    """1,000 streams at once through one guard, a chunk a second each."""
    with model_server(IDLE_STREAMS, IDLE_SECONDS) as model, proxied(GUARD, model) as up:
        time.sleep(0.5)
        before = cpu_seconds(up.pid)
        found = client.ask(up.port, streams=IDLE_STREAMS, rounds=1, chunks=IDLE_CHUNKS)
        spent = cpu_seconds(up.pid) - before
        return {**found, "cpu_seconds": round(spent, 2), "rss_mb": rss_megabytes(up.pid)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--streams", type=int, default=500)
    chosen = parser.parse_args()
    many_files()
    runs = []
    for _ in range(chosen.runs):
        for proxy in (None, NGINX, GUARD):
            found = {**paced(proxy, chosen.streams), "load1": round(os.getloadavg()[0], 2)}
            print(f"   {found}", file=sys.stderr, flush=True)
            runs.append(found)
    names = [None, NGINX, GUARD]
    told = {
        (proxy.name if proxy else "no proxy"): {
            part: round(statistics.median(run[part] for run in runs if run["proxy"] == name), 3)
            for part in PARTS
        }
        for proxy in names
        for name in [proxy.name if proxy else "no proxy"]
    }
    print("{:24}".format("100 streams at once"), *(f"{part:>15}" for part in PARTS))
    for name, found in told.items():
        print(f"{name:24}", *(f"{found[part]:15.3f}" for part in PARTS))
    floor = told["no proxy"]
    added = {part: round(told[GUARD.name][part] - floor[part], 3) for part in PARTS}
    print("{:24}".format("added by the guard"), *(f"{added[part]:15.3f}" for part in PARTS))
    many = idle()
    print(f"{IDLE_STREAMS} streams at once, a chunk a second: {many['faults']} faults,"
          f" {many['cpu_seconds']} s of CPU, {many['rss_mb']} MB")  # fmt: skip
    report(
        "guard_latency",
        {
            "ms": told,
            "added": added,
            "faults": sum(run["faults"] for run in runs),
            "idle": {"streams": IDLE_STREAMS, **many},
        },
        targets=TARGETS,
        raw=runs,
    )
    if any(run["faults"] for run in runs) or many["faults"]:
        raise SystemExit("answers differed from what the model sent")


if __name__ == "__main__":
    main()
