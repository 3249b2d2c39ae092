# SPDX-License-Identifier: Apache-2.0
"""Named checks against what the operator sees in the cluster.

Rule: what was not gathered holds without raising the level; what was seen and agrees is
cross-checked (V2); only what was seen and disagrees is a fault.
"""

from collections.abc import Iterable
from typing import Any

from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Text
from genaiservice.rules.facts import CLUSTER
from genaiservice.rules.limits import is_number
from genaiservice.rules.paths import Trail, is_void
from genaiservice.rules.subject import (
    FAULT,
    HOLDS,
    SEEN,
    STEP,
    Answer,
    Check,
    CompileSchema,
    Subject,
    disagrees,
)
from genaiservice.rules.value_checks import plain
from genaiservice.rules.verdict import Level

_SHOWN = 3
"""Most names of objects in one message."""


def names_the_service(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        names = {
            plain(name)
            for key in ("displayName", "name")
            if isinstance(name := lookup(subject.facts, "service", key), str) and not is_void(name)
        }
        listed = (
            {plain(item) for item in value if isinstance(item, str)}
            if isinstance(value, list)
            else set()
        )
        # The object's own name: known without a look at the cluster.
        return HOLDS if names & listed else FAULT

    return check


def met_by_replicas(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        known = (
            lookup(subject.facts, "workload", "minReplicas"),
            lookup(subject.facts, "workload", "replicas"),
            lookup(subject.facts, CLUSTER, "replicas"),
        )
        seen = [number for number in known if is_number(number)]
        if not seen or not is_number(value):
            return HOLDS
        # An autoscaler's floor stands before the replica count that it moves.
        fault = STEP if seen[0] < value else None
        looked = is_number(known[-1])  # the others stand in the object itself
        return Answer(fault=fault, level=Level.CROSS_CHECKED if looked else Level.FORMAT_CHECKED)

    return check


def cluster_has(arguments: Json, _: CompileSchema) -> Check:
    what = str(arguments["what"])

    def check(_: Any, subject: Subject, __: Trail) -> Answer:
        there = lookup(subject.facts, CLUSTER, what)
        if not isinstance(there, bool):
            return HOLDS
        return SEEN if there else disagrees(_LACKS[what])

    return check


_LACKS = {
    "podDisruptionBudget": Text(
        en="no PodDisruptionBudget covers the pods", zh="没有覆盖这些 Pod 的 PodDisruptionBudget"
    ),
    "probes": Text(
        en="a container of the model has no readiness or liveness probe",
        zh="有模型容器未设置就绪或存活探针",
    ),
}


def not_exposed(_: Json, __: CompileSchema) -> Check:
    def check(_: Any, subject: Subject, __: Trail) -> Answer:
        exposure = _exposure(subject)
        if exposure is None:
            return HOLDS
        public = [_name(each) for each in exposure if lookup(each, "public") is not False]
        return disagrees(_listed("exposed", public)) if public else SEEN

    return check


def hosts_declared(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        exposure = _exposure(subject)
        if exposure is None or not isinstance(value, list):
            return HOLDS
        declared = {plain(host) for host in value}
        strange = sorted(host for host in _hosts(exposure) if plain(host) not in declared)
        return disagrees(_listed("hosts", strange)) if strange else SEEN

    return check


def hosts_served(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        exposure = _exposure(subject)
        served = {plain(host) for host in _hosts(exposure or ())}
        # Without any host in the cluster, a gateway outside serves them: nothing to compare.
        if not served or not isinstance(value, str):
            return HOLDS
        return SEEN if plain(value) in served else disagrees(_UNSERVED)

    return check


_UNSERVED = Text(
    en="no Ingress or HTTPRoute of the service serves this host",
    zh="该服务的 Ingress 或 HTTPRoute 均未提供此主机名",
)


def images_pinned(_: Json, __: CompileSchema) -> Check:
    def check(_: Any, subject: Subject, __: Trail) -> Answer:
        images = lookup(subject.facts, CLUSTER, "images")
        if not isinstance(images, list) or not images:
            return HOLDS
        loose = [_image(each) for each in images if not lookup(each, "digest")]
        return disagrees(_listed("images", loose)) if loose else HOLDS

    return check


def image_of_model(_: Json, __: CompileSchema) -> Check:
    def check(value: Any, subject: Subject, _: Trail) -> Answer:
        images = lookup(subject.facts, CLUSTER, "images")
        digests = {lookup(each, "digest") for each in images} if isinstance(images, list) else set()
        # Weights on a volume have a digest that no container shows: absent here says nothing.
        return SEEN if isinstance(value, str) and value in digests else HOLDS

    return check


def _exposure(subject: Subject) -> list[Any] | None:
    found = lookup(subject.facts, CLUSTER, "exposure")
    return found if isinstance(found, list) else None


def _hosts(exposure: Iterable[Any]) -> set[str]:
    return {
        host
        for each in exposure
        if lookup(each, "public") is not False
        for host in lookup(each, "hosts", default=()) or ()
        if isinstance(host, str)
    }


def _name(exposed: Any) -> str:
    return f"{lookup(exposed, 'kind', default='?')}/{lookup(exposed, 'name', default='?')}"


def _image(image: Any) -> str:
    return str(lookup(image, "container", default="?"))


_LISTS = {
    "exposed": Text(en="traffic from outside enters by {names}", zh="外部流量可经 {names} 进入"),
    "hosts": Text(en="the cluster also serves {names}", zh="集群还提供 {names}"),
    "images": Text(
        en="no digest is known of the image of container {names}", zh="容器 {names} 的镜像没有摘要"
    ),
}


def _listed(kind: str, names: list[str]) -> Text:
    shown = ", ".join(sorted(names)[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
    return _LISTS[kind].format(names=shown)
