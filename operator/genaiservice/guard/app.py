# SPDX-License-Identifier: Apache-2.0
"""The guard as an application: what one exchange is made of, and which are open.

Per request this module puts the parts together: intake, exchange, relay, trace, record. Per chunk
it is not involved.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

from aiohttp import web

from genaiservice.api.directive import Directive, Mode
from genaiservice.guard import refusal
from genaiservice.guard.account import OPERATIONS, Account, Route, route_of, told
from genaiservice.guard.client import Answer, ClientConnection, Delivered
from genaiservice.guard.core.effects import Action, Decision, Direction
from genaiservice.guard.core.exchange import Exchange, Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.route import FORMS
from genaiservice.guard.delivery import Delivery
from genaiservice.guard.directive import DirectiveWatch
from genaiservice.guard.headers import Field, passing, request_head
from genaiservice.guard.holding import Larder
from genaiservice.guard.intake import PASSED_METHODS, Intake, RefusedError, check_head
from genaiservice.guard.metrics import Metrics
from genaiservice.guard.outcome import outcome
from genaiservice.guard.places import Places
from genaiservice.guard.policy import PolicyStore
from genaiservice.guard.proxy import Relay
from genaiservice.guard.reception import ANYBODY, Reception
from genaiservice.guard.record import DecisionLog
from genaiservice.guard.settings import Settings
from genaiservice.guard.telemetry import Trace, Tracing
from genaiservice.guard.traffic import Traffic
from genaiservice.guard.turns import Turns
from genaiservice.guard.upstream import Pool
from genaiservice.guard.vigil import Vigil

if TYPE_CHECKING:
    from genaiservice.guard.detectors import Detectors
    from genaiservice.guard.labelling import LabelDesk

FORM_ROUTES: Final = frozenset(Route(dialect.value) for dialect in FORMS)
FILE_ROUTES: Final = frozenset({Route.IMAGES, Route.IMAGE_FORMS, Route.SPEECH})
KNOWN_METHODS: Final = PASSED_METHODS | {"HEAD", "OPTIONS"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the process built and every request uses."""

    settings: Settings
    options: Options
    policies: PolicyStore
    directive: DirectiveWatch
    decisions: DecisionLog
    metrics: Metrics
    tracing: Tracing
    pool: Pool
    loop: asyncio.AbstractEventLoop
    now: Callable[[], datetime]
    reception: Reception
    desk: "LabelDesk | None" = None
    detectors: "Detectors | None" = None
    """None where no files are labelled."""
    larder: Larder = field(default_factory=Larder)


