# SPDX-License-Identifier: Apache-2.0
"""What the admission policies add to the creation of a pod, on a real API server.

Each pair is measured in turn, one pod with and one without, over one kept-open connection; no
scheduler takes the pods, so that only the API server works. "Without" is a namespace in which the
policies do not apply; before the chart is installed the same is measured with no policy at all.

    python -m benchmarks.admission [--pods 300]

One JSON line on stdout; every single duration under benchmarks/results/.
"""

import argparse
import contextlib
import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator
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


def pair(connection: Connection, namespace: str, with_: Json, without: Json, n: int) -> Json:
    on, off = [], []
    for number in range(WARM_UP + n):
        off.append(connection.create(OFF, idle(without, number)))
        on.append(connection.create(namespace, idle(with_, number)))
    return {"with": on[WARM_UP:], "without": off[WARM_UP:]}


def added(raw: Json) -> Json:
    on, off = quantiles(raw["with"]), quantiles(raw["without"])
    return {
        "with": on,
        "without": off,
        "added_p50_ms": round(on["p50"] - off["p50"], 2),
        "added_p99_ms": round(on["p99"] - off["p99"], 2),
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
    with connected(plane) as connection:
        bare = [connection.create(OFF, idle(pod(), number)) for number in range(WARM_UP + n)]
        raw["no policy in the cluster"] = bare[WARM_UP:]
        clear(plane, OFF)
        with installed(plane, "--set", f"replicas=1,admission.exemptNamespaces={{{OFF}}}"):
            write_profiles(plane)
            for name, (namespace, with_, without) in CASES.items():
                raw[name] = pair(connection, namespace, with_, without, n)
                clear(plane, OFF, namespace)
    return raw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=300)
    n = parser.parse_args().pods
    with running(programs()) as plane:
        raw = measure(plane, n)
    bare = quantiles(raw["no policy in the cluster"])
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
    return [round(one, 2) for one in value]


if __name__ == "__main__":
    main()
