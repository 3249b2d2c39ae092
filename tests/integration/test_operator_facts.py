# SPDX-License-Identifier: Apache-2.0
"""Facts that the real operator takes by itself: pages of a real TLS site, routes and budgets of a
real API server; what they do to the status, and that nothing is written when they say the same.
"""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genaiservice.control.core.pages import wanted_of
from hack.cluster import ControlPlane
from tests.operator_process import OperatorProcess, operating
from tests.operator_world import World, complete, deployment, install, policy, service
from tests.tls_site import Authority, Site, says, serving_aside
from tests.wait import eventually

pytestmark = pytest.mark.integration

Json = dict[str, Any]
USER = "system:serviceaccount:genai-system:genaiservice-operator"
FIELD = "complaints.url"
LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")
ELSEWHERE = ",".join(map(str, ipaddress.IPv4Network("0.0.0.0/0").address_exclude(LOOPBACK)))
"""Tests look at nothing outside this machine, whatever the complete declaration names."""


@pytest.fixture(scope="module")
def kubeconfig(control_plane: ControlPlane) -> Path:
    return install(control_plane)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def site(authority: Authority) -> Iterator[Site]:
    with serving_aside(authority.context("127.0.0.1")) as found:
        yield found


@pytest.fixture(scope="module")
def settings(authority: Authority) -> dict[str, str]:
    return {
        "GENAI_PAGE_CHECKS": "true",
        "GENAI_PAGE_ALLOWED_NETWORKS": "127.0.0.1/32",
        "GENAI_PAGE_DENIED_NETWORKS": ELSEWHERE,
        "GENAI_RESYNC_SECONDS": "10",
        "SSL_CERT_FILE": str(authority.file),  # OpenSSL's own
    }


@pytest.fixture(scope="module")
def operator(kubeconfig: Path, settings: dict[str, str]) -> Iterator[OperatorProcess]:
    with operating(kubeconfig, settings=settings) as running:
        yield running


@pytest.fixture
def world(control_plane: ControlPlane, operator: OperatorProcess, namespace: str) -> World:
    world = World(control_plane, namespace)
    world.create(policy())
    return world


def declared(site: Site, path: str) -> Json:
    """The complete declaration with its complaints page on the site."""
    declaration = complete()
    declaration["complaints"] = {**declaration["complaints"], "url": site.url(path, "127.0.0.1")}
    return declaration


def good_page(declaration: Json) -> str:
    said = declaration["complaints"]
    contact = said.get("phone") or said["email"]
    return f"<p>投诉：{contact}</p><p>{said['feedbackWorkingDays']} 个工作日内反馈</p>"


def entry(world: World, name: str = "chat") -> Json:
    pages = world.get("genaiservices", name)["status"]["facts"]["pages"]
    found: list[Json] = [page for page in pages if page["field"] == FIELD]
    return found[0]


def test_a_declared_page_is_looked_at_and_the_status_says_when_and_until_when(
    world: World, site: Site
) -> None:
    declaration = declared(site, "/good")
    site.pages["/good"] = says(good_page(declaration).encode("gbk"), "text/html; charset=gbk")
    world.create(service("chat", managed=2, compliance=declaration))
    shown = eventually(lambda: entry(world), within=30)
    assert shown["status"] == 200
    assert shown["found"] == ["contact", "timeLimit"]
    assert "error" not in shown
    assert shown["takenAt"] < shown["holdsUntil"]
    eventually(lambda: world.condition("chat", "RolloutAllowed").startswith("True"), within=30)


def test_what_cannot_be_looked_at_says_why_and_closes_nothing_yet(world: World, site: Site) -> None:
    declaration = declared(site, "/gone")
    world.create(service("chat", managed=2, compliance=declaration))
    shown = eventually(lambda: entry(world), within=30)
    assert (shown["status"], shown["failures"]) == (404, 1)
    assert shown["failingSince"] == shown["takenAt"]
    eventually(lambda: world.condition("chat", "RolloutAllowed").startswith("True"), within=30)


def test_a_page_at_a_private_address_is_not_asked_for(world: World) -> None:
    declaration = complete()
    url = "https://169.254.169.254/latest/meta-data/"
    declaration["complaints"] = {**declaration["complaints"], "url": url}
    world.create(service("chat", compliance=declaration))
    shown = eventually(lambda: entry(world), within=30)
    assert shown["error"] == "AddressNotAllowed"


def pages(world: World) -> list[Json]:
    found: list[Json] = world.get("genaiservices", "chat")["status"]["facts"]["pages"]
    return found


