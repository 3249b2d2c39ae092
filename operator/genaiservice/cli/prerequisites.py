# SPDX-License-Identifier: Apache-2.0
"""What a cluster needs so that the gate holds: each prerequisite looked at, with a remedy.

Read with the user's own rights: what may not be read is unknown, never fine. Names of the policies
are those of the chart; a test holds the two together.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Final

from genaiservice.api import names
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import EMPTY, ProblemError, Text
from genaiservice.cli import operating
from genaiservice.cli.cluster import Cluster, NotFound
from genaiservice.cli.kept import crds
from genaiservice.cli.seeing import INSTALL, UPGRADE, Seen, State, looked, same, unknown

LEAST: Final = (1, 36)
ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
MUTATING: Final = ("genai-guard-injection", "genai-unverified-guard")
VALIDATING: Final = (
    "genai-guard-required",
    "genai-managed-workload",
    "genai-namespace-enforcement",
    "genai-pod-change",
    "genai-pod-claim",
    "genai-profile-owner",
    "genai-service-deletion",
)


def examine(cluster: Cluster, operator_namespace: str, now: datetime) -> Iterator[Seen]:
    looks: tuple[Callable[[], Iterator[Seen]], ...] = (
        lambda: _version(cluster),
        lambda: _admission_kinds(cluster),
        lambda: _crds(cluster),
        lambda: _policies(cluster, "mutating", MUTATING),
        lambda: _policies(cluster, "validating", VALIDATING),
        lambda: operating.own_rights(cluster),
        lambda: operating.operator_rights(cluster, operator_namespace),
        lambda: operating.deployment(cluster, operator_namespace),
        lambda: operating.lease(cluster, operator_namespace, now),
        lambda: operating.guards(cluster, operator_namespace),
    )
    for look in looks:
        yield from look()


def _version(cluster: Cluster) -> Iterator[Seen]:
    version = str(cluster.get("/version").get("gitVersion", ""))
    found = re.match(r"v?(\d+)\.(\d+)", version)
    fine = found is not None and (int(found[1]), int(found[2])) >= LEAST
    yield Seen(
        subject=same("Kubernetes ≥ 1.36"),
        state=State.FINE if fine else State.MISSING,
        detail=same(version),
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
        yield looked(cluster, subject, path, partial(_crd, kind))


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
    return State.FINE, same(names.VERSION)


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
            yield unknown(subject, error)
            continue
        absent = [name for name in wanted if name not in there]
        listed = ", ".join(absent)
        yield Seen(
            subject=subject,
            state=State.MISSING if absent else State.FINE,
            detail=Text(en=f"missing: {listed}", zh=f"缺少：{listed}") if absent else EMPTY,
            remedy=INSTALL if absent else EMPTY,
        )
