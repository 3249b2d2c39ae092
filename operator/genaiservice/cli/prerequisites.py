# SPDX-License-Identifier: Apache-2.0
"""What a cluster needs so that the gate holds: each prerequisite looked at, with a remedy.

Read with the user's own rights: what may not be read is unknown, never fine. Names of the policies
are those of the chart; a test holds the two together.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

from genaiservice.api import names
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import EMPTY, ProblemError, Text
from genaiservice.cli.cluster import OURS, Cluster, NotFound
from genaiservice.cli.kept import crds

LEAST: Final = (1, 36)
LEASE_SECONDS: Final = 60
ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
MUTATING: Final = ("genai-guard-injection", "genai-unverified-guard")
VALIDATING: Final = (
    "genai-guard-required",
    "genai-managed-workload",
    "genai-namespace-enforcement",
    "genai-pod-change",
    "genai-pod-claim",
    "genai-profile-owner",
)
SHOWN: Final = 5


class State(StrEnum):
    FINE = "fine"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One prerequisite: what was looked for, what was seen, and what to do when it is missing."""

    subject: Text
    state: State
    detail: Text = EMPTY
    remedy: Text = EMPTY


INSTALL: Final = Text(
    en="install or upgrade the chart: helm upgrade --install genai charts/genaiservice-operator "
    "-n genai-system --create-namespace",
    zh="安装或升级 chart：helm upgrade --install genai charts/genaiservice-operator -n genai-system "
    "--create-namespace",
)
UPGRADE: Final = Text(
    en="upgrade the cluster to Kubernetes 1.36 or later",
    zh="请将集群升级到 Kubernetes 1.36 或更高版本",
)
ASK_RIGHTS: Final = Text(
    en="ask a cluster administrator to run `genaictl doctor`",
    zh="请由集群管理员运行 `genaictl doctor`",
)


def examine(cluster: Cluster, operator_namespace: str, now: datetime) -> Iterator[Seen]:
    looks: tuple[Callable[[], Iterator[Seen]], ...] = (
        lambda: _version(cluster),
        lambda: _admission_kinds(cluster),
        lambda: _crds(cluster),
        lambda: _policies(cluster, "mutating", MUTATING),
        lambda: _policies(cluster, "validating", VALIDATING),
        lambda: _own_rights(cluster),
        lambda: _operator_rights(cluster, operator_namespace),
        lambda: _operator(cluster, operator_namespace),
        lambda: _lease(cluster, operator_namespace, now),
        lambda: _guards(cluster, operator_namespace),
    )
    for look in looks:
        yield from look()


def _version(cluster: Cluster) -> Iterator[Seen]:
    version = str(cluster.get("/version").get("gitVersion", ""))
    found = re.match(r"v?(\d+)\.(\d+)", version)
    fine = found is not None and (int(found[1]), int(found[2])) >= LEAST
    yield Seen(
        subject=_same("Kubernetes ≥ 1.36"),
        state=State.FINE if fine else State.MISSING,
        detail=_same(version),
        remedy=EMPTY if fine else UPGRADE,
    )


def _admission_kinds(cluster: Cluster) -> Iterator[Seen]:
    try:
        served = {one["name"] for one in cluster.get(ADMISSION).get("resources", ())}
    except NotFound:
        served = set()
    for kind in ("mutatingadmissionpolicies", "validatingadmissionpolicies"):
        fine = kind in served
        yield Seen(
            subject=Text(en=f"{kind} served (v1)", zh=f"提供 {kind}（v1）"),
            state=State.FINE if fine else State.MISSING,
            remedy=EMPTY if fine else UPGRADE,
        )


def _crds(cluster: Cluster) -> Iterator[Seen]:
    for kind, ours in crds().items():
        name = ours["metadata"]["name"]
        subject = Text(en=f"CRD {name}", zh=f"CRD {name}")
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        yield _looked(cluster, subject, path, partial(_crd, kind))


