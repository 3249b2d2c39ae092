# SPDX-License-Identifier: Apache-2.0
"""A connection to the model at its edges, on a socket of this machine."""

import asyncio

import pytest

from genaiservice.api.guard_config import Upstream
from genaiservice.guard import upstream
from genaiservice.guard.headers import Field
from genaiservice.guard.upstream import Connection, Pool
from tests.guard_process import free_port


class Deaf:
    def upstream_head(self, status: int, fields: list[Field]) -> None: ...

    def upstream_body(self, data: bytes) -> None: ...

    def upstream_closed(self, error: str | None) -> None: ...


async def test_who_waits_for_room_is_told_when_the_connection_ends() -> None:
    """Else the upload of a client that left a slow model would stay open for ever."""
    end = asyncio.Event()

    async def takes_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await end.wait()
        writer.close()

    server = await asyncio.start_server(takes_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = Pool(Upstream(url=f"http://127.0.0.1:{port}"), asyncio.get_running_loop())
    connection = await pool.connection()
    connection.send(bytes(64 * 1024 * 1024), Deaf())
    waiting = asyncio.ensure_future(connection.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    connection.close()
    await asyncio.wait_for(waiting, 10)
    end.set()
    server.close()


async def test_a_refused_connection_is_tried_again_until_there_is_a_model() -> None:
    port = free_port()
    pool = Pool(Upstream(url=f"http://127.0.0.1:{port}"), asyncio.get_running_loop())
    connecting = asyncio.ensure_future(pool.connect(lambda: Connection(pool), (0.01,) * 400))
    await asyncio.sleep(0.05)
    assert not connecting.done()
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
    assert isinstance(await connecting, Connection)
    server.close()


async def test_a_model_that_breaks_off_while_it_works_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = await asyncio.start_server(lambda _, __: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = Pool(Upstream(url=f"http://127.0.0.1:{port}"), asyncio.get_running_loop())
    connection = await pool.connection()
    connection.reused = True
    connection.send(b"GET / HTTP/1.1\r\n\r\n", Deaf())
    assert connection.stale
    monkeypatch.setattr(upstream, "STALE_SECONDS", 0.0)
    assert not connection.stale
    connection.close()
    server.close()
