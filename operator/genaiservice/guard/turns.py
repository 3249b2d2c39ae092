# SPDX-License-Identifier: Apache-2.0
"""Long steps of the core, in turns with the event loop: one of the two runs at any moment.

A prompt of many megabytes takes seconds to screen. Its step runs in a thread, but only while the
loop waits for it, and hands back when its turn is over; so it never races with another step for
what a policy remembers, and streams do not queue for the interpreter. Rule: a step calls
`Turns.between` often (`Options.between`); what it does between two calls is one stretch.
"""

import asyncio
from collections.abc import Callable
from threading import Semaphore, Thread, get_ident
from time import perf_counter
from typing import Final

from genaiservice.guard.core.effects import Effect

Step = Callable[[], list[Effect]]

LONG_BYTES: Final = 16_384
"""A body up to this size is screened at once."""
TURN_SECONDS: Final = 0.003
AT_ONCE: Final = 4
"""Long steps that are under way; each takes a turn in every round of the loop."""


class _LeftError(Exception):
    """Nobody waits for this step any more."""


class _Turn:
    def __init__(self, step: Step) -> None:
        self._step = step
        self._ours, self._theirs = Semaphore(0), Semaphore(0)
        self._until = 0.0
        self._left = False
        self._error: BaseException | None = None
        self._effects: list[Effect] = []
        self.over = False
        self.thread = Thread(target=self._run, name="screening", daemon=True)
        self.thread.start()

    def go_on(self) -> None:
        """From the loop: the step runs for a turn."""
        self._until = perf_counter() + TURN_SECONDS
        self._theirs.release()
        self._ours.acquire()

    def leave(self) -> None:
        self._left = True
        while not self.over:
            self.go_on()

    def result(self) -> list[Effect]:
        if self._error is not None:
            raise self._error
        return self._effects

    def hand_back(self) -> None:
        """From the step: waits for the next turn when this one is over."""
        if perf_counter() >= self._until and not self._left:
            self._ours.release()
            self._theirs.acquire()
        if self._left:
            raise _LeftError

    def _run(self) -> None:
        self._theirs.acquire()
        try:
            if not self._left:
                self._effects = self._step()
        except _LeftError:
            pass
        except BaseException as error:
            self._error = error
        self.over = True
        self._ours.release()


class Turns:
    """One for the process."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._turns: dict[int | None, _Turn] = {}

    def between(self) -> None:
        """Called by every step; only a long one waits here."""
        turn = self._turns.get(get_ident())
        if turn is not None:
            turn.hand_back()

    async def run(self, step: Step, wanted: Callable[[], bool]) -> Step:
        """The same step, done; nothing, and it ends, once it is not `wanted` any more."""
        async with self._places:
            turn = _Turn(step)
            self._turns[turn.thread.ident] = turn
            try:
                while wanted():
                    turn.go_on()
                    if turn.over:
                        return turn.result
                    await asyncio.sleep(0)
                return list
            finally:
                turn.leave()
                del self._turns[turn.thread.ident]


class Queue:
    """The steps of one exchange, in their order: what comes while a long one runs waits for it."""

    __slots__ = ("_hurry", "_later", "_turns", "busy")

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.busy = self._hurry = False
        self._later: list[Step] = []

    def waits(self, step: Step, *, hurry: bool = False) -> bool:
        """Whether this step must wait; one in a `hurry` ends the long one without a result."""
        if self.busy:
            self._later.append(step)
            self._hurry = self._hurry or hurry
        return self.busy

    async def run(
        self, step: Step, perform: Callable[[Step], None], over: Callable[[], bool]
    ) -> None:
        """`perform` takes the step when it is done, and then those that came meanwhile."""
        self.busy = True
        try:
            done = await self._turns.run(step, lambda: not (self._hurry or over()))
        finally:
            self.busy = False
        for one in (done, *self._later):
            perform(one)
        self._later.clear()
