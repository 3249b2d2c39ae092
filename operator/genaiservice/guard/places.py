# SPDX-License-Identifier: Apache-2.0
"""How many requests are served at once, and the line of those that wait for a place.

First come, first served. The line is as long as there are places, and nobody stands in it longer
than `seconds`; who leaves, leaves it at once. Used on one loop.
"""

import asyncio
from collections import deque
from math import ceil

from genaiservice.guard import refusal
from genaiservice.guard.client import ClientConnection
from genaiservice.guard.intake import RefusedError


class Turn(asyncio.Future[None]):
    """Of one request in the line; also hears when its client leaves."""

    def client_paused(self) -> None: ...

    def client_resumed(self) -> None: ...

    def client_gone(self) -> None:
        if not self.done():
            self.set_exception(ConnectionResetError())

    @property
    def come(self) -> bool:
        return self.done() and not self.cancelled() and self.exception() is None


class Places:
    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._free = most
        self._line: deque[Turn] = deque()

    @property
    def waiting(self) -> int:
        return len(self._line)

    async def take(self, client: ClientConnection) -> None:
        """Returns with a place, which `leave` gives back; raises RefusedError when none is free in
        time, ConnectionResetError when the client is gone."""
        if self._free > 0 and not self._line:
            self._free -= 1
            return
        if self._seconds <= 0 or len(self._line) >= self._most:
            raise RefusedError(self._refusal())
        turn = Turn()
        self._line.append(turn)
        client.reader = turn
        try:
            async with asyncio.timeout(self._seconds):
                await turn
        except TimeoutError:
            if not turn.come:
                raise RefusedError(self._refusal()) from None
        except asyncio.CancelledError:
            if turn.come:
                self.leave()
            raise
        finally:
            client.reader = None
            if turn in self._line:
                self._line.remove(turn)

    def leave(self) -> None:
        self._free += 1
        while self._free > 0 and self._line:
            self._call(self._line.popleft())

    def let_in(self) -> None:
        """Whoever waits goes in now: for the kill switch, which has an answer for everybody."""
        while self._line:
            self._call(self._line.popleft())

    def _call(self, turn: Turn) -> None:
        if not turn.done():
            self._free -= 1
            turn.set_result(None)

    def _refusal(self) -> refusal.Refusal:
        return refusal.too_many(self._most, max(1, ceil(self._seconds)))
