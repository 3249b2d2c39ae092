# SPDX-License-Identifier: Apache-2.0
"""Facts: what the operator knows of a service beside its declarations, for `rules.judge`.

Values that a rule may compare with a declaration; no object of the cluster as a whole.
"""

from genaiservice.api.declared import Mode, guard, text, workload
from genaiservice.api.jsontree import MutableJson, lookup
from genaiservice.control.core.observed import Observed


def facts(observed: Observed) -> MutableJson:
    spec = lookup(observed.service, "spec")
    wanted = workload(spec)
    managed = wanted.mode is Mode.MANAGED
    scaled = wanted.autoscaling
    return {
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
