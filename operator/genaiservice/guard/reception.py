# SPDX-License-Identifier: Apache-2.0
"""Where the user gate meets one HTTP request: who enters, with which policy, and what is told.

Everything that reaches the model is asked for its user; the list of models is not, since it holds
nothing of anybody. A guard without `users` in its configuration lets everybody in.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Final

from aiohttp import web

from genaiservice.guard import refusal
from genaiservice.guard.account import Account, Route
from genaiservice.guard.client import Answer
from genaiservice.guard.core.admission import Admission
from genaiservice.guard.core.ladder import Sanction
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.headers import REQUEST_OURS
from genaiservice.guard.intake import RefusedError
from genaiservice.guard.metrics import Metrics
from genaiservice.guard.policy import PolicyStore
from genaiservice.guard.record import DecisionLog
from genaiservice.guard.settings import Settings
from genaiservice.guard.users import Hooks, UserGate, gate_of

OPEN_ROUTES: Final = frozenset({Route.MODELS})
"""All others ask, known or not: a path that is served tomorrow must not slip past the gate."""
ENDS_HEADER: Final = b"Genai-Use-Ends"
ANYBODY: Final = Admission()


class Reception:
    def __init__(
        self,
        gate: UserGate | None,
        content_policies: Mapping[str, PolicyStore],
        now: Callable[[], datetime],
    ) -> None:
        self._gate = gate
        self.content_policies = content_policies
        self._now = now
        header = gate.claim_header if gate is not None else b""
        self.withheld = REQUEST_OURS | {header} if header else REQUEST_OURS
        """Header fields that do not reach the model; it needs to know nobody (Art. 11)."""

    async def enter(self, request: web.BaseRequest, account: Account, answer: Answer) -> Admission:
        """Raises RefusedError where the user is not served now."""
        if self._gate is None or account.route in OPEN_ROUTES:
            return ANYBODY
        admission = await self._gate.enter(
            request.raw_headers,
            self._now(),
            peer=request.remote or "",
            path=request.raw_path.partition("?")[0],
        )
        for reminder in admission.reminders:
            answer.tell(reminder.header(), reminder.comment())
        if admission.error is not None:
            raise RefusedError(refusal.of_user(admission.error))
        if admission.ends_at is not None:
            ends = admission.ends_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            answer.tell((ENDS_HEADER, ends.encode("ascii")))
        return admission

    def policy(self, admission: Admission, usual: Policy) -> Policy:
        """The policy of the user's band; without it nothing is let in, never the milder one."""
        if not admission.policy_set:
            return usual
        store = self.content_policies[admission.policy_set]
        if store.current is None:
            raise RefusedError(refusal.no_policy(store.problems))
        return store.current

    async def leave(self, admission: Admission, account: Account) -> None:
        if self._gate is not None and admission is not ANYBODY:
            seconds = perf_counter() - account.started
            await self._gate.leave(
                admission,
                self._now(),
                hits=account.blocked_prompts,
                served=account.forwarded is not None,
                seconds=seconds,
            )

    @property
    def store_down(self) -> str:
        return self._gate.store_down if self._gate is not None else ""

    async def close(self) -> None:
        if self._gate is not None:
            await self._gate.close()


def reception_of(
    settings: Settings,
    metrics: Metrics,
    decisions: DecisionLog,
    loaded: Callable[[str], None],
    now: Callable[[], datetime],
) -> Reception:
    """As configured; raises ProblemError when a secret cannot be used."""
    config = settings.config.users
    if config is None:
        return Reception(None, {}, now)
    folder: Path = settings.folder
    hooks = Hooks(
        claim_fault=lambda word: metrics.claim_faults.labels(word).inc(),
        denied=lambda code: metrics.user_denials.labels(code).inc(),
        reminded=lambda kind: metrics.user_reminders.labels(kind).inc(),
        sanctioned=lambda user, sanction: _note(metrics, decisions, user, sanction),
        store_failed=lambda reason: metrics.user_store_errors.labels(reason).inc(),
    )
    stores = {it.name: PolicyStore(folder / it.file, loaded) for it in config.content_policies}
    return Reception(gate_of(config, folder, time.monotonic, hooks), stores, now)


def _note(metrics: Metrics, decisions: DecisionLog, user: str, sanction: Sanction) -> None:
    metrics.sanctions.labels(sanction.step.value).inc()
    decisions.note(
        "sanction",
        user=user,
        step=sanction.step.value,
        cause=sanction.cause.value,
        hits=sanction.hits,
        until=0 if sanction.until is None else sanction.until,
    )
