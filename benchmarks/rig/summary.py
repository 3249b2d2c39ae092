# SPDX-License-Identifier: Apache-2.0
"""All numbers with a target, from benchmarks/results: measured, at most, met or missed; and the
guard beside its peers.

    python -m benchmarks.rig.summary [--since UNIX_TIME]

Results older than `--since` are of another run, which is said.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS
from benchmarks.rig.proxies import NGINX, guarded

ROW = "{:18} {:48} {:>10} {:>9}  {}"


def value(tree: Any, path: str) -> float | None:
    """The number at `a.p99`, `a_p99` or `a: p99`; of a whole distribution its median."""
    base, _, part = path.rpartition("_p")
    path = f"{base}.p{part}" if part.isdigit() and base in tree else path.replace(": ", ".")
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    if isinstance(tree, dict):
        tree = tree.get("p50", tree.get("p99"))
    return tree if isinstance(tree, int | float) else None


def rows(path: Path, since: float) -> list[str]:
    tree = json.loads(path.read_text("utf-8"))
    old = " (of an earlier run)" if path.stat().st_mtime < since else ""
    made = []
    for name, most in tree.get("targets", {}).items():
        found = value(tree, name)
        word = "not measured" if found is None else "met" if found <= most else "MISSED"
        shown = "-" if found is None else f"{found:g}"
        made.append(ROW.format(path.stem, name, shown, f"{most:g}", word + old))
    return made


def side_by_side() -> None:
    """CPU a chunk of the guard and of what it is compared with, from one run."""
    tree = json.loads((RESULTS / "guard_stream.json").read_text("utf-8"))
    spent = tree["cpu_us_per_chunk"]
    floor, ours = spent.get(NGINX.name), spent.get(guarded(10_000).name)
    print("\n{:36} {:>10} {:>9} {:>9}".format("CPU of a chunk", "µs", "x nginx", "x guard"))
    for name, micros in spent.items():
        ratios = (f"{micros / one:9.2f}" if one else f"{'-':>9}" for one in (floor, ours))
        print(f"{name:36} {micros:10.1f}", *ratios)
    for name, why in tree["not_measured"].items():
        print(f"{name:36} NOT MEASURED: {why}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--since", type=float, default=0)
    chosen = parser.parse_args()
    print(ROW.format("benchmark", "number", "measured", "at most", ""))
    for path in sorted(RESULTS.glob("*.json")):
        for row in rows(path, chosen.since):
            print(row)
    side_by_side()


if __name__ == "__main__":
    main()
