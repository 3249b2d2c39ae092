# SPDX-License-Identifier: Apache-2.0
"""How long a person waits for `genaictl check`: one file, and 1,000 files in a folder.

Each run is a process of its own, measured from its start to its exit: wall time, and the CPU that
it took (which says more on a machine that others use). The cache of parsed rules is warm but for
`firstRun`. Prints one JSON line and writes results/cli.json.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import quantiles, report

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "chat-managed" / "genaiservice.yaml"
GENAICTL = Path(sys.executable).parent / "genaictl"
FILES = 1000
RUNS_ONE, RUNS_MANY = 25, 5


def run(cache: Path, *arguments: str) -> dict[str, float]:
    """Milliseconds of one process: by the clock, and of CPU."""
    env = {**os.environ, "XDG_CACHE_HOME": str(cache)}  # noqa: TID251 - for a child process
    before, begun = os.times(), time.perf_counter()
    subprocess.run(
        [GENAICTL, *arguments, "--as-of", "2026-11-25"],
        env=env, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wall, after = time.perf_counter() - begun, os.times()
    cpu = (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )
    return {"wallMs": round(wall * 1000, 1), "cpuMs": round(cpu * 1000, 1)}


def many(folder: Path) -> None:
    """1,000 complete services, each in its own file under its own name."""
    text = EXAMPLE.read_text("utf-8")
    for number in range(FILES):
        named = text.replace("name: chat\n", f"name: chat-{number:04}\n", 1)
        (folder / f"service-{number:04}.yaml").write_text(named, "utf-8")


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        cache, folder = Path(place) / "cache", Path(place) / "files"
        folder.mkdir()
        many(folder)
        first = run(cache, "check", str(EXAMPLE))
        one = [run(cache, "check", str(EXAMPLE)) for _ in range(RUNS_ONE)]
        thousand = [run(cache, "check", str(folder)) for _ in range(RUNS_MANY)]
    numbers: dict[str, Any] = {
        "firstRun": first,
        "oneFileWallMs": quantiles([each["wallMs"] for each in one]),
        "oneFileCpuMs": quantiles([each["cpuMs"] for each in one]),
        "thousandFilesWallMs": quantiles([each["wallMs"] for each in thousand]),
        "thousandFilesCpuMs": quantiles([each["cpuMs"] for each in thousand]),
    }
    report(
        "cli",
        numbers,
        targets={"oneFileWallMs": 300, "thousandFilesWallMs": 3000},
        raw={"oneFile": one, "thousandFiles": thousand},
    )


if __name__ == "__main__":
    main()
