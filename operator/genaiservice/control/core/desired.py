# SPDX-License-Identifier: Apache-2.0
"""The children of a service as they should be: manifests, made from an admitted spec.

Pure rendering: it does not know whether the service is allowed, nor what stands in the cluster
but the number of replicas that an autoscaler has chosen. All carry owner and service label.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from genaiservice.api import names
from genaiservice.api.declared import (
    Guard,
    Mode,
    Workload,
    guard,
    integer,
    json_object,
    text,
    workload,
)
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.control.core.guard_spec import volumes
from genaiservice.control.core.observed import Observed

SHUTDOWN_SECONDS: Final = 15
"""Beside the drain of the guard: the time in which the model stops after it."""
QUIET: Final = {
    "path": names.GUARD_QUIET_PATH,
    "port": names.GUARD_ADMIN_PORT,
    "scheme": "HTTP",
}
HOSTNAME: Final = "kubernetes.io/hostname"
LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """What the children are made from; `spec` is the admitted one."""

    observed: Observed
    spec: Json
    guard_container: Json
    revision: str
    config_hash: str = ""
    """Of guard.json, which the guard reads at its start only; "" keeps what pods run with."""
    scaled_to_zero: bool = False
    former_ports: frozenset[int] = frozenset()
    """Guard ports of pods that still run from an earlier revision; they serve until replaced."""

    @property
    def workload(self) -> Workload:
        return workload(self.spec)

    @property
    def guard(self) -> Guard:
        return guard(self.spec)

    @property
    def pod_labels(self) -> dict[str, str]:
        return {names.LABEL_SERVICE: self.observed.name}


def metadata(observed: Observed, name: str) -> MutableJson:
    owner = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_SERVICE,
        "name": observed.name,
        "uid": observed.uid,
        "controller": True,
    }
    return {
        "name": name,
        "namespace": observed.namespace,
        "labels": {
            names.LABEL_SERVICE: observed.name,
            names.LABEL_MANAGED_BY: names.MANAGED_BY,
        },
        "ownerReferences": [owner],
    }


def config_map(observed: Observed, data: Json) -> MutableJson:
    name = names.guard_config_map(observed.name)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(observed, name),
        **data,
    }


def running(blueprint: Blueprint) -> tuple[MutableJson, ...]:
    """The children of a service that may run; the wall (NetworkPolicy) stands before the pods."""
    wall = network_policy(blueprint)
    if blueprint.workload.mode is not Mode.MANAGED:
        return (wall,)
    scaler = () if blueprint.scaled_to_zero else autoscaler(blueprint)
    return (wall, service(blueprint), deployment(blueprint), disruption_budget(blueprint), *scaler)


def network_policy(blueprint: Blueprint) -> MutableJson:
    """Clients reach the guard's port from anywhere; the admin port (metrics, no content) is open to
    pods of the cluster, where scrapers run in any namespace, and to nobody outside. Probes come
    from the node, which network policies do not hold back. The model's port is open to nobody.
    """
    in_cluster: list[MutableJson] = [{"namespaceSelector": {}}]
    ingress: list[MutableJson] = [
        {"ports": [_allowed(port) for port in _client_ports(blueprint)]},
        {"from": in_cluster, "ports": [_allowed(names.GUARD_ADMIN_PORT)]},
    ]
    if blueprint.workload.mode is Mode.ADOPTED:
        ingress.append(_among_themselves(blueprint))
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(blueprint.observed, blueprint.observed.name),
        "spec": {
            "podSelector": {"matchLabels": blueprint.pod_labels},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        },
    }


def _client_ports(blueprint: Blueprint) -> list[int]:
    model = blueprint.workload.port
    return sorted({blueprint.guard.port, *blueprint.former_ports} - {model})


def _allowed(port: int, last: int | None = None) -> MutableJson:
    return {"protocol": "TCP", "port": port} | ({"endPort": last} if last is not None else {})


def _among_themselves(blueprint: Blueprint) -> MutableJson:
    """Workers of one model on several nodes talk on ports of their own choice (tensor parallelism,
    leader and worker): all but the model's port, TCP."""
    port = blueprint.workload.port
    ranges = [_allowed(first, last) for first, last in ((1, port - 1), (port + 1, LAST_PORT))
              if first <= last]  # fmt: skip
    return {"from": [{"podSelector": {"matchLabels": blueprint.pod_labels}}], "ports": ranges}


def service(blueprint: Blueprint) -> MutableJson:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(blueprint.observed, blueprint.observed.name),
        "spec": {
            "type": "ClusterIP",
            "selector": blueprint.pod_labels,
            "ports": [
                {
                    "name": "http",
                    "protocol": "TCP",
                    "port": blueprint.guard.port,
                    "targetPort": names.GUARD_PORT_NAME,
                }
            ],
        },
    }


def deployment(blueprint: Blueprint) -> MutableJson:
    meta = metadata(blueprint.observed, blueprint.observed.name)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**meta, "annotations": {names.ANNOTATION_ADMITTED: blueprint.revision}},
        "spec": {
            "replicas": replicas(blueprint),
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": blueprint.pod_labels},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "template": _template(blueprint),
        },
    }