def ingress(name: str, to: str, host: str) -> Json:
    backend = {"service": {"name": to, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rules = [{"host": host, "http": {"paths": [path]}}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name},
        "spec": {"rules": rules},
    }


def findings(world: World) -> dict[str, Json]:
    status = world.get("genaiservices", "chat")["status"]
    return {each["id"]: each for each in status["findings"]}


def test_a_host_that_the_cluster_serves_and_nobody_declared_is_found(
    world: World, control_plane: ControlPlane
) -> None:
    declaration = complete()
    world.create(service("chat", managed=2, compliance=declaration))
    eventually(lambda: world.condition("chat", "Ready").startswith("True"), within=30)
    assert "IM-02-2" not in findings(world)

    path = f"/apis/networking.k8s.io/v1/namespaces/{world.namespace}/ingresses"
    control_plane.api.request("POST", path, ingress("door", "chat", "undeclared.example.com"))
    found = eventually(lambda: findings(world)["IM-02-2"], within=30)
    assert found["level"] == "V2"
    assert "undeclared.example.com" in found["message"]["en"]

    control_plane.api.request("DELETE", f"{path}/door")
    eventually(lambda: "IM-02-2" not in findings(world), within=30)


def test_a_budget_of_others_covers_an_adopted_workload(
    world: World, control_plane: ControlPlane
) -> None:
    world.create(service("chat", compliance=complete()))
    eventually(lambda: world.get("guardprofiles", "chat"), within=30)
    world.create(deployment("model", of="chat"))
    lacking = eventually(lambda: findings(world)["IM-13-1"], within=30)
    assert "PodDisruptionBudget" in lacking["message"]["en"]
    assert (lacking["level"], lacking["result"]) == ("V2", "Fail")

    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "ours"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "model"}}},
    }
    path = f"/apis/policy/v1/namespaces/{world.namespace}/poddisruptionbudgets"
    control_plane.api.request("POST", path, budget)
    eventually(
        lambda: "PodDisruptionBudget" not in findings(world)["IM-13-1"]["message"]["en"], within=30
    )
    # Probes are the next thing that these pods lack.
    assert "probe" in findings(world)["IM-13-1"]["message"]["en"]


ROUTES = "httproutes.gateway.networking.k8s.io"
GATEWAY_API: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": ROUTES,
        "annotations": {"api-approved.kubernetes.io": "unapproved, the shape alone for a test"},
    },
    "spec": {
        "group": "gateway.networking.k8s.io",
        "names": {"kind": "HTTPRoute", "plural": "httproutes"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                            }
                        },
                    }
                },
            }
        ],
    },
}


@pytest.fixture
def gateway_api(control_plane: ControlPlane) -> Iterator[None]:
    """The Gateway API, installed while the operator runs and taken away again."""
    root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    control_plane.api.request("POST", root, GATEWAY_API)
    eventually(lambda: control_plane.api.get("/apis/gateway.networking.k8s.io/v1"))
    yield
    control_plane.api.request("DELETE", f"{root}/{ROUTES}")
    eventually(lambda: not control_plane.api.exists(f"{root}/{ROUTES}"))


def test_a_route_of_a_gateway_api_that_came_later_is_found(
    world: World, control_plane: ControlPlane, gateway_api: None
) -> None:
    world.create(service("chat", managed=2, compliance=complete()))
    eventually(lambda: world.condition("chat", "Ready").startswith("True"), within=30)
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{world.namespace}/httproutes"
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "edge"},
        "spec": {
            "hostnames": ["edge.example.com"],
            "rules": [{"backendRefs": [{"name": "chat", "port": 80}]}],
        },
    }

    def created() -> bool:
        return bool(control_plane.api.request("POST", path, route))

    eventually(created)  # the API server may need a moment for a new kind
    found = eventually(lambda: findings(world)["IM-02-2"], within=40)
    assert "edge.example.com" in found["message"]["en"]


def test_a_new_leader_begins_with_what_the_status_shows_and_writes_nothing(
    world: World,
    control_plane: ControlPlane,
    operator: OperatorProcess,
    kubeconfig: Path,
    site: Site,
    settings: dict[str, str],
) -> None:
    """The last test of this page: it ends the operator of the others."""
    declaration = declared(site, "/steady")
    site.pages["/steady"] = says(good_page(declaration))
    world.create(service("chat", managed=2, compliance=declaration))
    wanted = len(wanted_of(declaration))
    eventually(lambda: len(pages(world)) == wanted, within=90)
    eventually(lambda: world.condition("chat", "Ready").startswith("True"), within=30)
    operator.until_idle()
    assert operator.stop() == 0
    before, asked = pages(world), site.asked.count("/steady")
    mark = control_plane.audit_mark()
    with operating(kubeconfig, identity="second", settings=settings) as again:
        again.until_idle()
        # What was looked at a moment ago is not looked at again.
        assert (pages(world), site.asked.count("/steady")) == (before, asked)
        writes = control_plane.writes(user=USER, since=mark)
        assert [str(write) for write in writes if write.namespace == world.namespace] == []
