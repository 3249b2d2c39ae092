# SPDX-License-Identifier: Apache-2.0
"""Resync: a full list of every watched kind, at the start and then every few minutes.

A watch can lose a deletion (a broken stream, an expired version); the list finds such ghosts.
Rule: the operator is ready only after the first full list, because a look at half a cluster would
decide on what it has not seen.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

from genaiservice.api import names
from genaiservice.control.engine.intake import Intake
from genaiservice.control.engine.relations import OPTIONAL, WATCHED
from genaiservice.kube.client import Client
from genaiservice.kube.errors import ApiError, Gone, NotFound

log = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 3.0


class Resync:
    def __init__(
        self,
        client: Client,
        intake: Intake,
        *,
        period_seconds: float = PERIOD_SECONDS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._intake = intake
        self._period = period_seconds
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

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._period * (0.9 + 0.2 * self._jitter()))
            try:
                await self.everything()
            except ApiError as error:
                log.warning("resync failed", extra={"cause": error.message})

    async def everything(self) -> None:
        """One full look at the cluster; every service is looked at afterwards."""
        for kind, selector in WATCHED.items():
            try:
                await self._list(kind, selector)
                self.missing.discard(kind)
            except NotFound:
                if kind not in OPTIONAL:
                    raise
                self.missing.add(kind)
                self._intake.drop_all(kind)
        self._intake.all_services()

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
