# SPDX-License-Identifier: Apache-2.0
"""What the admission policies add to the creation of a pod, on a real API server.

Pods with and without are created in turn, block by block, over one kept-open connection; no
scheduler takes them, so that only the API server works. "Without" is a namespace in which the
policies do not apply; before the chart is installed the same is measured with no policy at all.
Beside the latency stands the CPU time of the API server for a pod, which other work on the
machine disturbs less.

    python -m benchmarks.admission [--pods 300]

One JSON line on stdout; every single duration under benchmarks/results/.
"""

import argparse
import contextlib
import http.client
import json
import os
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.report import quantiles, report
from genaiservice.api import names
from hack.access import Access
from hack.build import programs
from hack.cluster import ControlPlane, running
from hack.install import install_crds
from tests.chart import guard, installed, operator, pod, pods, profile, profiles, with_guard
from tests.wait import eventually

Json = dict[str, Any]
OFF, ON = "bench-off", "bench-on"
CROWDS = {"bench-10": 10, "bench-50": 50}
"""Namespaces with so many services; a pod is measured against all their profiles."""
WARM_UP = 20
BLOCK = 25


class Connection:
    """One kept-open connection to the API server; a new one for each pod would be the noise."""

    def __init__(self, access: Access) -> None:
        self._headers = {
            "Authorization": f"Bearer {access.token}",
            "Content-Type": "application/json",
        }
        address = urlsplit(access.url)
        self._http = http.client.HTTPSConnection(
            address.hostname or "",
            address.port,
            timeout=30,
            context=ssl.create_default_context(cadata=access.authority),
        )

    def create(self, namespace: str, manifest: Json) -> float:
        """Milliseconds until the API server has answered."""
        body = json.dumps(manifest)
        began = time.perf_counter()
        self._http.request("POST", pods(namespace), body, self._headers)
        answer = self._http.getresponse()
        said = answer.read()
        took = (time.perf_counter() - began) * 1000
        assert answer.status == http.client.CREATED, said.decode()
        return took

    def close(self) -> None:
        self._http.close()


def idle(manifest: Json, number: int) -> Json:
    """The same pod under a name of its own, left alone by the scheduler."""
    metadata = {**manifest["metadata"], "name": f"p{number}"}
    return {**manifest, "metadata": metadata, "spec": {**manifest["spec"], "schedulerName": "none"}}


CASES: dict[str, tuple[str, Json, Json]] = {
    # name: namespace with policies, the pod there, the pod without policies
    "ordinary pod": (ON, pod(service=None), pod(service=None)),
    "adopted, injected": (ON, pod(service="open"), pod()),
    "adopted, injected and gated": (ON, pod(service="shut"), pod()),
    "adopted, brings the guard": (ON, with_guard("open"), with_guard("open")),
    "adopted, among 10 services": ("bench-10", pod(service="s0"), pod()),
    "adopted, among 50 services": ("bench-50", pod(service="s0"), pod()),
}


class ServerClock:
    """CPU time that the API server of this run has used."""

    def __init__(self, plane: ControlPlane) -> None:
        self._stat = next(
            process / "stat"
            for process in Path("/proc").glob("[0-9]*")
            if _runs(process, "kube-apiserver", str(plane.data))
        )

    def milliseconds(self) -> float:
        fields = self._stat.read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def _runs(process: Path, program: str, data: str) -> bool:
    try:
        words = (process / "cmdline").read_text().split("\0")
    except OSError:  # it has just ended
        return False
    return words[0].endswith(program) and any(data in word for word in words[1:])


class Series:
    """Pods of one kind: how long each took, and what all of them cost the API server."""

    def __init__(self, connection: Connection, clock: ServerClock) -> None:
        self._connection, self._clock = connection, clock
        self.milliseconds: list[float] = []
        self.cpu = 0.0

    def block(self, namespace: str, manifest: Json, numbers: range, *, count: bool = True) -> None:
        before = self._clock.milliseconds()
        took = [self._connection.create(namespace, idle(manifest, n)) for n in numbers]
        if count:
            self.milliseconds += took
            self.cpu += self._clock.milliseconds() - before

    def raw(self) -> Json:
        cpu = self.cpu / len(self.milliseconds)
        return {"ms": self.milliseconds, "server_cpu_ms_a_pod": cpu}


