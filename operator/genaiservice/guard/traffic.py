# SPDX-License-Identifier: Apache-2.0
"""Which exchanges are open, and when they are not: for the end of the process and of its pod."""

import asyncio
from contextlib import suppress

QUIET_SECONDS = 5.0
"""So long nothing must have come before a pod that is ending counts as left by its clients: the
time in which a cluster takes it out of its Services everywhere."""


class Traffic:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._idle = asyncio.Event()
        self._idle.set()
        self._ended = 0.0
        self.open = 0
        """Exchanges that are not over yet."""

    def begin(self) -> None:
        self.open += 1
        self._idle.clear()

    def end(self) -> None:
        self.open -= 1
        self._ended = self._loop.time()
        if not self.open:
            self._idle.set()

    async def idle(self) -> None:
        await self._idle.wait()

    async def quiet(self, most: float, seconds: float = QUIET_SECONDS) -> None:
        """Returns when nothing was open for `seconds`, from now on; after `most` in any case."""
        since = self._loop.time()
        with suppress(TimeoutError):
            async with asyncio.timeout(most):
                while True:
                    await self._idle.wait()
                    rest = max(since, self._ended) + seconds - self._loop.time()
                    if rest <= 0:
                        return
                    await asyncio.sleep(rest)
