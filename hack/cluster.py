# SPDX-License-Identifier: Apache-2.0
"""A real control plane on 127.0.0.1: etcd, API server, controllers, scheduler, simulated nodes.

`running()` starts it, owns every process and the data folder, and removes both at the end.
Rule of this module: it knows nothing of this operator; `install` does.
"""

import base64
import contextlib
import fcntl
import json
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hack import components
from hack.access import Access, Json, kubeconfig, save
from hack.audit import Write, writes_since
from hack.places import environment
from hack.processes import Processes

PREFIX = "genaiservice-cluster-"
START_SECONDS = 90.0
"""Deadline of a whole start; about 10 s is usual, more when the machine is busy."""


class ControlPlaneFailed(RuntimeError):
    """It did not come up; the message holds the last lines of every program."""


class CommandFailed(RuntimeError):
    """kubectl or helm said no; the message is what it said."""

    def __init__(self, command: list[str], done: "subprocess.CompletedProcess[str]") -> None:
        said = done.stderr.strip() or done.stdout.strip()
        super().__init__(f"{Path(command[0]).name} {' '.join(command[1:])}\n{said}")
        self.stdout, self.stderr, self.code = done.stdout, done.stderr, done.returncode


class Cluster:
    """An API server to talk to, and the programs for it."""

    def __init__(self, *, bin: Path, data: Path, kubeconfig: Path) -> None:  # noqa: A002
        self.bin = bin
        self.data = data
        self.kubeconfig = kubeconfig
        """Of an administrator."""

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - the name that subprocess has for it
        kubeconfig: Path | None = None,
    ) -> str:
        """Run kubectl; what it printed. When it fails: CommandFailed with what it said."""
        return self.run("kubectl", *arguments, input=input, kubeconfig=kubeconfig)

    def helm(self, *arguments: str, kubeconfig: Path | None = None) -> str:
        return self.run("helm", *arguments, kubeconfig=kubeconfig, timeout=120)

    def run(
        self,
        program: str,
        *arguments: str,
        input: str | None = None,  # noqa: A002
        kubeconfig: Path | None = None,
        timeout: float = 60,
    ) -> str:
        command = [str(self.bin / program), *arguments]
        done = subprocess.run(
            command,
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment(kubeconfig),
            check=False,
        )
        if done.returncode:
            raise CommandFailed(command, done)
        return done.stdout

    def environment(self, kubeconfig: Path | None = None) -> dict[str, str]:
        """For child processes: this cluster, and no trace in the user's home."""
        home = self.data / "home"
        return {
            **environment(),
            "KUBECONFIG": str(kubeconfig or self.kubeconfig),
            "KUBECACHEDIR": str(home / "kube"),
            "KUBERC": "off",
            "HELM_CACHE_HOME": str(home / "helm-cache"),
            "HELM_CONFIG_HOME": str(home / "helm-config"),
            "HELM_DATA_HOME": str(home / "helm-data"),
        }

    def kubeconfig_of(self, namespace: str, service_account: str, *, hours: int = 24) -> Path:
        """A kubeconfig with a token of this service account; both are made when missing."""
        account = ("--namespace", namespace, service_account)
        try:
            token = self._token(*account, hours=hours)
        except CommandFailed as failed:
            if "not found" not in failed.stderr:
                raise
            if not self.kubectl("get", "namespace", namespace, "--ignore-not-found"):
                self.kubectl("create", "namespace", namespace)
            self.kubectl("create", "serviceaccount", *account)
            token = self._token(*account, hours=hours)
        url, authority = self._address()
        path = self.data / f"{namespace}.{service_account}.kubeconfig"
        save(path, kubeconfig(url, authority, service_account, token))
        return path

    def _token(self, *account: str, hours: int) -> str:
        return self.kubectl("create", "token", *account, f"--duration={hours}h").strip()

    def _address(self) -> tuple[str, bytes]:
        """Where the API server is, and the authority that signed its certificate (or b"")."""
        view = ("config", "view", "--raw", "--minify", "--flatten", "--output=json")
        cluster = json.loads(self.kubectl(*view))["clusters"][0]["cluster"]
        return cluster["server"], base64.b64decode(cluster.get("certificate-authority-data", ""))


