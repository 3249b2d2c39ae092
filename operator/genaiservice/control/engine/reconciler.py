# SPDX-License-Identifier: Apache-2.0
"""The reconciler: key -> gather -> facts -> judge -> plan -> apply, and nothing remembered.

Rules. Between two passes only the cache remembers, and what the API server refused last (it is
shown in the status). A failure gives the key back with a delay; `except Exception` stands here
alone, at the top of the worker's loop, and logs the traceback once.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Protocol

from genaiservice.api.jsontree import Json
from genaiservice.control.core.facts import facts
from genaiservice.control.core.observed import ApplyFailure, Observed
from genaiservice.control.core.plan import plan
from genaiservice.control.core.steps import Plan, PlanSettings
from genaiservice.control.engine.apply import Apply, ApplyFailedError, NotLeadingError
from genaiservice.control.engine.clock import today
from genaiservice.control.engine.gather import Gather
from genaiservice.control.engine.workqueue import WorkQueue
from genaiservice.kube.errors import ApiError, Conflict, NotFound
from genaiservice.kube.resources import ObjectKey
from genaiservice.rules.verdict import Verdict

log = logging.getLogger(__name__)

NOT_LEADING_SECONDS: Final = 1.0
"""The elector ends the process within a renewal period, unless it leads again by then."""

Judge = Callable[[Json, Json, date], Verdict]
"""`rules.judge` with the catalogue bound: declaration, facts, today."""


Decide = Callable[[Observed, datetime], Plan]


class PassObserver(Protocol):
    """Told of every pass, for metrics and traces; `result` is one of a closed set."""

    def passed(self, key: ObjectKey, *, result: str, writes: int, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Brain:
    """The pure functions that a pass asks, with what stays the same for all services."""

    judge: Judge
    settings: PlanSettings

    def decide(self, observed: Observed, now: datetime) -> Plan:
        declaration = observed.service.get("spec", {}).get("compliance") or {}
        verdict = self.judge(declaration, facts(observed, now), today(now))
        return plan(observed, verdict, now, self.settings)


class Reconciler:
    def __init__(
        self,
        *,
        queue: WorkQueue[ObjectKey],
        gather: Gather,
        apply: Apply,
        decide: Decide,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        observer: PassObserver,
    ) -> None:
        self._queue = queue
        self._gather = gather
        self._apply = apply
        self._decide = decide
        self._now = now
        self._monotonic = monotonic
        self._observer = observer
        self._failures: dict[ObjectKey, ApplyFailure] = {}
        self._told: dict[ObjectKey, str] = {}

    async def work(self, leading: asyncio.Event) -> None:
        """One worker: takes keys for as long as the queue is open, once this replica leads."""
        await leading.wait()
        while (key := await self._queue.get()) is not None:
            try:
                await self._step(key)
            finally:
                self._queue.done(key)

    async def _step(self, key: ObjectKey) -> None:
        started = self._monotonic()
        result, writes = "failed", 0
        try:
            writes = await self.reconcile(key)
            result = "written" if writes else "unchanged"
            self._queue.forgive(key)
            self._told.pop(key, None)
        except NotLeadingError:
            result = "not_leading"
            self._queue.add_after(key, NOT_LEADING_SECONDS)
        except NotFound:  # the service or its policy went away; the news of it is on its way
            result = "unchanged"
            log.info("something went away under our hands", extra={"service": str(key)})
            self._queue.add_backoff(key)  # whatever the policy was, the service may be there
        except Conflict as error:  # somebody was faster: the event about it is on its way
            result = "conflict"
            self._again(key, error)
        except ApplyFailedError as error:
            result = "refused"
            self._again(key, error)
        except ApiError as error:
            result = "unreachable"
            self._again(key, error)
        except Exception as error:
            self._crashed(key, error)
        finally:
            seconds = self._monotonic() - started
            self._observer.passed(key, result=result, writes=writes, seconds=seconds)

    def _crashed(self, key: ObjectKey, error: Exception) -> None:
        """A fault of our own: the traceback once, then a line for every further try."""
        told = self._told.get(key) == repr(error)
        self._told[key] = repr(error)
        log.error("reconcile failed", exc_info=None if told else error, extra={"service": str(key)})
        self._queue.add_backoff(key)

    def _again(self, key: ObjectKey, error: Exception) -> None:
        seconds = self._queue.add_backoff(key)
        log.warning(
            "reconcile will be tried again",
            extra={"service": str(key), "cause": str(error), "seconds": round(seconds, 2)},
        )

    async def reconcile(self, key: ObjectKey) -> int:
        """One look at one service; returns the number of writes."""
        observed = await self._gather.look(key, self._failures.get(key))
        if observed is None:
            self._forget(key)
            return 0
        now = self._now()
        wanted = self._decide(observed, now)
        if wanted.apply:
            seen = await self._gather.foreign(observed, wanted.apply)
            if seen is not observed:
                observed, wanted = seen, self._decide(seen, now)
        try:
            writes = await self._apply.carry_out(observed, wanted)
        except ApplyFailedError as error:
            await self._tell_failure(key, observed, now, error.failure)
            raise
        if self._failures.pop(key, None) is not None:
            self._queue.add(key)  # the status still tells of the failure
        if wanted.recheck_at is not None:
            self._queue.add_after(key, (wanted.recheck_at - now).total_seconds())
        if writes:
            log.info("reconciled", extra={"service": str(key), "writes": writes})
        return writes

    async def _tell_failure(
        self, key: ObjectKey, observed: Observed, now: datetime, failure: ApplyFailure
    ) -> None:
        """Puts the API server's words into the status; the pass itself has failed already."""
        self._failures[key] = failure
        fresh = await self._gather.look(key, failure) or replace(observed, failure=failure)
        try:
            await self._apply.tell(fresh, self._decide(fresh, now))
        except (ApiError, ApplyFailedError) as error:
            log.warning(
                "failure could not be shown in the status",
                extra={"service": str(key), "cause": str(error)},
            )

    def _forget(self, key: ObjectKey) -> None:
        self._failures.pop(key, None)
        self._told.pop(key, None)
        self._queue.forget(key)
        self._apply.forget(key.namespace, key.name)
