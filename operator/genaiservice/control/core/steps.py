# SPDX-License-Identifier: Apache-2.0
"""Plan and its steps: every write that one look at a service leads to, as values.

Close, profile and status, apply, stamp, delete, lift, evict: what stops traffic comes first, what
opens the gate comes last and after the status that admission and people read. None or an empty
tuple means that it is already right and nothing is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from genaiservice.api.jsontree import Json, MutableJson


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """An object to delete; `uid` is a precondition."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRef:
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPatch:
    """Annotations that the operator keeps on a pod (field manager `names.FIELD_MANAGER_PODS`); a
    value "" is written as such, and one that is not here stays as it is."""

    pod: PodRef
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventNote:
    """A Kubernetes Event about the GenAIService: `type` is Normal or Warning."""

    type: str
    reason: str
    message: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """What the operator's settings say about the objects it makes."""

    guard_image: str
    guard_pull_policy: str = "IfNotPresent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Field order is the order of the writes.

    close: stop traffic (the directive).
    profile: the GuardProfile to apply (field manager `names.FIELD_MANAGER`).
    status: the whole status of the GenAIService (`names.FIELD_MANAGER_STATUS`).
    policy_status: the whole status of each ModerationPolicy that was seen, by its name.
    apply: manifests for server-side apply with force.
    stamp: after the ConfigMap is written: new policy hash, end of a suspension.
    delete: with the uid as precondition.
    lift: remove the scheduling gate `names.GATE`, only that one.
    evict: through the Eviction API, so that disruption budgets hold.
    events: what the status has for news; told as soon as it is written.
    recheck_at: look again then even if nothing happens.
    """

    close: tuple[PodPatch, ...] = ()
    profile: MutableJson | None = None
    status: Json | None = None
    policy_status: Mapping[str, Json] = field(default_factory=dict)
    apply: tuple[MutableJson, ...] = ()
    stamp: tuple[PodPatch, ...] = ()
    delete: tuple[Ref, ...] = ()
    lift: tuple[PodRef, ...] = ()
    evict: tuple[PodRef, ...] = ()
    events: tuple[EventNote, ...] = ()
    recheck_at: datetime | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is to be written; `recheck_at` is no write."""
        return not (
            self.close or self.profile or self.status or self.policy_status or self.apply
            or self.stamp or self.delete or self.lift or self.evict or self.events
        )  # fmt: skip
