# SPDX-License-Identifier: Apache-2.0
"""The client's side: aiohttp takes requests in, answers are written straight to the transport.

aiohttp's own response objects cost more per chunk than all of the screening, so an `Answer`
frames its body itself. `ClientConnection` passes on at once what a stream must know without
waiting: the client reads too slowly, reads again, or is gone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any, Final, Protocol

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from genaiservice.guard import refusal
from genaiservice.guard.headers import Field, response_head

KEEPALIVE_SECONDS: Final = 75.0
LINGERING_SECONDS: Final = 5.0

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Reader(Protocol):
    """Who serves the request that this connection carries now."""

    def client_paused(self) -> None: ...

    def client_resumed(self) -> None: ...

    def client_gone(self) -> None: ...


class ClientConnection(RequestHandler):
    __slots__ = ("_head_seconds", "_head_timer", "_server", "reader")

    def __init__(self, server: "ClientServer", *, head_seconds: float, **kwargs: Any) -> None:
        """`head_seconds`: from the first byte to the last of a head."""
        super().__init__(server, **kwargs)
        self._server = server
        self.reader: Reader | None = None
        self._head_seconds = head_seconds
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._server.crowded:
            self._refuse(refusal.too_many_connections())
            self.force_close()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._current_request is not None or self._messages:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        elif self._head_timer is None and self._waiter is not None:  # a head has begun
            self._head_timer = self._loop.call_later(self._head_seconds, self._head_late)

    def _head_late(self) -> None:
        self._head_timer = None
        if self._current_request is None and not self._messages:
            self._refuse(refusal.head_too_slow(self._head_seconds))
            self.force_close()

    def _refuse(self, why: refusal.Refusal) -> None:
        if self.transport is not None:
            answer = Answer(self.transport, version=(1, 1), keep_alive=False, fields=[])
            answer.whole(why.status, refusal.CONTENT_TYPE, why.body(), [])

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.reader is not None:
            self.reader.client_paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.reader is not None:
            self.reader.client_resumed()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.reader is not None:
            self.reader.client_gone()
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP, or a fault of ours: an answer in the usual form, without details."""
        if status >= 500:
            self.log_exception("request failed", exc_info=exc)
        why = refusal.internal() if status >= 500 else refusal.not_http()
        self._refuse(why)
        return Delivered(keep_alive=False)


class ClientServer(web.Server):
    """aiohttp's low-level server with our connections."""

    def __init__(self, handler: Handler, *, head_seconds: float, connections: int) -> None:
        """`connections`: how many clients may hold; further ones are told so and closed."""
        super().__init__(handler)
        self._head_seconds = head_seconds
        self._most = connections

    @property
    def crowded(self) -> bool:
        return len(self._connections) > self._most

    def __call__(self) -> RequestHandler:
        return ClientConnection(
            self,
            loop=self._loop,
            head_seconds=self._head_seconds,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGERING_SECONDS,
            max_field_size=16 * 1024,
        )


class Delivered(web.StreamResponse):
    """Tells aiohttp that the answer is already written."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


class Answer:
    """One HTTP answer, framed by hand. A client of HTTP/1.0 gets a body that ends by closing."""

    __slots__ = (
        "_chunked",
        "_comments",
        "_fields",
        "_transport",
        "keep_alive",
        "started",
        "status",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        version: tuple[int, int],
        keep_alive: bool,
        fields: list[Field],
    ) -> None:
        self._transport = transport
        self._chunked = version >= (1, 1)
        self._fields = fields
        self._comments = b""
        self.keep_alive = keep_alive
        self.started = False
        self.status = 0

    def tell(self, field: Field, comment: bytes = b"") -> None:
        """A further header field; `comment` opens the answer if it is a stream of events."""
        self._fields.append(field)
        self._comments += comment

    def proceed(self) -> None:
        """The client waits for leave to send its body (RFC 9110, 10.1.1)."""
        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def whole(self, status: int, content_type: str, body: bytes, more: list[Field]) -> None:
        head = self._head(status, content_type, [*more, (b"Content-Length", b"%d" % len(body))])
        self._transport.write(head + body)

    def begin(self, status: int, content_type: str, more: list[Field]) -> None:
        if self._chunked:
            more = [*more, (b"Transfer-Encoding", b"chunked")]
        else:
            self.keep_alive = False
        self._transport.write(self._head(status, content_type, more))
        if self._comments and content_type.startswith("text/event-stream"):
            self.send(self._comments)

    def send(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end(self) -> None:
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")

    def abort(self) -> None:
        self._transport.abort()

    def _head(self, status: int, content_type: str, more: list[Field]) -> bytes:
        self.started = True
        self.status = status
        fields = [
            (b"Content-Type", content_type.encode("latin-1", "replace")),
            (b"Date", formatdate(usegmt=True).encode("ascii")),
            *self._fields,
            *more,
        ]
        if not self.keep_alive:
            fields.append((b"Connection", b"close"))
        return response_head(status, fields)
