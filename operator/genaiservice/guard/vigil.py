# SPDX-License-Identifier: Apache-2.0
"""The two silences of an answer: a client that does not read it, a model that does not go on.

The first has a limit, since what waits for the client waits in memory. The second is told to a
client of events by a comment now and then, so that nothing between takes it for a dead connection.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter

from genaiservice.guard.client import Answer, ClientConnection
from genaiservice.guard.core.sse import KEEP_ALIVE


class Vigil:
    __slots__ = (
        "_answer",
        "_client",
        "_comment",
        "_comments_after",
        "_loop",
        "_patience",
        "_stall",
        "sent_at",
        "stalled",
    )

    def __init__(
        self,
        answer: Answer,
        client: ClientConnection,
        loop: asyncio.AbstractEventLoop,
        *,
        patience: float,
        comments_after: float,
    ) -> None:
        """`patience`: for how many seconds a client may leave its answer unread, then `stalled`.
        `comments_after`: after how many of silence a comment is due; 0 for none."""
        self._answer = answer
        self._client = client
        self._loop = loop
        self._patience = patience
        self._comments_after = comments_after
        self.stalled: Callable[[], None] = answer.abort
        self._stall: asyncio.TimerHandle | None = None
        self._comment: asyncio.TimerHandle | None = None
        self.sent_at = 0.0
        """When the last part of the answer went out, by the performance counter."""

    def unread(self) -> None:
        if self._stall is None:
            self._stall = self._loop.call_later(self._patience, self.stalled)

    def read(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def begin(self, *, comments: bool) -> None:
        """The head of the answer is out. `comments`: they may stand between its parts."""
        self.sent_at = perf_counter()
        if comments and self._comments_after:
            self._comment = self._loop.call_later(self._comments_after, self._silent)

    def end(self) -> None:
        self.read()
        self.stalled = self._answer.abort  # nobody who is over is kept alive from here
        if self._comment is not None:
            self._comment.cancel()
            self._comment = None

    def _silent(self) -> None:
        due = self.sent_at + self._comments_after - perf_counter()
        if due <= 0:
            due = self._comments_after
            if not self._client.writing_paused:
                self._answer.send(KEEP_ALIVE)
        self._comment = self._loop.call_later(due, self._silent)
