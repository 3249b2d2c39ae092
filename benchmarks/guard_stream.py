# SPDX-License-Identifier: Apache-2.0
"""CPU per streamed chunk: the guard against nginx passing through, in the same run.

A scripted model server and the clients share CPU 0, the proxy under test has CPU 1 alone. Each
stream sends 200 chunks of three Chinese characters, one every 10 ms, in vLLM's shape. Every answer
is compared with what the model sent, so a proxy that loses or delays text cannot look cheap.
The figure is user and system time of the proxy (/proc/PID/stat) over chunks sent; medians of runs.

    python benchmarks/guard_stream.py [--runs 3] [--streams 50] [--rounds 2] [--only guard10000]
"""

import argparse
import asyncio
import heapq
import itertools
import json
import os
import platform
import random
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "guard_stream.json"
LABEL = "本内容由人工智能生成"
CHUNKS = 200
INTERVAL = 0.010
LOAD_CPU, PROXY_CPU = 0, 1
TICK = os.sysconf("SC_CLK_TCK")

COMMON_CHARACTERS = "".join(
    bytes((row, cell)).decode("gb2312")
    for row in range(0xB0, 0xD7)
    for cell in range(0xA1, 0xFF)
    if (row, cell) != (0xD7, 0xFA)
)
"""The 3,755 common characters of GB 2312, level 1 (less the last row)."""


def text(seed: int = 7) -> str:
    draw = random.Random(seed)  # noqa: S311 - a fixed text, no secret
    return "".join(draw.choice(COMMON_CHARACTERS) for _ in range(3 * CHUNKS))


def terms(count: int, seed: int = 11) -> list[str]:
    """80 % Chinese of 2 to 8 characters, 20 % Latin of 5 to 12; none of them in the text."""
    draw = random.Random(seed)  # noqa: S311 - a fixed text, no secret
    clean, found = text(), set[str]()
    while len(found) < count:
        if draw.random() < 0.8:
            term = "".join(draw.choice(COMMON_CHARACTERS) for _ in range(draw.randint(2, 8)))
        else:
            term = "".join(
                draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(draw.randint(5, 12))
            )
        if term not in clean:
            found.add(term)
    return sorted(found)


def events() -> list[bytes]:
    whole = text()
    made = []
    for at in range(0, len(whole), 3):
        tree = {
            "id": "chatcmpl-5f3c1b7a9d2e4c6f8a0b1c2d3e4f5a6b",
            "object": "chat.completion.chunk",
            "created": 1795575000,
            "model": "qwen3-8b",
            "choices": [
                {
                    "index": 0,
                    "delta": {"content": whole[at : at + 3]},
                    "logprobs": None,
                    "finish_reason": None,
                }
            ],
        }
        data = json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
        made.append(b"data: " + data + b"\n\n")
    return made


# -- the model server


class Model:
    """Answers a chat request with a paced stream, everything else with an empty 200.

    Streams of different users are not in step, so stream n of N begins at n/N of the interval.
    A plain loop over sockets sends each chunk at its time: the timers of event loops count whole
    milliseconds and would hand every proxy its chunks in bundles, of a size that depends on luck.
    """

    def __init__(self, port: int, streams: int) -> None:
        made = events()
        last = json.dumps({"content": text()[-3:]}, ensure_ascii=False, separators=(",", ":"))
        finish = made[-1].replace(b'"finish_reason":null', b'"finish_reason":"stop"')
        made.append(finish.replace(last.encode(), b"{}") + b"data: [DONE]\n\n")
        self._chunks = [b"%x\r\n%b\r\n" % (len(data), data) for data in made]
        self._chunks[-1] += b"0\r\n\r\n"
        self._slots = itertools.cycle(INTERVAL * at / streams for at in range(streams))
        self._due: list[tuple[float, int, int]] = []
        self._peers: dict[int, socket.socket] = {}
        self._buffers: dict[int, bytes] = {}
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)

    def run(self) -> None:
        while True:
            wait = self._due[0][0] - time.perf_counter() if self._due else 0.001
            if wait > 0:
                time.sleep(min(wait, 0.001))
            for number, _ in self._poll.poll(0):
                if number == self._listener.fileno():
                    self._accept()
                else:
                    self._read(number)
            while self._due and self._due[0][0] <= time.perf_counter():
                self._send(*heapq.heappop(self._due))

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peers[peer.fileno()] = peer
        self._buffers[peer.fileno()] = b""
        self._poll.register(peer, select.EPOLLIN)

    def _drop(self, number: int) -> None:
        peer = self._peers.pop(number, None)
        if peer is not None:
            self._poll.unregister(peer)
            peer.close()

    def _read(self, number: int) -> None:
        try:
            data = self._peers[number].recv(65536)
        except OSError:
            data = b""
        if not data:
            self._drop(number)
            return
        self._buffers[number] += data
        head, found, body = self._buffers[number].partition(b"\r\n\r\n")
        lengths = [
            int(line[15:])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ]
        if not found or len(body) < sum(lengths):
            return
        self._buffers[number] = b""
        if b"/v1/chat/completions" not in head.partition(b"\r\n")[0]:
            self._peers[number].send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        self._peers[number].send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        slot, now = next(self._slots), time.perf_counter()
        due = now - now % INTERVAL + slot
        heapq.heappush(self._due, (due if due > now else due + INTERVAL, number, 0))

    def _send(self, due: float, number: int, at: int) -> None:
        peer = self._peers.get(number)
        if peer is None:
            return
        try:
            peer.send(self._chunks[at])
        except OSError:
            self._drop(number)
            return
        if at + 1 < len(self._chunks):
            heapq.heappush(self._due, (due + INTERVAL, number, at + 1))


