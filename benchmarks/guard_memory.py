# SPDX-License-Identifier: Apache-2.0
"""Memory of the guard with 10,000 terms: at rest after loading, and after streams have run.

Resident memory is VmRSS of the process, everything included: interpreter, libraries, terms,
tracing to a receiver. Private memory (what the pod alone pays for) stands beside it. A second
policy of the same size is loaded at the end, since a reload must not need twice the memory.

    python benchmarks/guard_memory.py [--terms 10000] [--rounds 4]
"""

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import guard_stream as stream

RESULTS = stream.HERE / "results" / "guard_memory.json"
TARGET_MB = 60


def private_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def sample(pid: int) -> dict[str, float]:
    return {
        "rss_mb": round(stream.rss_megabytes(pid), 1),
        "private_mb": round(private_megabytes(pid), 1),
    }


def measure(count: int, rounds: int, *, tracing: bool) -> dict[str, Any]:
    model = stream.free_port()
    found: dict[str, Any] = {"terms": count, "tracing": tracing}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = [stream.sys.executable, str(Path(stream.__file__))]
        server = stream.start(
            [*python, "--role", "model", "--port", str(model)],
            stream.LOAD_CPU,
            folder / "model.log",
        )
        stream.await_port(model)
        port = stream.free_port()
        command = stream.guard_command(folder, port, model, count)
        if not tracing:
            config = json.loads((folder / "guard.json").read_text())
            config["telemetry"] = {}
            (folder / "guard.json").write_text(json.dumps(config))
        guard = stream.start(command, stream.PROXY_CPU, folder / "guard.log")
        try:
            stream.await_port(port)
            time.sleep(1)
            found["at_rest"] = sample(guard.pid)
            found["faults"] = stream.run_load(port, 50, 1)["faults"]
            found["warm"] = sample(guard.pid)
            found["faults"] += stream.run_load(port, 50, rounds)["faults"]
            found["after_streams"] = sample(guard.pid)
            policy = json.loads((folder / "policy.json").read_text())
            policy["name"] = "second"
            (folder / "policy.new").write_text(json.dumps(policy, ensure_ascii=False))
            (folder / "policy.new").replace(folder / "policy.json")
            time.sleep(2)
            found["after_reload"] = sample(guard.pid)
        finally:
            stream.stop(guard)
            stream.stop(server)
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
        steps = ("at_rest", "warm", "after_streams", "after_reload")
        cells = " ".join(f"{run[step]['rss_mb']:8.1f}" for step in steps)
        print(f"{run['terms']:7} {run['tracing']!s:>8} {cells}")
    summary = {
        "benchmark": "guard_memory",
        "rss_mb": runs[-1]["warm"]["rss_mb"],
        "target_mb": TARGET_MB,
        "met": runs[-1]["warm"]["rss_mb"] <= TARGET_MB,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
        "load1": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(summary))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({**summary, "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
