# SPDX-License-Identifier: Apache-2.0
"""The operator process: builds everything once, owns every task, shuts down in order.

    signal -> not ready -> no more keys -> running passes end (5 s) -> events posted
           -> Lease released -> watches ended -> probes and session closed

Rule: one TaskGroup at the top. Any task that fails ends the process with exit code 1, and the
kubelet starts it anew: nothing is lost, since everything is read from the cluster again.
"""

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import kopf
import uvloop

from genaiservice import __version__
from genaiservice.api import names
from genaiservice.api.problem import Lang, ProblemError
from genaiservice.control import logs, memory, wiring
from genaiservice.control.engine import fetch
from genaiservice.control.engine.apply import Apply
from genaiservice.control.engine.clock import Clock
from genaiservice.control.engine.gather import Gather
from genaiservice.control.engine.intake import Intake
from genaiservice.control.engine.pages import Pages
from genaiservice.control.engine.reconciler import Brain, Reconciler
from genaiservice.control.engine.relations import INDEXERS, METADATA_ONLY
from genaiservice.control.engine.resync import Resync
from genaiservice.control.engine.workqueue import WorkQueue
from genaiservice.control.probes import serving
from genaiservice.control.settings import Settings, from_env
from genaiservice.control.telemetry import Telemetry
from genaiservice.kube.access import Access, open_access
from genaiservice.kube.cache import Cache
from genaiservice.kube.client import Client
from genaiservice.kube.events import EventRecorder
from genaiservice.kube.lease import Elector
from genaiservice.kube.resources import ObjectKey
from genaiservice.rules.judge import judge
from genaiservice.rules.pack import load_catalogue

log = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 5.0
RECURSION: Final = 25_000  # an API server takes JSON of 10,000 levels from anybody


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that lives as long as the process."""

    settings: Settings
    access: Access
    queue: WorkQueue[ObjectKey]
    cache: Cache
    intake: Intake
    resync: Resync
    reconciler: Reconciler
    elector: Elector
    events: EventRecorder
    telemetry: Telemetry
    pages: Pages | None
    """None when the settings say that pages are not looked at."""


def build(settings: Settings, access: Access) -> Parts:
    clock, ratio = Clock(), settings.trace_sample_ratio
    telemetry = Telemetry(otlp_endpoint=settings.otlp_endpoint, sample_ratio=ratio)
    client = Client(access, clock=clock.monotonic, observe=telemetry.called)
    cache, queue = Cache(INDEXERS), WorkQueue[ObjectKey]()
    intake = Intake(cache, queue, ghosts=telemetry.ghosts)
    events = EventRecorder(client, now=clock.now, instance=settings.identity)
    elector = Elector(
        client,
        namespace=settings.operator_namespace,
        name=names.LEASE,
        identity=settings.identity,
        now=clock.now,
        monotonic=clock.monotonic,
    )
    may_write = (lambda: elector.valid) if settings.leader_election else (lambda: True)
    apply = Apply(client, cache, events, may_write=may_write, skipped=telemetry.skipped)
    pages = _pages(settings, queue, clock, telemetry) if settings.page_checks else None
    brain = Brain(judge=partial(judge, load_catalogue()), settings=settings.plan)
    reconciler = Reconciler(
        queue=queue,
        gather=Gather(cache, client, pages=pages),
        apply=apply,
        decide=brain.decide,
        now=clock.now,
        monotonic=clock.monotonic,
        observer=telemetry,
    )
    telemetry.watch(leading=may_write, depth=lambda: len(queue), dropped=lambda: events.dropped)
    resync = Resync(client, intake, period_seconds=settings.resync_seconds)
    return Parts(
        settings=settings, access=access, queue=queue, cache=cache, intake=intake, resync=resync,
        reconciler=reconciler, elector=elector, events=events, telemetry=telemetry,
        pages=pages,
    )  # fmt: skip


def _pages(
    settings: Settings, queue: WorkQueue[ObjectKey], clock: Clock, telemetry: Telemetry
) -> Pages:
    return Pages(
        open_fetch=partial(fetch.opened, settings.page_addresses, proxy=settings.page_proxy),
        enqueue=queue.add,
        now=clock.now,
        interval_seconds=settings.page_interval_seconds,
        looked=telemetry.looked,
    )


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Runs until `stop` is set; raises when a part fails."""
    access = await open_access(
        settings.kubeconfig,
        user_agent=f"{names.MANAGED_BY}/{__version__}",
        metadata_only=METADATA_ONLY,
    )
    try:
        parts = build(settings, access)
        ready, metrics = partial(_not_ready, parts, stop), partial(_metrics, parts)
        places = (settings.health_port, settings.metrics_port)
        async with serving(places, ready=ready, metrics=metrics) as (health, scrape):
            log.info("serving probes", extra={"health_port": health, "metrics_port": scrape})
            await _until_stopped(parts, stop)
            await asyncio.to_thread(parts.telemetry.close)
    finally:
        await access.close()


