# SPDX-License-Identifier: Apache-2.0
"""The operator on a real API server, with the rights and policies of the chart and no more."""

import contextlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from genaiservice.control.core.times import rfc3339
from genaiservice.control.engine.clock import Clock
from hack.access import Refused
from hack.cluster import ControlPlane
from tests.operator_process import OperatorProcess, operating
from tests.operator_world import (
    World,
    annotation,
    complete,
    deployment,
    install,
    policy,
    service,
)
from tests.wait import eventually

pytestmark = pytest.mark.integration

USER = "system:serviceaccount:genai-system:genaiservice-operator"
CHILDREN = ("deployments", "services", "poddisruptionbudgets", "networkpolicies")


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


def test_an_incomplete_service_is_refused_with_reasons(world: World) -> None:
    world.create(policy())
    world.create(service("chat", managed=1))
    eventually(lambda: world.condition("chat", "RolloutAllowed") == "False/RequirementsNotMet")
    status = world.get("genaiservices", "chat")["status"]
    assert status["observedGeneration"] == 1
    assert status["rollout"]["allowed"] is False
    assert status["findings"][0]["severity"] == "block"
    for finding in status["findings"]:
        for words in ("title", "message", "remedy"):
            assert finding[words]["en"], finding
            assert finding[words]["zh"], finding
    assert [child for kind in CHILDREN for child in world.all_of(kind)] == []
    assert world.all_of("pods") == []


def test_the_change_of_the_verdict_is_told_as_an_event(world: World) -> None:
    world.create(policy())
    world.create(service("chat", managed=1))

    def told() -> None:
        events = world.all_of("events")
        about = [e for e in events if e["involvedObject"]["kind"] == "GenAIService"]
        assert "RolloutRefused" in {event["reason"] for event in about}
        assert all(event["message"] for event in about)

    eventually(told)


def test_a_service_without_declarations_is_answered_and_not_dropped(world: World) -> None:
    world.create(service("bare"))
    eventually(lambda: world.condition("bare", "RolloutAllowed") == "False/RequirementsNotMet")


def test_completing_the_declarations_makes_the_workload_run(world: World) -> None:
    world.create(policy())
    world.create(service("chat", managed=2))
    eventually(lambda: world.condition("chat", "RolloutAllowed") == "False/RequirementsNotMet")
    world.patch("genaiservices", "chat", {"spec": {"compliance": complete()}})
    eventually(lambda: world.condition("chat", "RolloutAllowed") == "True/Allowed")
    eventually(lambda: len(world.ready_pods()) == 2, within=30)
    for kind in CHILDREN:
        assert [child["metadata"]["name"] for child in world.all_of(kind)], kind
    for pod in world.all_of("pods"):
        assert [c["name"] for c in pod["spec"]["initContainers"]] == ["genai-guard"]
    eventually(lambda: world.condition("chat", "GuardEnforced") == "True/AllGuarded")
    eventually(lambda: world.condition("chat", "Ready") == "True/Serving")
    assert world.get("genaiservices", "chat")["status"]["pods"]["guarded"] == 2


def test_pods_of_others_wait_behind_the_gate_until_the_verdict_allows(world: World) -> None:
    world.create(policy())
    world.create(service("vllm"))
    eventually(lambda: world.get("guardprofiles", "vllm"))
    world.create(deployment("model", of="vllm"))
    eventually(lambda: len(world.gated_pods()) == 2, within=30)
    eventually(lambda: world.get("genaiservices", "vllm")["status"]["pods"]["gated"] == 2)
    world.patch("genaiservices", "vllm", {"spec": {"compliance": complete()}})
    eventually(lambda: len(world.ready_pods()) == 2, within=30)
    assert world.gated_pods() == []
    eventually(lambda: world.get("genaiservices", "vllm")["status"]["pods"]["guarded"] == 2)


def test_drift_is_repaired(world: World) -> None:
    world.create(policy())
    world.create(service("chat", managed=1, compliance=complete()))
    eventually(lambda: world.condition("chat", "Ready") == "True/Serving", within=30)
    door = world.all_of("services")[0]["metadata"]
    world.delete("services", door["name"])
    eventually(lambda: world.get("services", door["name"])["metadata"]["uid"] != door["uid"])

    wall = world.all_of("networkpolicies")[0]
    name, rules = wall["metadata"]["name"], wall["spec"]["ingress"]
    world.patch("networkpolicies", name, {"spec": {"ingress": [{}]}})
    eventually(lambda: world.get("networkpolicies", name)["spec"]["ingress"] == rules)

    config = world.get("configmaps", "chat-guard")
    world.patch("configmaps", "chat-guard", {"data": {"guard.json": "{}"}})
    eventually(lambda: world.get("configmaps", "chat-guard")["data"] == config["data"])


