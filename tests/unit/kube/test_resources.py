# SPDX-License-Identifier: Apache-2.0
import pytest

from genaiservice.kube.resources import RESOURCES, ObjectKey, key_of, resource_of


@pytest.mark.parametrize(
    ("kind", "subresource", "path"),
    [
        ("Pod", "eviction", "/api/v1/namespaces/shop/pods/a/eviction"),
        ("Deployment", "", "/apis/apps/v1/namespaces/shop/deployments/a"),
        (
            "GenAIService",
            "status",
            "/apis/compliance.genai.dev/v1alpha1/namespaces/shop/genaiservices/a/status",
        ),
    ],
)
def test_an_object_has_its_path(kind: str, subresource: str, path: str) -> None:
    assert resource_of(kind).path("shop", "a", subresource) == path


def test_the_list_of_the_whole_cluster_names_no_namespace() -> None:
    assert resource_of("ConfigMap").collection() == "/api/v1/configmaps"


def test_a_name_cannot_leave_its_place_in_the_path() -> None:
    assert resource_of("Pod").path("a/b", "../x") == "/api/v1/namespaces/a%2Fb/pods/..%2Fx"


def test_every_kind_stands_under_its_own_name() -> None:
    assert all(kind == resource.kind for kind, resource in RESOURCES.items())


def test_a_key_is_read_from_the_object() -> None:
    tree = {"metadata": {"namespace": "shop", "name": "a"}}
    assert key_of("Pod", tree) == ObjectKey(kind="Pod", namespace="shop", name="a")
