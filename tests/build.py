# SPDX-License-Identifier: Apache-2.0
"""Builders of what tests look at: complete and allowed by default, a keyword for each deviation.

    service("chat", managed={"replicas": 1}), pod("chat-1", gated=True), observed(pods=[...])

Every call makes new objects, so a test may change what it got.
"""

import copy
import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from genaiservice.api import names
from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.jsontree import MutableJson, lookup, merge_patch
from genaiservice.api.problem import Text
from genaiservice.control.core import guard_spec
from genaiservice.control.core.observed import CHILD_KINDS, ApplyFailure, Observed
from genaiservice.control.core.steps import PlanSettings
from genaiservice.rules.verdict import (
    Basis,
    Finding,
    Level,
    Owner,
    Result,
    Severity,
    Suspension,
    Verdict,
)

NAMESPACE = "shop"
SERVICE = "chat"
NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
IMAGE = "registry.test/genaiservice:1"
SETTINGS = PlanSettings(guard_image=IMAGE)
REVOKED = Suspension(
    finding="IM-17-2",
    reason=Reason.REVOKED,
    message=Text(en="The filing is revoked.", zh="备案已撤销。"),
)


def uid_of(*parts: str) -> str:
    """A uid that is the same in every run."""
    digest = hashlib.sha256("/".join(parts).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def version_of(content: Any) -> int:
    """A version for each content: what changed has another one, as on the API server."""
    return int(hashlib.sha256(repr(content).encode()).hexdigest()[:8], 16)


def service(
    name: str = SERVICE,
    *,
    managed: Mapping[str, Any] | None = None,
    adopt: Mapping[str, Any] | None = None,
    guard: Mapping[str, Any] | None = None,
    compliance: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    generation: int = 1,
    namespace: str = NAMESPACE,
    **spec: Any,
) -> MutableJson:
    """A GenAIService, managed unless `adopt` is given; mappings are merge patches."""
    side: MutableJson = (
        {"managed": merge_patch(MANAGED, managed or {})}
        if adopt is None
        else {"adopt": merge_patch({"port": 8000, "evictUnguarded": False}, adopt)}
    )
    tree: MutableJson = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_SERVICE,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid_of(namespace, name),
            "generation": generation,
            "resourceVersion": "1",
        },
        "spec": {
            "displayName": "问答助手",
            "workload": side,
            "guard": merge_patch({"moderationPolicy": "default"}, guard or {}),
            "compliance": merge_patch(COMPLIANCE, compliance or {}),
            **spec,
        },
    }
    if status is not None:
        tree["status"] = dict(status)
    return copy.deepcopy(tree)


MANAGED: MutableJson = {
    "replicas": 2,
    "port": 8000,
    "template": {
        "metadata": {"labels": {"app": "chat"}},
        "spec": {
            "containers": [
                {
                    "name": "model",
                    "image": "vllm/vllm-openai:v0.11.0",
                    "args": ["--port=8000"],
                    "ports": [{"name": "http", "containerPort": 8000}],
                    "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}},
                }
            ]
        },
    },
}
COMPLIANCE: MutableJson = {
    "labelling": {"text": {"mode": "InBandPrefix", "labelText": "本内容由人工智能生成"}},
    "contentSafety": {"inputScreening": "Block", "outputScreening": "Block"},
    "complaints": {"url": "https://chat.example.com/complaints"},
}


def policy(
    name: str = "default", *, spec: Mapping[str, Any] | None = None, namespace: str = NAMESPACE
) -> MutableJson:
    """A ModerationPolicy with two inline terms; `spec` is a merge patch."""
    default = {
        "sources": [{"name": "basic", "riskClass": "A1a", "inline": ["违禁词甲", "违禁词乙"]}],
        "actions": {"default": "Block"},
    }
    written = copy.deepcopy(merge_patch(default, spec or {}))
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_POLICY,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid_of(namespace, "policy", name),
            "generation": version_of(written),
            "resourceVersion": "1",
        },
        "spec": written,
    }


def config_map(
    name: str,
    data: Mapping[str, str] | None = None,
    binary: Mapping[str, str] | None = None,
    *,
    namespace: str = NAMESPACE,
) -> MutableJson:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid_of(namespace, "ConfigMap", name),
            "resourceVersion": str(version_of([data, binary])),
        },
        "data": dict(data or {}),
        "binaryData": dict(binary or {}),
    }


def guard_container(owner: Mapping[str, Any] | None = None, image: str = IMAGE) -> MutableJson:
    """The container that the profile of `owner` (default: `service()`) asks for."""
    return guard_spec.container((owner or service())["spec"], image, "IfNotPresent")


