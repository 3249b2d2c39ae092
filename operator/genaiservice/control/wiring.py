# SPDX-License-Identifier: Apache-2.0
"""The only kopf decorators: login, settings at start-up, and one event handler a watched kind.

Rule: a handler hands the event to the intake and returns at once. No state in annotations, no
patch, no retry of kopf's is used; a handler that waited would hold one of its few workers.
"""

import logging
from collections.abc import Callable, Collection
from typing import Any

import kopf

from genaiservice.api import names
from genaiservice.control.engine.intake import Intake
from genaiservice.control.engine.relations import WATCHED
from genaiservice.kube.access import Access
from genaiservice.kube.client import PAGE
from genaiservice.kube.resources import resource_of


class _NoEssence(kopf.DiffBaseStorage):
    """Nothing is compared by kopf; its copy of every object took half of the operator's CPU."""

    def build(self, *, body: Any, extra_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, *, body: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        return None


class _NoProgress(kopf.ProgressStorage):
    """kopf has no progress to remember, on the object or elsewhere."""

    def fetch(self, *, key: Any, body: Any) -> None:
        return None

    def store(self, *, key: Any, record: Any, body: Any, patch: Any) -> None:
        return None

    def purge(self, *, key: Any, body: Any, patch: Any) -> None:
        return None

    def touch(self, *, body: Any, patch: Any, value: Any) -> None:
        return None

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


def registry(
    access: Access,
    intake: Intake,
    *,
    relisted: Callable[[], None],
    missing: Collection[str] = (),
) -> kopf.OperatorRegistry:
    """Handlers of one operator; its own registry, so that two can live in one process.

    relisted: called when a watch begins with a list, at the start and whenever its place is lost.
    missing: kinds that the cluster does not serve; the resync looks whether it does by now."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=access.server, aiohttp_session=access.session)

    for kind in WATCHED.keys() - set(missing):
        _watch(handlers, intake, kind, relisted)
    return handlers


def _watch(
    handlers: kopf.OperatorRegistry, intake: Intake, kind: str, relisted: Callable[[], None]
) -> None:
    resource = resource_of(kind)

    async def seen(event: Any, **_: Any) -> None:
        if event["type"] == "DELETED":
            intake.deleted(kind, event["object"])
        else:
            listed = event["type"] is None
            intake.changed(kind, event["object"], listed=listed)
            if listed:
                relisted()

    kopf.on.event(
        resource.group, resource.version, resource.plural, registry=handlers, id=f"seen-{kind}"
    )(seen)


def settings() -> kopf.OperatorSettings:
    """kopf's settings; each was chosen by a measurement, with thousands of objects."""
    chosen = kopf.OperatorSettings()
    chosen.peering.standalone = True
    chosen.posting.enabled = False
    chosen.posting.level = logging.CRITICAL  # kopf.warn() heeds the level only
    # kopf starts when our own first list has found every kind, so it need not watch for CRDs.
    chosen.scanning.disabled = True
    # Parsed objects of a page wait for their workers: small pages keep the memory of a start low.
    chosen.watching.chunk_size = PAGE
    chosen.watching.inactivity_timeout = 70
    chosen.watching.reconnect_backoff = 1.0
    for kind, selector in WATCHED.items():
        if selector:
            resource = resource_of(kind)
            place = (resource.group, resource.version, resource.plural)
            chosen.watching.label_selectors[place] = selector
    # Handlers return at once, so few workers with a short idle time drain any storm.
    chosen.queueing.worker_limit = 100
    chosen.queueing.idle_timeout = 0.02
    chosen.queueing.error_delays = (1, 2, 5, 10)
    chosen.networking.connect_timeout = 5
    chosen.networking.request_timeout = 30
    # About two and a half minutes without an answer before the process ends and is started anew.
    # No long steps: while one lasts, a server that is back is not watched, nor its kill switches.
    chosen.networking.error_backoffs = (1, 2, 3, *[5] * 29)
    chosen.persistence.finalizer = f"{names.GROUP}/finalizer"  # never set; never kopf's default
    chosen.persistence.diffbase_storage = _NoEssence()
    chosen.persistence.progress_storage = _NoProgress()
    chosen.process.ultimate_exiting_timeout = 25
    chosen.execution.max_workers = 1  # nothing synchronous runs
    return chosen
