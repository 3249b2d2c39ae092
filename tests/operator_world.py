# SPDX-License-Identifier: Apache-2.0
"""What the tests and benchmarks of the running operator share: the chart's rights and policies in
the cluster, complete declarations, and looking at what came of them.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hack.cluster import Cluster, condition
from hack.install import install_crds

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "genaiservice-operator"
COMPLETE = ROOT / "operator" / "genaiservice" / "rules" / "catalogue" / "_complete.yaml"
NAMESPACE, ACCOUNT = "genai-system", "genaiservice-operator"
LEFT_OUT = frozenset({"CustomResourceDefinition", "Deployment", "PodDisruptionBudget", "Service",
                      "NetworkPolicy"})  # fmt: skip
"""Of the chart: what runs the operator as a pod; here it runs as a process of the test."""
GROUP = "/apis/compliance.genai.dev/v1alpha1"

Json = dict[str, Any]


def install(cluster: Cluster) -> Path:
    """CRDs, rights and admission policies of the chart; the operator's kubeconfig."""
    install_crds(cluster)
    kubeconfig = cluster.kubeconfig_of(NAMESPACE, ACCOUNT)
    rendered = cluster.helm("template", ACCOUNT, str(CHART), "--namespace", NAMESPACE)
    objects = [tree for tree in yaml.safe_load_all(rendered) if tree]
    wanted = [tree for tree in objects if tree["kind"] not in LEFT_OUT]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted})
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=listed)
    return kubeconfig


@cache
def _complete() -> str:
    return json.dumps(yaml.safe_load(COMPLETE.read_text("utf-8")))


def complete() -> Json:
    """A declaration that is allowed on 2026-11-25 and for some months after."""
    declaration: Json = json.loads(_complete())
    return declaration


def template(*, image: str = "example.test/model:1") -> Json:
    return {"spec": {"containers": [{"name": "model", "image": image}]}}


def service(name: str, *, compliance: Json | None = None, **spec: Any) -> Json:
    """An adopting GenAIService; `managed=2` makes it a managed one with two replicas."""
    workload: Json = {"adopt": {"port": 8000}}
    replicas = spec.pop("managed", None)
    if replicas is not None:
        workload = {"managed": {"replicas": replicas, "port": 8000, "template": template()}}
    body: Json = {
        "displayName": "问答助手",
        "workload": workload,
        "guard": {"moderationPolicy": "default", **spec.pop("guard", {})},
        **spec,
    }
    if compliance is not None:
        body["compliance"] = compliance
    return {
        "apiVersion": "compliance.genai.dev/v1alpha1",
        "kind": "GenAIService",
        "metadata": {"name": name},
        "spec": body,
    }


def policy(*terms: str, name: str = "default", config_map: str = "") -> Json:
    source: Json = {"name": "sample", "riskClass": "A1h"}
    if config_map:
        source["configMap"] = {"name": config_map, "key": "terms.txt"}
    else:
        source["inline"] = list(terms or ("违禁样本",))
    return {
        "apiVersion": "compliance.genai.dev/v1alpha1",
        "kind": "ModerationPolicy",
        "metadata": {"name": name},
        "spec": {"sources": [source], "actions": {"default": "Block"}},
    }


def deployment(name: str, of: str, replicas: int = 2) -> Json:
    """A workload as others write it; the label adopts its pods."""
    labels = {"app": name, "compliance.genai.dev/service": of}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, **template()},
        },
    }


class World:
    """One namespace, seen through the API."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.api = cluster.api

    def path(self, plural: str, name: str = "") -> str:
        root = {
            "genaiservices": GROUP,
            "moderationpolicies": GROUP,
            "guardprofiles": GROUP,
            "deployments": "/apis/apps/v1",
            "controllerrevisions": "/apis/apps/v1",
            "networkpolicies": "/apis/networking.k8s.io/v1",
            "poddisruptionbudgets": "/apis/policy/v1",
            "horizontalpodautoscalers": "/apis/autoscaling/v2",
        }.get(plural, "/api/v1")
        return f"{root}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def create(self, tree: Json) -> Json:
        plural = {"ModerationPolicy": "moderationpolicies"}.get(
            tree["kind"], tree["kind"].lower() + "s"
        )
        return self.api.request("POST", self.path(plural), tree)

    def get(self, plural: str, name: str) -> Json:
        return self.api.get(self.path(plural, name))

    def all_of(self, plural: str) -> list[Json]:
        items: list[Json] = self.api.get(self.path(plural))["items"]
        return items

    def patch(self, plural: str, name: str, body: Json) -> Json:
        return self.api.patch(self.path(plural, name), body)

    def delete(self, plural: str, name: str) -> None:
        self.api.request("DELETE", self.path(plural, name))

    def condition(self, name: str, kind: str) -> str:
        """`Status/Reason` of a condition of a service."""
        tree = self.get("genaiservices", name)
        found = [c for c in tree["status"]["conditions"] if c["type"] == kind]
        return f"{found[0]['status']}/{found[0]['reason']}"

    def message(self, name: str, kind: str) -> str:
        tree = self.get("genaiservices", name)
        found = [c for c in tree["status"]["conditions"] if c["type"] == kind]
        return str(found[0]["message"])

    def ready_pods(self) -> list[Json]:
        return [pod for pod in self.all_of("pods") if condition(pod, "Ready") == "True"]

    def gated_pods(self) -> list[Json]:
        return [pod for pod in self.all_of("pods") if pod["spec"].get("schedulingGates")]


def annotation(tree: Json, name: str) -> str:
    return str(tree["metadata"].get("annotations", {}).get(f"compliance.genai.dev/{name}", ""))
