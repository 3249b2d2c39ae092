# SPDX-License-Identifier: Apache-2.0
"""How a benchmark tells its result: one JSON line on stdout, the raw data beside it in a file."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def quantiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)

    return {"n": len(ordered), "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1.0)}


def report(
    name: str, numbers: Mapping[str, Any], *, targets: Mapping[str, float], raw: Any
) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
        cwd=RESULTS.parent,
    ).stdout.strip()
    at = datetime.now(UTC).isoformat(timespec="seconds")  # noqa: TID251 - when it was measured
    line = {
        "benchmark": name,
        "at": at,
        "commit": commit,
        "machine": f"{os.cpu_count()} x {platform.machine()}, load {os.getloadavg()[0]:.1f}",
        "targets": dict(targets),
        **numbers,
    }
    print(json.dumps(line, ensure_ascii=False))
    RESULTS.mkdir(exist_ok=True)
    whole = json.dumps({**line, "raw": raw}, ensure_ascii=False, indent=1)
    (RESULTS / f"{name}.json").write_text(whole + "\n", "utf-8")