def _crd(kind: str, live: Json) -> tuple[State, Text]:
    versions = {one["name"]: one for one in lookup(live, "spec", "versions", default=[])}
    version = versions.get(names.VERSION, {})
    if not version.get("served"):
        return State.MISSING, Text(
            en=f"version {names.VERSION} is not served", zh=f"未提供版本 {names.VERSION}"
        )
    wanted = crds()[kind]["spec"]["versions"][0]
    if version.get("schema") != wanted.get("schema"):
        return State.MISSING, Text(
            en="another schema than that of this genaictl: versions differ",
            zh="与本 genaictl 的结构定义不同：版本不一致",
        )
    return State.FINE, _same(names.VERSION)


def _policies(cluster: Cluster, word: str, wanted: tuple[str, ...]) -> Iterator[Seen]:
    for plural in (f"{word}admissionpolicies", f"{word}admissionpolicybindings"):
        subject = Text(
            en=f"{len(wanted)} {plural} of the chart", zh=f"chart 的 {len(wanted)} 个 {plural}"
        )
        try:
            there = {
                lookup(one, "metadata", "name") for one in cluster.all_of(f"{ADMISSION}/{plural}")
            }
        except NotFound:
            there = set()
        except ProblemError as error:
            yield _unknown(subject, error)
            continue
        absent = [name for name in wanted if name not in there]
        listed = ", ".join(absent)
        yield Seen(
            subject=subject,
            state=State.MISSING if absent else State.FINE,
            detail=Text(en=f"missing: {listed}", zh=f"缺少：{listed}") if absent else EMPTY,
            remedy=INSTALL if absent else EMPTY,
        )


def _own_rights(cluster: Cluster) -> Iterator[Seen]:
    for verb, why in (
        ("list", Text(en="you may read GenAIServices", zh="当前用户可读取 GenAIService")),
        ("patch", Text(en="you may apply GenAIServices", zh="当前用户可应用 GenAIService")),
    ):
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": _wish(verb, cluster.namespace)},
        }
        answer = cluster.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        fine = lookup(answer, "status", "allowed") is True
        role = "genai-auditor" if verb == "list" else "genai-editor"
        yield Seen(
            subject=why,
            state=State.FINE if fine else State.MISSING,
            detail=Text(en=f"namespace {cluster.namespace}", zh=f"命名空间 {cluster.namespace}"),
            remedy=EMPTY if fine else Text(en=f"ask for the role {role}", zh=f"请申请角色 {role}"),
        )


def _wish(verb: str, namespace: str = "", resource: str = names.PLURAL_SERVICE) -> dict[str, str]:
    plain, _, sub = resource.partition("/")
    group = "" if plain == "pods" else names.GROUP
    wish = {"verb": verb, "group": group, "resource": plain}
    return (
        wish
        | ({"subresource": sub} if sub else {})
        | ({"namespace": namespace} if namespace else {})
    )


def _operator_rights(cluster: Cluster, namespace: str) -> Iterator[Seen]:
    user = f"system:serviceaccount:{namespace}:{names.FIELD_MANAGER}"
    subject = Text(
        en=f"the operator has its rights ({user})", zh=f"operator 具有所需权限（{user}）"
    )
    absent = []
    for verb, resource in (
        ("watch", names.PLURAL_SERVICE),
        ("patch", f"{names.PLURAL_SERVICE}/status"),
        ("patch", names.PLURAL_PROFILE),
        ("patch", "pods"),
        ("create", "pods/eviction"),
    ):
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": _wish(verb, resource=resource)},
        }
        try:
            answer = cluster.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        except ProblemError as error:
            yield _unknown(subject, error)
            return
        if lookup(answer, "status", "allowed") is not True:
            absent.append(f"{verb} {resource}")
    listed = ", ".join(absent)
    yield Seen(
        subject=subject,
        state=State.MISSING if absent else State.FINE,
        detail=Text(en=f"missing: {listed}", zh=f"缺少：{listed}") if absent else EMPTY,
        remedy=INSTALL if absent else EMPTY,
    )


def _operator(cluster: Cluster, namespace: str) -> Iterator[Seen]:
    subject = Text(en="the operator's Deployment is ready", zh="operator 的 Deployment 就绪")
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{names.FIELD_MANAGER}"

    def judged(live: Json) -> tuple[State, Text]:
        ready = int(lookup(live, "status", "readyReplicas", default=0))
        wanted = int(lookup(live, "spec", "replicas", default=1))
        told = Text(en=f"{ready} of {wanted} ready", zh=f"就绪 {ready}/{wanted}")
        return (State.FINE if ready else State.MISSING), told

    yield _looked(cluster, subject, path, judged)


