# SPDX-License-Identifier: Apache-2.0
"""The life of the CRDs under Helm: upgraded with the chart, kept with every declaration."""

import shutil
from pathlib import Path

import pytest

from genaiservice.api import names
from hack.access import Access
from hack.cluster import ControlPlane
from hack.places import CHART
from tests.chart import NAMESPACE, OPERATOR, helm_install, installed, ours, service

pytestmark = pytest.mark.integration

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{OPERATOR}"


def test_an_upgrade_changes_a_crd_and_uninstall_keeps_crds_and_declarations(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    api = control_plane.api
    with installed(control_plane):
        path = f"{ours(namespace, names.PLURAL_SERVICE)}/chat"
        api.request("POST", path.rsplit("/", 1)[0], service("chat"))
        newer = shutil.copytree(CHART, tmp_path / "chart")
        crd = newer / "files" / "crds" / "genaiservices.yaml"
        text = crd.read_text()
        crd.write_text(text.replace("shortNames: [gais]", "shortNames: [gais, genai]"))
        assert crd.read_text() != text
        helm_install(control_plane, chart=str(newer))
        assert short_names(api) == ["gais", "genai"]
        helm_install(control_plane)
        assert short_names(api) == ["gais"]
    assert short_names(api) == ["gais"]
    assert api.get(path)["metadata"]["name"] == "chat"
    assert not api.exists(DEPLOYMENT)
    with installed(control_plane):
        assert api.get(path)["metadata"]["name"] == "chat"


def short_names(api: Access) -> list[str]:
    crd = api.get(f"{CRD}/{names.PLURAL_SERVICE}.{names.GROUP}")
    found: list[str] = crd["spec"]["names"]["shortNames"]
    return found
