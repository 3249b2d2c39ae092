# SPDX-License-Identifier: Apache-2.0
"""Memory of the guard with 10,000 terms: at rest after loading, and after streams have run.

Resident memory is VmRSS of the process, everything included: interpreter, libraries, terms,
tracing to a receiver. Private memory (what the pod alone pays for) stands beside it. A second
policy of the same size is loaded at the end, since a reload must not need twice the memory.

    python -m benchmarks.guard_memory [--terms 10000] [--rounds 4]
"""

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.report import report
from benchmarks.rig import client
from benchmarks.rig.processes import rss_megabytes
from benchmarks.rig.proxies import guarded, model_server, policy, proxied, write_policy

TARGETS = {"rss_mb": 60.0}
STEPS = ("at_rest", "warm", "after_streams", "after_reload")


def sample(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    private = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return {"rss_mb": rss_megabytes(pid), "private_mb": round(private / 1024, 1)}


def measure(count: int, rounds: int, *, tracing: bool) -> dict[str, Any]:
    guard = guarded(count) if tracing else guarded(count, telemetry={})
    found: dict[str, Any] = {"terms": count, "tracing": tracing}
    with model_server() as model, proxied(guard, model) as up:
        time.sleep(1)
        found["at_rest"] = sample(up.pid)
        found["faults"] = client.ask(up.port, rounds=1)["faults"]
        found["warm"] = sample(up.pid)
        found["faults"] += client.ask(up.port, rounds=rounds)["faults"]
        found["after_streams"] = sample(up.pid)
        write_policy(up.folder, policy(count, "second"))
        while up.readiness()["policy"]["name"] != "second":
            time.sleep(0.1)
        found["after_reload"] = sample(up.pid)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--terms", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=4)
    chosen = parser.parse_args()
    runs = [
        measure(10, 1, tracing=True),
        measure(chosen.terms, 1, tracing=False),
        measure(chosen.terms, chosen.rounds, tracing=True),
    ]
    heads = ("tracing", "at rest", "warm", "streams", "reload")
    print("{:>7} {:>8} {:>8} {:>8} {:>8} {:>8} MB RSS".format("terms", *heads))
    for run in runs:
        cells = " ".join(f"{run[step]['rss_mb']:8.1f}" for step in STEPS)
        print(f"{run['terms']:7} {run['tracing']!s:>8} {cells}")
    numbers = {"terms": chosen.terms, "rss_mb": runs[-1]["warm"]["rss_mb"]}
    report("guard_memory", numbers, targets=TARGETS, raw=runs)


if __name__ == "__main__":
    main()
