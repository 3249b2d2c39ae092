# SPDX-License-Identifier: Apache-2.0
"""Other terms under running streams: how long until they are in force, how long a stream pauses.

20 streams run at once, a chunk every 10 ms, through a guard on one CPU. The pause is by how much
the longest gap of any stream grew on its way; without a reload it is measured, too, since a busy
machine makes pauses of its own. The guard has no priority here, as threads of one process would
not take turns then. Seconds count from the new file to readiness telling of it; the
guard looks for a new file twice a second.

    python -m benchmarks.guard_reload [--streams 80]
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.report import report
from benchmarks.rig import client
from benchmarks.rig.processes import many_files, rss_megabytes
from benchmarks.rig.proxies import Running, guarded, model_server, policy, proxied, write_policy

PER_SECOND = 10
STEPS = {"no reload": 0, "10,000 terms": 10_000, "200,000 terms": 200_000}
TARGETS = {
    "reloads.200,000 terms.seconds": 2.0,
    "reloads.200,000 terms.pause_ms": 20.0,
    "reloads.10,000 terms.seconds": 2.0,
    "reloads.10,000 terms.pause_ms": 20.0,
}
LOAD_SECONDS = 60.0


def reloaded(up: Running, tree: dict[str, Any]) -> float:
    """Seconds until the policy is in force."""
    begun = time.monotonic()
    write_policy(up.folder, tree)
    while up.readiness()["policy"]["name"] != tree["name"]:
        if time.monotonic() - begun > LOAD_SECONDS:
            raise SystemExit("the policy was not loaded")
        time.sleep(0.02)
    return round(time.monotonic() - begun, 2)


def step(up: Running, count: int, total: int) -> dict[str, Any]:
    tree = policy(count, f"with {count}") if count else {}
    options = {"per-second": PER_SECOND, "total": total, "model": up.model}
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(client.ask, up.port, **options)
        time.sleep(2)  # until as many streams run as will
        seconds = reloaded(up, tree) if count else None
        found = load.result()
    return {
        "seconds": seconds,
        "pause_ms": found["between_max_ms"],
        "between_p99_ms": found["between_p99_ms"],
        "faults": found["faults"],
        "rss_mb": rss_megabytes(up.pid),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=80)
    chosen = parser.parse_args()
    many_files()
    found = {}
    with model_server() as model, proxied(guarded(10), model, first=False) as up:
        client.ask(up.port, streams=20, rounds=1)
        for name, count in STEPS.items():
            found[name] = step(up, count, chosen.streams)
            print(f"   {name}: {found[name]}", file=sys.stderr, flush=True)
    row = "{:16} {:>9} {:>9} {:>16} {:>7}"
    print(row.format("reload", "seconds", "pause ms", "gaps grew p99 ms", "faults"))
    for name, one in found.items():
        seconds = "-" if one["seconds"] is None else one["seconds"]
        print(row.format(name, seconds, one["pause_ms"], one["between_p99_ms"], one["faults"]))
    report("guard_reload", {"reloads": found}, targets=TARGETS, raw=found)


if __name__ == "__main__":
    main()
