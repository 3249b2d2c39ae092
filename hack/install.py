# SPDX-License-Identifier: Apache-2.0
"""Puts parts of this operator into a cluster, for tests that do not install the whole chart."""

import json

import yaml

from hack.access import Json
from hack.cluster import Cluster
from hack.places import CHART, CRDS

ESTABLISHED_SECONDS = 30
RIGHTS = "operator-under-test"
"""Name of the roles and bindings that `grant_rights` makes. Not the chart's own, so that Helm
neither stumbles over them nor removes them with the chart."""


def install_crds(cluster: Cluster) -> None:
    """Apply `crds/*.yaml` and wait until the API server serves them."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    limit = f"--timeout={ESTABLISHED_SECONDS}s"
    cluster.kubectl("wait", "--for=condition=Established", limit, "-f", str(CRDS))


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
