# SPDX-License-Identifier: Apache-2.0
"""Leader election over a Lease: many replicas watch, one writes.

Rules. Other clocks are never trusted: a holder is alive while its renewal changes, measured on
our own monotonic clock. A leader that cannot renew for `step_down_seconds` stops before others
may take over (`duration_seconds`), so that two never lead at once. On a clean stop the Lease is
released and the next replica leads within one renewal period.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genaiservice.api.jsontree import MutableJson, lookup
from genaiservice.kube.client import Client
from genaiservice.kube.errors import ApiError, NotFound
from genaiservice.kube.resources import ObjectKey

log = logging.getLogger(__name__)

DURATION_SECONDS: Final = 15
RENEW_SECONDS: Final = 2.0
STEP_DOWN_SECONDS: Final = 10.0


class LeadershipLostError(Exception):
    """The process has to end: somebody else may lead from now on."""


@dataclass(slots=True)
class _Seen:
    """The last renewal of another holder, and when we first saw it."""

    mark: object = None
    at: float = 0.0


class Elector:
    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        duration_seconds: int = DURATION_SECONDS,
        renew_seconds: float = RENEW_SECONDS,
        step_down_seconds: float = STEP_DOWN_SECONDS,
    ) -> None:
        self._client = client
        self._key = ObjectKey(kind="Lease", namespace=namespace, name=name)
        self._identity = identity
        self._now, self._monotonic = now, monotonic
        self._duration, self._renew, self._step_down = (
            duration_seconds,
            renew_seconds,
            step_down_seconds,
        )
        self._seen = _Seen()
        self._renewed_at = float("-inf")
        self.leading = asyncio.Event()

    @property
    def valid(self) -> bool:
        """Whether we may write at this moment; asked before every write."""
        fresh = self._monotonic() - self._renewed_at < self._step_down
        return self.leading.is_set() and fresh

    async def run(self) -> None:
        """Tries to lead, then keeps leading; raises LeadershipLostError when it is over."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._step_down):
                    await self._round()
            if self.leading.is_set() and not self.valid:
                self.leading.clear()
                raise LeadershipLostError(f"could not renew the Lease {self._key}")
            await asyncio.sleep(self._renew)

    async def release(self) -> None:
        """Gives the Lease back; failing to do so only makes the next one wait."""
        if not self.leading.is_set():
            return
        self.leading.clear()
        with contextlib.suppress(ApiError, TimeoutError):
            async with asyncio.timeout(self._renew):
                lease = await self._client.get(self._key)
                if lookup(lease, "spec", "holderIdentity") == self._identity:
                    lease["spec"]["holderIdentity"] = ""
                    lease["spec"]["leaseDurationSeconds"] = 1
                    await self._client.replace(lease)

    async def _round(self) -> None:
        started = self._monotonic()
        try:
            held = await self._take()
        except ApiError as error:
            log.warning("lease not renewed", extra={"cause": type(error).__name__})
            return
        if held:
            self._renewed_at = started
            if not self.leading.is_set():
                log.info("leading", extra={"identity": self._identity})
                self.leading.set()
        elif self.leading.is_set():
            self.leading.clear()
            raise LeadershipLostError(f"the Lease {self._key} has another holder")

    async def _take(self) -> bool:
        try:
            lease = await self._client.get(self._key)
        except NotFound:
            await self._client.create(self._lease(None))
            return True
        spec = lookup(lease, "spec", default={})
        holder = spec.get("holderIdentity") or ""
        if holder not in ("", self._identity) and self._alive(spec):
            return False
        await self._client.replace(self._lease(lease))
        return True

    def _alive(self, spec: MutableJson) -> bool:
        mark = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        if mark != self._seen.mark:
            self._seen = _Seen(mark=mark, at=self._monotonic())
        promised = float(spec.get("leaseDurationSeconds") or self._duration)
        return self._monotonic() - self._seen.at < promised

    def _lease(self, old: MutableJson | None) -> MutableJson:
        stamp = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = lookup(old, "spec", default=None) or {}
        ours = before.get("holderIdentity") == self._identity
        metadata = {"namespace": self._key.namespace, "name": self._key.name}
        if old is not None:
            metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": self._duration,
                "acquireTime": before.get("acquireTime") if ours else stamp,
                "renewTime": stamp,
                "leaseTransitions": int(before.get("leaseTransitions") or 0) + (not ours),
            },
        }
