# SPDX-License-Identifier: Apache-2.0
"""Connections to the model: one protocol per connection, and a bounded pool of idle ones.

The path of a chunk begins here: `data_received` hands the body bytes of one read straight to the
listener, in the same call. Every wait has a deadline; what went wrong is one word, as the
`Exchange` knows it. A connection is used again only after an answer that ended in order.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

import httptools

from genaiservice.api.guard_config import Upstream as UpstreamConfig
from genaiservice.guard.content import Decoder, UnreadableContentError, decoder_for
from genaiservice.guard.headers import Field

IDLE_SECONDS: Final = 4.0
"""Shorter than the 5 s after which uvicorn, so most model servers, closes an idle connection."""
STALE_SECONDS: Final = 1.0
IDLE_CONNECTIONS: Final = 256
HEADER_BYTES: Final = 64 * 1024
ERROR_GRACE_SECONDS: Final = 1.0
CONNECT_PAUSES: Final = (0.1, 0.4)
"""Before each further try of a connection that was refused: a model server that starts anew, or
one pod less behind its Service. Nothing has left yet, so nothing can be asked twice."""
UPLOAD_SECONDS: Final = 60.0
"""How long a model may take no further part of a request, or a client send none."""


class UpstreamFailedError(Exception):
    """The model cannot be reached; `reason` is `connect_failed` or `connect_timeout`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Listener(Protocol):
    """Who hears of one answer; called synchronously, nothing after `upstream_closed`."""

    def upstream_head(self, status: int, fields: list[Field]) -> None: ...

    def upstream_body(self, data: bytes) -> None: ...

    def upstream_closed(self, error: str | None) -> None: ...


