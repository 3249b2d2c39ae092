# SPDX-License-Identifier: Apache-2.0
"""Facts: what the operator knows of a service beside its declarations, for `rules.judge`.

Values that a rule may compare with a declaration; no object of the cluster as a whole. Rule: what
was not seen is left out, never assumed. `rules.facts` says what each part means.
"""

from datetime import datetime

from genaiservice.api.declared import Mode, guard, text, workload
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.control.core import cluster, pages
from genaiservice.control.core.observed import Observed
from genaiservice.control.core.times import rfc3339
from genaiservice.rules.facts import CLUSTER, PAGES


def facts(observed: Observed, now: datetime | None = None) -> MutableJson:
    """now: when the look was; None where there was no look at a cluster but an object alone."""
    spec = lookup(observed.service, "spec")
    wanted = workload(spec)
    managed = wanted.mode is Mode.MANAGED
    scaled = wanted.autoscaling
    known: MutableJson = {
        "service": {
            "name": observed.name,
            "namespace": observed.namespace,
            "displayName": text(lookup(spec, "displayName")),
        },
        "workload": {
            "mode": wanted.mode.value,
            "replicas": wanted.replicas if managed and scaled is None else None,
            "minReplicas": scaled.min_replicas if managed and scaled else None,
        },
        "guard": {"killSwitch": guard(spec).kill_switch},
    }
    if now is None:
        return known
    seen = cluster.seen(observed)
    if seen:
        known[CLUSTER] = {"takenAt": rfc3339(now), **seen}
    if observed.pages is not None:
        known[PAGES] = pages.facts_of(observed.pages, now)
    return known


def shown(service: Json, now: datetime) -> MutableJson:
    """The facts that the status of a service shows, for who has the object and no cluster."""
    known = facts(Observed(service=service, pages=pages.recalled(service.get("status"))), now)
    seen = cluster.recalled(service.get("status"))
    return known | ({CLUSTER: seen} if seen else {})
