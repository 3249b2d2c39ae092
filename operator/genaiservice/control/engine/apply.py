# SPDX-License-Identifier: Apache-2.0
"""Apply: carries out a Plan. The only writer of the operator.

Rules. One fixed order: close, profile, statuses with their events (and the children that let
nobody in), the other children, stamp, delete, lift, evict; what stops traffic comes first, what
opens the gate last, and never before the profile that admission reads. The first failure ends the
pass, so that nothing opens on half a plan.
Leadership is asked for before every write. An object that is gone is what a delete wanted.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import orjson

from genaiservice.api import names
from genaiservice.api.jsontree import Json, MutableJson
from genaiservice.control.core.drift import differs
from genaiservice.control.core.observed import ApplyFailure, Observed
from genaiservice.control.core.steps import Plan, PodPatch, PodRef, Ref
from genaiservice.kube.cache import Cache
from genaiservice.kube.client import STRATEGIC, Client
from genaiservice.kube.errors import BudgetSpent, NotFound, Refused
from genaiservice.kube.events import EventRecorder, Note
from genaiservice.kube.resources import ObjectKey, key_of

log = logging.getLogger(__name__)

GROUNDWORK: Final = frozenset({"ConfigMap", "ControllerRevision", "NetworkPolicy"})
"""Children that let nobody in: they are written beside the statuses, which take the longest."""


class NotLeadingError(Exception):
    """Leadership ended between two writes; whoever leads now looks at the service anew."""


class ApplyFailedError(Exception):
    """The API server refused an object; `failure` goes into the condition."""

    def __init__(self, failure: ApplyFailure) -> None:
        super().__init__(f"{failure.kind} {failure.name}: {failure.message}")
        self.failure = failure


@dataclass(frozen=True, slots=True)
class _Verified:
    """A ConfigMap whose content is known to be what we want, at this version."""

    version: int
    digest: bytes


class Apply:
    def __init__(
        self,
        client: Client,
        cache: Cache,
        events: EventRecorder,
        *,
        may_write: Callable[[], bool],
        skipped: Callable[[str], None],
    ) -> None:
        self._client = client
        self._cache = cache
        self._events = events
        self._may_write = may_write
        self._skipped = skipped
        self._verified: dict[ObjectKey, _Verified] = {}

    async def carry_out(self, observed: Observed, plan: Plan) -> int:
        """Makes the writes of the plan in their order; returns how many there were."""
        writes = 0
        for patch in plan.close:
            writes += await self._annotate(patch)
        if plan.profile is not None:
            writes += await self._manifest(plan.profile)
        laid = [one for one in plan.apply if one["kind"] in GROUNDWORK]
        writes += await _together(self.tell(observed, plan), *map(self._manifest, laid))
        for manifest in plan.apply:
            if manifest["kind"] not in GROUNDWORK:
                writes += await self._manifest(manifest)
        for patch in plan.stamp:
            writes += await self._annotate(patch)
        for ref in plan.delete:
            writes += await self._delete(ref)
        for pod in plan.lift:
            writes += await self._lift(pod)
        for pod in plan.evict:
            writes += await self._evict(pod)
        return writes

    async def tell(self, observed: Observed, plan: Plan) -> int:
        """Writes the statuses of the plan, and nothing else.

        Events are told with the status: a pass that fails later does not see the change again.
        """
        writes = 0
        if plan.status is not None:
            writes += await self._status(observed.service, plan.status)
        for note in plan.events:
            self._record(observed, note.type, note.reason, note.message, note.action)
        for policy in (observed.policy, *observed.band_policies.values()):
            name = policy["metadata"]["name"] if policy is not None else ""
            if policy is not None and name in plan.policy_status:
                writes += await self._status(policy, plan.policy_status[name])
        return writes

    def forget(self, namespace: str, name: str) -> None:
        """Drops what is remembered about a service that is gone."""
        config_map = names.guard_config_map(name)
        self._verified.pop(ObjectKey(kind="ConfigMap", namespace=namespace, name=config_map), None)

    async def _status(self, about: Json, status: Json) -> int:
        self._ask_leave()
        metadata = about["metadata"]
        manifest = {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            # The uid: an object made anew under the name must not get the old one's status.
            "metadata": {k: metadata[k] for k in ("namespace", "name", "uid")},
            "status": status,
        }
        with _named(about["kind"], metadata["name"]):
            tree = await self._client.apply_status(manifest, manager=names.FIELD_MANAGER_STATUS)
        self._cache.written(about["kind"], tree)
        return 1

    async def _manifest(self, manifest: MutableJson) -> int:
        key = key_of(manifest["kind"], manifest)
        if key.kind == "ConfigMap" and await self._holds(key, manifest):
            self._skipped(key.kind)
            return 0
        self._ask_leave()
        with _named(key.kind, key.name):
            tree = await self._client.apply(manifest, manager=names.FIELD_MANAGER)
        if key.kind == "ConfigMap":
            self._remember(key, manifest, tree)
            tree = {k: tree[k] for k in ("apiVersion", "kind", "metadata")}
        self._cache.written(key.kind, tree)
        return 1

    async def _holds(self, key: ObjectKey, manifest: Json) -> bool:
        """Whether a ConfigMap already holds what is wanted; the watch shows metadata only.

        Known from our own write or from one look, for as long as its version stays the same.
        """
        version = self._cache.version(key)
        if version is None:
            return False
        known = self._verified.get(key)
        if known is not None and known.version == version:
            return known.digest == _digest(manifest)
        try:
            live = await self._client.get(key)
        except NotFound:
            return False
        if differs(live, manifest):
            return False
        self._remember(key, manifest, live)
        return True

    def _remember(self, key: ObjectKey, manifest: Json, live: Json) -> None:
        version = int(live["metadata"]["resourceVersion"])
        self._verified[key] = _Verified(version, _digest(manifest))

    async def _annotate(self, patch: PodPatch) -> int:
        # A merge patch, not an apply: applying to a pod that has just gone would try to make one.
        body = {"metadata": {"uid": patch.pod.uid, "annotations": dict(patch.annotations)}}
        return await self._pod(patch.pod, body, manager=names.FIELD_MANAGER_PODS)

    async def _lift(self, pod: PodRef) -> int:
        gate = {"$patch": "delete", "name": names.GATE}
        body = {"metadata": {"uid": pod.uid}, "spec": {"schedulingGates": [gate]}}
        return await self._pod(pod, body, manager=names.FIELD_MANAGER_PODS, content_type=STRATEGIC)

    async def _pod(self, pod: PodRef, body: Json, **how: str) -> int:
        self._ask_leave()
        key = ObjectKey(kind="Pod", namespace=pod.namespace, name=pod.name)
        try:
            with _named("Pod", pod.name):
                tree = await self._client.patch(key, body, **how)
        except NotFound:
            return 0
        self._cache.written("Pod", tree)
        return 1

    async def _delete(self, ref: Ref) -> int:
        self._ask_leave()
        key = ObjectKey(kind=ref.kind, namespace=ref.namespace, name=ref.name)
        try:
            with _named(ref.kind, ref.name):
                await self._client.delete(key, uid=ref.uid)
        except NotFound:
            return 0
        return 1

    async def _evict(self, pod: PodRef) -> int:
        self._ask_leave()
        key = ObjectKey(kind="Pod", namespace=pod.namespace, name=pod.name)
        try:
            with _named("Pod", pod.name):
                await self._client.evict(key, uid=pod.uid)
        except NotFound:
            return 0
        except BudgetSpent:  # no failure of the service; the budget's status will be news
            log.info("eviction waits for a disruption budget", extra={"pod": str(key)})
            return 0
        return 1

    def _record(self, observed: Observed, *words: str) -> None:
        kind, reason, message, action = words
        note = Note(
            about=observed.service, type=kind, reason=reason, message=message, action=action
        )
        self._events.record(note)

    def _ask_leave(self) -> None:
        if not self._may_write():
            raise NotLeadingError


@contextmanager
def _named(kind: str, name: str) -> Iterator[None]:
    """Turns the API server's refusal into a failure that names the object."""
    try:
        yield
    except Refused as error:
        failure = ApplyFailure(kind=kind, name=name, message=error.message)
        raise ApplyFailedError(failure) from error


async def _together(*steps: Awaitable[int]) -> int:
    """The writes of steps that run side by side; all have ended before the first failure shows."""
    answers = await asyncio.gather(*steps, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return sum(answer for answer in answers if isinstance(answer, int))


def _digest(manifest: Json) -> bytes:
    return hashlib.sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).digest()
