# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import genaiservice.rules
from genaiservice.api import names
from genaiservice.api.jsontree import MutableJson
from genaiservice.control.core.cluster import told as cluster_told
from genaiservice.control.core.facts import facts, shown
from genaiservice.control.core.observed import Observed, claims, policy_config_maps
from genaiservice.control.core.pages import Record, told
from genaiservice.control.core.routes import backends
from tests.build import NOW as NOON
from tests.build import core_service, observed, pod, policy, service

CATALOGUE = Path(genaiservice.rules.__file__).parent / "catalogue"


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (service(), {"mode": "managed", "replicas": 2, "minReplicas": None}),
        (
            service(managed={"autoscaling": {"minReplicas": 3, "maxReplicas": 5}}),
            {"mode": "managed", "replicas": None, "minReplicas": 3},
        ),
        (service(adopt={}), {"mode": "adopted", "replicas": None, "minReplicas": None}),
        (service(workload={}), {"mode": "", "replicas": None, "minReplicas": None}),
    ],
    ids=["managed", "scaled", "adopted", "neither"],
)
def test_facts_tell_how_the_workload_runs(of: MutableJson, expected: MutableJson) -> None:
    assert facts(observed(of))["workload"] == expected


@pytest.mark.parametrize(
    ("written", "closed"), [(True, True), (False, False), (None, False), ("yes", True)]
)
def test_a_kill_switch_that_is_not_clearly_off_is_on(written: object, closed: bool) -> None:
    of = service()
    of["spec"]["guard"]["killSwitch"] = written
    assert facts(observed(of))["guard"] == {"killSwitch": closed}


def test_a_service_claims_its_own_pods_and_those_its_template_names() -> None:
    assert claims(service("a")) == {"a"}
    label = {"metadata": {"labels": {names.LABEL_SERVICE: "b"}}}
    assert claims(service("a", managed={"template": label})) == {"a", "b"}


def test_the_config_maps_of_a_policy_are_named_once_each() -> None:
    named = [{"configMap": {"name": name}} for name in ("b", "a", "b")]
    sources = [*named, {"inline": ["x"]}]
    assert policy_config_maps(policy(spec={"sources": sources})) == ("a", "b")
    assert policy_config_maps(None) == ()


PROBES: MutableJson = {"readinessProbe": {"httpGet": {}}, "livenessProbe": {"httpGet": {}}}
DIGEST = "sha256:" + "a" * 64


def cluster(seen: Observed) -> MutableJson:
    found = facts(seen, NOON).get("cluster", {})
    assert isinstance(found, dict)
    return found


def adopted(*pods: MutableJson, **more: Any) -> Observed:
    return replace(observed(service(adopt={}), pods=pods), **more)


def model(**container: Any) -> MutableJson:
    inside = {"name": "model", "image": "example.test/model:1", **container}
    return pod(spec={"containers": [inside]})


def test_an_object_alone_has_no_facts_of_a_cluster() -> None:
    seen = adopted(pod(), pages={})
    assert facts(seen).keys() == {"service", "workload", "guard"}
    assert cluster(observed()) == {}


def test_facts_fit_the_schema_that_the_rules_give_for_them() -> None:
    schema = yaml.safe_load((CATALOGUE / "_facts.yaml").read_text("utf-8"))
    seen = adopted(
        model(**PROBES) | {"status": {"containerStatuses": [{"name": "model", "imageID": DIGEST}]}},
        routes=(ingress("door", "front", "chat.example.com"),),
        services=(core_service(),),
        pages={
            "complaints.url": Record(
                url="https://chat.example.com/", asked="x", at=NOON, failing_since=NOON,
                failures=2, error="Timeout", sha256="b" * 64, sha256_since=NOON,
                found=frozenset({"contact"}), lacking={"timeLimit": NOON},
            )
        },
    )  # fmt: skip
    known = facts(seen, NOON)
    jsonschema.validate(known, schema, jsonschema.Draft202012Validator)
    assert known["cluster"].keys() == {
        "takenAt", "podDisruptionBudget", "probes", "exposure", "images",
    }  # fmt: skip


def ingress(name: str, to: str, *hosts: str) -> MutableJson:
    backend = {"service": {"name": to, "port": {"number": 80}}}
    rules = [{"host": host, "http": {"paths": [{"backend": backend}]}} for host in hosts]
    metadata = {"name": name, "namespace": "shop"}
    return {"kind": "Ingress", "metadata": metadata, "spec": {"rules": rules}}


@pytest.mark.parametrize(
    ("container", "probed"),
    [
        (PROBES, True),
        ({"readinessProbe": {}, "livenessProbe": {}}, True),
        ({"readinessProbe": {"httpGet": {}}}, False),
        ({"livenessProbe": {"httpGet": {}}}, False),
        ({}, False),
    ],
)
def test_probes_are_there_when_every_container_of_the_model_has_both(
    container: MutableJson, probed: bool
) -> None:
    assert cluster(adopted(model(**container)))["probes"] is probed
    assert cluster(adopted(model(**PROBES), model(**container)))["probes"] is probed


