# SPDX-License-Identifier: Apache-2.0
"""A connection to the model at its edges, on a socket of this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


def pool_at(port: int) -> Pool:
    return Pool(Upstream(url=f"http://127.0.0.1:{port}"), asyncio.get_running_loop())


@asynccontextmanager
async def a_silent_model(port: int = 0) -> AsyncIterator[int]:
    """Takes one connection and nothing more; its port."""
    begun, end, tasks = asyncio.Event(), asyncio.Event(), set[asyncio.Task[None]]()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        begun.set()
        await end.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await begun.wait()
        server.close()
        end.set()
        await asyncio.gather(*tasks)


async def test_who_waits_for_room_is_told_when_the_connection_ends() -> None:
    """Else the upload of a client that left a slow model would stay open for ever."""
    async with a_silent_model() as port:
        connection = await pool_at(port).connection()
        connection.send(bytes(16 * 1024 * 1024), Deaf())
        waiting = asyncio.ensure_future(connection.drained())
        await asyncio.sleep(0)
        assert not waiting.done()
        connection.close()
        await asyncio.wait_for(waiting, 10)


async def test_a_refused_connection_is_tried_again_until_there_is_a_model() -> None:
    port = free_port()
    pool = pool_at(port)
    connecting = asyncio.ensure_future(pool.connect(lambda: Connection(pool), (0.01,) * 400))
    await asyncio.sleep(0.05)
    assert not connecting.done()
    async with a_silent_model(port):
        (await connecting).close()


async def test_a_model_that_breaks_off_while_it_works_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_silent_model() as port:
        connection = await pool_at(port).connection()
        connection.reused = True
        connection.send(b"GET / HTTP/1.1\r\n\r\n", Deaf())
        assert connection.stale
        monkeypatch.setattr(upstream, "STALE_SECONDS", 0.0)
        assert not connection.stale
        connection.close()