def pair(on: Series, off: Series, namespace: str, with_: Json, without: Json, n: int) -> Json:
    on.block(namespace, with_, range(WARM_UP), count=False)
    off.block(OFF, without, range(WARM_UP), count=False)
    for start in range(WARM_UP, WARM_UP + n, BLOCK):
        numbers = range(start, min(start + BLOCK, WARM_UP + n))
        off.block(OFF, without, numbers)
        on.block(namespace, with_, numbers)
    return {"with": on.raw(), "without": off.raw()}


def added(raw: Json) -> Json:
    on, off = quantiles(raw["with"]["ms"]), quantiles(raw["without"]["ms"])
    cpu = raw["with"]["server_cpu_ms_a_pod"] - raw["without"]["server_cpu_ms_a_pod"]
    return {
        "added_p50_ms": round(on["p50"] - off["p50"], 2),
        "added_p99_ms": round(on["p99"] - off["p99"], 2),
        "added_server_cpu_ms": round(cpu, 2),
        "with": on,
        "without": off,
    }


def clear(plane: ControlPlane, *namespaces: str) -> None:
    for namespace in namespaces:
        options = {"gracePeriodSeconds": 0}
        plane.api.request("DELETE", pods(namespace), options)
        eventually(gone(plane.api, namespace), within=60)


def gone(api: Access, namespace: str) -> Callable[[], bool]:
    return lambda: api.get(pods(namespace))["items"] == []


def prepare(plane: ControlPlane) -> None:
    for namespace in (OFF, ON, *CROWDS):
        plane.api.ensure(f"/api/v1/namespaces/{namespace}", kind="Namespace")
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        eventually(lambda path=account: plane.api.get(path))  # type: ignore[misc]


def write_profiles(plane: ControlPlane) -> None:
    writer = operator(plane)
    writer.request("POST", profiles(ON), profile("open"))
    writer.request("POST", profiles(ON), profile("shut", allowed=False))
    for namespace, count in CROWDS.items():
        for number in range(count):
            writer.request("POST", profiles(namespace), profile(f"s{number}"))
    for namespace, service in ((ON, "shut"), *((name, "s0") for name in CROWDS)):
        trial = f"{pods(namespace)}?dryRun=All"
        manifest = idle(pod(service=service), 0)
        made = eventually(lambda t=trial, m=manifest: plane.api.request("POST", t, m))  # type: ignore[misc]
        assert made["spec"]["initContainers"][0]["name"] == names.GUARD_CONTAINER


@contextlib.contextmanager
def connected(plane: ControlPlane) -> Iterator[Connection]:
    connection = Connection(plane.api)
    try:
        yield connection
    finally:
        connection.close()


def measure(plane: ControlPlane, n: int) -> Json:
    install_crds(plane)
    prepare(plane)
    raw: Json = {}
    clock = ServerClock(plane)
    with connected(plane) as connection:
        bare = Series(connection, clock)
        bare.block(OFF, pod(), range(WARM_UP), count=False)
        bare.block(OFF, pod(), range(WARM_UP, WARM_UP + n))
        raw["no policy in the cluster"] = bare.raw()
        clear(plane, OFF)
        with installed(plane, "--set", f"replicas=1,admission.exemptNamespaces={{{OFF}}}"):
            write_profiles(plane)
            for name, (namespace, with_, without) in CASES.items():
                on, off = Series(connection, clock), Series(connection, clock)
                raw[name] = pair(on, off, namespace, with_, without, n)
                clear(plane, OFF, namespace)
    return raw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=300)
    n = parser.parse_args().pods
    with running(programs()) as plane:
        raw = measure(plane, n)
    bare = quantiles(raw["no policy in the cluster"]["ms"])
    numbers = {name: added(raw[name]) for name in CASES}
    report(
        "admission",
        {"unit": "ms", "profile_bytes": len(json.dumps(guard())), "no_policy": bare, **numbers},
        targets={"adopted, injected and gated: added_p50_ms": 2.0},
        raw={key: rounded(value) for key, value in raw.items()},
    )


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [round(one, 2) for one in value] if isinstance(value, list) else round(value, 2)


if __name__ == "__main__":
    main()
