# SPDX-License-Identifier: Apache-2.0
"""What is measured: the guard with so many terms, and what it is compared with."""

import json
import shutil
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.rig import peers
from benchmarks.rig.processes import LOAD_CPU, PROXY_CPU, free_port, python, running
from benchmarks.rig.traffic import CHUNKS, INTERVAL, terms

Command = Callable[[Path, int, int], list[str]]
"""Folder, port, port of the model server -> what to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """`streams`, `rounds`, `chunks`: its load; slow ones get fewer, or they would never finish."""

    name: str
    command: Command
    streams: int = 50
    rounds: int = 2
    chunks: int = CHUNKS
    peer: bool = False
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def load(self) -> str:
        return f"{self.streams}x{self.rounds}x{self.chunks}"


def nginx(folder: Path, port: int, model: int) -> list[str]:
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
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    return [program, "-p", str(folder), "-c", f"{folder}/nginx.conf"]


def bare(folder: Path, port: int, model: int) -> list[str]:
    return python("benchmarks.rig.bare", port, model)


def policy(count: int, name: str = "bench") -> dict[str, Any]:
    return {
        "version": 1,
        "name": name,
        "refusal": {"en": "No.", "zh": "无法回答。"},
        "classes": {"A1a": {"action": "Block", "terms": terms(count)}},
    }


def write_policy(folder: Path, tree: Mapping[str, Any]) -> None:
    """As the kubelet does: the new file takes the old one's place at once."""
    (folder / "policy.new").write_text(json.dumps(tree, ensure_ascii=False))
    (folder / "policy.new").replace(folder / "policy.json")


def guard(count: int, **more: Any) -> Command:
    """Decision log and tracing on, unless `more` (fields of the configuration) says otherwise."""

    def command(folder: Path, port: int, model: int) -> list[str]:
        write_policy(folder, policy(count))
        config = {
            "upstream": {"url": f"http://127.0.0.1:{model}"},
            "listen": {"host": "127.0.0.1", "port": port, "adminPort": free_port()},
            "policyFile": "policy.json",
            "directiveFile": "directive",
            "decisionLog": "decisions.log",
            "telemetry": {"otlpEndpoint": f"http://127.0.0.1:{model}", "sampleRatio": 1.0},
            **more,
        }
        (folder / "guard.json").write_text(json.dumps(config))
        return [sys.executable, "-m", "genaiservice", "guard", "--config", f"{folder}/guard.json"]

    return command


NGINX = Proxy(name="nginx passing through", command=nginx)
BARE = Proxy(name="aiohttp, JSON parsed", command=bare)
PEERS = (
    Proxy(name="NeMo, regex rail, 10,000 terms", command=peers.nemo(10_000), rounds=1, peer=True,
          env=peers.QUIET),
    Proxy(name="LiteLLM, content filter, 10 terms", command=peers.litellm(10), streams=10, rounds=1,
          peer=True, env=peers.QUIET),
    Proxy(name="LiteLLM, content filter, 10,000 terms", command=peers.litellm(10_000), streams=1,
          rounds=1, chunks=40, peer=True, env=peers.QUIET),
)  # fmt: skip


def guarded(count: int, **more: Any) -> Proxy:
    return Proxy(name=f"guard, {count:,} terms", command=guard(count, **more))


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy before a model server."""

    pid: int
    port: int
    model: int
    folder: Path

    @property
    def admin(self) -> int:
        config: dict[str, Any] = json.loads((self.folder / "guard.json").read_text())
        return int(config["listen"]["adminPort"])

    def readiness(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.admin}/readyz"
        with urllib.request.urlopen(url, timeout=10) as answer:
            report: dict[str, Any] = json.load(answer)
        return report


@contextmanager
def model_server(streams: int = 50, interval: float = INTERVAL) -> Iterator[int]:
    """The model server's port."""
    port = free_port()
    command = python(
        "benchmarks.rig.model", "--port", port, "--streams", streams, "--interval", interval
    )
    with (
        TemporaryDirectory() as folder,
        running(command, port, Path(folder) / "model.log", cpu=LOAD_CPU),
    ):
        yield port


@contextmanager
def proxied(
    proxy: Proxy, model: int, *, log: Path | None = None, first: bool = True
) -> Iterator[Running]:
    """`log`: where its output goes, when not into the folder that ends with it."""
    port = free_port()
    with TemporaryDirectory() as name:
        folder = Path(name)
        command = proxy.command(folder, port, model)
        output = log or folder / "process.log"
        within = 120 if proxy.peer else 30
        with running(
            command, port, output, cpu=PROXY_CPU, env=proxy.env, within=within, first=first
        ) as process:
            yield Running(process.pid, port, model, folder)
