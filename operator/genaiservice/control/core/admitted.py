# SPDX-License-Identifier: Apache-2.0
"""The admitted revision: what of a spec runs, recorded in a ControllerRevision once allowed.

A record is named by the hash of its content and believed only when that hash is right, the
service controls it, and, where the status names a revision, it is that one. So neither a forged
record nor an edited spec can make something serve that was never admitted.
"""

import hashlib
from typing import Any, Final

from genaiservice.api import names, policy_file
from genaiservice.api.declared import compliance, integer, json_object, text, workload
from genaiservice.api.jsontree import Json, MutableJson, lookup, merge_patch
from genaiservice.control.core.observed import Observed

HISTORY: Final = 3
MEDIA: Final = (
    *(("labelling", kind) for kind in ("image", "audio", "video", "unlabelledOnRequest")),
    ("provider", "aigcProviderCode"),
)
USERS: Final = (
    *(
        ("minors", field)
        for field in (
            *("policy", "ageSignal", "ageClaim", "bands", "breakReminderMinutes", "curfew"),
            *("guardianOverride", "exitNeedsGuardian"),
        )
    ),
    *(
        ("accounts", field)
        for field in ("registrationRequired", "realName", "agreementClaim", "realNameClaim")
    ),
    ("agreement", "version"),
    ("scope", "propagation"),
    ("scope", "anthropomorphic"),
    ("anthropomorphicService", "reminderMinutes"),
    ("contentSafety", "misuse"),
    ("incident", "sanctionLadder"),
)
"""Declarations that reach the guard beside the text ones: of files, and of users where it knows
any (`spec.guard.users`)."""
LIVE_GUARD_FIELDS: Final = ("moderationPolicy", "killSwitch", "suspendGraceSeconds")
"""Act at once, allowed or not: they make a service safer or stop it."""
LIVE_WORKLOAD_FIELDS: Final = ("replicas", "autoscaling", "evictUnguarded")
"""An admitted revision keeps scaling."""


def excerpt(spec: Json) -> MutableJson:
    """The part of a spec that decides what runs; equal excerpts are one revision."""
    sides = json_object(spec.get("workload"))
    declared = compliance(spec)
    safety = json_object(declared.get("contentSafety"))
    kept = (*MEDIA, *(USERS if lookup(spec, "guard", "users") else ()))
    content: MutableJson = plain(
        {
            "workload": {
                side: _without(json_object(sides[side]), LIVE_WORKLOAD_FIELDS)
                for side in ("managed", "adopt")
                if isinstance(sides.get(side), dict)
            },
            "guard": _without(json_object(spec.get("guard")), LIVE_GUARD_FIELDS),
            "compliance": {
                "labelling": {"text": _without(_text_label(declared), ("uiEvidence",))},
                "contentSafety": {
                    "inputScreening": safety.get("inputScreening"),
                    "outputScreening": safety.get("outputScreening"),
                },
                "complaints": {"url": lookup(declared, "complaints", "url")},
            },
        }
    )
    whole: MutableJson = merge_patch(content, {"compliance": _picked(declared, kept)})
    return whole


def _picked(tree: Json, paths: tuple[tuple[str, str], ...]) -> MutableJson:
    """What stands at `paths`, in its place; what is not there stays out."""
    found: MutableJson = {}
    for group, field in paths:
        value = plain(lookup(tree, group, field))
        if value is not None:
            found.setdefault(group, {})[field] = value
    return found


def _text_label(declared: Json) -> Json:
    return json_object(lookup(declared, "labelling", "text"))


def _without(tree: Json, fields: tuple[str, ...]) -> MutableJson:
    return {key: value for key, value in tree.items() if key not in fields}


def plain(tree: Any) -> Any:
    """As the API server gives it back: no nulls, and a whole number is an integer."""
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items() if value is not None}
    if isinstance(tree, list):
        return [plain(value) for value in tree]
    return int(tree) if isinstance(tree, float) and tree.is_integer() else tree


def revision_of(content: Json) -> str:
    return hashlib.sha256(policy_file.canonical(content)).hexdigest()[:10]


