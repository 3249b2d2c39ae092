# SPDX-License-Identifier: Apache-2.0
"""Puts parts of this operator into a cluster, for tests that do not install the whole chart."""

import json
import time

import yaml

from hack.access import Json
from hack.cluster import Cluster, ControlPlaneFailed, condition
from hack.places import CHART, CRDS

ESTABLISHED_SECONDS = 30
RIGHTS = "operator-under-test"
"""Name of the roles and bindings that `grant_rights` makes. Not the chart's own, so that Helm
neither stumbles over them nor removes them with the chart."""


def install_crds(cluster: Cluster) -> None:
    """Apply `crds/*.yaml` and wait until the API server serves them."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    deadline = time.monotonic() + ESTABLISHED_SECONDS
    # Not `kubectl wait`: it gives up on a definition that has no conditions yet.
    while waiting := [name for name in _definitions() if not _established(cluster, name)]:
        if time.monotonic() > deadline:
            raise ControlPlaneFailed(f"not established in {ESTABLISHED_SECONDS} s: {waiting}")
        time.sleep(0.05)


def _definitions() -> list[str]:
    return [yaml.safe_load(path.read_text("utf-8"))["metadata"]["name"] for path in CRDS.glob("*")]


def _established(cluster: Cluster, name: str) -> bool:
    return (
        condition(json.loads(cluster.kubectl("get", "crd", name, "-o", "json")), "Established")
        == "True"
    )


def grant_rights(cluster: Cluster, namespace: str) -> None:
    """Give the operator's service account exactly the rights that the chart gives it."""
    template = ("template", "genai", str(CHART), "--namespace", namespace)
    rendered = cluster.helm(*template, "--show-only", "templates/rbac.yaml")
    items = [renamed(each) for each in yaml.safe_load_all(rendered) if each]
    roles = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=roles)


def renamed(role: Json) -> Json:
    """A role or binding of the chart under our own name, without the labels of Helm."""
    metadata = {"name": RIGHTS, "namespace": role["metadata"].get("namespace")}
    own = {**role, "metadata": {key: value for key, value in metadata.items() if value}}
    if "roleRef" in own:
        own["roleRef"] = {**own["roleRef"], "name": RIGHTS}
    return own
