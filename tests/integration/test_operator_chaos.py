# SPDX-License-Identifier: Apache-2.0
"""Whatever happens, in whatever order: once it is over, the cluster is as the declarations say.

`GENAI_NIGHTLY=1` tells more and longer stories; `GENAI_CHAOS_SEEDS="7 8"` tells these.
"""

import contextlib
import json
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import ControlPlane
from tests.operator_process import NAMESPACE, OperatorProcess, started
from tests.operator_story import ADOPTED, LABEL, Story
from tests.operator_world import GROUP, World, deployment, install, service
from tests.unruly_api import UnrulyApi, unruly
from tests.wait import eventually

pytestmark = pytest.mark.integration

NIGHTLY = bool(os.getenv("GENAI_NIGHTLY"))
SEEDS = [int(one) for one in os.getenv("GENAI_CHAOS_SEEDS", "").split()]
CHAPTERS, STEPS = (10, 16) if NIGHTLY else (1, 20)
SETTLED_SECONDS = 60.0
"""Much shorter than the resync, which would find in the end whatever was overlooked."""
USER = "system:serviceaccount:genai-system:genaiservice-operator"
JSON = "application/json"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/genaiservice-operator"


@pytest.fixture(scope="module")
def kubeconfig(control_plane: ControlPlane) -> Path:
    return install(control_plane)


class Replicas:
    """Two replicas, each started anew when it has ended, as the kubelet does."""

    def __init__(self, config: Path, stack: contextlib.ExitStack, world: World) -> None:
        self._config, self._stack, self._world = config, stack, world
        self.running = {name: self._start(name) for name in ("left", "right")}

    def _start(self, name: str) -> OperatorProcess:
        settings = {"GENAI_RESYNC_SECONDS": "600"}
        return self._stack.enter_context(started(self._config, identity=name, settings=settings))

    def revive(self) -> None:
        for name, one in self.running.items():
            if one.process.poll() is not None:
                self.running[name] = self._start(name)

    def kill_leader(self, waits: bool) -> None:
        """waits: it comes back and leads again, before the other one could."""
        if (name := self._leader()) is not None:
            self.running[name].kill()
            if not waits:
                self._free_lease()
            self.revive()

    def put_leader_to_sleep(self) -> None:
        """The other one leads; when the first wakes up, it believes for a while that it does."""
        if (name := self._leader()) is not None:
            self.running[name].process.send_signal(signal.SIGSTOP)
            self._free_lease()

    def wake(self) -> None:
        for one in self.running.values():
            one.process.send_signal(signal.SIGCONT)

    def _leader(self) -> str | None:
        name: str = self._world.api.get(LEASE)["spec"]["holderIdentity"]
        return name if name in self.running else None

    def _free_lease(self) -> None:
        """As if its time were over: nobody waits for fifteen seconds here."""
        self._world.api.patch(LEASE, {"spec": {"holderIdentity": ""}})


LEADERS = ("leader is killed", "leader returns", "leader sleeps")
TROUBLES = (*LEADERS, "cut", "expire", "away", "errors", "lag", "calm")


def trouble(story: Story, api: UnrulyApi, replicas: Replicas) -> None:
    """What goes wrong from now on, besides what goes wrong already."""
    kind = story.random.choice(TROUBLES)
    story.say(f"-- {kind}")
    replicas.wake()
    match kind:
        case "leader is killed" | "leader returns":
            replicas.kill_leader(waits=kind == "leader returns")
        case "leader sleeps":
            replicas.put_leader_to_sleep()
        case "cut":
            api.cut()
        case "expire":
            api.expire()
        case "away":
            api.away = True
            api.cut()
        case "errors":
            api.failing = 0.2
        case "lag":
            api.lag = 0.5
        case "calm":
            api.calm()