def budget(name: str = "b", **selector: Any) -> MutableJson:
    return {"kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": selector}


LABELLED = {"matchLabels": {names.LABEL_SERVICE: "chat"}}


@pytest.mark.parametrize(
    ("selector", "covered"),
    [
        (LABELLED, True),
        ({}, True),
        (None, False),
        ({"matchLabels": {"app": "other"}}, False),
        ({"matchExpressions": [{"key": names.LABEL_SERVICE, "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, True),
        (LABELLED | {"matchExpressions": [{"key": "a", "operator": "Exists"}]}, False),
        (
            {"matchExpressions": [
                {"key": names.LABEL_SERVICE, "operator": "In", "values": ["chat", "b"]}
            ]},
            True,
        ),
        (
            {"matchExpressions": [
                {"key": names.LABEL_SERVICE, "operator": "NotIn", "values": ["chat"]}
            ]},
            False,
        ),
        ({"matchExpressions": [{"key": "app", "operator": "Gt"}]}, False),
    ],
)  # fmt: skip
def test_a_budget_covers_the_pods_that_its_selector_selects(selector: Any, covered: bool) -> None:
    seen = adopted(pod(), budgets=(budget(selector=selector),))
    assert cluster(seen)["podDisruptionBudget"] is covered


def test_a_pod_without_a_budget_is_seen_and_one_that_ends_is_not() -> None:
    budgets = (budget(selector={"matchLabels": {"app": "a"}}),)
    with_label = pod("p1", metadata={"labels": {"app": "a"}})
    ending = pod("p2", metadata={"deletionTimestamp": "2026-11-25T00:00:00Z"})
    done = pod("p3", status={"phase": "Succeeded"})
    assert cluster(adopted(with_label, ending, done, budgets=budgets))["podDisruptionBudget"]
    assert not cluster(adopted(with_label, pod("p4"), budgets=budgets))["podDisruptionBudget"]
    assert cluster(adopted(ending, done)) == {}


def test_the_budget_of_a_managed_service_is_no_fact_before_its_workload_exists() -> None:
    """The operator makes both; asking for it earlier would hold back what brings it."""
    assert "podDisruptionBudget" not in cluster(observed(pods=[pod()]))


def owned(kind: str, spec: MutableJson) -> MutableJson:
    owner = {"uid": service()["metadata"]["uid"], "controller": True}
    return {"kind": kind, "metadata": {"name": "chat", "ownerReferences": [owner]}, "spec": spec}


def scaler(**spec: int) -> MutableJson:
    return owned("HorizontalPodAutoscaler", spec)


@pytest.mark.parametrize(
    ("children", "replicas"),
    [
        ([owned("Deployment", {"replicas": 3})], 3),
        ([owned("Deployment", {"replicas": 9}), scaler(minReplicas=2)], 2),
        ([owned("Deployment", {"replicas": 9}), scaler()], 1),
        ([owned("Deployment", {"replicas": 0})], None),
        ([{**owned("Deployment", {"replicas": 3}), "metadata": {"name": "chat"}}], None),
        ([], None),
    ],
    ids=["fixed", "scaled", "scaled from one", "scaled to zero", "of somebody else", "none"],
)  # fmt: skip
def test_replicas_are_what_the_live_objects_keep(
    children: list[MutableJson], replicas: int | None
) -> None:
    assert cluster(observed(children=children)).get("replicas") == replicas


def test_exposure_is_what_brings_traffic_from_outside() -> None:
    balancer, node, inner, named = (core_service(name) for name in ("lb", "node", "in", "ext"))
    balancer["spec"]["type"], node["spec"]["type"] = "LoadBalancer", "NodePort"
    named["spec"]["externalIPs"] = ["203.0.113.7"]
    route = {
        "kind": "HTTPRoute",
        "metadata": {"name": "r", "namespace": "edge"},
        "spec": {"hostnames": ["b.example.com", "a.example.com"]},
    }
    seen = adopted(
        pod(),
        services=(balancer, node, inner, named),
        routes=(ingress("door", "in", "chat.example.com"), route),
    )
    assert cluster(seen)["exposure"] == [
        {"kind": "Service", "name": "lb", "hosts": [], "public": True},
        {"kind": "Service", "name": "node", "hosts": [], "public": True},
        {"kind": "Service", "name": "ext", "hosts": [], "public": True},
        {"kind": "Ingress", "name": "door", "hosts": ["chat.example.com"], "public": True},
        {
            "kind": "HTTPRoute",
            "name": "r",
            "hosts": ["a.example.com", "b.example.com"],
            "public": True,
        },
    ]
    assert cluster(adopted(pod()))["exposure"] == []
    assert "exposure" not in cluster(adopted())  # nothing runs: nobody knows


@pytest.mark.parametrize(
    ("image", "said", "digest"),
    [
        ("m:1", f"example.test/m@{DIGEST}", DIGEST),
        ("m:1", "m:1", None),
        (f"m@{DIGEST}", None, DIGEST),
        (f"m@{DIGEST}", "", DIGEST),
        ("m:1", "", "unknown"),
        ("m:1", None, "unknown"),
    ],
    ids=["resolved", "not resolved", "pinned", "pinned, waits", "waits", "not scheduled"],
)
def test_an_image_has_the_digest_that_kubelet_or_name_says(
    image: str, said: str | None, digest: str | None
) -> None:
    of = model(image=image)
    if said is not None:
        of["status"]["containerStatuses"] = [{"name": "model", "imageID": said}]
    images = cluster(adopted(of)).get("images")
    expected = [{"container": "model", "image": image, "digest": digest}]
    assert images == (None if digest == "unknown" else expected)


def test_the_guard_is_no_container_of_the_model() -> None:
    of = pod(spec={"containers": [{"name": "model", **PROBES}, {"name": names.GUARD_CONTAINER}]})
    assert cluster(adopted(of))["probes"] is True


@pytest.mark.parametrize("broken", [None, [], "x", 1, {"a": 1}, [None, 1, {"x": []}]])
@pytest.mark.parametrize("part", ["rules", "hostnames", "defaultBackend"])
def test_a_route_is_read_as_far_as_it_can_be_read(part: str, broken: Any) -> None:
    route = {"metadata": {"name": "r", "namespace": "n"}, "spec": {part: broken}}
    assert list(backends(route)) == []
    assert list(backends({"metadata": {}, "spec": broken})) == []


def test_a_route_leads_to_services_of_its_own_namespace_or_the_one_it_names() -> None:
    references = [
        {"name": "a"},
        {"name": "b", "namespace": "other"},
        {"name": "c", "kind": "ServiceImport", "group": "multicluster.x-k8s.io"},
        {"name": "d", "kind": "Service", "group": ""},
    ]
    route = {"metadata": {"namespace": "shop"}, "spec": {"rules": [{"backendRefs": references}]}}
    assert list(backends(route)) == [("shop", "a"), ("other", "b"), ("shop", "d")]
    last = {
        "metadata": {"namespace": "shop"},
        "spec": {"defaultBackend": {"service": {"name": "a"}}},
    }
    assert list(backends(last)) == [("shop", "a")]


def test_the_status_shows_since_when_the_cluster_looks_so() -> None:
    waiting, running = model(), model(image=f"m@{DIGEST}", **PROBES)
    first = cluster_told(adopted(waiting), None, NOON)
    assert first == {
        "podDisruptionBudget": False, "probes": False, "exposure": [],
        "takenAt": "2026-11-25T02:00:00Z",
    }  # fmt: skip
    later = NOON + timedelta(hours=1)
    assert cluster_told(adopted(waiting), first, later) == first
    changed = cluster_told(adopted(running), first, later)
    assert (changed["probes"], changed["takenAt"]) == (True, "2026-11-25T03:00:00Z")
    assert cluster_told(adopted(), None, NOON) == {}


def test_what_the_operator_makes_itself_is_no_news() -> None:
    seen = observed(children=[owned("Deployment", {"replicas": 3})], pods=[pod()])
    assert cluster(seen).keys() >= {"replicas", "podDisruptionBudget"}
    assert cluster_told(seen, None, NOON).keys() == {"takenAt", "probes", "exposure"}


def test_facts_come_back_from_the_status_that_shows_them() -> None:
    loose = model()
    loose["status"]["containerStatuses"] = [{"name": "model", "imageID": "example.test/model:1"}]
    record = Record(url="https://a.example/", asked="x", at=NOON, status=200)
    seen = adopted(loose, pages={"complaints.url": record})
    status = {
        "facts": {
            "cluster": cluster_told(seen, None, NOON),
            "pages": [told("complaints.url", record)],
        }
    }
    of = {**service(adopt={}), "status": status}
    assert shown(of, NOON) == facts(seen, NOON)
    assert shown(of, NOON + timedelta(days=8))["pages"] == {}


@pytest.mark.parametrize("status", [None, {}, {"facts": []}, {"facts": {"cluster": {"probes": 1}}}])
def test_a_status_without_facts_gives_none(status: Any) -> None:
    known = shown({**service(), "status": status}, NOON)
    assert known.keys() == {"service", "workload", "guard", "pages"}
    assert known["pages"] == {}
