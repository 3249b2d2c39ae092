# SPDX-License-Identifier: Apache-2.0
"""What a kubelet does for the guard of one pod, on a machine without containers.

Simulated nodes start no process, so the story does it: the guard's container as it stands in the
pod, with its volumes laid out in a folder. The downward-API file follows the pod's annotation.
"""

import base64
import json
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genaiservice.api import names
from hack.places import environment

Read = Callable[..., dict[str, Any]]
"""`read("pod", name)` -> the object from the API server."""


class PodGuard:
    """The guard of `pod`, running until `stop()`. `model` is where the model listens."""

    def __init__(self, read: Read, pod: str, folder: Path, model: str, ports: tuple[int, int]):
        self._read = read
        self._pod = pod
        self._folder = folder
        self._stopped = threading.Event()
        body = read("pod", pod)
        containers = body["spec"]["initContainers"]
        self.container = next(c for c in containers if c["name"] == names.GUARD_CONTAINER)
        self._roots = self._lay_out(body)
        self._fit(model, ports)
        self.port, self._admin = ports
        self.log = folder / "guard.log"
        self._process = self._start()
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()

    def _lay_out(self, body: dict[str, Any]) -> dict[str, Path]:
        """Mount path in the container -> folder here, filled from the pod's volumes."""
        volumes = {volume["name"]: volume for volume in body["spec"]["volumes"]}
        roots = {}
        for mount in self.container["volumeMounts"]:
            volume = volumes[mount["name"]]
            root = self._folder / mount["name"]
            root.mkdir(parents=True, exist_ok=True)
            roots[mount["mountPath"]] = root
            if "configMap" in volume:
                found = self._read("configmap", volume["configMap"]["name"])
                for name, text in found.get("data", {}).items():
                    (root / name).write_text(text, "utf-8")
                for name, data in found.get("binaryData", {}).items():
                    (root / name).write_bytes(base64.b64decode(data))
        self._directive = roots[names.PATH_DIRECTIVE] / names.FILE_DIRECTIVE
        self._show(body)
        return roots

    def _fit(self, model: str, ports: tuple[int, int]) -> None:
        """Only addresses change: where the model is, where to listen, where the folder is."""
        path = self._roots[names.PATH_CONFIG] / names.FILE_CONFIG
        config = json.loads(path.read_text("utf-8"))
        config["upstream"]["url"] = model
        config["listen"] = {"host": "127.0.0.1", "port": ports[0], "adminPort": ports[1]}
        config["directiveFile"] = str(self._directive)
        path.write_text(json.dumps(config, ensure_ascii=False), "utf-8")

    def _start(self) -> subprocess.Popen[bytes]:
        arguments = [self._here(argument) for argument in self.container["args"]]
        variables = {"PATH": environment()["PATH"], "PYTHONUNBUFFERED": "1"}
        variables |= {
            entry["name"]: entry["value"]
            for entry in self.container.get("env", [])
            if "value" in entry
        }
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "genaiservice", *arguments],
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _here(self, argument: str) -> str:
        for mount, root in self._roots.items():
            argument = argument.replace(mount, str(root))
        return argument

    def ready(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"the guard ended: {self.log.read_text('utf-8')[-2000:]}")
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._admin}/readyz", timeout=2
            ) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _follow(self) -> None:
        while not self._stopped.wait(0.1):
            try:
                self._show(self._read("pod", self._pod))
            except Exception:  # noqa: S112 - the pod may be gone; the next look will tell
                continue

    def _show(self, body: dict[str, Any]) -> None:
        wanted = body["metadata"].get("annotations", {}).get(names.ANNOTATION_DIRECTIVE, "")
        path = self._directive
        if not path.exists() or path.read_text("utf-8") != wanted:
            fresh = path.with_suffix(".new")
            fresh.write_text(wanted, "utf-8")
            fresh.replace(path)

    def stop(self) -> None:
        self._stopped.set()
        self._follower.join(timeout=5)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout=5)