def tell(story: Story, api: UnrulyApi, replicas: Replicas) -> None:
    for _ in range(STEPS):
        if story.random.random() < 0.35:
            trouble(story, api, replicas)
        story.step()
        if story.random.random() < 0.6:
            api.let_pass(story.random.randrange(1, 12))
        assert_held(story.world)
    story.say("-- all is well")
    api.calm()
    replicas.wake()
    replicas.revive()


def assert_held(world: World) -> None:
    """No pod of a service that was never allowed has lost its gate."""
    pods = [pod for pod in world.all_of("pods") if pod["metadata"]["labels"][LABEL] == "never"]
    assert [pod["metadata"]["name"] for pod in pods if not pod["spec"].get("schedulingGates")] == []


def settled(story: Story, replicas: Replicas) -> None:
    replicas.revive()  # who has lost the Lease ends a little later
    wrong = story.wrong()
    assert not wrong, "; ".join(wrong)


@pytest.mark.timeout(0 if NIGHTLY or SEEDS else 180)
@pytest.mark.parametrize("seed", SEEDS or (range(20) if NIGHTLY else [13]))
def test_the_cluster_ends_up_as_declared(
    control_plane: ControlPlane, kubeconfig: Path, namespace: str, tmp_path: Path, seed: int
) -> None:
    world = World(control_plane, namespace)
    story = Story(world, random.Random(seed))  # noqa: S311 - a story, no secret
    with unruly(kubeconfig, tmp_path, seed) as (api, config), contextlib.ExitStack() as stack:
        replicas = Replicas(config, stack, world)
        stack.callback(replicas.wake)  # who sleeps hears no signal to end
        try:
            stack.enter_context(odd_objects(control_plane))
            story.begin()
            eventually(lambda: settled(story, replicas), within=SETTLED_SECONDS)
            for name in ADOPTED:
                world.create(deployment(f"w-{name}", of=name, replicas=1))
            for _ in range(CHAPTERS):
                tell(story, api, replicas)
                eventually(lambda: settled(story, replicas), within=SETTLED_SECONDS)
            eventually(lambda: nothing_is_written(control_plane, namespace, replicas))
        except BaseException:
            print(f"seed {seed}:", *story.told, sep="\n  ")
            raise


@contextlib.contextmanager
def odd_objects(plane: ControlPlane) -> Iterator[None]:
    """What no schema bounds and anybody may write: the operator must read on past it."""
    deep = '{"a":' * 3_000 + "1" + "}" * 3_000
    spec = json.dumps(service("odd", managed=1)["spec"]).replace(
        '"spec": {', f'"spec": {{"odd": {deep}, '
    )
    written = {
        "/apis/apps/v1/namespaces/default/controllerrevisions": f"""{{"metadata": {{"name": "odd",
            "labels": {{"app.kubernetes.io/managed-by": "genaiservice-operator"}}}},
            "revision": 1, "data": {deep}}}""",
        f"{GROUP}/namespaces/default/genaiservices": f"""{{"metadata": {{"name": "odd"}},
            "apiVersion": "compliance.genai.dev/v1alpha1", "kind": "GenAIService",
            "spec": {spec}}}""",
    }
    for path, body in written.items():
        code, said = plane.api._send("POST", path, body.encode(), {"Content-Type": JSON})
        assert code == 201, said
    try:
        yield
    finally:
        for path in written:
            plane.api._send("DELETE", f"{path}/odd", None, {})


def nothing_is_written(plane: ControlPlane, namespace: str, replicas: Replicas) -> None:
    """Nothing but Events and the Lease, from here until the leader has looked at all services."""
    replicas.revive()
    mark = plane.audit_mark()
    for one in replicas.running.values():
        try:
            one.until_ready()
        except SystemExit as ended:
            raise AssertionError("a replica has just ended") from ended
    assert any(one.metric("genai_operator_leading") for one in replicas.running.values())
    written = [each for each in plane.writes(user=USER, since=mark) if each.namespace == namespace]
    assert [str(each) for each in written if each.resource != "events"] == []