def object_name(service: str, revision: str) -> str:
    return f"{service}-{revision}"


def remembered(observed: Observed) -> str:
    """The admitted revision as the status tells it, "" when there was none."""
    return text(lookup(observed.service, "status", "rollout", "admittedRevision"))


def records(observed: Observed) -> tuple[Json, ...]:
    """The believable records of the service, oldest first."""
    sound = [
        one for one in observed.children.get("ControllerRevision", ()) if _sound(observed, one)
    ]
    return tuple(
        sorted(sound, key=lambda one: (_number(one), text(lookup(one, "metadata", "name"))))
    )


def _sound(observed: Observed, record: Json) -> bool:
    data, name = record.get("data"), lookup(record, "metadata", "name")
    return (
        observed.controls(record)
        and isinstance(data, dict)
        and name == object_name(observed.name, revision_of(data))
    )


def _number(record: Json) -> int:
    return integer(record.get("revision"), 0)


def record_of(observed: Observed) -> Json | None:
    """The record of the admitted revision. A status that was lost is made up from the newest."""
    sound, wanted = records(observed), remembered(observed)
    if wanted:
        name = object_name(observed.name, wanted)
        return next((one for one in sound if lookup(one, "metadata", "name") == name), None)
    return sound[-1] if sound else None


def admit(observed: Observed, metadata: MutableJson, content: Json) -> MutableJson:
    """The record of `content` as the newest one."""
    revision = revision_of(content)
    name = object_name(observed.name, revision)
    others = [one for one in records(observed) if lookup(one, "metadata", "name") != name]
    same = observed.child("ControllerRevision", name)
    newest = max((_number(one) for one in others), default=0)
    number = integer(lookup(same, "revision"), 0)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            **metadata,
            "name": name,
            "annotations": {names.ANNOTATION_ADMITTED: revision},
        },
        "revision": number if number > newest else newest + 1,
        "data": dict(content),
    }


def outdated(observed: Observed, kept: str) -> tuple[Json, ...]:
    """Records beyond the history, oldest first; never the one named `kept`, nor others' objects."""
    mine = [
        one for one in observed.children.get("ControllerRevision", ()) if observed.controls(one)
    ]
    rest = sorted(
        (one for one in mine if lookup(one, "metadata", "name") != kept),
        key=lambda one: (_number(one), text(lookup(one, "metadata", "name"))),
    )
    return tuple(rest[: max(0, len(rest) - (HISTORY - 1))])


def effective(observed: Observed, content: Json) -> MutableJson:
    """The admitted content as a spec, with what acts at once taken from the spec as it stands."""
    spec = json_object(observed.service.get("spec"))
    guard = json_object(spec.get("guard"))
    mode = workload(content).mode.value
    side = {"managed": "managed", "adopted": "adopt"}.get(mode, "")
    workloads = dict(json_object(content.get("workload")))
    live = json_object(lookup(spec, "workload", side))
    scaling = {key: live[key] for key in LIVE_WORKLOAD_FIELDS if key in live}
    if side == "managed" and not live:
        scaling = _live_scaling(observed)
    if side:
        workloads[side] = {**json_object(workloads.get(side)), **scaling}
    return {
        **content,
        "workload": workloads,
        "guard": {
            **json_object(content.get("guard")),
            **{key: guard[key] for key in LIVE_GUARD_FIELDS if key in guard},
        },
    }


def _live_scaling(observed: Observed) -> MutableJson:
    """Scaling as it stands in the cluster, for a spec that no longer says it."""
    scaler = observed.child("HorizontalPodAutoscaler", observed.name)
    replicas = lookup(observed.child("Deployment", observed.name), "spec", "replicas")
    scaling: MutableJson = {} if replicas is None else {"replicas": replicas}
    if scaler is not None:
        target = lookup(scaler, "spec", "metrics", 0, "resource", "target", "averageUtilization")
        scaling["autoscaling"] = {
            "minReplicas": lookup(scaler, "spec", "minReplicas"),
            "maxReplicas": lookup(scaler, "spec", "maxReplicas"),
            "targetCPUUtilizationPercent": target,
        }
    return scaling
