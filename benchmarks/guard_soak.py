# SPDX-License-Identifier: Apache-2.0
"""Does the guard's memory grow? Requests without a pause, resident memory sampled, the slope told.

Nine of ten requests are short streams, the tenth is a blocked prompt (a line in the decision log);
10,000 terms, tracing on. The first third warms up and does not count. The rest is averaged in ten
blocks, and a line is laid through them: its slope is noise when two standard errors reach zero. A
short run finds gross leaks only; before a release:

    python -m benchmarks.guard_soak --minutes 30 --requests 1000000
"""

import argparse
import asyncio
import itertools
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.report import report
from benchmarks.rig.processes import LOAD_CPU, many_files, place, python, rss_megabytes
from benchmarks.rig.proxies import Running, guarded, model_server, proxied
from benchmarks.rig.traffic import request, terms

WORKERS, CHUNKS = 40, 3
END = b"0\r\n\r\n"
BLOCKS = 10
TARGETS = {"slope_beyond_noise_mb_per_hour": 0.0, "faults": 0}


async def worker(port: int, requests: "itertools.count[int]", total: int, pause: float) -> int:
    """Asks on one connection until all have asked for `total`; the faults."""
    clean = request(CHUNKS, 0)
    blocked = request(CHUNKS, 0).replace(b"\\u4f60\\u597d", terms(10_000)[5000].encode())
    head, _, body = blocked.partition(b"\r\n\r\n")
    blocked = head[: head.rindex(b" ") + 1] + b"%d\r\n\r\n%b" % (len(body), body)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    faults = 0
    while (number := next(requests)) < total:
        writer.write(clean if number % 10 else blocked)
        answer = await asyncio.wait_for(answered(reader), 60)
        wanted = b'"stop"' if number % 10 else b'"content_filter"'
        faults += wanted not in answer
        await asyncio.sleep(pause)
    writer.close()
    return faults


async def answered(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return await (reader.readexactly(int(length[1])) if length else reader.readuntil(END))


async def load(port: int, total: int, seconds: float) -> int:
    """Spreads the requests over the time, as far as the guard keeps up."""
    requests = itertools.count()
    pause = max(0.0, seconds * WORKERS / total - 0.03)
    async with asyncio.TaskGroup() as tasks:
        workers = [tasks.create_task(worker(port, requests, total, pause)) for _ in range(WORKERS)]
    return sum(one.result() for one in workers)


def slope(times: list[float], values: list[float]) -> tuple[float, float]:
    """Of a line through block means, per hour, and its standard error."""
    size = max(1, len(times) // BLOCKS)
    starts = range(0, len(times) - size + 1, size)
    at = [statistics.fmean(times[start : start + size]) / 3600 for start in starts]
    mean = [statistics.fmean(values[start : start + size]) for start in starts]
    line = statistics.linear_regression(at, mean)
    rest = [y - line.slope * x - line.intercept for x, y in zip(at, mean, strict=True)]
    spread = sum((x - statistics.fmean(at)) ** 2 for x in at)
    error = (sum(one * one for one in rest) / max(1, len(at) - 2) / spread) ** 0.5
    return line.slope, error


def soaked(up: Running, total: int, seconds: float) -> dict[str, Any]:
    command = python("benchmarks.guard_soak", "--port", up.port, "--requests", total)
    begun = time.monotonic()
    process = subprocess.Popen(
        [*command, "--minutes", str(seconds / 60)], stdout=subprocess.PIPE, text=True
    )
    place(process.pid, LOAD_CPU)
    times, values = [], []
    while process.poll() is None:
        time.sleep(max(0.2, seconds / 600))
        times.append(time.monotonic() - begun)
        values.append(rss_megabytes(up.pid))
        if len(times) % 60 == 0:
            print(f"   {times[-1]:.0f} s: {values[-1]} MB", file=sys.stderr, flush=True)
    if process.returncode or process.stdout is None:
        raise SystemExit("the clients failed")
    return {"seconds": times, "rss_mb": values, "faults": int(process.stdout.read())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=0.75)
    parser.add_argument("--requests", type=int, default=15_000)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    seconds = chosen.minutes * 60
    if chosen.port:
        print(uvloop.run(load(chosen.port, chosen.requests, seconds)))
        return
    many_files()
    guard = guarded(10_000)
    with (
        model_server(WORKERS, 0.002) as model,
        proxied(guard, model, log=Path("/dev/null")) as up,
    ):
        raw = soaked(up, chosen.requests, seconds)
    third = len(raw["seconds"]) // 3
    per_hour, error = slope(raw["seconds"][third:], raw["rss_mb"][third:])
    beyond = round(max(0.0, abs(per_hour) - 2 * error), 2) if per_hour > 0 else 0.0
    took = raw["seconds"][-1]
    print(f"{chosen.requests} requests in {took:.0f} s, {raw['faults']} faults; "
          f"{raw['rss_mb'][third]:.1f} MB after warming up, {raw['rss_mb'][-1]:.1f} MB at the end; "
          f"slope {per_hour:.2f} ± {2 * error:.2f} MB an hour")  # fmt: skip
    numbers = {
        "requests": chosen.requests,
        "took_seconds": round(took, 1),
        "faults": raw["faults"],
        "rss_mb": raw["rss_mb"][-1],
        "slope_mb_per_hour": round(per_hour, 2),
        "noise_mb_per_hour": round(2 * error, 2),
        "slope_beyond_noise_mb_per_hour": beyond,
    }
    report("guard_soak", numbers, targets=TARGETS, raw=raw)


if __name__ == "__main__":
    main()