def test_a_revoked_filing_reaches_the_running_guards(world: World) -> None:
    world.create(policy())
    world.create(service("vllm", compliance=complete()))
    eventually(lambda: world.condition("vllm", "RolloutAllowed") == "True/Allowed")
    world.create(deployment("model", of="vllm"))
    eventually(lambda: len(world.ready_pods()) == 2, within=30)
    assert [annotation(pod, "directive") for pod in world.all_of("pods")] == ["", ""]

    revoked = complete()
    for filing in revoked["filings"]:
        if filing["kind"] == "GenAIFiling":
            filing["status"] = "Revoked"
    world.patch("genaiservices", "vllm", {"spec": {"compliance": revoked}})

    def suspended() -> None:
        for pod in world.ready_pods():
            assert '"mode":"Suspend"' in annotation(pod, "directive")

    eventually(suspended)
    eventually(lambda: world.get("genaiservices", "vllm")["status"]["rollout"]["suspended"] is True)
    before = {pod["metadata"]["uid"] for pod in world.all_of("pods")}
    world.delete("pods", world.all_of("pods")[0]["metadata"]["name"])

    def held() -> bool:
        return {pod["metadata"]["uid"] for pod in world.gated_pods()}.isdisjoint(before) and len(
            world.gated_pods()
        ) == 1

    eventually(held, within=30)

    world.patch("genaiservices", "vllm", {"spec": {"compliance": complete()}})
    eventually(lambda: {annotation(pod, "directive") for pod in world.ready_pods()} == {""})
    eventually(lambda: len(world.ready_pods()) == 2, within=30)


def test_the_kill_switch_reaches_the_running_guards(world: World) -> None:
    world.create(policy())
    world.create(service("chat", managed=1, compliance=complete()))
    eventually(lambda: len(world.ready_pods()) == 1, within=30)
    world.patch("genaiservices", "chat", {"spec": {"guard": {"killSwitch": True}}})
    eventually(lambda: "Suspend" in annotation(world.ready_pods()[0], "directive"))


def test_a_missing_policy_is_said_and_its_arrival_is_seen(world: World) -> None:
    world.create(service("chat", managed=1, compliance=complete()))
    policy_ready = "ModerationPolicyReady"
    eventually(lambda: world.condition("chat", policy_ready) == "False/PolicyNotFound")
    assert "default" in world.message("chat", policy_ready)
    world.create(policy(config_map="words"))
    eventually(lambda: "words" in world.message("chat", policy_ready))
    world.api.request(
        "POST",
        world.path("configmaps"),
        {"metadata": {"name": "words"}, "data": {"terms.txt": "违禁样本\n示例禁词\n"}},
    )
    eventually(lambda: world.condition("chat", policy_ready) == "True/PolicyLoaded")
    assert world.get("genaiservices", "chat")["status"]["guard"]["terms"] == 2
    eventually(lambda: world.get("moderationpolicies", "default")["status"]["terms"] == 2)


def test_new_terms_are_stamped_on_the_running_pods(world: World) -> None:
    world.create(policy("违禁样本"))
    world.create(service("chat", managed=1, compliance=complete()))
    eventually(lambda: len(world.ready_pods()) == 1, within=30)
    eventually(lambda: annotation(world.ready_pods()[0], "policy") != "")
    before = annotation(world.ready_pods()[0], "policy")
    old = world.get("configmaps", "chat-guard")["binaryData"]
    sources = policy("违禁样本", "示例禁词")["spec"]["sources"]
    world.patch("moderationpolicies", "default", {"spec": {"sources": sources}})
    eventually(lambda: annotation(world.ready_pods()[0], "policy") not in ("", before))
    assert world.get("configmaps", "chat-guard")["binaryData"] != old


def test_adopted_pods_with_an_older_configuration_are_told(world: World) -> None:
    world.create(policy())
    world.create(service("chat", compliance=complete()))
    world.create(deployment("model", of="chat", replicas=1))
    eventually(lambda: world.condition("chat", "GuardEnforced") == "True/AllGuarded", within=30)
    eventually(lambda: annotation(world.ready_pods()[0], "config") != "", within=30)
    world.patch("genaiservices", "chat", {"spec": {"guard": {"paths": ["/health"]}}})
    older = "False/OlderConfiguration"
    eventually(lambda: world.condition("chat", "GuardEnforced") == older)
    assert "kubectl rollout restart deployment/model" in world.message("chat", "GuardEnforced")
    for pod in world.all_of("pods"):
        world.delete("pods", pod["metadata"]["name"])
    eventually(lambda: world.condition("chat", "GuardEnforced") == "True/AllGuarded", within=30)


