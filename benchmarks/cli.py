# SPDX-License-Identifier: Apache-2.0
"""How long a person waits for `genaictl`: check of one file and of 1,000, and a report.

Each run is a process of its own, measured from its start to its exit: wall time, and the CPU that
it took (which says more on a machine that others use). `nothing*` is `python -c pass` in between,
to read the others by. The cache of parsed rules is warm but for `firstRun`, and bytecode lies
beside it, as in an installation. Prints one JSON line and writes results/cli.json.
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
DAY = "2026-11-25"
FILES = 1000
RUNS_ONE, RUNS_MANY = 20, 3


def run(cache: Path, *command: str | Path) -> dict[str, float]:
    """Milliseconds of one process: by the clock, and of CPU."""
    env = {
        **os.environ,  # noqa: TID251 - for a child process
        "XDG_CACHE_HOME": str(cache),
        "PYTHONPYCACHEPREFIX": str(cache / "bytecode"),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    before, begun = os.times(), time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
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
        check = (GENAICTL, "check", "--as-of", DAY)
        write = (GENAICTL, "report", "--as-of", DAY, "-f", EXAMPLE)
        runs: dict[str, list[dict[str, float]]] = {"firstRun": [run(cache, *check, EXAMPLE)]}
        run(cache, *write)
        for _ in range(RUNS_ONE):
            runs.setdefault("nothing", []).append(run(cache, sys.executable, "-c", "pass"))
            runs.setdefault("oneFile", []).append(run(cache, *check, EXAMPLE))
            runs.setdefault("report", []).append(run(cache, *write))
        runs["thousandFiles"] = [run(cache, *check, folder) for _ in range(RUNS_MANY)]
    numbers: dict[str, Any] = {
        f"{name}{kind[0].upper()}{kind[1:]}": quantiles([each[kind] for each in rows])
        for name, rows in runs.items()
        for kind in ("wallMs", "cpuMs")
    }
    report(
        "cli",
        numbers,
        targets={"oneFileWallMs": 300, "reportWallMs": 500, "thousandFilesWallMs": 3000},
        raw=runs,
    )


if __name__ == "__main__":
    main()