def pod(
    name: str = "chat-1",
    *,
    of: str = SERVICE,
    guard: bool = True,
    gated: bool = False,
    ready: bool = True,
    image: str = IMAGE,
    annotations: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
    namespace: str = NAMESPACE,
    **body: Any,
) -> MutableJson:
    """A pod of service `of` as admission leaves it; `spec` and `body` are merge patches."""
    inside: MutableJson = {
        "containers": [
            {"name": "model", "image": "vllm", "ports": [{"name": "http", "containerPort": 8000}]}
        ]
    }
    if guard:
        inside["initContainers"] = [guard_container(image=image)]
        inside["volumes"] = guard_spec.volumes(of)
    if gated:
        inside["schedulingGates"] = [{"name": names.GATE}]
    tree = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid_of(namespace, "Pod", name),
            "labels": {names.LABEL_SERVICE: of},
            "annotations": dict(annotations or {}),
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": "rs",
                    "uid": uid_of("rs"),
                    "controller": True,
                }
            ],
        },
        "spec": merge_patch(inside, spec or {}),
        "status": {
            "phase": "Pending" if gated else "Running",
            "conditions": [{"type": "Ready", "status": str(ready and not gated)}],
        },
    }
    return copy.deepcopy(merge_patch(tree, body))


def core_service(
    name: str = "front", target: int | str = names.GUARD_PORT_NAME, port: int = 80
) -> MutableJson:
    """A core/v1 Service that somebody wrote in front of the pods of `SERVICE`."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": uid_of("Service", name)},
        "spec": {
            "selector": {names.LABEL_SERVICE: SERVICE},
            "ports": [{"port": port, "targetPort": target, "protocol": "TCP"}],
        },
    }


_DEFAULT: Any = object()


def observed(
    of: MutableJson | None = None,
    *,
    profile: MutableJson | None = None,
    children: Iterable[MutableJson] = (),
    pods: Iterable[MutableJson] = (),
    policy_: Any = _DEFAULT,
    bands: Mapping[str, MutableJson | None] | None = None,
    config_maps: Mapping[str, MutableJson | None] | None = None,
    rivals: Iterable[MutableJson] = (),
    services: Iterable[MutableJson] = (),
    failure: ApplyFailure | None = None,
) -> Observed:
    """A look at `of` (default: `service()`) with its policy in place; children are told by kind."""
    by_kind: dict[str, list[MutableJson]] = {kind: [] for kind in CHILD_KINDS}
    for child in children:
        by_kind[child["kind"]].append(child)
    return Observed(
        service=service() if of is None else of,
        profile=profile,
        children={kind: tuple(found) for kind, found in by_kind.items()},
        pods=tuple(pods),
        policy=policy() if policy_ is _DEFAULT else policy_,
        band_policies=bands or {},
        config_maps=config_maps or {},
        rivals=tuple(rivals),
        services=tuple(services),
        failure=failure,
    )


def finding(
    id_: str = "IM-17-2",
    *,
    result: Result = Result.PASS,
    severity: Severity = Severity.BLOCK,
    reason: Reason | None = None,
    family: ConditionType = ConditionType.FILING,
    field: str = "spec.compliance.filings",
    message: Text | None = None,
    deadline: date | None = None,
) -> Finding:
    default = {
        Result.PASS: Reason.SATISFIED,
        Result.FAIL: Reason.CROSS_CHECK_FAILED,
        Result.UNKNOWN: Reason.DECLARATION_MISSING,
        Result.NOT_APPLICABLE: Reason.NOT_APPLICABLE,
        Result.WAIVED: Reason.WAIVED,
    }
    return Finding(
        id=id_,
        article=int(id_.split("-")[1]),
        family=family,
        basis=Basis.LAW,
        severity=severity,
        result=result,
        reason=reason or default[result],
        level=Level.FORMAT_CHECKED,
        field=field,
        title=Text(en=f"Title of {id_}", zh=f"{id_} 标题"),
        message=message or Text(en=f"{field} is missing.", zh=f"缺少 {field}。"),
        remedy=Text(en="Add it.", zh="请补充。"),
        owner=Owner.COMPLIANCE,
        deadline=deadline,
    )


def verdict(
    *findings: Finding,
    suspension: Suspension | None = None,
    next_change: date | None = None,
) -> Verdict:
    """Allowed unless a finding blocks or there is a suspension."""
    return Verdict(
        findings=findings or (finding(),),
        suspension=suspension,
        next_change=next_change,
        rule_pack="2026.11.0",
        digest="sha256:0",
    )


def refused() -> Verdict:
    return verdict(finding(result=Result.UNKNOWN))


def suspended() -> Verdict:
    return verdict(
        finding(result=Result.FAIL, reason=Reason.REVOKED),
        suspension=REVOKED,
    )


def condition(status: Mapping[str, Any], type_: ConditionType) -> tuple[str, str]:
    """Status and reason of one condition of a status."""
    for one in status["conditions"]:
        if one["type"] == type_.value:
            return one["status"], one["reason"]
    raise AssertionError(f"no condition {type_} in {lookup(status, 'conditions')}")


def message(status: Mapping[str, Any], type_: ConditionType) -> str:
    return next(str(c["message"]) for c in status["conditions"] if c["type"] == type_.value)
