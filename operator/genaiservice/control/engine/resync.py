# SPDX-License-Identifier: Apache-2.0
"""Resync: a full list of every watched kind, at the start and then every few minutes.

A watch can lose a deletion (a broken stream, an expired version); the list finds such ghosts: soon
where a watch says that it began anew, else in a few minutes.
Rule: the operator is ready only after the first full list, because a look at half a cluster would
decide on what it has not seen.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from genaiservice.api import names
from genaiservice.control.engine.intake import Intake
from genaiservice.control.engine.relations import OPTIONAL, WATCHED
from genaiservice.kube.client import Client
from genaiservice.kube.errors import ApiError, Gone, NotFound

log = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 3.0
SOON_SECONDS: Final = 3.0
"""Watches that broke together begin anew together: one look answers them all."""


class Resync:
    def __init__(
        self,
        client: Client,
        intake: Intake,
        *,
        period_seconds: float = PERIOD_SECONDS,
        soon_seconds: float = SOON_SECONDS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._intake = intake
        self._period = period_seconds
        self._soon = soon_seconds
        self._asked = asyncio.Event()
        self._jitter = jitter
        self.listed = asyncio.Event()
        self.missing: set[str] = set()
        """Optional kinds that the cluster did not serve when it was listed last."""

    async def first(self) -> None:
        """Lists until it has worked once; says what is missing meanwhile."""
        while True:
            try:
                await self.everything()
            except NotFound:
                log.error(
                    "the CRDs of this operator are not installed; install the chart or apply crds/",
                    extra={"group": names.GROUP},
                )
            except ApiError as error:
                log.warning("cluster not listed yet", extra={"cause": error.message})
            else:
                self.listed.set()
                return
            await asyncio.sleep(RETRY_SECONDS)

    def soon(self) -> None:
        """A watch begins with a list: of what was deleted before it, no event tells."""
        self._asked.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._period * (0.9 + 0.2 * self._jitter())
            while await self._asked_before(due):
                await self._try(self.all_kinds)
            await self._try(self.everything)

    async def _asked_before(self, due: float) -> bool:
        try:
            async with asyncio.timeout_at(due):
                await self._asked.wait()
                await asyncio.sleep(self._soon)
        except TimeoutError:
            return False
        finally:
            self._asked.clear()
        return True

    async def _try(self, look: Callable[[], Awaitable[None]]) -> None:
        try:
            await look()
        except ApiError as error:
            log.warning("resync failed", extra={"cause": error.message})
            self._asked.set()

    async def everything(self) -> None:
        """One full look at the cluster; every service is looked at afterwards."""
        await self.all_kinds()
        self._intake.all_services()

    async def all_kinds(self) -> None:
        """One full look at the cluster; whom the news concerns is looked at."""
        for kind, selector in WATCHED.items():
            try:
                await self._list(kind, selector)
                self.missing.discard(kind)
            except NotFound:
                if kind not in OPTIONAL:
                    raise
                self.missing.add(kind)
                self._intake.drop_all(kind)

    async def _list(self, kind: str, selector: str) -> None:
        for _ in range(3):
            listed: list[tuple[str, str]] = []
            try:
                version = 0
                async for items, at in self._client.pages(kind, selector=selector):
                    version = int(at)
                    listed += [self._intake.keep(kind, tree) for tree in items]
            except Gone:  # the list took longer than the server keeps its place
                continue
            self._intake.drop_ghosts(kind, set(listed), version)
            return
        raise Gone(f"the list of {kind} expired three times", status=410)
