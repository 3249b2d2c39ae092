# SPDX-License-Identifier: Apache-2.0
"""The relay: performs the effects of one `Exchange` between a client and the model.

It looks at no text. From the model's socket to the client's everything is one synchronous call
chain, `upstream_body` -> `Exchange.upstream` -> `Answer.send`, without a task or a queue between;
`client_paused` and `client_resumed` carry backpressure the other way. Whatever fails in here ends
the answer and stops the model: fail closed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from genaiservice.api.directive import Directive
from genaiservice.guard.account import Account
from genaiservice.guard.client import Answer, ClientConnection
from genaiservice.guard.core.effects import (
    Begin,
    CloseUpstream,
    Decision,
    Effect,
    End,
    File,
    Forward,
    LabelFiles,
    Record,
    Respond,
    Send,
    Upload,
)
from genaiservice.guard.core.exchange import Exchange, State
from genaiservice.guard.delivery import Delivery
from genaiservice.guard.headers import RESPONSE_OURS, Field, passing
from genaiservice.guard.holding import Larder, Share
from genaiservice.guard.inquiry import Inquiry
from genaiservice.guard.turns import LONG_BYTES, Queue, Step, Turns
from genaiservice.guard.upstream import Connection, Pool, UpstreamFailedError
from genaiservice.guard.vigil import Vigil

if TYPE_CHECKING:
    from genaiservice.guard.detectors import Detectors
    from genaiservice.guard.labelling import LabelDesk

log = logging.getLogger(__name__)

Recorder = Callable[[Decision, Account], None]


class Relay:
    __slots__ = (
        "_account",
        "_answer",
        "_chunked",
        "_client",
        "_connection",
        "_delivery",
        "_desk",
        "_done",
        "_files",
        "_inquiry",
        "_last",
        "_loop",
        "_queue",
        "_record",
        "_turn",
        "_vigil",
        "exchange",
        "forward",
        "share",
    )

    def __init__(
        self,
        exchange: Exchange,
        answer: Answer,
        client: ClientConnection,
        account: Account,
        *,
        loop: asyncio.AbstractEventLoop,
        record: Recorder,
        delivery: Delivery,
        vigil: Vigil,
        larder: Larder,
        turns: Turns,
        desk: "LabelDesk | None" = None,
        detectors: "Detectors | None" = None,
    ) -> None:
        """`larder`: the memory that bodies share. `desk`: where files get their labels."""
        self.exchange = exchange
        self._answer = answer
        self._client = client
        self._account = account
        self._loop = loop
        self._record = record
        self._delivery = delivery
        self._vigil = vigil
        vigil.stalled = self._client_stalled
        self._connection: Connection | None = None
        self._chunked = False
        self._done = False
        self._turn: asyncio.Future[None] | None = None
        self.forward: bytes | None = None
        """The body to send to the model; None when nothing goes there."""
        self.share = Share(larder)
        """Of the prompt, until the model answers, then of the answer."""
        self._desk = desk
        self._inquiry = Inquiry(detectors, loop, exchange, self._guarded) if detectors else None
        self._files: tuple[File, ...] | None = None
        self._queue = Queue(turns)
        self._last: Step | None = None
        """The end of a long answer, which is screened when it is there."""

    # -- called by the app

    async def request(self, path: str, content_type: str, body: bytes) -> None:
        step = partial(self.exchange.request, path, content_type, body)
        if len(body) <= LONG_BYTES:
            self._guarded(step)
        else:
            await self._in_turns(step)

    def suspend(self, directive: Directive) -> None:
        self._guarded(lambda: self.exchange.suspend(directive), hurry=True)

    def break_off(self, reason: str) -> None:
        """Ends the exchange as if the model had broken off, and asks nobody any more."""
        self._stop_upstream()
        if not self._done:
            self._account.fault = reason
        self._guarded(lambda: self.exchange.break_off(reason), hurry=True)
        if not self._queue.busy:
            self._check_end()

    async def run(self, pool: Pool, head: Callable[[int], bytes]) -> None:
        """Sends the request to the model and returns when the client has its answer.

        `head` makes the request's head for a body of that length.
        """
        for fresh in (False, True):
            if self._done or self.forward is None:
                break
            try:
                connection = await pool.connection(fresh=fresh)
            except UpstreamFailedError as error:
                self.upstream_closed(error.reason)
                break
            if self._done:  # suspended or gone while connecting
                connection.close()
                break
            self._connection = connection
            self._account.forwarded = perf_counter()
            self._turn = self._loop.create_future()
            connection.send(head(len(self.forward)) + self.forward, self)
            if self._client.writing_paused:
                connection.pause()
            await self._turn
        await self._settle()

    async def upload(
        self,
        pool: Pool,
        head: bytes,
        target: tuple[str, str],
        parts: AsyncIterator[bytes],
        *,
        chunked: bool,
    ) -> None:
        """Sends the request to the model as it comes, and returns when the client is answered.

        `target` is its path and content type. No part goes on before it was screened.
        """
        self._answer.keep_alive = False  # an answer may come before the whole request was read
        self._guarded(lambda: self.exchange.open_upload(*target))
        if self._done:
            return
        try:
            connection = await pool.connection(fresh=True)
        except UpstreamFailedError as error:
            self.upstream_closed(error.reason)
            return
        if self._done:
            connection.close()
            return
        self._connection, self._chunked = connection, chunked
        self._account.forwarded = perf_counter()
        self._turn = self._loop.create_future()
        connection.send(head, self)
        async for part in parts:
            await self._in_turns(partial(self.exchange.upload, part))
            if self._done or self.exchange.state is not State.UPLOADING:
                break
            await connection.drained()
        else:
            self._guarded(self.exchange.uploaded)
            if self.exchange.state is State.ASKED:
                if chunked:
                    connection.write(b"0\r\n\r\n")
                connection.written()
        await self._turn
        await self._settle()

    async def _settle(self) -> None:
        """The model has said all: what remains is labels, and what detectors say."""
        if self._last is not None:
            await self._in_turns(self._last)
            self._check_end()
        await self._label()
        while not self._done and self.exchange.waiting:
            self._turn = self._loop.create_future()
            await self._turn

    async def _label(self) -> None:
        """The files of the answer get their labels, if it has any; `_turn` ends the wait."""
        files, self._files = self._files, None
        if files is None or self._done:
            return
        self._turn = self._loop.create_future()
        try:
            if self._desk is None:
                raise RuntimeError("files without a desk")
            outcome = await self._desk.label(files, self._account, self._turn)
        except Exception as error:
            self._collapse(error)
        else:
            self._guarded(lambda: self.exchange.labelled(outcome))

    # -- called by the upstream connection

    def upstream_head(self, status: int, fields: list[Field]) -> None:
        self._account.upstream_first = perf_counter()
        self._account.upstream_status = status
        self._let_go()
        content_type = b"".join(value for name, value in fields if name.lower() == b"content-type")
        self._delivery.fields = passing(fields, RESPONSE_OURS)
        self._guarded(lambda: self.exchange.response(status, content_type.decode("latin-1")))

    def upstream_body(self, data: bytes) -> None:
        try:
            effects = self.exchange.upstream(data)
            if len(effects) == 1 and type(effects[0]) is Send:
                self._delivery.send(effects[0].data)  # what nearly every chunk comes to
            elif effects:
                self._perform(effects)
            elif self.exchange.state is State.COLLECTING:
                self._hold(self.share.bytes + len(data))
            if self._inquiry is not None:
                self._hold_unjudged()
        except Exception as error:
            self._collapse(error)

    def upstream_closed(self, error: str | None) -> None:
        connection, self._connection = self._connection, None
        if error == "reset" and connection is not None and connection.stale:
            # The idle connection had died before the model saw the request; nothing is lost.
            self._wake()
            return
        if error is not None and not self._done:
            self._account.fault = error
        step = partial(self.exchange.upstream_closed, error)
        if error is None and self.share.bytes > LONG_BYTES and not self._done:
            self._last = step
            self._wake()
            return
        self._guarded(step)
        self._check_end()

    # -- called by the client connection

    def client_paused(self) -> None:
        if self._connection is not None:
            self._connection.pause()
        self._vigil.unread()

    def client_resumed(self) -> None:
        self._vigil.read()
        if self._connection is not None:
            self._connection.resume()

    def client_gone(self) -> None:
        if not self._done:
            self._account.client_gone = True
        self._stop_upstream()
        self._finish()

    # -- within

    def _hold(self, size: int) -> None:
        if not self._done and not self.share.hold(size):
            self.break_off("answers_held")

    def _hold_unjudged(self) -> None:
        """Of a streamed answer what waits for detectors."""
        if self._inquiry is not None and self.exchange.state is State.STREAMING:
            self._hold(self.exchange.held_bytes)

    def _let_go(self) -> None:
        self.forward = None
        self.share.hold(0)

    def _check_end(self) -> None:
        if not self._done and self._files is None and not self.exchange.waiting:
            # The core owes an end for every end; without one the client must not wait for ever.
            self._collapse(None)

    async def _in_turns(self, step: Step) -> None:
        await self._queue.run(step, self._guarded, lambda: self._done)

    def _guarded(self, step: Step, *, hurry: bool = False) -> None:
        if self._done or self._queue.waits(step, hurry=hurry):
            return
        try:
            self._perform(step())
            self._hold_unjudged()
        except Exception as error:
            self._collapse(error)

    def _perform(self, effects: Iterable[Effect]) -> None:
        out: list[bytes] = []
        for effect in effects:
            kind = type(effect)
            if kind is Send:
                out.append(effect.data)  # type: ignore[union-attr]
            elif kind is Record:
                self._record(effect.decision, self._account)  # type: ignore[union-attr]
            else:
                if out:
                    self._delivery.send(b"".join(out))
                    out = []
                self._perform_rare(effect)
        if out:
            self._delivery.send(b"".join(out))

    def _perform_rare(self, effect: Effect) -> None:
        match effect:
            case Begin(status=status, content_type=content_type):
                streaming = self.exchange.state is State.STREAMING
                self._delivery.begin(status, content_type, streaming=streaming)
            case End():
                self._answer.end()
                self._finish()
            case Respond():
                self._account.code = effect.code
                self._delivery.whole(effect)
                self._finish()
            case Forward(body=body):
                self.forward = body
            case Upload(data=data):
                if self._connection is not None and data:
                    framed = b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
                    self._connection.write(framed)
            case CloseUpstream():
                self._stop_upstream()
            case LabelFiles(files=files):
                self._files = files
                self._wake()
            case _ if self._inquiry is not None:
                self._inquiry.perform(effect)

    def _stop_upstream(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _client_stalled(self) -> None:
        self._account.fault = self._account.fault or "client_stalled"
        self._cut_off()

    def _collapse(self, error: Exception | None) -> None:
        """A fault of ours: say so once, stop the model, and cut the client off."""
        log.error("exchange failed", exc_info=error, extra={"request": self._account.request})
        self._account.fault = "internal"
        self._cut_off()

    def _cut_off(self) -> None:
        self._stop_upstream()
        self._answer.abort()
        self._finish()

    def _finish(self) -> None:
        self._vigil.end()
        if self._inquiry is not None:
            self._inquiry.end()
        self._done = True
        self.forward = None
        self._wake()

    def _wake(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    def close(self) -> None:
        """The exchange is over: an answer of the model that has not quite ended is let go."""
        if self._connection is not None:
            self._connection.release()
            self._connection = None
        self._finish()
        self._let_go()
