# SPDX-License-Identifier: Apache-2.0
"""The pods of a service as they are: who carries the guard, who waits at the gate, who does not.

Computed from what the pods show, never from what was intended. The same eyes look at Services:
traffic that can reach the model without passing the guard is named.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from genaiservice.api import names
from genaiservice.api.declared import Mode, json_object, text
from genaiservice.api.jsontree import Json, lookup
from genaiservice.control.core.steps import PodRef

COMPARED: Final = ("image", "args", "command", "restartPolicy")
"""What makes a container this guard; admission may add mounts or resources of its own."""


class Guarding(StrEnum):
    GUARDED = "Guarded"
    OUTDATED = "Outdated"
    """This service's guard, of another image than the profile's (an operator was upgraded)."""
    UNGUARDED = "Unguarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod that has not ended; `leaving` once it is being deleted."""

    body: Json
    guarding: Guarding
    gated: bool
    leaving: bool
    ready: bool
    controlled: bool

    @property
    def name(self) -> str:
        return text(lookup(self.body, "metadata", "name"))

    @property
    def ref(self) -> PodRef:
        meta = json_object(lookup(self.body, "metadata"))
        return PodRef(
            namespace=text(meta.get("namespace")),
            name=text(meta.get("name")),
            uid=text(meta.get("uid")),
        )

    @property
    def workload(self) -> str:
        """What `kubectl rollout restart` takes to make this pod anew, "" when it is unknown."""
        for owner in _items(lookup(self.body, "metadata", "ownerReferences")):
            kind, name = text(owner.get("kind")), text(owner.get("name"))
            if owner.get("controller") is True and kind == "ReplicaSet":
                return f"deployment/{name.rpartition('-')[0]}" if "-" in name else ""
            if owner.get("controller") is True and kind in ("StatefulSet", "DaemonSet"):
                return f"{kind.lower()}/{name}"
        return ""

    def annotation(self, key: str) -> str | None:
        value = lookup(self.body, "metadata", "annotations", key)
        return value if isinstance(value, str) else None


def classify(pods: tuple[Json, ...], guard_container: Json, service: str) -> tuple[Pod, ...]:
    """Every pod that may still serve, in the order of their names."""
    alive = (pod for pod in pods if lookup(pod, "status", "phase") not in ("Succeeded", "Failed"))
    return tuple(
        sorted((_pod(pod, guard_container, service) for pod in alive), key=lambda pod: pod.name)
    )


def _pod(body: Json, guard_container: Json, service: str) -> Pod:
    gates = _items(lookup(body, "spec", "schedulingGates"))
    conditions = _items(lookup(body, "status", "conditions"))
    owners = _items(lookup(body, "metadata", "ownerReferences"))
    return Pod(
        body=body,
        guarding=_guarding(body, guard_container, service),
        gated=any(gate.get("name") == names.GATE for gate in gates),
        leaving=lookup(body, "metadata", "deletionTimestamp") is not None,
        ready=any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions),
        controlled=any(owner.get("controller") is True for owner in owners),
    )


def _guarding(body: Json, guard_container: Json, service: str) -> Guarding:
    found = [
        one
        for one in _items(lookup(body, "spec", "initContainers"))
        if one.get("name") == names.GUARD_CONTAINER
    ]
    if len(found) != 1 or not _mounts_own_config(body, service) or _impostor(body):
        return Guarding.UNGUARDED
    unequal = [key for key in COMPARED if found[0].get(key) != guard_container.get(key)]
    if not unequal:
        return Guarding.GUARDED
    return Guarding.OUTDATED if unequal == ["image"] else Guarding.UNGUARDED


def _mounts_own_config(body: Json, service: str) -> bool:
    """A guard with the configuration of another service is not the guard of this one."""
    return any(
        volume.get("name") == names.VOLUME_CONFIG
        and lookup(volume, "configMap", "name") == names.guard_config_map(service)
        for volume in _items(lookup(body, "spec", "volumes"))
    )


