# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from genaiservice.api import names
from genaiservice.api.jsontree import MutableJson, lookup
from genaiservice.control.core.plan import plan
from tests.build import NOW, SETTINGS, guard_container, observed, pod, service, verdict


def children(of: MutableJson) -> dict[str, MutableJson]:
    made = plan(observed(of), verdict(), NOW, SETTINGS)
    return {manifest["kind"]: manifest for manifest in made.apply}


def template(of: MutableJson) -> Any:
    return children(of)["Deployment"]["spec"]["template"]


def managed(**spec: Any) -> MutableJson:
    return service(managed={"template": {"spec": spec}})


def test_every_child_names_its_owner_and_its_service() -> None:
    of = service()
    for child in children(of).values():
        [owner] = child["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (of["metadata"]["uid"], True)
        assert child["metadata"]["labels"][names.LABEL_SERVICE] == "chat"
        assert child["metadata"]["namespace"] == "shop"


def test_the_guard_stands_beside_the_model_as_a_native_sidecar() -> None:
    spec = template(service())["spec"]
    assert [one["name"] for one in spec["containers"]] == ["model"]
    assert spec["containers"][0]["ports"] == [{"name": "http", "containerPort": 8000}]
    assert spec["initContainers"] == [guard_container()]
    assert {one["name"] for one in spec["volumes"]} == {
        names.VOLUME_CONFIG,
        names.VOLUME_DIRECTIVE,
    }


def test_no_container_can_stand_in_for_the_guard() -> None:
    fake = {"name": names.GUARD_CONTAINER, "image": "evil"}
    port = {"name": names.GUARD_PORT_NAME, "containerPort": 8000}
    spec = template(
        managed(
            containers=[{"name": "model", "ports": [port]}, fake],
            initContainers=[fake],
            volumes=[{"name": names.VOLUME_CONFIG, "emptyDir": {}}],
            schedulingGates=[{"name": names.GATE}],
        )
    )["spec"]
    [model] = spec["containers"]
    assert (model["name"], model["ports"]) == ("model", [{"containerPort": 8000}])
    assert spec["initContainers"] == [guard_container()]
    assert all("emptyDir" not in one for one in spec["volumes"])
    assert "schedulingGates" not in spec


def test_the_pods_carry_the_label_and_no_annotation_of_ours_from_the_template() -> None:
    forged = {"annotations": {names.ANNOTATION_DIRECTIVE: "x", "team": "a"}, "labels": {"app": "b"}}
    meta = template(service(managed={"template": {"metadata": forged}}))["metadata"]
    assert meta["labels"] == {"app": "b", names.LABEL_SERVICE: "chat"}
    assert set(meta["annotations"]) == {"team", names.ANNOTATION_CONFIG}


@pytest.mark.parametrize(
    ("declared", "drain", "expected"),
    [(None, 30, 45), (10, 30, 45), (600, 30, 600), (60, 120, 135)],
)
def test_a_pod_has_time_to_drain(declared: int | None, drain: int, expected: int) -> None:
    of = managed(terminationGracePeriodSeconds=declared)
    of["spec"]["guard"]["limits"] = {"drainSeconds": drain}
    assert template(of)["spec"]["terminationGracePeriodSeconds"] == expected


def test_the_model_stops_only_when_the_guard_says_that_its_clients_are_gone() -> None:
    started = {"postStart": {"exec": {"command": ["warm-up"]}}}
    own = {"preStop": {"exec": {"command": ["say-goodbye"]}}}
    containers = [
        {"name": "model"},
        {"name": "warm", "lifecycle": started},
        {"name": "own", "lifecycle": own},
    ]
    hook = {"httpGet": {"path": "/quiet", "port": names.GUARD_ADMIN_PORT, "scheme": "HTTP"}}
    stops = [
        one["lifecycle"] for one in template(managed(containers=containers))["spec"]["containers"]
    ]
    assert stops == [{"preStop": hook}, {**started, "preStop": hook}, own]


def test_pods_spread_over_nodes_unless_declared_otherwise() -> None:
    [spread] = template(service())["spec"]["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    own = [{"topologyKey": "zone", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"}]
    assert (
        template(managed(topologySpreadConstraints=own))["spec"]["topologySpreadConstraints"] == own
    )


def test_clients_are_sent_to_the_guard_by_name() -> None:
    [port] = children(service(guard={"port": 9000}))["Service"]["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (9000, names.GUARD_PORT_NAME)


def test_an_update_never_takes_a_serving_pod_away_first() -> None:
    spec = children(service())["Deployment"]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["replicas"] == 2


def test_a_single_replica_does_not_block_the_drain_of_a_node() -> None:
    budget = children(service(managed={"replicas": 1}))["PodDisruptionBudget"]["spec"]
    assert budget["maxUnavailable"] == 1
    assert "minAvailable" not in budget


@pytest.mark.parametrize("of", [service(), service(adopt={})], ids=["managed", "adopted"])
def test_nobody_reaches_the_port_of_the_model(of: MutableJson) -> None:
    for rule in children(of)["NetworkPolicy"]["spec"]["ingress"]:
        for port in rule["ports"]:
            assert not port["port"] <= 8000 <= port.get("endPort", port["port"])


def test_anybody_reaches_the_guard_and_only_the_cluster_its_metrics() -> None:
    client, metrics = children(service())["NetworkPolicy"]["spec"]["ingress"]
    assert "from" not in client
    assert [port["port"] for port in client["ports"]] == [names.GUARD_PORT]
    assert metrics["from"] == [{"namespaceSelector": {}}]
    assert [port["port"] for port in metrics["ports"]] == [names.GUARD_ADMIN_PORT]


def test_pods_of_an_earlier_guard_port_serve_until_they_are_replaced() -> None:
    moved = observed(service(guard={"port": 9000}), pods=[pod("old")])
    made = plan(moved, verdict(), NOW, SETTINGS)
    [wall] = [manifest for manifest in made.apply if manifest["kind"] == "NetworkPolicy"]
    assert [port["port"] for port in wall["spec"]["ingress"][0]["ports"]] == [8790, 9000]


@pytest.mark.parametrize("port", [1, 8000, 65535])
def test_workers_of_one_adopted_model_reach_each_other(port: int) -> None:
    rules = children(service(adopt={"port": port}))["NetworkPolicy"]["spec"]["ingress"]
    peers = rules[2]
    assert peers["from"] == [{"podSelector": {"matchLabels": {names.LABEL_SERVICE: "chat"}}}]
    assert all(one["port"] <= one["endPort"] for one in peers["ports"])


def test_the_autoscaler_moves_the_deployment_within_its_bounds() -> None:
    scaling = {"minReplicas": 2, "maxReplicas": 6, "targetCPUUtilizationPercent": 55}
    made = children(service(managed={"autoscaling": scaling}))
    spec = made["HorizontalPodAutoscaler"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)
    assert lookup(spec, "metrics", 0, "resource", "target", "averageUtilization") == 55
    assert made["Deployment"]["spec"]["replicas"] == 2