class Connection(asyncio.Protocol):
    __slots__ = (
        "_between",
        "_body",
        "_complete",
        "_deadline",
        "_decoder",
        "_excess",
        "_fields",
        "_framed",
        "_header_bytes",
        "_keep",
        "_listener",
        "_loop",
        "_parser",
        "_paused",
        "_pool",
        "_room",
        "_sent_at",
        "_status",
        "_timer",
        "_transport",
        "answered",
        "reused",
    )

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._loop = pool.loop
        self._between = pool.config.between_bytes_timeout_seconds
        self._transport: asyncio.Transport | None = None
        self._listener: Listener | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._sent_at = 0.0
        self._paused = False
        self._room: asyncio.Future[None] | None = None
        self.reused = False
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._fields: list[Field] = []
        self._body: list[bytes] = []
        self._header_bytes = 0
        self._status = 0
        self._framed = self._complete = self._keep = self._excess = False
        self._decoder: Decoder | None = None
        self.answered = False

    # -- called by the relay

    @property
    def stale(self) -> bool:
        """Whether an idle connection had been closed by the model before it saw a request.

        That shows at once. One that breaks off later did see it, and must not be asked twice.
        """
        soon = self._loop.time() - self._sent_at < STALE_SECONDS
        return self.reused and not self.answered and soon

    def send(self, request: bytes, listener: Listener) -> None:
        """Sends one whole request; its answer goes to `listener`."""
        if self._transport is None:  # died between opening and now
            listener.upstream_closed("reset")
            return
        self._listener = listener
        self._transport.write(request)
        self._sent_at = self._loop.time()
        self._deadline = self._loop.time() + self._pool.config.first_byte_timeout_seconds
        self._timer = self._loop.call_at(self._deadline, self._watch)

    def write(self, data: bytes) -> None:
        """A further part of a request whose head went by `send`; the model may take its time."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            self._deadline = self._loop.time() + UPLOAD_SECONDS

    def written(self) -> None:
        """The request is complete: from now on its answer is awaited."""
        if self._timer is not None and not self.answered:
            self._timer.cancel()
            self._deadline = self._loop.time() + self._pool.config.first_byte_timeout_seconds
            self._timer = self._loop.call_at(self._deadline, self._watch)

    async def drained(self) -> None:
        """Returns when the model takes more of the request, or the connection is gone."""
        if self._room is not None:
            await self._room

    def pause(self) -> None:
        """The client reads slower than the model writes: stop reading from the model."""
        if not self._paused and self._transport is not None and not self._complete:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._deadline = self._loop.time() + self._between
            self._transport.resume_reading()

    def close(self) -> None:
        """Nothing more is wanted: the model sees the connection end at once."""
        self._listener = None
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()

    def release(self) -> None:
        """The listener is done but the answer has not quite ended: give it a moment to."""
        self._listener = None
        if not self._complete:
            self.resume()
            self._deadline = self._loop.time() + ERROR_GRACE_SECONDS

    # -- called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        if self._room is None:
            self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._timer is None:  # idle, or already given up: nothing may come now
            self._discard()
            return
        self._deadline = self._loop.time() + self._between
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("protocol_error")
            return
        body = self._body
        if body:
            data = body[0] if len(body) == 1 else b"".join(body)
            body.clear()
            if not self._deliver(data):
                return
        if self._complete:
            self._finish()

    def eof_received(self) -> None:
        return None  # the transport closes itself, connection_lost follows

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.resume_writing()  # no transport does it: who waits for room would wait for ever
        self._pool.forget(self)
        if self._listener is not None:
            # A body without length and without chunks ends with the connection (RFC 9112, 6.3).
            orderly = exc is None and self._status >= 200 and not self._framed
            if orderly and self._decoder is not None and not self._decoder.whole:
                orderly = False
            self._fail(None if orderly else "reset")
        self._stop_timer()

    # -- called by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADER_BYTES:
            raise UnreadableContentError
        self._fields.append((name, value))

    def on_message_begin(self) -> None:
        if self._complete:  # something follows the answer that nobody asked for
            self._excess = True

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._complete:
            return
        if status < 200:
            self._fields = []
            return
        self._status = status
        self.answered = True
        fields, self._fields = self._fields, []
        for name, value in fields:
            lowered = name.lower()
            if lowered in (b"content-length", b"transfer-encoding"):
                self._framed = True
            elif lowered == b"content-encoding":
                self._decoder = decoder_for(value)
        if self._listener is not None:
            self._listener.upstream_head(status, fields)

    def on_body(self, data: bytes) -> None:
        if not self._complete:
            self._body.append(data)

    def on_message_complete(self) -> None:
        if self._status >= 200 and not self._complete:
            self._keep = self._parser.should_keep_alive()
            self._complete = True

    # -- within

    def _deliver(self, data: bytes) -> bool:
        """Hands body bytes on; False when the connection was given up meanwhile."""
        if self._decoder is None:
            if self._listener is not None:
                self._listener.upstream_body(data)
            return self._timer is not None
        try:
            for part in self._decoder.decode(data):
                if self._listener is not None:
                    self._listener.upstream_body(part)
        except UnreadableContentError:
            self._fail("protocol_error")
        return self._timer is not None

    def _finish(self) -> None:
        listener, self._listener = self._listener, None
        self._stop_timer()
        whole = self._decoder is None or self._decoder.whole
        if self._keep and not self._excess and self._transport is not None:
            self.resume()
            self._reset()
            self._pool.keep(self)
        else:
            self._discard()
        if listener is not None:
            listener.upstream_closed(None if whole else "protocol_error")

    def _watch(self) -> None:
        now = self._loop.time()
        if self._paused and now >= self._deadline:
            self._deadline = now + self._between  # the client is slow, not the model
        if now < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._watch)
        else:
            self._fail("between_bytes_timeout" if self.answered else "first_byte_timeout")

    def _fail(self, reason: str | None) -> None:
        listener, self._listener = self._listener, None
        self._stop_timer()
        self._discard()
        if listener is not None:
            listener.upstream_closed(reason)

    def _discard(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Pool:
    """Opens connections and keeps the idle ones; how many are busy is limited by admission."""

    def __init__(
        self, config: UpstreamConfig, loop: asyncio.AbstractEventLoop, idle: int = IDLE_CONNECTIONS
    ) -> None:
        parts = urlsplit(config.url)
        self.config = config
        self.loop = loop
        self.host = parts.hostname or ""
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.port = parts.port or (443 if self.tls else 80)
        self.authority = parts.netloc.encode("ascii")
        self.prefix = parts.path.encode("ascii")
        self._most = idle
        self._idle: dict[Connection, asyncio.TimerHandle] = {}

    async def connection(self, *, fresh: bool = False) -> Connection:
        """An idle connection, the last used first, or a new one; raises UpstreamFailedError."""
        if self._idle and not fresh:
            connection, timer = self._idle.popitem()
            timer.cancel()
            connection.reused = True
            return connection
        return await self.connect(lambda: Connection(self), CONNECT_PAUSES)

    async def connect(
        self, factory: Callable[[], Connection], pauses: tuple[float, ...] = ()
    ) -> Connection:
        """All tries together have connect_timeout_seconds."""
        try:
            async with asyncio.timeout(self.config.connect_timeout_seconds):
                for pause in pauses:
                    try:
                        return await self._connected(factory)
                    except ssl.SSLError:
                        raise
                    except OSError:
                        await asyncio.sleep(pause)
                return await self._connected(factory)
        except TimeoutError as error:
            raise UpstreamFailedError("connect_timeout") from error
        except OSError as error:
            raise UpstreamFailedError("connect_failed") from error

    async def _connected(self, factory: Callable[[], Connection]) -> Connection:
        _, connection = await self.loop.create_connection(
            factory, self.host, self.port, ssl=self.tls
        )
        return connection

    def keep(self, connection: Connection) -> None:
        if len(self._idle) >= self._most:
            connection.close()
            return
        self._idle[connection] = self.loop.call_later(IDLE_SECONDS, self._expire, connection)

    def forget(self, connection: Connection) -> None:
        timer = self._idle.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        for connection in list(self._idle):
            self._expire(connection)

    def _expire(self, connection: Connection) -> None:
        self.forget(connection)
        connection.close()
