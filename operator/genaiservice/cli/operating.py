# SPDX-License-Identifier: Apache-2.0
"""Whether the operator runs with the rights it needs, and what its guards look like."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from genaiservice.api import names
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import EMPTY, ProblemError, Text
from genaiservice.cli.cluster import OURS, Cluster
from genaiservice.cli.seeing import INSTALL, Seen, State, looked, same, unknown

LEASE_SECONDS: Final = 60
SHOWN: Final = 5


def own_rights(cluster: Cluster) -> Iterator[Seen]:
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


def operator_rights(cluster: Cluster, namespace: str) -> Iterator[Seen]:
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
            yield unknown(subject, error)
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


def deployment(cluster: Cluster, namespace: str) -> Iterator[Seen]:
    subject = Text(en="the operator's Deployment is ready", zh="operator 的 Deployment 就绪")
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{names.FIELD_MANAGER}"

    def judged(live: Json) -> tuple[State, Text]:
        ready = int(lookup(live, "status", "readyReplicas", default=0))
        wanted = int(lookup(live, "spec", "replicas", default=1))
        told = Text(en=f"{ready} of {wanted} ready", zh=f"就绪 {ready}/{wanted}")
        return (State.FINE if ready else State.MISSING), told

    yield looked(cluster, subject, path, judged, remedy=_look_at(namespace), absent=INSTALL)


def lease(cluster: Cluster, namespace: str, now: datetime) -> Iterator[Seen]:
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

    yield looked(cluster, subject, path, judged, remedy=_look_at(namespace))


def _look_at(namespace: str) -> Text:
    """It is installed and does not run: installing it again would change nothing."""
    look = f"kubectl -n {namespace} get pods && kubectl -n {namespace} describe pods"
    logs = f"kubectl -n {namespace} logs deploy/{names.FIELD_MANAGER}"
    return Text(
        en=f"see why it does not run: {look}; then {logs}",
        zh=f"请查看其未运行的原因：{look}；再看日志 {logs}",
    )


def guards(cluster: Cluster, namespace: str) -> Iterator[Seen]:
    subject = Text(
        en="guards have the version that the operator injects", zh="护栏版本与 operator 注入的一致"
    )
    try:
        profiles = list(cluster.all_of(f"{OURS}/{names.PLURAL_PROFILE}"))
    except ProblemError as error:
        yield unknown(subject, error)
        return
    wanted = _injected(cluster, namespace)
    images: dict[str, list[str]] = {}
    for one in filter(_of_a_service, profiles):
        meta, image = one["metadata"], lookup(one, "spec", "container", "image", default="?")
        images.setdefault(str(image), []).append(f"{meta['namespace']}/{meta['name']}")
    odd = {image: who for image, who in images.items() if wanted and image != wanted}
    listed = "; ".join(f"{image}: {', '.join(who[:SHOWN])}" for image, who in odd.items())
    yield Seen(
        subject=subject,
        state=State.MISSING if odd else State.FINE if wanted else State.UNKNOWN,
        detail=same(listed or wanted),
        remedy=_look_at(namespace) if odd else EMPTY if wanted else INSTALL,
    )


def _of_a_service(profile: Json) -> bool:
    """A profile without its service was not written by the operator and guards nothing."""
    owners = lookup(profile, "metadata", "ownerReferences", default=[])
    return any(one.get("kind") == names.KIND_SERVICE for one in owners)


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
