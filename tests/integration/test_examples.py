# SPDX-License-Identifier: Apache-2.0
"""Every folder of examples/ applies as its README says and fits together."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from genaiservice.api import names
from genaiservice.api.jsontree import covers, lookup
from genaiservice.api.terms import decode, parse_terms
from hack.cluster import ControlPlane
from hack.install import install_crds

EXAMPLES = Path(__file__).parents[2] / "examples"
STORIES = sorted(path.name for path in EXAMPLES.iterdir())
ADOPTING = [story for story in STORIES if story.startswith("adopt-")]
CONTROLLERS = ("Deployment", "StatefulSet")
PATHS = {
    names.KIND_SERVICE: f"/apis/{names.API_VERSION}/namespaces/{{}}/{names.PLURAL_SERVICE}/{{}}",
    names.KIND_POLICY: f"/apis/{names.API_VERSION}/namespaces/{{}}/{names.PLURAL_POLICY}/{{}}",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps/{}",
    "Service": "/api/v1/namespaces/{}/services/{}",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments/{}",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets/{}",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets/{}",
}

Manifest = dict[str, Any]


def manifests(folder: str) -> list[Manifest]:
    """What `kubectl apply -f` takes from this folder, not from those below it."""
    return [
        manifest
        for path in sorted((EXAMPLES / folder).glob("*.yaml"))
        for manifest in yaml.safe_load_all(path.read_text("utf-8"))
    ]


def only(folder: str, *kinds: str) -> Manifest:
    (found,) = (manifest for manifest in manifests(folder) if manifest["kind"] in kinds)
    return found


def content(manifest: Manifest) -> Manifest:
    skipped = ("apiVersion", "kind", "metadata")
    return {key: value for key, value in manifest.items() if key not in skipped}


def apply(plane: ControlPlane, namespace: str, folder: str) -> list[str]:
    """What kubectl says of each object: created, configured or unchanged."""
    said = plane.kubectl("apply", "-n", namespace, "-f", str(EXAMPLES / folder))
    return [line.rsplit(" ", 1)[1] for line in said.splitlines()]


@pytest.fixture(scope="module")
def installed(control_plane: ControlPlane) -> ControlPlane:
    install_crds(control_plane)
    return control_plane


@pytest.mark.integration
@pytest.mark.parametrize("story", STORIES)
def test_an_example_applies_whole_and_again_changes_nothing(
    installed: ControlPlane, namespace: str, story: str
) -> None:
    wanted = manifests(story)
    assert apply(installed, namespace, story) == ["created"] * len(wanted)
    for manifest in wanted:
        path = PATHS[manifest["kind"]].format(namespace, manifest["metadata"]["name"])
        assert covers(content(installed.api.get(path)), content(manifest)), path
    # kubectl sends the selector of a disruption budget each time (patch strategy "replace").
    always = {"PodDisruptionBudget": "configured"}
    again = [always.get(manifest["kind"], "unchanged") for manifest in wanted]
    assert apply(installed, namespace, story) == again


@pytest.mark.integration
def test_the_declaration_of_the_vllm_service_is_completed_in_place(
    installed: ControlPlane, namespace: str
) -> None:
    apply(installed, namespace, "adopt-vllm")
    assert apply(installed, namespace, "adopt-vllm/completed") == ["configured"]


@pytest.mark.parametrize("story", STORIES)
def test_an_example_explains_itself_in_both_languages(story: str) -> None:
    readme = (EXAMPLES / story / "README.md").read_text("utf-8")
    english, chinese = re.findall(r"^# (.+)$", readme, re.MULTILINE)
    assert re.fullmatch(r"[\x00-\x7f]+", english)
    assert re.search(r"[\u4e00-\u9fff]", chinese)


@pytest.mark.parametrize("story", STORIES)
def test_an_example_applies_in_any_namespace(story: str) -> None:
    assert [m for m in manifests(story) if "namespace" in m["metadata"]] == []


@pytest.mark.parametrize("story", [story for story in STORIES if story != "moderation-policy"])
def test_a_service_finds_its_policy_in_its_folder(story: str) -> None:
    policy = only(story, names.KIND_POLICY)
    service = only(story, names.KIND_SERVICE)
    assert service["spec"]["guard"]["moderationPolicy"] == policy["metadata"]["name"]


@pytest.mark.parametrize("story", ADOPTING)
def test_an_adopted_workload_carries_the_label_and_the_port_of_its_service(story: str) -> None:
    service = only(story, names.KIND_SERVICE)
    template = only(story, *CONTROLLERS)["spec"]["template"]
    assert template["metadata"]["labels"][names.LABEL_SERVICE] == service["metadata"]["name"]
    (container,) = template["spec"]["containers"]
    ports = [port["containerPort"] for port in container["ports"]]
    assert ports == [service["spec"]["workload"]["adopt"]["port"]]


@pytest.mark.parametrize("story", ADOPTING)
def test_traffic_of_an_adopted_workload_goes_to_the_guard(story: str) -> None:
    pods = only(story, *CONTROLLERS)["spec"]["template"]["metadata"]["labels"]
    spec = only(story, "Service")["spec"]
    assert spec["selector"].items() <= pods.items()
    guard = lookup(only(story, names.KIND_SERVICE), "spec", "guard", "port")
    assert [port["targetPort"] for port in spec["ports"]] == [guard or names.GUARD_PORT]


def test_the_term_lists_of_the_policy_can_be_used() -> None:
    maps = {m["metadata"]["name"]: m for m in manifests("moderation-policy")}
    sources = only("moderation-policy", names.KIND_POLICY)["spec"]["sources"]
    references = [source["configMap"] for source in sources if "configMap" in source]
    assert [reference.get("encoding") for reference in references] == [None, "gzip"]
    for reference in references:
        name, key = reference["name"], reference["key"]
        packed = lookup(maps[name], "binaryData", key)
        data = base64.b64decode(packed) if packed else maps[name]["data"][key].encode()
        found = parse_terms(decode(data, reference.get("encoding", "plain")), name)
        assert len(found.terms) >= 2
        assert found.problems == found.notes == ()
