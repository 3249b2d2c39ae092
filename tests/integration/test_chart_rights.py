# SPDX-License-Identifier: Apache-2.0
"""The operator's rights against what it does: one story with every kind of write, run with the
rights of the chart and no others, then compared with the rules, in both directions.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from genaiservice.api import names
from genaiservice.control.engine.relations import WATCHED
from genaiservice.kube.resources import resource_of
from hack.audit import Write
from hack.cluster import ControlPlane
from hack.places import CHART
from tests.chart import NAMESPACE, OPERATOR, RELEASE, installed
from tests.operator_process import operating
from tests.operator_world import World, complete, deployment, policy, service
from tests.wait import eventually

pytestmark = pytest.mark.integration

Json = dict[str, Any]
USER = f"system:serviceaccount:{NAMESPACE}:{OPERATOR}"
READ = frozenset({"get", "list", "watch"})

NOT_IN_THE_STORY = {
    # Only where the API server enforces owner references (an admission plug-in, off by default).
    ("update", "genaiservices/finalizers"),
    # kopf looks for our kinds; a read, but of no kind that we watch.
    ("list", "customresourcedefinitions"),
    ("watch", "customresourcedefinitions"),
}


@pytest.fixture(scope="module")
def rules(control_plane: ControlPlane) -> set[tuple[str, str]]:
    """Every (verb, resource) that the chart grants to the operator."""
    text = control_plane.helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE)
    roles = [
        tree
        for tree in yaml.safe_load_all(text)
        if tree and tree["kind"] in ("ClusterRole", "Role") and tree["metadata"]["name"] == OPERATOR
    ]
    return {
        (verb, resource)
        for role in roles
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.fixture(scope="module")
def story(control_plane: ControlPlane) -> Iterator[list[Write]]:
    """Every write of the operator while services come, change, are suspended and change hands."""
    binding = "operator-under-test"  # of tests that ask for every right
    control_plane.kubectl("delete", "clusterrolebinding", binding, "--ignore-not-found")
    with installed(control_plane):
        # The story begins with the lease that the first replica ever makes.
        control_plane.kubectl("delete", "leases", "--all", "--namespace", NAMESPACE)
        # This operator is the only one: the pods of the chart run on simulated nodes.
        mark = control_plane.audit_mark()
        kubeconfig = control_plane.kubeconfig_of(NAMESPACE, OPERATOR)
        control_plane.api.ensure("/api/v1/namespaces/rights", kind="Namespace")
        world = World(control_plane, "rights")
        eventually(lambda: world.get("serviceaccounts", "default"))
        with operating(kubeconfig):
            _managed(world)
            _strays(world)
            _waiting(world)
        # An upgrade while pods wait: those with the former guard must be made anew.
        with operating(kubeconfig, settings={"GENAI_GUARD_IMAGE": "guard.example.test/guard:2"}):
            world.patch("genaiservices", "vllm", {"spec": {"compliance": complete()}})
            eventually(lambda: len(world.ready_pods()) == 2, within=30)
            _to_and_fro(world)
        yield control_plane.writes(user=USER, since=mark)
        control_plane.kubectl("delete", "namespace", "rights", "--wait=false")


def _managed(world: World) -> None:
    world.create(policy())
    world.create(service("chat", managed=2))
    eventually(lambda: world.condition("chat", "RolloutAllowed") == "False/RequirementsNotMet")
    autoscaling = {"minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercent": 80}
    world.patch(
        "genaiservices",
        "chat",
        {"spec": {"compliance": complete(), "workload": {"managed": {"autoscaling": autoscaling}}}},
    )
    eventually(lambda: world.condition("chat", "Ready") == "True/Serving", within=30)
    for image in ("a", "b", "c", "d", "e"):  # more revisions than are kept
        template = {"spec": {"containers": [{"name": "model", "image": f"model:{image}"}]}}
        _change(world, "chat", {"workload": {"managed": {"template": template}}})
    _change(world, "chat", {"workload": {"managed": None, "adopt": {"port": 8000}}})
    eventually(lambda: world.all_of("deployments") == [], within=30)


def _change(world: World, name: str, spec: Json) -> None:
    generation = world.patch("genaiservices", name, {"spec": spec})["metadata"]["generation"]

    def looked_at() -> bool:
        status = world.get("genaiservices", name)["status"]
        return bool(status["observedGeneration"] == generation)

    eventually(looked_at)


def _strays(world: World) -> None:
    """Children that the service controls and does not want, as a version of old may leave them."""
    owner = world.get("genaiservices", "chat")
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": "chat",
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    metadata = {
        "name": "stray",
        "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_SERVICE: "chat"},
        "ownerReferences": [reference],
    }
    wall = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata}
    path = world.path("networkpolicies")
    world.api.request("POST", path, {**wall, "spec": {"podSelector": {}}})
    world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    for kind in ("networkpolicies", "configmaps"):
        gone = world.path(kind, "stray")
        eventually(lambda path=gone: not world.api.exists(path))  # type: ignore[misc]


def _waiting(world: World) -> None:
    world.create(service("vllm"))
    eventually(lambda: world.get("guardprofiles", "vllm"))
    world.create(deployment("model", of="vllm"))
    eventually(lambda: len(world.gated_pods()) == 2, within=30)


def _to_and_fro(world: World) -> None:
    """The same news twice: the second time the event is counted, not made anew."""
    for declared, answer in ((None, "False"), (complete(), "True")) * 2:
        world.patch("genaiservices", "vllm", {"spec": {"compliance": declared}})
        eventually(lambda a=answer: _rollout(world, a))  # type: ignore[misc]


def _rollout(world: World, answer: str) -> bool:
    return world.condition("vllm", "RolloutAllowed").startswith(answer)


def test_the_operator_was_never_refused(story: list[Write]) -> None:
    # Namespaces of earlier tests may still be terminating: there the API server forbids creation.
    here = [write for write in story if write.namespace in ("", "rights", NAMESPACE)]
    assert [str(write) for write in here if write.code in (401, 403)] == []


def test_every_write_has_its_rule(story: list[Write], rules: set[tuple[str, str]]) -> None:
    assert sorted(used(story) - rules) == []


def test_no_rule_is_there_that_no_write_needs(
    story: list[Write], rules: set[tuple[str, str]]
) -> None:
    writing = {(verb, resource) for verb, resource in rules if verb not in READ}
    assert sorted(writing - used(story) - NOT_IN_THE_STORY) == []


def test_it_reads_what_it_watches_and_its_lease_and_nothing_else(
    rules: set[tuple[str, str]],
) -> None:
    watched = {(verb, resource_of(kind).plural) for kind in WATCHED for verb in READ}
    reading = {(verb, resource) for verb, resource in rules if verb in READ}
    assert reading - NOT_IN_THE_STORY == watched | {("get", "leases")}


def used(story: list[Write]) -> set[tuple[str, str]]:
    """Server-side apply shows as patch; where it made the object (201) it needed create, too."""
    said = {(write.verb, write.resource) for write in story}
    made = {("create", w.resource) for w in story if w.verb == "patch" and w.code == 201}
    return said | made
