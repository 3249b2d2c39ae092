# SPDX-License-Identifier: Apache-2.0
"""Time of `genaictl report` for one service, from process start to the written page (≤ 500 ms).

Measured in turns with a Python that does nothing, and with its CPU time beside the wall time, so
that the load of the machine can be seen.
The first run has an empty cache folder, as after an installation; its time is told apart.

    python -m benchmarks.report_page [--runs 20]

One JSON line on stdout; every sample under benchmarks/results/.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import quantiles, report

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "examples" / "chat-managed" / "genaiservice.yaml"
FORMS = ("html", "csv", "json")
TARGET_MS = 500.0


def timed(*command: str, cache: str) -> tuple[float, float]:
    """Wall and CPU milliseconds of a process."""
    env = {**os.environ, "XDG_CACHE_HOME": cache, "PYTHONPATH": str(ROOT / "operator")}  # noqa: TID251
    begin, before = time.perf_counter(), _cpu()
    subprocess.run([sys.executable, *command], env=env, check=True, capture_output=True, timeout=60)
    took, used = time.perf_counter() - begin, _cpu() - before
    return round(took * 1000, 1), round(used * 1000, 1)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def written(form: str, out: Path, cache: str) -> tuple[float, float]:
    took = timed(
        *("-m", "genaiservice.cli.main", "report", "-f", str(MANIFEST), "--format", form),
        *("--as-of", "2026-11-25", "--lang", "zh", "--out", str(out)),
        cache=cache,
    )
    assert out.stat().st_size > 1000, "an empty report is fast, and no report"
    out.unlink()
    return took


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=20)
    runs = arguments.parse_args().runs
    raw: dict[str, list[tuple[float, float]]] = {form: [] for form in (*FORMS, "bare")}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report"
        first = written("html", out, folder)
        for _ in range(runs):
            raw["bare"].append(timed("-c", "pass", cache=folder))
            for form in FORMS:
                raw[form].append(written(form, out, folder))
    report(
        "report_page",
        {
            "first_ms": first[0],
            **{f"{name}_ms": quantiles([wall for wall, _ in raw[name]]) for name in raw},
            **{f"{name}_cpu_ms": quantiles([cpu for _, cpu in raw[name]]) for name in raw},
        },
        targets={"html_ms": TARGET_MS},
        raw=raw,
    )


if __name__ == "__main__":
    main()