class ControlPlane(Cluster):
    """A cluster whose programs are ours: its audit log can be read, and it ends with us."""

    def __init__(self, *, bin: Path, data: Path, processes: Processes) -> None:  # noqa: A002
        super().__init__(bin=bin, data=data, kubeconfig=data / "admin.kubeconfig")
        self.processes = processes

    @property
    def api(self) -> Access:
        """JSON requests as administrator."""
        return Access.of(self.kubeconfig)

    @property
    def url(self) -> str:
        return self.api.url

    def audit_mark(self) -> int:
        """Now, as a point in the audit log; for `writes(since=…)`."""
        log = self.data / "audit.log"
        return log.stat().st_size if log.exists() else 0

    def writes(self, *, user: str = "", agent: str = "", since: int = 0) -> list[Write]:
        """The writing requests that were answered after `since`, in order, without dry runs.

        `user` is the exact user name, `agent` a part of the User-Agent.
        """
        return [
            write
            for write in writes_since(self.data / "audit.log", since)
            if user in ("", write.user) and agent in write.agent
        ]

    def start(self, deadline: float) -> None:
        etcd_port, peer_port, port = free_ports(3)
        self._admit_users(f"https://127.0.0.1:{port}")
        self._run("etcd", components.etcd(self.data, etcd_port, peer_port))
        self._run("kube-apiserver", components.api_server(self.data, port, etcd_port))
        self._until("the API server", lambda: self.api.answers("/readyz"), deadline)
        # These end when they find no API server, so only now.
        self._run("kube-controller-manager", components.controller_manager(self.data))
        self._run("kube-scheduler", components.scheduler(self.data))
        self._run("kwok", components.kwok(self.data))
        self.kubectl("create", "-f", str(components.CONFIG / "nodes.yaml"))
        self._until("the simulated nodes", self._nodes_ready, deadline)
        self._until("the controllers", self._controllers_work, deadline)

    def _admit_users(self, url: str) -> None:
        tokens = {name: secrets.token_hex(16) for name in components.USERS}
        components.make_keys(self.data, tokens)
        authority = (self.data / "tls.crt").read_bytes()
        for name, token in tokens.items():
            path = self.data / f"{name}.kubeconfig"
            save(path, kubeconfig(url, authority, name, token))

    def _run(self, program: str, arguments: list[str]) -> None:
        # kwok looks for a configuration at home. A small heap is collected all the time: an API
        # server that has just started spent 28 % of its CPU on it (measured), a grown one less.
        home = {"HOME": str(self.data / "home"), "GOGC": "400"}
        variables = {**environment(), **home}
        self.processes.start(program, self.bin / program, *arguments, environment=variables)

    def _nodes_ready(self) -> bool:
        nodes = self.api.get("/api/v1/nodes")["items"]
        return bool(nodes) and all(condition(node, "Ready") == "True" for node in nodes)

    def _controllers_work(self) -> bool:
        return self.api.exists("/api/v1/namespaces/default/serviceaccounts/default")

    def _until(self, what: str, reached: Callable[[], bool], deadline: float) -> None:
        while not reached():
            self.processes.check()
            if time.monotonic() > deadline:
                raise ControlPlaneFailed(f"{what}: not ready in time.\n{self.processes.tails()}")
            time.sleep(0.05)


@contextlib.contextmanager
def running(programs: Path) -> Iterator[ControlPlane]:
    """A control plane for the length of a `with`. Call it from the main thread."""
    remove_abandoned()
    data = Path(tempfile.mkdtemp(prefix=PREFIX))
    processes = Processes(data / "logs")
    with owned(data):
        try:
            (data / "home").mkdir()
            plane = ControlPlane(bin=programs, data=data, processes=processes)
            plane.start(time.monotonic() + START_SECONDS)
            yield plane
        finally:
            processes.kill()
            shutil.rmtree(data, ignore_errors=True)


@contextlib.contextmanager
def owned(data: Path) -> Iterator[None]:
    """Holds a lock as long as we live, by which `remove_abandoned` knows us alive."""
    with (data / "owner").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def remove_abandoned() -> None:
    """Remove the data of runs that were killed before they could."""
    for data in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), (data / "owner").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(data)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all are held until the last is found, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def condition(thing: Json, kind: str) -> str:
    """The status of this condition: True, False, Unknown, or "" when it is not there."""
    conditions = thing.get("status", {}).get("conditions", [])
    return next((c["status"] for c in conditions if c["type"] == kind), "")