def _lease(cluster: Cluster, namespace: str, now: datetime) -> Iterator[Seen]:
    subject = Text(en="one operator leads (Lease)", zh="有 operator 持有 Lease")
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{names.LEASE}"

    def judged(live: Json) -> tuple[State, Text]:
        holder = str(lookup(live, "spec", "holderIdentity") or "")
        renewed = str(lookup(live, "spec", "renewTime") or "")
        try:
            age = now - datetime.fromisoformat(renewed)
        except ValueError:
            age = timedelta.max
        if not holder or age > timedelta(seconds=LEASE_SECONDS):
            return State.MISSING, Text(
                en=f"held by {holder or 'nobody'}, last renewed {renewed or 'never'}",
                zh=f"持有者：{holder or '无'}，最近续约：{renewed or '从未'}",
            )
        return State.FINE, Text(en=f"held by {holder}", zh=f"持有者：{holder}")

    yield _looked(cluster, subject, path, judged, remedy=_RESTART)


_RESTART: Final = Text(
    en="look at the operator's pods: kubectl -n genai-system get pods, then their logs",
    zh="请查看 operator 的 Pod：kubectl -n genai-system get pods，及其日志",
)


def _guards(cluster: Cluster, namespace: str) -> Iterator[Seen]:
    subject = Text(
        en="guards have the version that the operator injects", zh="护栏版本与 operator 注入的一致"
    )
    try:
        profiles = list(cluster.all_of(f"{OURS}/{names.PLURAL_PROFILE}"))
    except ProblemError as error:
        yield _unknown(subject, error)
        return
    wanted = _injected(cluster, namespace)
    images: dict[str, list[str]] = {}
    for one in profiles:
        meta, image = one["metadata"], lookup(one, "spec", "container", "image", default="?")
        images.setdefault(str(image), []).append(f"{meta['namespace']}/{meta['name']}")
    odd = {image: who for image, who in images.items() if wanted and image != wanted}
    listed = "; ".join(f"{image}: {', '.join(who[:SHOWN])}" for image, who in odd.items())
    many = len(profiles)
    yield Seen(
        subject=subject,
        state=State.MISSING if odd else State.FINE if wanted else State.UNKNOWN,
        detail=_same(listed)
        if odd
        else Text(
            en=f"{many} profiles, {wanted or 'unknown'}",
            zh=f"{many} 个 profile，{wanted or '未知'}",
        ),
        remedy=_RESTART if odd else EMPTY if wanted else INSTALL,
    )


def _injected(cluster: Cluster, namespace: str) -> str:
    """The guard image in the operator's own settings; "" when it cannot be seen."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{names.FIELD_MANAGER}"
    try:
        live = cluster.get(path)
    except ProblemError:
        return ""
    env = lookup(live, "spec", "template", "spec", "containers", 0, "env", default=[])
    return next(
        (str(one.get("value", "")) for one in env if one["name"] == "GENAI_GUARD_IMAGE"), ""
    )


def _looked(
    cluster: Cluster,
    subject: Text,
    path: str,
    judged: Callable[[Json], tuple[State, Text]],
    remedy: Text = INSTALL,
) -> Seen:
    try:
        state, detail = judged(cluster.get(path))
    except NotFound:
        missing = Text(en="does not exist", zh="不存在")
        return Seen(subject=subject, state=State.MISSING, detail=missing, remedy=remedy)
    except ProblemError as error:
        return _unknown(subject, error)
    fine = state is State.FINE
    return Seen(subject=subject, state=state, detail=detail, remedy=EMPTY if fine else remedy)


def _unknown(subject: Text, error: ProblemError) -> Seen:
    said = error.problems[0].what
    return Seen(subject=subject, state=State.UNKNOWN, detail=said, remedy=ASK_RIGHTS)


def _same(text: str) -> Text:
    return Text(en=text, zh=text)
