# SPDX-License-Identifier: Apache-2.0
"""What one verdict costs: one service against the whole catalogue, for several declarations.

Wall time of each single call, and processor time of the whole run beside it, since other programs
on the machine lengthen the former only. The load of the rule pack is timed in a fresh process.

    python -m benchmarks.verdict [--rounds 2000]

One JSON line on stdout; every single duration under benchmarks/results/.
"""

import argparse
import copy
import subprocess
import sys
import time
from datetime import date
from typing import Any

from benchmarks.report import quantiles, report
from genaiservice.rules.cases import FACTS
from genaiservice.rules.judge import judge
from genaiservice.rules.pack import load_catalogue

TODAY = date(2026, 11, 25)
TARGET_MS = 0.5
_LOAD = (
    "import time; from genaiservice.rules.pack import load_catalogue; t = time.perf_counter(); "
    "load_catalogue(); print((time.perf_counter() - t) * 1e3)"
)


def declarations() -> dict[str, Any]:
    """From one that lacks nothing to one that is large: forty filings, models and licences."""
    complete = load_catalogue().complete
    refused = copy.deepcopy(dict(complete))
    refused["filings"][0]["status"] = "Revoked"
    large = copy.deepcopy(dict(complete))
    for group in ("filings", "models", "licences"):
        large[group] = [
            copy.deepcopy(large[group][index % len(large[group])]) for index in range(40)
        ]
    return {"complete": complete, "refused": refused, "empty": {}, "large": large}


def measure(declaration: Any, rounds: int) -> tuple[list[float], float]:
    """Milliseconds of each verdict, and processor milliseconds per verdict."""
    catalogue = load_catalogue()
    for _ in range(50):
        judge(catalogue, declaration, FACTS, TODAY)
    durations = []
    processor = time.process_time()
    for _ in range(rounds):
        start = time.perf_counter()
        judge(catalogue, declaration, FACTS, TODAY)
        durations.append((time.perf_counter() - start) * 1e3)
    return durations, (time.process_time() - processor) * 1e3 / rounds


def load_ms() -> float:
    done = subprocess.run(
        [sys.executable, "-c", _LOAD], check=True, capture_output=True, text=True, timeout=60
    )
    return float(done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    rounds = parser.parse_args().rounds
    catalogue = load_catalogue()
    numbers: dict[str, Any] = {}
    raw: dict[str, list[float]] = {}
    for name, declaration in declarations().items():
        durations, processor = measure(declaration, rounds)
        raw[name] = [round(duration, 4) for duration in durations]
        numbers[f"{name}_ms"] = quantiles(durations) | {"cpu": round(processor, 3)}
    numbers["load_ms"] = round(load_ms(), 1)
    numbers["requirements"] = len(catalogue.requirements)
    numbers["steps"] = sum(len(compiled.steps) for compiled in catalogue.requirements)
    numbers["rule_pack"] = catalogue.version
    report("verdict", numbers, targets={"complete_ms.p50": TARGET_MS}, raw=raw)
    return 0 if numbers["complete_ms"]["p50"] <= TARGET_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
