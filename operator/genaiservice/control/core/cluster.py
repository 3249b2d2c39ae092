# SPDX-License-Identifier: Apache-2.0
"""Facts of the cluster: what one look shows of a service, and how the status keeps it.

Rule: what cannot be seen yet is left out, so that no requirement waits for what it holds back.
`rules.facts` says what each part means.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final

from genaiservice.api import names
from genaiservice.api.declared import Mode, text, workload
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.control.core.observed import Observed
from genaiservice.control.core.routes import hosts
from genaiservice.control.core.selector import selects
from genaiservice.control.core.times import parse_time, rfc3339
from genaiservice.rules.facts import Exposure, Image

MOST: Final = 32
"""Objects and images that one service tells of."""
MOST_HOSTS: Final = 32
"""Host names of one object; a Gateway API route has at most 16."""
PUBLIC_SERVICES: Final = frozenset({"LoadBalancer", "NodePort"})
_DIGEST: Final = re.compile(r"sha256:[a-f0-9]{64}\Z")


def seen(observed: Observed) -> MutableJson:
    """What the cluster shows; empty when nothing of the service is there."""
    wanted = workload(lookup(observed.service, "spec"))
    return dict(_cluster(observed, managed=wanted.mode is Mode.MANAGED))


def told(observed: Observed, standing: Any, now: datetime) -> MutableJson:
    """What was seen as the status shows it, with the time since which it looks so.

    Not what the operator brings about by itself: a plan that was carried out is no news.
    """
    managed = workload(lookup(observed.service, "spec")).mode is Mode.MANAGED
    ours = {"replicas", "podDisruptionBudget"} if managed else {"replicas"}
    found = {key: value for key, value in seen(observed).items() if key not in ours}
    if not found:
        return {}
    images = [{k: v for k, v in one.items() if v is not None} for one in found.get("images", ())]
    shown = found | ({"images": images} if images else {})
    since = lookup(standing, "takenAt")
    if parse_time(since) is not None and standing == {**shown, "takenAt": since}:
        return {**shown, "takenAt": since}
    return {**shown, "takenAt": rfc3339(now)}


def recalled(status: Any) -> MutableJson:
    """What a status shows of the cluster, as `rules.facts` has it; empty when it shows nothing."""
    shown = lookup(status, "facts", "cluster")
    if not isinstance(shown, dict) or parse_time(shown.get("takenAt")) is None:
        return {}
    images = shown.get("images")
    if not isinstance(images, list):
        return dict(shown)
    return {**shown, "images": [{"digest": None, **one} for one in images]}


def _cluster(observed: Observed, *, managed: bool) -> Iterator[tuple[str, Any]]:
    running = _running(observed)
    replicas = _replicas(observed)
    if replicas is not None:
        yield "replicas", replicas
    # Of a managed service the operator makes the budget itself, once the workload may exist.
    if running and not (managed and _child(observed, "Deployment") is None):
        yield "podDisruptionBudget", all(_covered(observed, pod) for pod in running)
    if running:
        yield "probes", all(_probed(one) for pod in running for one in _containers(pod))
    if running or observed.services or observed.routes:
        yield "exposure", list(islice(_exposure(observed), MOST))
    images = _images(running)
    if images:
        yield "images", images


def _running(observed: Observed) -> list[Json]:
    """Pods that serve or will serve; not those that end or have ended."""
    return [
        pod
        for pod in observed.pods
        if lookup(pod, "metadata", "deletionTimestamp") is None
        and lookup(pod, "status", "phase") not in ("Succeeded", "Failed")
    ]


def _child(observed: Observed, kind: str) -> Json | None:
    child = observed.child(kind, observed.name)
    return child if child is not None and observed.controls(child) else None


def _replicas(observed: Observed) -> int | None:
    """Of the objects that run a managed service. A workload that is adopted is not ours to read;
    a service scaled to zero (a suspension) says nothing of what it keeps."""
    scaler = _child(observed, "HorizontalPodAutoscaler")
    kept = lookup(_child(observed, "Deployment"), "spec", "replicas")
    number = lookup(scaler, "spec", "minReplicas", default=1) if scaler else kept
    return number if isinstance(number, int) and number > 0 else None


def _covered(observed: Observed, pod: Json) -> bool:
    labels = lookup(pod, "metadata", "labels")
    return any(selects(lookup(one, "spec", "selector"), labels) for one in observed.budgets)


def _probed(container: Json) -> bool:
    return all(isinstance(container.get(one), dict) for one in ("readinessProbe", "livenessProbe"))


def _containers(pod: Json) -> list[Json]:
    """Those of the model; guard and other native sidecars are init containers."""
    found = lookup(pod, "spec", "containers")
    listed = found if isinstance(found, list | tuple) else ()
    return [
        one
        for one in listed
        if isinstance(one, dict) and one.get("name") not in (None, names.GUARD_CONTAINER)
    ]


def _exposure(observed: Observed) -> Iterator[Exposure]:
    for service in observed.services:
        public = lookup(service, "spec", "type") in PUBLIC_SERVICES or bool(
            lookup(service, "spec", "externalIPs")
        )
        if public:
            yield _exposed("Service", service, [])
    for route in observed.routes:
        yield _exposed(str(route.get("kind", "")), route, hosts(route)[:MOST_HOSTS])


def _exposed(kind: str, tree: Json, served: list[str]) -> Exposure:
    name = str(lookup(tree, "metadata", "name", default=""))
    return Exposure(kind=kind, name=name, hosts=served, public=True)


def _images(running: list[Json]) -> list[Image]:
    """What the kubelet says of each container. One that has not started yet and names no digest
    is left out: nobody knows its digest, and that is no fault."""
    found: dict[tuple[str, str, str], Image] = {}
    for pod in running:
        statuses = lookup(pod, "status", "containerStatuses")
        resolved = {
            lookup(one, "name"): lookup(one, "imageID")
            for one in (statuses if isinstance(statuses, list | tuple) else ())
        }
        for container in _containers(pod):
            name, image = str(container["name"]), text(container.get("image"))
            said = resolved.get(name)
            digest = _digest(said) or _digest(image)
            if digest or (isinstance(said, str) and said):
                key = (name, image, digest or "")
                found[key] = Image(container=name, image=image, digest=digest)
    return [found[key] for key in sorted(found)[:MOST]]


def _digest(image: Any) -> str | None:
    found = _DIGEST.search(image) if isinstance(image, str) else None
    return found[0] if found else None
