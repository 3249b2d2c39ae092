# SPDX-License-Identifier: Apache-2.0
"""CPU per streamed chunk: the guard beside nginx, a bare Python proxy and its peers, in one run.

A scripted model server and the clients share CPU 0, the proxy under test has CPU 1 alone. Each
stream sends 200 chunks of three Chinese characters, one every 10 ms, in vLLM's shape. Every answer
is compared with what the model sent, so a proxy that loses or delays text cannot look cheap.
The figure is user and system time of the proxy (/proc/PID/stat) over chunks sent; medians of runs.
Peers are slow: they get fewer streams, which is said in the table, since CPU per chunk depends
little on that. One that cannot be installed stands in the table with its reason.

    python -m benchmarks.guard_stream [--runs 3] [--no-peers] [--only "guard, 10 terms"]
"""

import argparse
import os
import statistics
import sys
import time
from typing import Any

from benchmarks.report import report
from benchmarks.rig import client
from benchmarks.rig.peers import PINNED, MissingPeerError
from benchmarks.rig.processes import NotUpError, cpu_seconds, many_files, rss_megabytes
from benchmarks.rig.proxies import (
    BARE,
    NGINX,
    PEERS,
    Proxy,
    Running,
    guarded,
    model_server,
    proxied,
)

OURS = (NGINX, BARE, guarded(10), guarded(10_000), guarded(200_000))
TARGETS = {
    "times_nginx": 1.8,
    "terms_10000_over_10": 1.05,
    "terms_200000_over_10000": 1.3,
    "rss_10000_terms_mb": 60,
}
"""Each is a most. 1.5 times nginx is the stretch."""
ROW = "{:36} {:>9} {:>9} {:>8} {:>9} {:>8} {:>8} {:>7}"


def once(proxy: Proxy, up: Running) -> dict[str, Any]:
    before = cpu_seconds(up.pid)
    found = client.ask(up.port, streams=proxy.streams, rounds=proxy.rounds, chunks=proxy.chunks)
    spent = cpu_seconds(up.pid) - before
    return {
        "proxy": proxy.name,
        "cpu_us_per_chunk": round(1e6 * spent / found["chunks"], 2),
        **found,
        "rss_mb": rss_megabytes(up.pid),
        "load1": round(os.getloadavg()[0], 2),
    }


def measured(proxy: Proxy, model: int, times: int) -> list[dict[str, Any]]:
    """`times` loads after one that warms up; what each found."""
    with proxied(proxy, model) as up:
        time.sleep(0.5)
        warm = min(proxy.streams, 10) if proxy.peer else proxy.streams
        client.ask(up.port, streams=warm, rounds=1, chunks=min(proxy.chunks, 100))
        return [once(proxy, up) for _ in range(times)]


def say(found: dict[str, Any]) -> None:
    line = f"   {found['proxy']}: {found['cpu_us_per_chunk']} µs a chunk"
    print(line, file=sys.stderr, flush=True)


def everything(chosen: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Every load, and the peers that could not be measured with their reasons."""
    loads: list[dict[str, Any]] = []
    absent: dict[str, str] = {}
    peers = () if chosen.no_peers else PEERS
    with model_server() as model:
        plan = [(proxy, 1) for _ in range(chosen.runs) for proxy in OURS]
        plan += [(proxy, chosen.runs) for proxy in peers]
        for proxy, times in plan:
            if chosen.only and proxy.name not in chosen.only:
                continue
            try:
                found = measured(proxy, model, times)
            except (MissingPeerError, NotUpError) as error:
                if not proxy.peer:
                    raise
                absent[proxy.name] = str(error)
                print(f"!! NOT MEASURED: {proxy.name}: {error}", file=sys.stderr, flush=True)
                continue
            for one in found:
                say(one)
            loads += found
    return loads, absent


def medians(loads: list[dict[str, Any]], key: str) -> dict[str, Any]:
    found: dict[str, list[float]] = {}
    for one in loads:
        if one[key] is not None:
            found.setdefault(one["proxy"], []).append(one[key])
    return {name: round(statistics.median(values), 2) for name, values in found.items()}


def ratio(of: float | None, to: float | None) -> float | None:
    return round(of / to, 3) if of and to else None


def show(loads: list[dict[str, Any]], absent: dict[str, str]) -> None:
    cpu = medians(loads, "cpu_us_per_chunk")
    first, rss = medians(loads, "first_ms"), medians(loads, "rss_mb")
    gap = medians(loads, "gap_p99_ms")
    sizes = {proxy.name: proxy.load for proxy in (*OURS, *PEERS)}
    heads = ("load", "µs/chunk", "x nginx", "x aiohttp", "first ms", "gap p99", "RSS MB")
    print(ROW.format("proxy (load: streams x rounds x chunks)"[:36], *heads))
    for name, spent in cpu.items():
        floors = (ratio(spent, cpu.get(floor.name)) for floor in (NGINX, BARE))
        cells = [f"{one:.2f}" if one else "-" for one in floors]
        print(ROW.format(name, sizes[name], f"{spent:.1f}", *cells,
                         f"{first[name]:.1f}", f"{gap[name]:.1f}", f"{rss[name]:.1f}"))  # fmt: skip
    for name, why in absent.items():
        print(f"{name:36} NOT MEASURED: {why}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--only", nargs="*", default=[])
    chosen = parser.parse_args()
    many_files()
    loads, absent = everything(chosen)
    show(loads, absent)
    if chosen.only:
        return
    cpu = medians(loads, "cpu_us_per_chunk")
    ten, many, most = (cpu.get(guarded(count).name) for count in (10, 10_000, 200_000))
    faults = {name: sum(one["faults"] for one in loads if one["proxy"] == name) for name in cpu}
    report(
        "guard_stream",
        {
            "cpu_us_per_chunk": cpu,
            "times_nginx": ratio(many, cpu.get(NGINX.name)),
            "times_aiohttp": ratio(many, cpu.get(BARE.name)),
            "terms_10000_over_10": ratio(many, ten),
            "terms_200000_over_10000": ratio(most, many),
            "rss_10000_terms_mb": medians(loads, "rss_mb").get(guarded(10_000).name),
            "faults": faults,
            "not_measured": absent,
            "peers": PINNED,
        },
        targets=TARGETS,
        raw=loads,
    )
    if any(faults[proxy.name] for proxy in OURS if proxy.name in faults):
        raise SystemExit("answers differed from what the model sent")


if __name__ == "__main__":
    main()
