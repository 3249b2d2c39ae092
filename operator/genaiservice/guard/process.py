# SPDX-License-Identifier: Apache-2.0
"""The guard process: builds every part once, owns every task, and shuts down in order.

Order of the end: readiness falls, new requests are refused, open streams run to their end, then
listeners close, the decision log and the spans are flushed. Exit code 0 after a drain, 2 for
settings that cannot be used, 1 when an address is taken.
"""

import asyncio
import gc
import logging
import signal
import sys
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from genaiservice import __version__
from genaiservice.api.directive import Directive
from genaiservice.api.problem import ProblemError
from genaiservice.guard import clock, logs
from genaiservice.guard.account import Account
from genaiservice.guard.admin import Admin
from genaiservice.guard.app import App, Parts
from genaiservice.guard.capacity import LEAST, most_connections, raise_file_limit
from genaiservice.guard.client import ClientServer
from genaiservice.guard.copies import copies_for
from genaiservice.guard.directive import DirectiveWatch
from genaiservice.guard.exchange_options import options
from genaiservice.guard.holding import BODIES, HELD_BYTES, Larder
from genaiservice.guard.metrics import Metrics
from genaiservice.guard.policy import PolicyStore
from genaiservice.guard.readiness import Readiness, UpstreamProbe
from genaiservice.guard.reception import reception_of
from genaiservice.guard.record import DecisionLog
from genaiservice.guard.settings import EXIT_BAD_SETTINGS, Settings, explain, load
from genaiservice.guard.telemetry import Tracing, tracing_for
from genaiservice.guard.upstream import Pool

if TYPE_CHECKING:
    from genaiservice.guard.detectors import Detectors
    from genaiservice.guard.labelling import LabelDesk

FLUSH_SECONDS = 5.0
BACKLOG = 1024

_PORTS = {
    "next": "free the address, or change listen.host, listen.port or listen.adminPort; "
    "in a pod no other container may use these ports",
    "next_zh": "请释放该地址，或修改 listen.host、listen.port、listen.adminPort；"
    "同一 Pod 内其他容器不得使用这些端口",
}

log = logging.getLogger(__name__)


