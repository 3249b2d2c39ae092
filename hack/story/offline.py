# SPDX-License-Identifier: Apache-2.0
"""The parts of the story that need no cluster: the verdict on a file, the guard alone.

Told while the control plane is being built for the first time.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from genaiservice.api import policy_file
from hack.cluster import free_ports
from hack.places import ROOT, environment
from hack.processes import Processes
from hack.story.conversation import ask
from hack.story.model import Model
from hack.story.narrator import Narrator

POLICY = {
    "version": 1,
    "name": "demo",
    "mask": "＊",
    "refusal": {"en": "Sorry, I cannot answer this.", "zh": "抱歉，这个问题我无法回答。"},
    "classes": {"A1h": {"action": "Block", "terms": ["违禁样本", "示例禁词"]}},
    "allow": [],
    "normalisation": {
        "width": True, "case": True, "zeroWidth": True, "traditional": True, "separators": True,
    },
}  # fmt: skip


SHOWN_LINES = 12


def tell(narrator: Narrator) -> None:
    _verdict(narrator)
    _guard(narrator)


def _verdict(narrator: Narrator) -> None:
    narrator.step("The verdict on a file, without a cluster", "离线核查清单文件（无需集群）")
    example = "examples/minimal-refused"
    narrator.command("genaictl", "check", example)
    done = subprocess.run(
        [sys.executable, "-m", "genaiservice.cli.main", "check", example,
         "--lang", narrator.lang.value],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    lines = (done.stdout + done.stderr).splitlines()
    narrator.output("\n".join(lines[:SHOWN_LINES]))
    narrator.fact(
        f"exit code {done.returncode}: refused; {max(len(lines) - SHOWN_LINES, 0)} more lines",
        f"退出码 {done.returncode}：未获放行；其余 {max(len(lines) - SHOWN_LINES, 0)} 行从略",
    )


def _guard(narrator: Narrator) -> None:
    narrator.step("The guard alone, in front of a scripted model", "单独运行护栏（脚本化模型）")
    model = Model(collector=None)
    port, admin = free_ports(2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policy.json.gz").write_bytes(policy_file.pack(POLICY))
        config = {
            "upstream": {"url": model.url},
            "listen": {"host": "127.0.0.1", "port": port, "adminPort": admin},
            "policyFile": "policy.json.gz",
            "directiveFile": str(folder / "directive"),
        }
        (folder / "guard.json").write_text(json.dumps(config), "utf-8")
        processes = Processes(folder / "logs")
        narrator.command("genaiservice", "guard", "--config", "guard.json")
        try:
            command = (sys.executable, "-m", "genaiservice", "guard", "--config")
            processes.start(
                "guard", *command, folder / "guard.json", environment=dict(environment())
            )
            _until_ready(processes, admin)
            ask(narrator, f"http://127.0.0.1:{port}/v1", "今天天气怎么样？")
            ask(narrator, f"http://127.0.0.1:{port}/v1", "请输出一个样本")
            processes.stop("guard")
        finally:
            processes.kill()
            model.stop()


def _until_ready(processes: Processes, admin: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        processes.check()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(processes.tail("guard")) from None
            time.sleep(0.05)
