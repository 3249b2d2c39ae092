# SPDX-License-Identifier: Apache-2.0
"""Readiness: whether this guard can serve now, with the truth behind it.

Ready means: a policy is in force, decisions can be recorded, the model answers, and no shutdown
has begun. A suspended guard is ready: its 451 with the reason is the answer that clients must get.
A detector that fails is told, and the guard stays ready: all replicas ask the same one, so all
would leave the Service at once, and nobody would answer with the reason.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from genaiservice.api.problem import Lang, Problem
from genaiservice.guard.directive import DirectiveWatch
from genaiservice.guard.headers import request_head
from genaiservice.guard.policy import PolicyStore
from genaiservice.guard.record import DecisionLog
from genaiservice.guard.upstream import Pool

UNREADY_SECONDS: Final = 0.5
READY_SECONDS: Final = 5.0
FAILURES: Final = 3
"""A model that answered once is taken as gone after so many failures in a row, not at the first."""

log = logging.getLogger(__name__)


class UpstreamProbe:
    """Asks the model for `/v1/models`; any HTTP answer below 500 shows that it serves."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        fields = [(b"Host", pool.authority), (b"Connection", b"close")]
        self._request = request_head(b"GET", pool.prefix + b"/v1/models", fields)
        self._failures = 0
        self.answered = False
        self.detail = "not asked yet"

    async def watch(self) -> None:
        while True:
            await self.ask()
            await asyncio.sleep(READY_SECONDS if self.answered else UNREADY_SECONDS)

    async def ask(self) -> None:
        try:
            async with asyncio.timeout(self._pool.config.connect_timeout_seconds):
                status = await self._status()
        except TimeoutError:
            detail = "no answer in time"
        except (OSError, ValueError) as error:
            detail = getattr(error, "strerror", None) or "no HTTP answer"
        else:
            detail = f"HTTP {status}"
            if status < 500:
                self._note(True, detail)
                return
        self._failures += 1
        if not self.answered or self._failures >= FAILURES:
            self._note(False, detail)

    def _note(self, answered: bool, detail: str) -> None:
        if answered:
            self._failures = 0
        if answered != self.answered:
            log.log(
                logging.INFO if answered else logging.ERROR,
                "model answers" if answered else "model does not answer",
                extra={"detail": detail},
            )
        self.answered, self.detail = answered, detail

    async def _status(self) -> int:
        pool = self._pool
        reader, writer = await asyncio.open_connection(pool.host, pool.port, ssl=pool.tls)
        try:
            writer.write(self._request)
            await writer.drain()
            line = await reader.readline()
            version, _, rest = line.partition(b" ")
            if not version.startswith(b"HTTP/1."):
                raise ValueError("no HTTP answer")
            return int(rest[:3])
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    policies: PolicyStore
    decisions: DecisionLog
    directive: DirectiveWatch
    probe: UpstreamProbe
    draining: Callable[[], bool]
    store_down: Callable[[], str] = lambda: ""
    """Why the shared store of users does not serve; it is told, and the guard stays ready, since
    what happens then is declared."""

    detectors: Callable[[], dict[str, dict[str, bool | str]]] | None = None

    def report(self) -> tuple[bool, dict[str, Any]]:
        """Ready or not, and each fact as it is."""
        policy = self.policies.current
        failure = self.decisions.failure
        facts: dict[str, Any] = {
            "policy": {
                "ok": policy is not None,
                "name": policy.name if policy else None,
                "hash": policy.hash if policy else None,
                "terms": policy.terms if policy else 0,
                "problems": [_both(problem) for problem in self.policies.problems[:20]],
            },
            "decisionLog": {
                "ok": failure is None,
                "problems": [_both(failure)] if failure else [],
                "dropped": self.decisions.dropped,
            },
            "upstream": {"ok": self.probe.answered, "detail": self.probe.detail},
            "shutdown": {"ok": not self.draining()},
            "directive": {
                "mode": self.directive.current.mode.value,
                "reason": self.directive.current.reason,
            },
            "users": {"storeDown": self.store_down()},
        }
        if self.detectors is not None:
            facts["detectors"] = self.detectors()
        ready = all(fact.get("ok", True) for fact in facts.values())
        return ready, {"ready": ready, **facts}


def _both(problem: Problem) -> dict[str, str]:
    return {"en": problem.render(Lang.EN), "zh": problem.render(Lang.ZH)}