def main(config: Path) -> int:
    """Runs the guard until a signal; the exit code."""
    try:
        settings = load(config)
    except ProblemError as error:
        print(explain(config, error.problems), file=sys.stderr)
        return EXIT_BAD_SETTINGS
    logs.set_up(terminal=sys.stderr.isatty())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            process = Process(settings)
        except ProblemError as error:
            print(explain(config, error.problems), file=sys.stderr)
            return EXIT_BAD_SETTINGS
        return runner.run(process.run())


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What is built inside the loop, and ended there."""

    app: App
    pool: Pool
    probe: UpstreamProbe
    tracing: Tracing
    guard: ClientServer
    admin: ClientServer


class Process:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._app: App | None = None
        config = settings.config
        self.metrics = Metrics()
        self.policies = PolicyStore(settings.policy_file, self._policy_outcome)
        self.directive = DirectiveWatch(settings.directive_file, self._directive_changed)
        self.copies = copies_for(config, __version__)
        self.decisions = DecisionLog(
            settings.decision_log,
            process=uuid.uuid4().hex,
            service=f"{config.service.namespace}/{config.service.name}",
            now=clock.now,
            settings=config.record,
            copy=self.copies.send if self.copies is not None else None,
        )
        self.desk = self._desk()
        self.detectors = self._detectors()
        self.reception = reception_of(
            settings, self.metrics, self.decisions, self._band_policy_outcome, clock.now
        )

    async def run(self) -> int:
        """Serves until a signal; the exit code."""
        loop = asyncio.get_running_loop()
        serving = self._build(loop)
        self._gauges(serving.app)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        self._load()
        try:
            listeners = await self._listen(loop, serving)
        except OSError as error:
            log.error("cannot listen", extra={"reason": error.strerror or str(error), **_PORTS})
            return 1
        await self._serve(serving, listeners)
        await self._end(serving)
        return 0

    def _build(self, loop: asyncio.AbstractEventLoop) -> Serving:
        config = self._settings.config
        tracing = tracing_for(config, __version__)
        pool = Pool(config.upstream, loop)
        app = self._app = App(
            Parts(
                settings=self._settings,
                options=options(self._settings),
                policies=self.policies,
                directive=self.directive,
                decisions=self.decisions,
                metrics=self.metrics,
                tracing=tracing,
                pool=pool,
                loop=loop,
                now=clock.now,
                reception=self.reception,
                larder=Larder(max(HELD_BYTES, BODIES * config.limits.request_body_bytes)),
                desk=self.desk,
                detectors=self.detectors,
            )
        )
        probe = UpstreamProbe(pool)
        return Serving(
            app=app,
            pool=pool,
            probe=probe,
            tracing=tracing,
            guard=ClientServer(
                app.handle,
                head_seconds=config.limits.header_seconds,
                connections=most_connections(config.limits.concurrent_requests, raise_file_limit()),
            ),
            admin=self._admin(app, probe),
        )

    def _admin(self, app: App, probe: UpstreamProbe) -> ClientServer:
        limits = self._settings.config.limits
        readiness = Readiness(
            policies=self.policies,
            decisions=self.decisions,
            directive=self.directive,
            probe=probe,
            draining=lambda: app.draining,
            store_down=lambda: self.reception.store_down,
            detectors=self.detectors.states if self.detectors is not None else None,
        )
        drain_seconds = limits.drain_seconds
        pages = Admin(readiness, self.metrics, quiet=lambda: app.traffic.quiet(drain_seconds))
        return ClientServer(pages.handle, head_seconds=limits.header_seconds, connections=LEAST)

    def _load(self) -> None:
        """What must be read before anything is served."""
        self.decisions.start()
        self.directive.refresh()
        # The libraries live as long as the process; the collector need not walk them. Policies do
        # not: what is frozen and part of a cycle would never be freed.
        gc.collect()
        gc.freeze()
        for store in self._stores():
            store.start()

    def _stores(self) -> tuple[PolicyStore, ...]:
        return (self.policies, *self.reception.content_policies.values())

    async def _listen(
        self, loop: asyncio.AbstractEventLoop, serving: Serving
    ) -> list[asyncio.Server]:
        listen = self._settings.config.listen
        listeners = []
        for name, factory, port in (
            ("guard", serving.guard, listen.port),
            ("admin", serving.admin, listen.admin_port),
        ):
            listener = await loop.create_server(factory, listen.host, port, backlog=BACKLOG)
            listeners.append(listener)
            bound = listener.sockets[0].getsockname()[1]
            log.info("listening", extra={"listener": name, "host": listen.host, "port": bound})
        return listeners

    async def _serve(self, serving: Serving, listeners: list[asyncio.Server]) -> None:
        """Until the signal, and on until the open streams are over."""
        async with asyncio.TaskGroup() as tasks:
            watches = [
                tasks.create_task(watch)
                for watch in (
                    self.directive.watch(),
                    serving.probe.watch(),
                    *([self.detectors.run()] if self.detectors is not None else []),
                    *(store.watch() for store in self._stores()),
                )
            ]
            await self._stop.wait()
            log.info("shutting down", extra={"open": serving.app.traffic.open})
            await serving.app.drain(self._settings.config.limits.drain_seconds)
            for listener in listeners:
                listener.close()
            for watch in watches:
                watch.cancel()

    async def _end(self, serving: Serving) -> None:
        for web_server in (serving.guard, serving.admin):
            web_server.pre_shutdown()  # idle connections end now, not after the timeout
            await web_server.shutdown(FLUSH_SECONDS)
        serving.pool.close()
        if self.desk is not None:
            self.desk.close()
        await self.reception.close()
        self.decisions.note("stop")
        written = await asyncio.to_thread(self.decisions.close, FLUSH_SECONDS)
        await asyncio.to_thread(serving.tracing.close)
        if self.copies is not None:
            await asyncio.to_thread(self.copies.close)
        log.info("ended", extra={"decisions_written": written})

    def _policy_outcome(self, outcome: str) -> None:
        self.metrics.policy_loads.labels(outcome).inc()
        policy = self.policies.current
        if outcome == "loaded" and policy is not None:
            self.metrics.policy_in_force(policy)
            self.decisions.note("policy", policy=policy.hash, name=policy.name, terms=policy.terms)

    def _band_policy_outcome(self, outcome: str) -> None:
        self.metrics.policy_loads.labels(f"band_{outcome}").inc()

    def _desk(self) -> "LabelDesk | None":
        """The readers and writers of files are loaded only where files are labelled."""
        media = self._settings.config.media
        if media is None:
            return None
        from genaiservice.guard.labelling import LabelDesk

        users = self._settings.config.users
        agreed = users is not None and bool(users.agreement_version)
        return LabelDesk(media, self._file_labelled, agreed=agreed)

    def _detectors(self) -> "Detectors | None":
        config, metrics = self._settings.config, self.metrics
        if not config.detectors:
            return None
        from genaiservice.guard.detectors import Detectors

        found = Detectors(
            config.detectors, self._settings.folder, clock.now, metrics.detector_heard
        )
        for one in found.all:
            metrics.watch_detector(
                one.detector.name,
                left_alone=one.is_left_alone,
                fails_open=partial(one.fails_open, clock.now),
            )
        return found

    def _file_labelled(self, account: Account, facts: dict[str, str | int]) -> bool:
        explicit = "false" if account.unlabelled_for else "true"
        self.metrics.labelled_files.labels(str(facts["carrier"]), explicit).inc()
        about: dict[str, str | int] = {"request": account.request, "trace": account.trace, **facts}
        if account.unlabelled_for:  # Labelling Measures Art. 9: who got it is kept
            self.decisions.note("unlabelled", user=account.unlabelled_for, **about)
        else:
            self.decisions.note("file", **about)
        return self.decisions.failure is None

    def _directive_changed(self, directive: Directive) -> None:
        self.decisions.note("directive", mode=directive.mode.value, reason=directive.reason)
        if self._app is not None:
            self._app.suspend(directive)

    def _gauges(self, app: App) -> None:
        metrics = self.metrics
        metrics.watch(
            "genai_guard_open_requests", "Exchanges not over yet.", lambda: app.traffic.open
        )
        metrics.watch(
            "genai_guard_waiting_requests",
            "Requests that wait for a place (limits.concurrentRequests), for queueSeconds at most.",
            lambda: app.places.waiting,
        )
        metrics.watch(
            "genai_guard_held_characters",
            "Characters held back: they may become part of a term, or a detector judges them.",
            lambda: app.held,
        )
        metrics.watch(
            "genai_guard_policy_stale",
            "1 while the policy file cannot be used and an older policy stays in force.",
            lambda: float(bool(self.policies.problems)),
        )
        metrics.watch(
            "genai_guard_suspended",
            "1 while the directive suspends the service.",
            lambda: float(self.directive.suspended),
        )
        metrics.watch(
            "genai_guard_user_store_down",
            "1 while the shared store of users does not serve (store.whenDown says what happens).",
            lambda: float(bool(self.reception.store_down)),
        )
        metrics.watch(
            "genai_guard_decision_log_failed",
            "1 while decisions cannot be recorded.",
            lambda: float(self.decisions.failure is not None),
        )
        metrics.watch(
            "genai_guard_decisions_dropped",
            "Decisions lost because the queue was full.",
            lambda: float(self.decisions.dropped),
        )
