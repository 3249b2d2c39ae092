# SPDX-License-Identifier: Apache-2.0
"""`genaictl report NAME` on a real API server, of services that the real operator judged."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genaiservice.cli.report.earlier import schema
from hack.cluster import ControlPlane
from tests.operator_process import OperatorProcess, operating
from tests.operator_world import World, complete, install, policy, service
from tests.wait import eventually

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def kubeconfig(control_plane: ControlPlane) -> Path:
    return install(control_plane)


@pytest.fixture(scope="module")
def operator(kubeconfig: Path) -> Iterator[OperatorProcess]:
    with operating(kubeconfig) as running:
        yield running


@pytest.fixture
def world(control_plane: ControlPlane, operator: OperatorProcess, namespace: str) -> World:
    return World(control_plane, namespace)


def genaictl(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "genaiservice.cli.main", "report", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def report(world: World, name: str, *arguments: str) -> Any:
    kubeconfig = str(world.cluster.kubeconfig)
    ended = genaictl(
        name, "-n", world.namespace, "--kubeconfig", kubeconfig, "--format", "json", *arguments
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def judged(world: World, name: str, condition: str) -> Any:
    eventually(lambda: world.condition(name, "ModerationPolicyReady") == "True/PolicyLoaded")
    eventually(lambda: world.condition(name, "RolloutAllowed") == condition)
    return world.get("genaiservices", name)["status"]


def test_a_report_and_the_status_say_the_same_words(world: World) -> None:
    world.create(policy())
    world.create(service("chat", managed=1))
    status = judged(world, "chat", "False/RequirementsNotMet")
    told = report(world, "chat")
    assert told["notes"] == []
    rows = {row["id"]: row for row in told["requirements"]}
    for finding in status["findings"]:
        assert {key: rows[finding["id"]][key] for key in finding} == finding
    assert {id_ for id_, row in rows.items() if row["result"] in ("Fail", "Unknown")} == {
        finding["id"] for finding in status["findings"]
    }
    written = {one["type"]: one for one in status["conditions"]}
    for one in (*told["families"], *told["conditions"]):
        assert one["reason"] == written[one["type"]]["reason"]
        message = one["message"]
        assert f"{message['zh']} | {message['en']}" == written[one["type"]]["message"]


def test_a_duty_that_passes_shows_the_level_that_the_cluster_gives_it(world: World) -> None:
    world.create(policy())
    world.create(service("chat", managed=2, compliance=complete()))
    judged(world, "chat", "True/Allowed")

    def seen() -> bool:
        status = world.get("genaiservices", "chat")["status"]
        return "probes" in status.get("facts", {}).get("cluster", {})

    eventually(seen)
    rows = {row["id"]: row for row in report(world, "chat")["requirements"]}
    assert (rows["IM-13-1"]["level"], rows["IM-15-1"]["level"]) == ("V2", "V1")


def test_completing_the_declarations_shows_as_the_change_since_then(
    world: World, tmp_path: Path
) -> None:
    import jsonschema

    world.create(policy())
    world.create(service("chat", managed=2))
    judged(world, "chat", "False/RequirementsNotMet")
    then = tmp_path / "then.json"
    then.write_text(json.dumps(report(world, "chat")), "utf-8")
    world.patch("genaiservices", "chat", {"spec": {"compliance": complete()}})
    judged(world, "chat", "True/Allowed")
    told = report(world, "chat", "--since", str(then))
    jsonschema.Draft202012Validator(schema()).validate(told)
    assert told["outcome"]["allowed"] is True
    changes = told["changes"]["rows"]
    assert (changes[0]["title"]["en"], changes[0]["direction"]) == ("Rollout", "better")
    assert {row["direction"] for row in changes if row["subject"] == "IM-15-1"} == {"better"}


def test_a_service_that_is_not_there_and_a_cluster_that_does_not_answer_are_told_apart(
    world: World, tmp_path: Path
) -> None:
    kubeconfig = str(world.cluster.kubeconfig)
    absent = genaictl("absent", "-n", world.namespace, "--kubeconfig", kubeconfig, "--lang", "en")
    assert absent.returncode == 2
    assert "absent" in absent.stderr
    text = Path(kubeconfig).read_text("utf-8")
    away = tmp_path / "away"
    away.write_text(text.replace(world.cluster.url, "https://127.0.0.1:1"), "utf-8")
    gone = genaictl("chat", "-n", world.namespace, "--kubeconfig", str(away), "--lang", "en")
    assert gone.returncode == 3
    for ended in (absent, gone):
        assert ended.stdout == ""
        assert "Traceback" not in ended.stderr