# -- the clients


class Client(asyncio.Protocol):
    def __init__(self, request: bytes, done: Callable[[bytes, list[float]], None]) -> None:
        self._request, self._done = request, done
        self._parts: list[bytes] = []
        self._times: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._times.append(time.perf_counter())
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._times.append(time.perf_counter())
        self._parts.append(data)
        if data.endswith(b"0\r\n\r\n"):
            self._transport.close()
            self._done(b"".join(self._parts), self._times)


async def load(port: int, streams: int, rounds: int) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    body = json.dumps(
        {"model": "qwen3-8b", "stream": True, "messages": [{"role": "user", "content": "你好"}]}
    ).encode()
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body
    faults, firsts, gaps = 0, [], []
    for _ in range(rounds):
        answers: list[asyncio.Future[tuple[bytes, list[float]]]] = []
        for _ in range(streams):
            future = loop.create_future()
            answers.append(future)
            await loop.create_connection(
                lambda f=future: Client(request, lambda *got, f=f: f.set_result(got)),
                "127.0.0.1",
                port,
            )
        for future in answers:
            data, times = await asyncio.wait_for(future, 60)
            faults += content(data).removeprefix(LABEL).strip("\n") != text()
            firsts.append(times[1] - times[0])
            gaps += [after - before for before, after in itertools.pairwise(times[1:])]
    gaps.sort()
    return {
        "faults": faults,
        "first_ms": round(1000 * statistics.median(firsts), 3),
        "gap_p99_ms": round(1000 * gaps[int(len(gaps) * 0.99)], 2),
    }


def content(data: bytes) -> str:
    """The text of a chunked event stream."""
    body, at = [], data.index(b"\r\n\r\n") + 4
    while (size := int(data[at : (end := data.index(b"\r\n", at))], 16)) > 0:
        body.append(data[end + 2 : end + 2 + size])
        at = end + size + 4
    found = []
    for line in b"".join(body).split(b"\n"):
        if line.startswith(b"data: {"):
            choices = json.loads(line[6:])["choices"]
            found += [choice["delta"].get("content") or "" for choice in choices]
    return "".join(found)


# -- the proxies under test