class App:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._relays: set[Relay] = set()
        self.traffic = Traffic(parts.loop)
        self.draining = False
        self._turns = Turns()
        self._options = replace(parts.options, between=self._turns.between)
        config = parts.settings.config
        self._intake = Intake(
            config.limits,
            larder=parts.larder,
            policies=parts.policies,
            decisions=parts.decisions,
            unscreened=parts.metrics.unscreened.inc,
        )
        limits = config.limits
        self.places = Places(limits.concurrent_requests, limits.queue_seconds)
        self._passed = frozenset(config.paths)
        self._common: list[Field] = []
        if config.complaint_url:
            link = f'<{config.complaint_url}>; rel="complaint"'
            self._common.append((b"Link", link.encode("ascii")))

    @property
    def held(self) -> int:
        """Characters of open answers that wait to be decided."""
        return sum(relay.exchange.held for relay in self._relays)

    def suspend(self, directive: Directive) -> None:
        """A new directive: what is open ends now, in order."""
        if directive.mode is Mode.SUSPEND:
            self.places.let_in()
            for relay in list(self._relays):
                relay.suspend(directive)

    async def drain(self, seconds: float) -> None:
        """Lets open exchanges end; what is still open after `seconds` is broken off."""
        self.draining = True
        try:
            async with asyncio.timeout(seconds):
                await self.traffic.idle()
        except TimeoutError:
            log.warning("drain time is over", extra={"open": self.traffic.open})
            for relay in list(self._relays):
                relay.break_off("drain_timeout")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        client = cast(ClientConnection, request.protocol)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        account = self._account(request, request.raw_path.partition("?")[0])
        answer = Answer(
            transport,
            version=(request.version.major, request.version.minor),
            # Nobody is switched to another protocol, and what follows the offer is not read.
            keep_alive=request.keep_alive
            and not self.draining
            and "Upgrade" not in request.headers,
            fields=[*self._common, (b"X-Request-Id", account.request.encode("ascii"))],
        )
        trace = self._parts.tracing.begin(account, request.headers)
        account.trace = trace.id
        self.traffic.begin()
        try:
            await self._serve(request, client, answer, account, trace)
        except RefusedError as error:
            answer.keep_alive = answer.keep_alive and not error.why.close
            account.code = error.why.code
            answer.whole(
                error.why.status, refusal.CONTENT_TYPE, error.why.body(), error.why.fields()
            )
        except ConnectionResetError:
            account.client_gone = True
            answer.keep_alive = False
        finally:
            self.traffic.end()
            account.status = answer.status
            trace.end(account)
            self._settle(account)
        if not answer.started:
            answer.abort()  # nothing can be said any more: a cut is clearer than silence
        return Delivered(keep_alive=answer.keep_alive)

    async def _serve(
        self,
        request: web.BaseRequest,
        client: ClientConnection,
        answer: Answer,
        account: Account,
        trace: Trace,
    ) -> None:
        parts = self._parts
        check_head(request)
        self._intake.admit(account, request.method, draining=self.draining)
        await self.places.take(client)
        admission = ANYBODY
        try:
            if not parts.directive.suspended:
                admission = await parts.reception.enter(request, account, answer)
            policy = parts.reception.policy(admission, self._intake.policy())
            if parts.desk is not None and account.route in FILE_ROUTES:
                wish = request.headers.get("Genai-Label", "")
                account.unlabelled_for = parts.desk.recipient(wish, admission.user)
            await self._relay(request, client, answer, account, trace, policy)
        finally:
            self.places.leave()
            await parts.reception.leave(admission, account)

    async def _relay(
        self,
        request: web.BaseRequest,
        client: ClientConnection,
        answer: Answer,
        account: Account,
        trace: Trace,
        policy: Policy,
    ) -> None:
        parts = self._parts
        target = request.raw_path
        exchange = Exchange(policy, self._options, int(parts.now().timestamp()))
        vigil = Vigil(
            answer,
            client,
            parts.loop,
            patience=parts.settings.config.upstream.between_bytes_timeout_seconds,
            comments_after=parts.settings.config.limits.comment_seconds,
        )
        delivery = Delivery(answer, account, parts.metrics.pace, vigil)
        relay = Relay(
            exchange,
            answer,
            client,
            account,
            loop=parts.loop,
            record=self._record,
            delivery=delivery,
            vigil=vigil,
            larder=parts.larder,
            turns=self._turns,
            desk=parts.desk,
            detectors=parts.detectors,
        )
        client.reader = relay
        self._relays.add(relay)
        try:
            if request.transport is None:  # gone while the user was looked up
                raise ConnectionResetError
            if parts.directive.suspended:
                answer.keep_alive = False
                relay.suspend(parts.directive.current)
                return
            if account.route in FORM_ROUTES:
                await self._upload(request, account, answer, trace, relay)
                account.model, account.streaming = exchange.model, exchange.streaming
                return
            body = await self._intake.body(request, account, answer)
            relay.share.adopt(len(body))
            path = target.partition("?")[0]
            await relay.request(path, request.headers.get("Content-Type", ""), body)
            del body
            account.model = exchange.model
            account.streaming = exchange.streaming
            if relay.forward is not None:
                await relay.run(parts.pool, self._head(request, account, trace))
                _note_outcome(account, delivery)
        finally:
            client.reader = None
            self._relays.discard(relay)
            relay.close()

    async def _upload(
        self,
        request: web.BaseRequest,
        account: Account,
        answer: Answer,
        trace: Trace,
        relay: Relay,
    ) -> None:
        """A form with a file goes to the model as it comes."""
        # A form that comes compressed goes on plain: its length is not known yet.
        coded = request.headers.get("Content-Encoding", "identity").lower() != "identity"
        length = None if coded else request.content_length
        async with aclosing(self._intake.parts(request, answer)) as parts:
            await relay.upload(
                self._parts.pool,
                self._head(request, account, trace)(length),
                (request.raw_path.partition("?")[0], request.headers.get("Content-Type", "")),
                parts,
                chunked=length is None,
            )

    def _head(
        self, request: web.BaseRequest, account: Account, trace: Trace
    ) -> Callable[[int | None], bytes]:
        pool = self._parts.pool
        fields = [
            (b"Host", pool.authority),
            *passing(request.raw_headers, self._parts.reception.withheld),
            *trace.forward(account),
            (b"X-Request-Id", account.request.encode("ascii")),
            (b"Accept-Encoding", b"identity"),
        ]
        method = request.method.encode("ascii")
        target = pool.prefix + request.raw_path.encode("ascii")

        def head(length: int | None) -> bytes:
            sized = (b"Transfer-Encoding", b"chunked")
            if length is not None:
                sized = (b"Content-Length", b"%d" % length)
            bodyless = method in (b"GET", b"DELETE") and not length
            return request_head(method, target, fields if bodyless else [*fields, sized])

        return head

    def _account(self, request: web.BaseRequest, path: str) -> Account:
        route = route_of(path, self._passed)
        given = request.headers.get("X-Request-Id", "")
        return Account(
            request=given if _plain(given) else uuid.uuid4().hex,
            route=route,
            path=told(route, path),
            method=request.method if request.method in KNOWN_METHODS else "_OTHER",
            started=perf_counter(),
        )

    def _record(self, decision: Decision, account: Account) -> None:
        parts = self._parts
        if decision.direction is Direction.INPUT and decision.action is Action.BLOCK:
            account.blocked_prompts += 1
        account.actions.append((decision.risk or decision.reason, decision.action.value))
        parts.decisions.write(decision, trace=account.trace, request=account.request)
        parts.metrics.verdicts.labels(
            decision.direction.value, decision.risk, decision.action.value, decision.reason
        ).inc()

    def _settle(self, account: Account) -> None:
        metrics = self._parts.metrics
        route = account.route.value
        metrics.requests.labels(route, str(account.status)).inc()
        if account.first_sent is not None:
            metrics.first_token.labels(route).observe(
                account.first_sent - account.started,
                {"trace_id": account.trace} if account.trace else None,
            )
        if account.upstream_first is not None and account.forwarded is not None:
            metrics.upstream_first.labels(route).observe(account.upstream_first - account.forwarded)
        if account.fault:
            metrics.upstream_errors.labels(account.fault).inc()
        if account.client_gone:
            metrics.client_gone.inc()
        log.info(
            "exchange",
            extra={
                "request": account.request,
                "trace": account.trace,
                "route": route,
                "status": account.status,
                "streaming": account.streaming,
                "seconds": round(perf_counter() - account.started, 4),
                "bytes": account.sent_bytes,
                "actions": len(account.actions),
                "code": account.code,
                "fault": account.fault,
                "client_gone": account.client_gone,
            },
        )


def _note_outcome(account: Account, delivery: Delivery) -> None:
    if account.route in OPERATIONS and account.upstream_status == 200:
        found = outcome(delivery.tail, stream=account.streaming)
        account.finish_reasons = found.finish_reasons
        account.input_tokens = found.input_tokens
        account.output_tokens = found.output_tokens


def _plain(given: str) -> bool:
    return 0 < len(given) <= 128 and given.isascii() and given.isprintable() and " " not in given