async def _until_stopped(parts: Parts, stop: asyncio.Event) -> None:
    watches_end = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        background = [
            group.create_task(parts.events.run(), name="events"),
            group.create_task(parts.resync.run(), name="resync"),
            group.create_task(parts.resync.first(), name="first list"),
        ]
        if parts.pages is not None:
            looking = parts.pages.run(parts.elector.leading)
            background.append(group.create_task(looking, name="pages"))
        if parts.settings.leader_election:
            background.append(group.create_task(parts.elector.run(), name="elector"))
        else:
            parts.elector.leading.set()
        workers = [
            group.create_task(_work(parts), name=f"worker {number}")
            for number in range(parts.settings.workers)
        ]
        watching = group.create_task(_watch(parts, stop, watches_end), name="watches")
        await stop.wait()
        log.info("stopping")
        parts.queue.close()
        await _drain(parts)
        for task in (*workers, *background):
            task.cancel()
        await parts.elector.release()
        watches_end.set()
        if not parts.resync.listed.is_set():
            watching.cancel()


async def _work(parts: Parts) -> None:
    # Half a cluster would be judged on what has not been seen yet.
    await parts.resync.listed.wait()
    await parts.reconciler.work(parts.elector.leading)


async def _watch(parts: Parts, stop: asyncio.Event, end: asyncio.Event) -> None:
    """kopf's tasks: they watch and call the handlers of `wiring`."""
    resync = parts.resync
    await resync.listed.wait()
    ours = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=wiring.registry(
            parts.access, parts.intake, relisted=resync.soon, missing=resync.missing
        ),
        settings=wiring.settings(),
        clusterwide=True,
        stop_flag=end,
    )
    _heed_signals(stop)  # kopf has just put its own, which would end the watches first
    await kopf.run_tasks(tasks, ignored=ours)
    if not end.is_set():
        raise RuntimeError("the watches ended by themselves")


async def _drain(parts: Parts) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await parts.queue.drained()
            await parts.events.drain(1.0)
    except TimeoutError:
        log.warning("some passes did not end in time; the next leader looks anew")


def _not_ready(parts: Parts, stop: asyncio.Event) -> str:
    if stop.is_set():
        return "stopping"
    return "" if parts.resync.listed.is_set() else "the cluster is not listed yet"


def _metrics(parts: Parts) -> bytes:
    return parts.telemetry.render(parts.cache.sizes())


def _heed_signals(stop: asyncio.Event) -> None:
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)


async def _main(settings: Settings) -> None:
    stop = asyncio.Event()
    _heed_signals(stop)
    await run(settings, stop)


def main(env: Mapping[str, str]) -> int:
    """Exit codes: 0 stopped, 1 a part failed (start it anew), 2 settings or access are wrong."""
    lang = Lang.ZH if env.get("LANG", "").startswith("zh") else Lang.EN
    try:
        settings = from_env(env)
        logs.set_up(settings.log_format, settings.log_level)
        memory.give_back()
        sys.setrecursionlimit(RECURSION)
        uvloop.run(_main(settings))
    except ProblemError as error:
        for problem in error.problems:
            print(problem.render(lang), file=sys.stderr)
        return 2
    except BaseExceptionGroup as group:
        for cause in group.exceptions:
            log.error("the operator ends", exc_info=cause)
        return 1
    return 0
