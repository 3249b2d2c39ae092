# SPDX-License-Identifier: Apache-2.0
"""The kinds that we talk about, and where the API server keeps them.

Rule: a kind that is not in this table cannot be read or written; it is also the list that the
RBAC of the chart is compared with.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from genaiservice.api import names
from genaiservice.api.jsontree import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    kind: str
    group: str
    version: str
    plural: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        prefix = f"/apis/{self.group}" if self.group else "/api"
        return f"{prefix}/{self.version}"

    def collection(self, namespace: str | None = None) -> str:
        """Path of the list: of one namespace, or of the whole cluster."""
        where = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        return f"{self.root}{where}/{self.plural}"

    def path(self, namespace: str, name: str, subresource: str = "") -> str:
        tail = f"/{subresource}" if subresource else ""
        return f"{self.collection(namespace)}/{quote(name, safe='')}{tail}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ObjectKey:
    """Which object: unique in a cluster at one moment."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def key_of(kind: str, tree: Json) -> ObjectKey:
    metadata = tree["metadata"]
    return ObjectKey(kind=kind, namespace=metadata.get("namespace", ""), name=metadata["name"])


def _ours(kind: str, plural: str) -> Resource:
    return Resource(kind=kind, group=names.GROUP, version=names.VERSION, plural=plural)


RESOURCES: Final = {
    resource.kind: resource
    for resource in (
        _ours(names.KIND_SERVICE, names.PLURAL_SERVICE),
        _ours(names.KIND_PROFILE, names.PLURAL_PROFILE),
        _ours(names.KIND_POLICY, names.PLURAL_POLICY),
        Resource(kind="Pod", group="", version="v1", plural="pods"),
        Resource(kind="Service", group="", version="v1", plural="services"),
        Resource(kind="ConfigMap", group="", version="v1", plural="configmaps"),
        Resource(kind="Event", group="", version="v1", plural="events"),
        Resource(kind="Deployment", group="apps", version="v1", plural="deployments"),
        Resource(
            kind="ControllerRevision", group="apps", version="v1", plural="controllerrevisions"
        ),
        Resource(
            kind="HorizontalPodAutoscaler",
            group="autoscaling",
            version="v2",
            plural="horizontalpodautoscalers",
        ),
        Resource(
            kind="PodDisruptionBudget", group="policy", version="v1", plural="poddisruptionbudgets"
        ),
        Resource(
            kind="NetworkPolicy", group="networking.k8s.io", version="v1", plural="networkpolicies"
        ),
        Resource(kind="Ingress", group="networking.k8s.io", version="v1", plural="ingresses"),
        Resource(
            kind="HTTPRoute", group="gateway.networking.k8s.io", version="v1", plural="httproutes"
        ),
        Resource(kind="Lease", group="coordination.k8s.io", version="v1", plural="leases"),
    )
}


def resource_of(kind: str) -> Resource:
    return RESOURCES[kind]
