# SPDX-License-Identifier: Apache-2.0
"""Clients that compare every answer with what the model sent, so that a proxy that loses or delays
text cannot look cheap; prints one JSON object.

    python -m benchmarks.rig.client --port N [--streams 50] [--rounds 2] [--chunks 200]
    python -m benchmarks.rig.client --port N --per-second 50 --total 500 --model PORT

The first opens all streams of a round at once. The second opens one after the other, as users
come, and asks the model server when it sent what, so that the time spent on the way is exact:
for the request and the first character of each chunk.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import subprocess
import time
import urllib.request
from typing import Any

import uvloop

from benchmarks.rig.processes import LOAD_CPU, many_files, place, python
from benchmarks.rig.traffic import CHARS, CHUNKS, LABEL, request, text

STREAM_SECONDS = 120.0


class Client(asyncio.Protocol):
    def __init__(self, number: int, chunks: int) -> None:
        self._request = request(chunks, number)
        self.parts: list[bytes] = []
        self.times: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self.times.append(time.perf_counter())
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.times.append(time.perf_counter())
        self.parts.append(data)
        if data.endswith(b"0\r\n\r\n"):
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def content(self) -> str:
        return content(b"".join(self.parts)).removeprefix(LABEL).strip("\n")


def content(data: bytes) -> str:
    """The text of a chunked event stream; "" when it is none."""
    body, at = [], data.find(b"\r\n\r\n") + 4
    while (end := data.find(b"\r\n", at)) > 0 and (size := int(data[at:end], 16)) > 0:
        body.append(data[end + 2 : end + 2 + size])
        at = end + size + 4
    found = []
    for line in b"".join(body).split(b"\n"):
        if line.startswith(b"data: {"):
            choices = json.loads(line[6:]).get("choices", ())
            found += [choice["delta"].get("content") or "" for choice in choices]
    return "".join(found)


async def opened(port: int, number: int, chunks: int) -> Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(number, chunks), "127.0.0.1", port)
    return client


async def at_once(port: int, streams: int, rounds: int, chunks: int) -> dict[str, Any]:
    faults, firsts, gaps = 0, [], []
    for _ in range(rounds):
        clients = [await opened(port, number, chunks) for number in range(streams)]
        for client in clients:
            await asyncio.wait_for(client.done, STREAM_SECONDS)
            faults += client.content() != text()[: CHARS * chunks]
            firsts += [client.times[1] - client.times[0]] if client.parts else []
            gaps += [after - before for before, after in itertools.pairwise(client.times[1:])]
    return {
        "streams": streams * rounds,
        "chunks": streams * rounds * chunks,
        "faults": faults,
        "first_ms": milliseconds(firsts, 50),
        "gap_p99_ms": milliseconds(gaps, 99),
        "gap_max_ms": milliseconds(gaps, 100),
    }


async def one_by_one(port: int, per_second: float, total: int, model: int) -> dict[str, Any]:
    clients, begun = [], time.perf_counter()
    for number in range(total):
        await asyncio.sleep(max(0.0, begun + number / per_second - time.perf_counter()))
        clients.append(await opened(port, number, CHUNKS))
    for client in clients:
        await asyncio.wait_for(client.done, STREAM_SECONDS)
    sent = await asyncio.to_thread(times_of, model)
    faults, firsts, gaps = 0, [], []
    for number, client in enumerate(clients):
        faults += client.content() != text()
        came, *went = sent[str(number)]
        arrived = arrivals(client)
        if len(arrived) != CHUNKS:
            continue
        firsts.append(came - client.times[0] + arrived[0] - went[0])
        late = [after - before for before, after in zip(went[:CHUNKS], arrived, strict=True)]
        gaps += [max(0.0, after - before) for before, after in itertools.pairwise(late)]
    return {
        "streams": total,
        "chunks": total * CHUNKS,
        "faults": faults,
        **{f"first_p{part}_ms": milliseconds(firsts, part) for part in (50, 99)},
        **{f"between_p{part}_ms": milliseconds(gaps, part) for part in (50, 99)},
        "between_max_ms": milliseconds(gaps, 100),
    }


def times_of(model: int) -> dict[str, list[float]]:
    """Of each stream, what the model server noted: its request, then its chunks."""
    with urllib.request.urlopen(f"http://127.0.0.1:{model}/times", timeout=30) as answer:
        found: dict[str, list[float]] = json.load(answer)
    return found


def arrivals(client: Client) -> list[float]:
    """When the first character of each chunk arrived, the label left aside."""
    reached, skip, times, rest = 0, 0, list[float](), b""
    for data, at in zip(client.parts, client.times[1:], strict=True):
        *events, rest = (rest + data).split(b"\n\n")
        for event in events:
            piece = event.decode().partition('"content":"')[2].partition('"')[0]
            words = piece.replace("\\n", "\n")
            if words.startswith(LABEL):
                skip = len(words) - len(words.removeprefix(LABEL).lstrip("\n"))
            reached += len(words)
        while len(times) < CHUNKS and reached - skip > len(times) * CHARS:
            times.append(at)
    return times


def milliseconds(seconds: list[float], part: int) -> float | None:
    """The percentile; None of nothing."""
    if not seconds:
        return None
    if part == 50:
        return round(1000 * statistics.median(seconds), 3)
    ordered = sorted(seconds)
    return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * part / 100))], 3)


def ask(port: int, **options: object) -> dict[str, Any]:
    """Runs the clients in a process of their own; what they found."""
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    command = python("benchmarks.rig.client", "--port", port, *words)
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    place(process.pid, LOAD_CPU)
    out, _ = process.communicate(timeout=600)
    if process.returncode:
        raise SystemExit("the clients failed")
    found: dict[str, Any] = json.loads(out)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--chunks", type=int, default=CHUNKS)
    parser.add_argument("--per-second", type=float, default=0)
    parser.add_argument("--total", type=int, default=500)
    parser.add_argument("--model", type=int, default=0)
    at = parser.parse_args()
    many_files()
    if at.per_second:
        found = uvloop.run(one_by_one(at.port, at.per_second, at.total, at.model))
    else:
        found = uvloop.run(at_once(at.port, at.streams, at.rounds, at.chunks))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
