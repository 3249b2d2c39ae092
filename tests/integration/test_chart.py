# SPDX-License-Identifier: Apache-2.0
"""The chart as Helm renders it and as the real API server takes it."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from genaiservice.api import names
from genaiservice.control.settings import from_env
from hack.access import Access, Refused
from hack.cluster import CommandFailed, ControlPlane
from hack.places import CHART
from tests.chart import NAMESPACE, OPERATOR, RELEASE, installed, ours, service
from tests.wait import eventually

pytestmark = pytest.mark.integration

Json = dict[str, Any]
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{OPERATOR}"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture(scope="module")
def chart(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    # The strictest of the pod security standards, as a careful cluster sets it.
    api = control_plane.api
    api.ensure(f"/api/v1/namespaces/{NAMESPACE}", kind="Namespace")
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.patch(f"/api/v1/namespaces/{NAMESPACE}", {"metadata": {"labels": restricted}})
    with installed(control_plane):
        yield control_plane
    relaxed = {"pod-security.kubernetes.io/enforce": None}
    api.patch(f"/api/v1/namespaces/{NAMESPACE}", {"metadata": {"labels": relaxed}})


def rendered(control_plane: ControlPlane, *values: str) -> list[Json]:
    text = control_plane.helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE,
                              "--kube-version", "1.37.2", *values)  # fmt: skip
    return [tree for tree in yaml.safe_load_all(text) if tree]


def one(manifests: list[Json], kind: str, name: str = OPERATOR) -> Json:
    found = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name]
    assert len(found) == 1
    return found[0]


# --- what Helm says without a cluster


def test_helm_lint_has_nothing_to_say(control_plane: ControlPlane) -> None:
    said = control_plane.helm("lint", str(CHART), "--strict", "--kube-version", "1.37.2")
    assert "[ERROR]" not in said
    assert "[WARNING]" not in said
    assert "0 chart(s) failed" in said


def test_the_operator_understands_the_environment_that_the_chart_gives_it(
    control_plane: ControlPlane,
) -> None:
    deployment = one(rendered(control_plane), "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    env = {item["name"]: item.get("value", "from the pod") for item in container["env"]}
    settings = from_env(env)
    assert settings.guard_image == container["image"]


def test_networks_and_page_checks_reach_the_operator(control_plane: ControlPlane) -> None:
    values = "settings.pageChecks=true,settings.pageAllowedNetworks={10.8.0.0/16,fd00::/8}"
    deployment = one(rendered(control_plane, "--set", values), "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    settings = from_env({item["name"]: item.get("value", "x") for item in container["env"]})
    assert settings.page_checks
    assert [str(each) for each in settings.page_allowed_networks] == ["10.8.0.0/16", "fd00::/8"]
    assert settings.page_denied_networks == ()


def test_an_image_by_digest_wins_and_the_guard_may_have_its_own(
    control_plane: ControlPlane,
) -> None:
    digest = "sha256:" + "0" * 64
    values = f"image.digest={digest},image.tag=v2,guard.image.repository=guard,guard.image.tag=v3"
    pod = one(rendered(control_plane, "--set", values), "Deployment")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["image"] == f"genaiservice-operator@{digest}"
    assert {"name": "GENAI_GUARD_IMAGE", "value": "guard:v3"} in container["env"]


def test_what_is_off_by_default_can_be_had(control_plane: ControlPlane) -> None:
    kinds = {m["kind"] for m in rendered(control_plane)}
    assert kinds.isdisjoint({"ServiceMonitor", "NetworkPolicy"})
    values = "metrics.serviceMonitor.enabled=true,networkPolicy.enabled=true"
    kinds = {m["kind"] for m in rendered(control_plane, "--set", values)}
    assert kinds >= {"ServiceMonitor", "NetworkPolicy"}


def test_helm_refuses_a_value_that_does_not_exist(control_plane: ControlPlane) -> None:
    with pytest.raises(CommandFailed, match="replicaCount"):
        rendered(control_plane, "--set", "replicaCount=3")


def test_a_cluster_without_mutating_policies_is_refused(control_plane: ControlPlane) -> None:
    with pytest.raises(CommandFailed, match="kubeVersion"):
        rendered(control_plane, "--kube-version", "1.33.0")


def test_no_webhook_and_no_wildcard_is_in_it(control_plane: ControlPlane) -> None:
    manifests = rendered(control_plane)
    assert not [m["kind"] for m in manifests if "Webhook" in m["kind"]]
    rules = [rule for m in manifests if m["kind"] in ("Role", "ClusterRole") for rule in m["rules"]]
    assert not [rule for rule in rules if "*" in rule["verbs"] + rule["resources"]]
    assert not [rule for rule in rules if "secrets" in rule["resources"]]


def test_every_policy_fails_closed(control_plane: ControlPlane) -> None:
    policies = [m for m in rendered(control_plane) if m["kind"].endswith("AdmissionPolicy")]
    assert len(policies) >= 8
    assert {m["spec"]["failurePolicy"] for m in policies} == {"Fail"}
    bound = {
        m["spec"]["policyName"]
        for m in rendered(control_plane)
        if m["kind"].endswith("AdmissionPolicyBinding")
    }
    assert bound == {m["metadata"]["name"] for m in policies}


# --- installed


def test_both_processes_start_under_the_restricted_standard_and_spread(
    chart: ControlPlane,
) -> None:
    def up() -> None:
        assert chart.api.get(DEPLOYMENT)["status"].get("availableReplicas") == 2

    eventually(up, within=30)
    found = chart.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
    assert len({p["spec"]["nodeName"] for p in found}) == 2


def test_the_notes_name_the_next_two_commands(chart: ControlPlane) -> None:
    notes = chart.helm("get", "notes", RELEASE, "--namespace", NAMESPACE)
    commands = [line.strip() for line in notes.splitlines() if line.startswith("  kubectl")]
    assert len(commands) == 2
    assert chart.kubectl(*commands[1].split()[1:])


@pytest.fixture
def auditor(chart: ControlPlane, namespace: str) -> Access:
    return person(chart, namespace, "auditor", "genai-auditor")


@pytest.fixture
def editor(chart: ControlPlane, namespace: str) -> Access:
    return person(chart, namespace, "editor", "genai-editor")


def person(control_plane: ControlPlane, namespace: str, name: str, role: str) -> Access:
    path = control_plane.kubeconfig_of(namespace, name)
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": role,
        },
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }
    control_plane.api.request("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", binding)
    return Access.of(path)


def forbidden(access: Access, method: str, path: str, body: Json | None = None) -> bool:
    with pytest.raises(Refused) as caught:
        access.request(method, path, body)
    return caught.value.code == 403


def test_an_auditor_reads_the_services_and_nothing_else(
    chart: ControlPlane, namespace: str, auditor: Access
) -> None:
    path = ours(namespace, names.PLURAL_SERVICE)
    chart.api.request("POST", path, service("chat"))
    eventually(lambda: auditor.get(f"{path}/chat"))
    assert [item["metadata"]["name"] for item in auditor.get(path)["items"]] == ["chat"]
    assert auditor.get(f"{path}/chat/status")["metadata"]["name"] == "chat"
    closed = [
        f"/apis/apps/v1/namespaces/{namespace}/deployments",
        *(f"/api/v1/namespaces/{namespace}/{p}" for p in ("pods", "secrets", "configmaps")),
        *(ours(namespace, p) for p in (names.PLURAL_PROFILE, names.PLURAL_POLICY)),
    ]
    assert [p for p in closed if not forbidden(auditor, "GET", p)] == []
    assert forbidden(auditor, "POST", path, service("mine"))
    assert forbidden(auditor, "DELETE", f"{path}/chat")


def test_an_editor_declares_services_and_cannot_say_that_they_are_allowed(
    namespace: str, editor: Access
) -> None:
    path = ours(namespace, names.PLURAL_SERVICE)
    eventually(lambda: editor.request("POST", path, service("chat")))
    allowed = {"status": {"rollout": {"allowed": True}}}
    with pytest.raises(Refused) as caught:
        editor.patch(f"{path}/chat/status", allowed)
    assert caught.value.code == 403
    assert forbidden(editor, "POST", ours(namespace, names.PLURAL_PROFILE), {})
    assert forbidden(editor, "GET", f"/api/v1/namespaces/{namespace}/secrets")