def _impostor(body: Json) -> bool:
    """Whether another container calls its port like the guard's and so draws its traffic."""
    return any(
        port.get("name") == names.GUARD_PORT_NAME
        for container in _items(lookup(body, "spec", "containers"))
        for port in _items(container.get("ports"))
    )


def _items(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    total: int
    guarded: int
    gated: int
    unguarded: int


def settled(pods: tuple[Pod, ...]) -> tuple[Pod, ...]:
    """Without those on their way out."""
    return tuple(pod for pod in pods if not pod.leaving)


def bare(pods: tuple[Pod, ...], mode: Mode) -> tuple[Pod, ...]:
    """Pods that run without the guard they should have.

    An outdated guard counts where nobody replaces the pod; a managed one is being rolled anyway.
    """
    right = (Guarding.GUARDED, Guarding.OUTDATED) if mode is Mode.MANAGED else (Guarding.GUARDED,)
    return tuple(pod for pod in settled(pods) if not pod.gated and pod.guarding not in right)


def older(pods: tuple[Pod, ...], config: str) -> tuple[Pod, ...]:
    """Guarded pods that were told an older guard.json than `config` (its hash) when they began."""
    told = ((pod, pod.annotation(names.ANNOTATION_CONFIG)) for pod in settled(pods))
    return tuple(pod for pod, began in told if config and began and began != config)


def tally(pods: tuple[Pod, ...], mode: Mode) -> Tally:
    here = settled(pods)
    gated = sum(pod.gated for pod in here)
    unguarded = len(bare(pods, mode))
    return Tally(
        total=len(here),
        guarded=len(here) - gated - unguarded,
        gated=gated,
        unguarded=unguarded,
    )


def guard_ports(pods: tuple[Pod, ...]) -> frozenset[int]:
    """Where the guards of these pods listen, which may be the port of an earlier revision."""
    return frozenset(
        port["containerPort"]
        for pod in pods
        if pod.guarding is not Guarding.UNGUARDED and not pod.gated
        for container in _items(lookup(pod.body, "spec", "initContainers"))
        if container.get("name") == names.GUARD_CONTAINER
        for port in _items(container.get("ports"))
        if port.get("name") == names.GUARD_PORT_NAME and isinstance(port.get("containerPort"), int)
    )


def ways_past(
    pods: tuple[Pod, ...], services: tuple[Json, ...], model_port: int
) -> tuple[str, ...]:
    """What leads traffic to the model past the guard, each named: `Service/x port 80 -> 8000`."""
    here = settled(pods)
    found = [way for service in services for way in _service_ways(service, here, model_port)]
    found += [way for pod in here for way in _host_ways(pod, model_port)]
    return tuple(sorted(set(found)))


def _service_ways(service: Json, pods: tuple[Pod, ...], model_port: int) -> Iterator[str]:
    name = text(lookup(service, "metadata", "name"))
    for port in _items(lookup(service, "spec", "ports")):
        target = port.get("targetPort") or port.get("port")
        numbers = {target} if isinstance(target, int) else _ports_named(target, pods)
        if model_port in numbers:
            yield f"Service/{name} port {port.get('port')} -> {target}"


def _ports_named(name: Any, pods: tuple[Pod, ...]) -> set[Any]:
    """Where a named target leads: ordinary containers only, since the guard's port is no model."""
    return {
        port.get("containerPort")
        for pod in pods
        for container in _items(lookup(pod.body, "spec", "containers"))
        for port in _items(container.get("ports"))
        if port.get("name") == name
    }


def _host_ways(pod: Pod, model_port: int) -> Iterator[str]:
    if lookup(pod.body, "spec", "hostNetwork") is True:
        yield f"Pod/{pod.name} hostNetwork"
    for container in _items(lookup(pod.body, "spec", "containers")):
        for port in _items(container.get("ports")):
            if port.get("hostPort") and port.get("containerPort") == model_port:
                yield f"Pod/{pod.name} hostPort {port.get('hostPort')}"