def test_what_the_api_server_refuses_stands_in_the_status_in_its_words(world: World) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/deployments.apps": "0"}}}
    path = world.path("resourcequotas")
    world.api.request("POST", path, quota)
    eventually(lambda: world.api.get(f"{path}/none")["status"]["hard"], within=30)
    world.create(policy())
    world.create(service("chat", managed=1, compliance=complete()))
    eventually(lambda: world.condition("chat", "Ready") == "False/ApplyFailed", within=30)
    assert "exceeded quota" in world.message("chat", "Ready")
    world.api.request("DELETE", f"{path}/none")
    eventually(lambda: world.condition("chat", "Ready") == "True/Serving", within=60)


def test_a_detector_declared_open_is_told_while_it_lasts(world: World) -> None:
    """By a condition and an Event; once the declaration is gone, by both again."""
    now = Clock().now()
    opens = {
        "since": rfc3339(now - timedelta(hours=1)),
        "until": rfc3339(now + timedelta(hours=1)),
        "reason": "moves house",
    }
    detector = {"name": "house", "kind": "Moderation", "url": "http://detector:8000/v1"}
    world.create(policy())
    world.create(service("chat", managed=1, guard={"detectors": [{**detector, "failOpen": opens}]}))
    eventually(lambda: world.condition("chat", "DetectorsClosed") == "False/FailsOpen")
    assert "moves house" in world.message("chat", "DetectorsClosed")
    config = json.loads(world.get("configmaps", "chat-guard")["data"]["guard.json"])
    assert config["detectors"][0]["failOpen"] == opens
    world.patch("genaiservices", "chat", {"spec": {"guard": {"detectors": [detector]}}})
    eventually(lambda: world.condition("chat", "DetectorsClosed") == "True/FailsClosed")

    def told() -> None:
        reasons = {event["reason"] for event in world.all_of("events")}
        assert {"FailsOpen", "FailsClosed"} <= reasons

    eventually(told)


def test_two_services_that_claim_one_pod_are_both_told(world: World) -> None:
    world.create(policy())
    world.create(service("chat", compliance=complete()))
    rival = service("rival", managed=1, compliance=complete())
    rival["spec"]["workload"]["managed"]["template"]["metadata"] = {
        "labels": {"compliance.genai.dev/service": "chat"}
    }
    world.create(rival)
    for name in ("chat", "rival"):
        eventually(lambda name=name: "ClaimConflict" in world.condition(name, "GuardEnforced"))


def test_all_that_a_service_has_goes_with_it_and_is_not_made_again(
    control_plane: ControlPlane, operator: OperatorProcess, world: World
) -> None:
    world.create(policy())
    uid = world.create(service("chat", managed=1, compliance=complete()))["metadata"]["uid"]
    eventually(lambda: world.condition("chat", "Ready") == "True/Serving", within=30)
    # Kubernetes collects by these references (it takes up to a minute to learn of a new kind).
    for kind in (*CHILDREN, "guardprofiles", "controllerrevisions"):
        made = [c for c in world.all_of(kind) if c["metadata"]["name"].startswith("chat")]
        assert made, kind
        for child in made:
            owners = [
                o for o in child["metadata"]["ownerReferences"] if o["kind"] == "GenAIService"
            ]
            assert [(o["uid"], o["controller"]) for o in owners] == [(uid, True)], child
    world.delete("genaiservices", "chat")
    mark = control_plane.audit_mark()
    for left in world.all_of("services"):  # the collector may have been quicker
        with contextlib.suppress(Refused):
            world.delete("services", left["metadata"]["name"])
    operator.until_idle()
    written = control_plane.writes(user=USER, since=mark)
    assert [str(write) for write in written if write.namespace == world.namespace] == []


def test_a_second_look_writes_nothing(
    control_plane: ControlPlane, operator: OperatorProcess, world: World
) -> None:
    world.create(policy())
    world.create(service("chat", managed=1, compliance=complete()))
    world.create(service("bare"))
    eventually(lambda: world.condition("chat", "Ready") == "True/Serving", within=30)

    def quiet() -> None:
        operator.until_idle()
        mark = control_plane.audit_mark()
        passes = operator.metric("genai_operator_reconcile_seconds_count")
        # A change that changes nothing for us: both services are looked at again.
        label = {"metadata": {"labels": {"look": f"again-{mark}"}}}
        world.patch("moderationpolicies", "default", label)
        eventually(lambda: operator.metric("genai_operator_reconcile_seconds_count") >= passes + 2)
        operator.until_idle()
        written = control_plane.writes(user=USER, since=mark)
        assert [str(write) for write in written if write.namespace == world.namespace] == []

    eventually(quiet, within=30)
