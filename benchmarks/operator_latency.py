# SPDX-License-Identifier: Apache-2.0
"""How fast the operator answers, on a real API server with 200 services.

Measured by a watch of our own, from the moment the change is *sent*:
- change of a GenAIService -> its status tells of that generation (target p99: 100 ms);
- the last missing declaration -> the scheduling gate of the service's pod is lifted (250 ms).

    python -m benchmarks.operator_latency [--services 200] [--rounds 3]

One JSON line on stdout; every single duration under benchmarks/results/.
"""

import argparse
import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from benchmarks.report import quantiles, report
from genaiservice.kube.access import Access, open_access
from genaiservice.kube.client import MERGE, Client
from genaiservice.kube.errors import Refused
from genaiservice.kube.resources import ObjectKey, key_of, resource_of
from hack.build import programs
from hack.cluster import ControlPlane, running
from tests.operator_process import operating
from tests.operator_world import complete, install, policy, service

NAMESPACES = 20
WAIT_SECONDS = 60.0


@dataclass(slots=True)
class Watched:
    """What the watch has shown: the newest object of each key, and who waits for what."""

    newest: dict[ObjectKey, dict[str, Any]] = field(default_factory=dict)
    waiting: dict[ObjectKey, tuple[Callable[[dict[str, Any]], bool], asyncio.Future[float]]] = (
        field(default_factory=dict)
    )

    def see(self, key: ObjectKey, tree: dict[str, Any]) -> None:
        self.newest[key] = tree
        waiter = self.waiting.get(key)
        if waiter is not None and not waiter[1].done() and waiter[0](tree):
            waiter[1].set_result(time.perf_counter())

    async def until(self, key: ObjectKey, reached: Callable[[dict[str, Any]], bool]) -> float:
        """The moment at which the object of this key has reached it."""
        if key in self.newest and reached(self.newest[key]):
            return time.perf_counter()
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.waiting[key] = (reached, future)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await future
        finally:
            del self.waiting[key]


async def watch(access: Access, kind: str, watched: Watched) -> None:
    url = access.server + resource_of(kind).collection()
    query = {"watch": "true", "resourceVersion": "0"}
    async with access.session.get(
        url, params=query, timeout=aiohttp.ClientTimeout(total=None), read_bufsize=2**20
    ) as answer:
        rest = b""
        async for piece in answer.content.iter_any():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                tree = orjson.loads(line)["object"]
                watched.see(key_of(kind, tree), tree)


@contextlib.asynccontextmanager
async def eyes(kubeconfig: Path) -> AsyncIterator[tuple[Client, Watched]]:
    access = await open_access(kubeconfig, user_agent="benchmark")
    watched = Watched()
    client = Client(access, clock=time.monotonic)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(watch(access, k, watched)) for k in ("GenAIService", "Pod")]
        try:
            yield client, watched
        finally:
            for task in tasks:
                task.cancel()
    await access.close()


def place(number: int) -> tuple[str, str]:
    return f"bench-{number % NAMESPACES}", f"service-{number}"


def key(kind: str, number: int) -> ObjectKey:
    namespace, name = place(number)
    return ObjectKey(kind=kind, namespace=namespace, name=name)


def told(generation: int) -> Callable[[dict[str, Any]], bool]:
    return lambda tree: tree.get("status", {}).get("observedGeneration", 0) >= generation


def is_gated(tree: dict[str, Any]) -> bool:
    return bool(tree["spec"].get("schedulingGates"))


def pod(number: int) -> dict[str, Any]:
    namespace, name = place(number)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "labels": {"compliance.genai.dev/service": name},
        },
        "spec": {"containers": [{"name": "model", "image": "example.test/model:1"}]},
    }


async def admitted(client: Client, tree: dict[str, Any]) -> None:
    """Creates a pod as a controller does: again, while admission has not seen the profile yet."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                await client.create(tree)
            except Refused:
                await asyncio.sleep(0.05)
            else:
                return


async def each(count: int, at_once: int, do: Callable[[int], Awaitable[Any]]) -> list[Any]:
    limit = asyncio.Semaphore(at_once)

    async def one(number: int) -> Any:
        async with limit:
            return await do(number)

    return await asyncio.gather(*(one(number) for number in range(count)))


async def populate(client: Client, watched: Watched, services: int) -> None:
    """Incomplete adopting services, each with a policy in its namespace and one gated pod."""

    async def make(number: int) -> None:
        namespace, name = place(number)
        tree = service(name)
        tree["metadata"]["namespace"] = namespace
        made = await client.create(tree)
        await watched.until(key("GenAIService", number), told(made["metadata"]["generation"]))
        await admitted(client, pod(number))
        await watched.until(key("Pod", number), is_gated)

    await each(services, 4, make)


async def change(client: Client, watched: Watched, number: int, body: Any) -> tuple[float, Any]:
    """Sends a change of the spec; when it was sent, and the answer."""
    sent = time.perf_counter()
    return sent, await client.patch(
        key("GenAIService", number), body, manager="benchmark", content_type=MERGE
    )


async def measure(kubeconfig: Path, services: int, rounds: int) -> dict[str, list[float]]:
    status: list[float] = []
    busy: list[float] = []
    async with eyes(kubeconfig) as (client, watched):
        await populate(client, watched, services)

        async def renamed(number: int, text: str) -> float:
            body = {"spec": {"displayName": text}}
            sent, made = await change(client, watched, number, body)
            reached = told(made["metadata"]["generation"])
            return (await watched.until(key("GenAIService", number), reached) - sent) * 1000

        for turn in range(rounds):
            status += await each(services, 1, lambda n, turn=turn: renamed(n, f"甲 {turn}"))  # type: ignore[misc]
            busy += await each(services, 8, lambda n, turn=turn: renamed(n, f"乙 {turn}"))  # type: ignore[misc]

        async def lifted(number: int) -> float:
            # The filing covers a service of this name; the changes above gave it others.
            body = {"spec": {"displayName": "问答助手", "compliance": complete()}}
            sent, _ = await change(client, watched, number, body)
            at = await watched.until(key("Pod", number), lambda tree: not is_gated(tree))
            return (at - sent) * 1000

        gate = await each(services, 1, lifted)
    return {"change_to_status": status, "change_to_status_8_at_once": busy, "allowed_to_gate": gate}


def prepare(plane: ControlPlane) -> Path:
    kubeconfig = install(plane)
    for number in range(NAMESPACES):
        name = f"bench-{number}"
        plane.api.ensure(f"/api/v1/namespaces/{name}", kind="Namespace")
        path = "/apis/compliance.genai.dev/v1alpha1/namespaces/" + name + "/moderationpolicies"
        plane.api.request("POST", path, policy())
    return kubeconfig


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--services", type=int, default=200)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    with running(programs()) as plane:
        kubeconfig = prepare(plane)
        with operating(kubeconfig) as operator:
            raw = asyncio.run(measure(plane.kubeconfig, chosen.services, chosen.rounds))
            memory = operator.rss_mb
    numbers: dict[str, Any] = {name: quantiles(values) for name, values in raw.items()}
    numbers |= {"services": chosen.services, "operator_rss_mb": round(memory, 1), "unit": "ms"}
    targets = {"change_to_status_p99": 100.0, "allowed_to_gate_p99": 250.0}
    report("operator_latency", numbers, targets=targets, raw=raw)


if __name__ == "__main__":
    main()