def replicas(blueprint: Blueprint) -> int:
    """With an autoscaler: what it has chosen, as seen in the cluster. Leaving the field out would
    be wrong: server-side apply resets a field that its owner drops, here to one replica."""
    if blueprint.scaled_to_zero:
        return 0
    wanted = blueprint.workload
    if wanted.autoscaling is None:
        return wanted.replicas
    live = blueprint.observed.child("Deployment", blueprint.observed.name)
    chosen = integer(lookup(live, "spec", "replicas"), 0)
    if chosen <= 0:
        return wanted.autoscaling.min_replicas
    # Its own bounds are the autoscaler's business: it moves the number within seconds.
    return chosen


def _template(blueprint: Blueprint) -> MutableJson:
    template = blueprint.workload.template
    labels = {**json_object(lookup(template, "metadata", "labels")), **blueprint.pod_labels}
    annotations = {
        key: value
        for key, value in json_object(lookup(template, "metadata", "annotations")).items()
        if not str(key).startswith(f"{names.GROUP}/")
    }
    if config := blueprint.config_hash or _standing_hash(blueprint):
        annotations[names.ANNOTATION_CONFIG] = config
    spec = _guarded(json_object(template.get("spec")), blueprint)
    grace = integer(spec.get("terminationGracePeriodSeconds"), 30)
    spec["terminationGracePeriodSeconds"] = max(
        grace, blueprint.guard.drain_seconds + SHUTDOWN_SECONDS
    )
    if not spec.get("topologySpreadConstraints"):
        spec["topologySpreadConstraints"] = [_spread(blueprint)]
    meta = {"labels": labels} | ({"annotations": annotations} if annotations else {})
    return {"metadata": meta, "spec": spec}


def _standing_hash(blueprint: Blueprint) -> str:
    """While no guard.json can be made, nothing rolls."""
    live = blueprint.observed.child("Deployment", blueprint.observed.name)
    path = ("spec", "template", "metadata", "annotations", names.ANNOTATION_CONFIG)
    return text(lookup(live, *path))


def _spread(blueprint: Blueprint) -> MutableJson:
    return {
        "maxSkew": 1,
        "topologyKey": HOSTNAME,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": blueprint.pod_labels},
    }


def _guarded(template_spec: Json, blueprint: Blueprint) -> MutableJson:
    """The pod spec with the guard in it, as admission would inject it; the model's port stays."""
    spec = dict(template_spec)
    taken = (
        names.VOLUME_CONFIG,
        names.VOLUME_DIRECTIVE,
        names.VOLUME_SECRETS,
        names.VOLUME_WORK,
    )
    kept = [one for one in _objects(spec.get("volumes")) if one.get("name") not in taken]
    # Only the operator decides what holds a pod back: a gate in the template would never be lifted.
    spec.pop("schedulingGates", None)
    spec["containers"] = [_outliving(one) for one in _others(spec.get("containers"))]
    spec["initContainers"] = [
        *_others(spec.get("initContainers")),
        dict(blueprint.guard_container),
    ]
    spec["volumes"] = [*kept, *volumes(blueprint.observed.name, blueprint.spec)]
    return spec


def _outliving(container: MutableJson) -> MutableJson:
    """It stops only when its last answer is out. A pod ends its ordinary containers before its
    native sidecars: without a hook the model would be gone while the guard still has clients."""
    lifecycle = json_object(container.get("lifecycle"))
    if lifecycle.get("preStop"):
        return container
    return {**container, "lifecycle": {**lifecycle, "preStop": {"httpGet": QUIET}}}


def _objects(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _others(containers: Any) -> list[MutableJson]:
    return [
        _without_guard_ports(one)
        for one in _objects(containers)
        if one.get("name") != names.GUARD_CONTAINER
    ]


def _without_guard_ports(container: Json) -> MutableJson:
    """A Service finds its target by port name, first among the ordinary containers: one that calls
    its port like the guard's would receive the traffic in the guard's place."""
    ports = container.get("ports")
    if not isinstance(ports, list):
        return dict(container)
    taken = (names.GUARD_PORT_NAME, names.GUARD_ADMIN_PORT_NAME)
    free = [
        {key: value for key, value in port.items() if key != "name"}
        if isinstance(port, Mapping) and port.get("name") in taken
        else port
        for port in ports
    ]
    return {**container, "ports": free}


def disruption_budget(blueprint: Blueprint) -> MutableJson:
    """One pod at a time. For a single replica this lets a node be drained, which `minAvailable: 1`
    would stop for ever; broken pods never stand in the way."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(blueprint.observed, blueprint.observed.name),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": blueprint.pod_labels},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def autoscaler(blueprint: Blueprint) -> tuple[MutableJson, ...]:
    wanted = blueprint.workload.autoscaling
    if wanted is None:
        return ()
    name = blueprint.observed.name
    target = {"type": "Utilization", "averageUtilization": wanted.target_cpu_utilization_percent}
    return (
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": metadata(blueprint.observed, name),
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "minReplicas": wanted.min_replicas,
                "maxReplicas": wanted.max_replicas,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            },
        },
    )
