# SPDX-License-Identifier: Apache-2.0
"""The life of the operator's process: start, readiness, leadership, restart, end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hack.cluster import ControlPlane
from hack.collector import Collector
from hack.story.traces import read
from tests.operator_process import operating, started
from tests.operator_world import World, complete, install, policy, service
from tests.wait import eventually

pytestmark = pytest.mark.integration

USER = "system:serviceaccount:genai-system:genaiservice-operator"


@pytest.fixture(scope="module")
def kubeconfig(control_plane: ControlPlane) -> Path:
    return install(control_plane)


@pytest.fixture
def world(control_plane: ControlPlane, namespace: str) -> World:
    return World(control_plane, namespace)


def test_a_restart_writes_nothing_and_misses_nothing(
    control_plane: ControlPlane, kubeconfig: Path, world: World
) -> None:
    world.create(policy())
    with operating(kubeconfig, identity="first") as first:
        world.create(service("chat", managed=1, compliance=complete()))
        world.create(service("bare"))
        eventually(lambda: world.condition("chat", "Ready") == "True/Serving", within=30)
        eventually(lambda: world.condition("bare", "RolloutAllowed"))
        first.until_idle()
        assert first.stop() == 0

    mark = control_plane.audit_mark()
    with operating(kubeconfig, identity="second") as second:
        eventually(lambda: second.metric("genai_operator_reconcile_seconds_count") >= 2)
        second.until_idle()
        written = control_plane.writes(user=USER, since=mark)
        assert [str(write) for write in written if write.namespace == world.namespace] == []

    world.create(service("meanwhile"))  # nobody looks now
    with operating(kubeconfig, identity="third"):
        eventually(lambda: world.condition("meanwhile", "RolloutAllowed"))


def test_a_standby_watches_and_serves_but_writes_nothing_until_it_leads(
    control_plane: ControlPlane, kubeconfig: Path, world: World
) -> None:
    with (
        operating(kubeconfig, identity="leader") as leader,
        started(kubeconfig, identity="standby") as standby,
    ):
        standby.until_ready()
        world.create(service("chat"))
        eventually(lambda: world.condition("chat", "RolloutAllowed"))
        assert standby.metric("genai_operator_leading") == 0.0
        eventually(lambda: standby.metric("genai_operator_queue_depth") >= 1)
        assert standby.metric("genai_operator_writes_total") == 0.0
        assert standby.answer("/livez")[0] == 200

        assert leader.stop() == 0
        standby.until_leading(within=8)  # released, not waited for
        world.create(service("next"))
        eventually(lambda: world.condition("next", "RolloutAllowed"))


def test_a_leader_that_is_killed_is_followed_after_its_lease(
    kubeconfig: Path, world: World
) -> None:
    with (
        operating(kubeconfig, identity="leader") as leader,
        started(kubeconfig, identity="standby") as standby,
    ):
        standby.until_ready()
        leader.kill()
        world.create(service("chat"))
        standby.until_leading(within=30)
        eventually(lambda: world.condition("chat", "RolloutAllowed"))


def test_every_look_is_traced_without_a_word_of_the_declaration(
    collector: Collector, kubeconfig: Path, world: World
) -> None:
    traced = {"GENAI_OTLP_ENDPOINT": collector.endpoint, "GENAI_TRACE_SAMPLE_RATIO": "1"}
    with operating(kubeconfig, settings=traced):
        world.create(service("chat", compliance=complete()))
        eventually(lambda: world.condition("chat", "RolloutAllowed"))

    def seen() -> None:
        spans = [span for span in read(collector.file) if span.name == "reconcile"]
        mine = [s for s in spans if s.attributes.get("k8s.namespace.name") == world.namespace]
        assert "written" in {span.attributes["genai.result"] for span in mine}

    eventually(seen)
    text = collector.file.read_text("utf-8")
    assert complete()["provider"]["uscc"] not in text
    assert complete()["provider"]["safetyOfficer"]["phone"] not in text


def test_an_operator_without_rights_is_alive_and_not_ready(
    control_plane: ControlPlane, kubeconfig: Path
) -> None:
    powerless = control_plane.kubeconfig_of("genai-system", "powerless")
    with started(powerless) as operator:
        eventually(operator._has_port)
        assert operator.answer("/livez")[0] == 200
        status, reason = operator.answer("/readyz")
        assert (status, reason) == (503, "the cluster is not listed yet\n")
        eventually(lambda: "cannot list resource" in operator.log.read_text("utf-8"))
        assert operator.stop() == 0


def test_wrong_settings_end_the_process_with_every_fault_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "genaiservice", "operator"],
        env={"PATH": os.environ["PATH"], "GENAI_WORKERS": "0", "LANG": "zh_CN.UTF-8"},  # noqa: TID251
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    for name in ("GENAI_WORKERS", "GENAI_GUARD_IMAGE", "GENAI_OPERATOR_NAMESPACE"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreadable_kubeconfig_ends_the_process_with_the_reason(tmp_path: Path) -> None:
    with started(tmp_path / "absent") as operator:
        assert operator.process.wait(30) == 2
        said = operator.log.read_text("utf-8")
    assert "KUBECONFIG" in said
    assert "Traceback" not in said
