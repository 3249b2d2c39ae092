# SPDX-License-Identifier: Apache-2.0
"""Typed views of the few fields of a GenAIService spec that code names.

The CRD is the source of the schema; a view reads, it never judges. A value of another type than
the CRD allows reads as absent, so that a view never raises, whatever stands in the object.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from genaiservice.api import names
from genaiservice.api.jsontree import Json, lookup


class Mode(StrEnum):
    MANAGED = "managed"
    ADOPTED = "adopted"
    NONE = ""
    """Neither or both are declared; nothing can be run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaling:
    min_replicas: int
    max_replicas: int
    target_cpu_utilization_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    mode: Mode
    port: int
    template: Json
    replicas: int
    autoscaling: Autoscaling | None
    evict_unguarded: bool

    @property
    def least_replicas(self) -> int:
        return self.autoscaling.min_replicas if self.autoscaling else self.replicas


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    policy: str
    port: int
    resources: Json
    kill_switch: bool
    suspend_grace_seconds: int
    drain_seconds: int


def workload(spec: Any) -> Workload:
    managed, adopt = lookup(spec, "workload", "managed"), lookup(spec, "workload", "adopt")
    mode = Mode.NONE
    if _is_object(managed) != _is_object(adopt):
        mode = Mode.MANAGED if _is_object(managed) else Mode.ADOPTED
    side = managed if mode is Mode.MANAGED else adopt
    return Workload(
        mode=mode,
        port=integer(lookup(side, "port"), 8000),
        template=json_object(lookup(managed, "template")),
        replicas=integer(lookup(managed, "replicas"), 2),
        autoscaling=_autoscaling(lookup(managed, "autoscaling")),
        evict_unguarded=lookup(adopt, "evictUnguarded") is True,
    )


def _autoscaling(tree: Any) -> Autoscaling | None:
    if not _is_object(tree) or not tree:
        return None
    least = integer(tree.get("minReplicas"), 2)
    return Autoscaling(
        min_replicas=least,
        max_replicas=max(least, integer(tree.get("maxReplicas"), least)),
        target_cpu_utilization_percent=integer(tree.get("targetCPUUtilizationPercent"), 80),
    )


def guard(spec: Any) -> Guard:
    tree = json_object(lookup(spec, "guard"))
    return Guard(
        policy=text(tree.get("moderationPolicy")),
        port=integer(tree.get("port"), names.GUARD_PORT),
        resources=json_object(tree.get("resources")),
        kill_switch=tree.get("killSwitch") not in (None, False),
        suspend_grace_seconds=integer(tree.get("suspendGraceSeconds"), 30),
        drain_seconds=integer(lookup(tree, "limits", "drainSeconds"), 30),
    )


def compliance(spec: Any) -> Json:
    """The declarations, {} when there are none."""
    return json_object(lookup(spec, "compliance"))


def integer(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def text(value: Any, default: str = "") -> str:
    return value if isinstance(value, str) else default


def json_object(value: Any) -> Json:
    return value if _is_object(value) else {}


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)