def nginx_command(folder: Path, port: int, model: int) -> list[str]:
    temp = "\n".join(
        f"  {kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"""daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
{temp}
  access_log off; keepalive_timeout 75;
  upstream model {{ server 127.0.0.1:{model}; keepalive 128; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 60s;
    }}
  }}
}}
"""
    )
    return [
        shutil.which("nginx") or "/usr/sbin/nginx",
        "-p",
        str(folder),
        "-c",
        f"{folder}/nginx.conf",
    ]


def guard_command(folder: Path, port: int, model: int, count: int) -> list[str]:
    policy = {
        "version": 1,
        "name": "bench",
        "refusal": {"en": "No.", "zh": "无法回答。"},
        "classes": {"A1a": {"action": "Block", "terms": terms(count)}},
    }
    (folder / "policy.json").write_text(json.dumps(policy, ensure_ascii=False))
    config = {
        "upstream": {"url": f"http://127.0.0.1:{model}"},
        "listen": {"host": "127.0.0.1", "port": port, "adminPort": free_port()},
        "policyFile": "policy.json",
        "directiveFile": "directive",
        "decisionLog": "decisions.log",
        "telemetry": {"otlpEndpoint": f"http://127.0.0.1:{model}", "sampleRatio": 1.0},
    }
    (folder / "guard.json").write_text(json.dumps(config))
    return [sys.executable, "-m", "genaiservice", "guard", "--config", str(folder / "guard.json")]


def proxies(model: int) -> dict[str, Callable[[Path, int], list[str]]]:
    return {
        "nginx": lambda folder, port: nginx_command(folder, port, model),
        "guard10": lambda folder, port: guard_command(folder, port, model, 10),
        "guard10000": lambda folder, port: guard_command(folder, port, model, 10_000),
    }


# -- measuring


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def start(command: list[str], cpu: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    place(process.pid, cpu)
    return process


def place(pid: int, cpu: int) -> bool:
    """Pins a process, and puts it before all other work where the machine allows that.

    On a busy machine a proxy that wakes late finds several chunks in one read and looks cheaper
    than it is; with real-time priority every proxy sees the stream as it was paced.
    """
    os.sched_setaffinity(pid, {cpu})
    try:
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return False
    return True


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_load(port: int, streams: int, rounds: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--role", "load", "--port", str(port)]
    command += ["--streams", str(streams), "--rounds", str(rounds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    place(process.pid, LOAD_CPU)
    out, _ = process.communicate(timeout=180)
    if process.returncode:
        raise SystemExit("the load client failed")
    found: dict[str, Any] = json.loads(out)
    return found


def measure(
    name: str, make: Callable[[Path, int], list[str]], streams: int, rounds: int
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        process = start(make(Path(folder), port), PROXY_CPU, Path(folder) / "process.log")
        try:
            await_port(port)
            time.sleep(0.5)
            run_load(port, streams, 1)  # warm-up
            before = cpu_seconds(process.pid)
            found = run_load(port, streams, rounds)
            spent = cpu_seconds(process.pid) - before
            found["rss_mb"] = round(rss_megabytes(process.pid), 1)
        finally:
            stop(process)
    chunks = streams * rounds * CHUNKS
    return {"proxy": name, "cpu_us_per_chunk": round(1e6 * spent / chunks, 2), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--role", choices=("model", "load"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[])
    chosen = parser.parse_args()
    if chosen.role == "model":
        Model(chosen.port, chosen.streams).run()
    elif chosen.role == "load":
        print(json.dumps(uvloop.run(load(chosen.port, chosen.streams, chosen.rounds))))
    else:
        compare(chosen)


def compare(chosen: argparse.Namespace) -> None:
    model = free_port()
    log = Path(tempfile.gettempdir()) / f"guard-stream-model-{os.getpid()}.log"
    server = start(
        [
            sys.executable,
            __file__,
            "--role",
            "model",
            "--port",
            str(model),
            "--streams",
            str(chosen.streams),
        ],
        LOAD_CPU,
        log,
    )
    runs: list[dict[str, Any]] = []
    try:
        await_port(model)
        for number in range(chosen.runs):
            for name, make in proxies(model).items():
                if chosen.only and name not in chosen.only:
                    continue
                found = measure(name, make, chosen.streams, chosen.rounds)
                found |= {"run": number, "load1": round(os.getloadavg()[0], 2)}
                runs.append(found)
                print(json.dumps(found), file=sys.stderr)
    finally:
        stop(server)
        log.unlink(missing_ok=True)
    report(runs, chosen)


def report(runs: list[dict[str, Any]], chosen: argparse.Namespace) -> None:
    medians = {
        name: statistics.median(run["cpu_us_per_chunk"] for run in runs if run["proxy"] == name)
        for name in dict.fromkeys(run["proxy"] for run in runs)
    }
    floor = medians.get("nginx")
    heads = ("CPU µs/chunk", "x nginx", "first ms", "gap p99", "RSS MB")
    print("{:12} {:>13} {:>8} {:>9} {:>8} {:>7}".format("proxy", *heads))
    for name, cpu in medians.items():
        mine = [run for run in runs if run["proxy"] == name]
        ratio = f"{cpu / floor:.2f}" if floor else "-"
        first, gap, rss = (
            statistics.median(run[key] for run in mine)
            for key in ("first_ms", "gap_p99_ms", "rss_mb")
        )
        print(f"{name:12} {cpu:13.1f} {ratio:>8} {first:9.2f} {gap:8.1f} {rss:7.1f}")
    summary = {
        "benchmark": "guard_stream",
        "cpu_us_per_chunk": medians,
        "times_nginx": {name: round(cpu / floor, 3) for name, cpu in medians.items()}
        if floor
        else {},
        "terms_10000_over_10": (
            round(medians["guard10000"] / medians["guard10"], 3)
            if {"guard10", "guard10000"} <= medians.keys()
            else None
        ),
        "faults": sum(run["faults"] for run in runs),
        "streams": chosen.streams,
        "rounds": chosen.rounds,
        "chunks": CHUNKS,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
    }
    print(json.dumps(summary))
    if not chosen.only:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({**summary, "runs": runs}, indent=1) + "\n")
    if summary["faults"]:
        raise SystemExit("answers differed from what the model sent")


if __name__ == "__main__":
    main()
