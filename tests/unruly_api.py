# SPDX-License-Identifier: Apache-2.0
"""A proxy before the API server that misbehaves on demand: what networks and busy servers do.

It runs in a thread with a loop of its own. What it does is set by attributes: any thread may.
"""

import asyncio
import contextlib
import json
import random
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
from aiohttp import web

from hack.access import Access, kubeconfig, save, trusting
from tests.wait import eventually

ERRORS = (
    (409, "Conflict"),
    (429, "TooManyRequests"),
    (500, "InternalError"),
    (503, "ServiceUnavailable"),
)
PASSED_ON = ("Authorization", "Accept", "Content-Type", "User-Agent")


class UnrulyApi:
    """away: nobody answers. failing: part of the requests that fail, some of them after they were
    carried out. lag: the longest time that news of a watch is late, in seconds."""

    def __init__(self, access: Access, seed: int) -> None:
        self.away, self.failing, self.lag = False, 0.0, 0.0
        self.port, self.answered = 0, 0
        self._access = access
        self._random = random.Random(seed)  # noqa: S311 - a story, no secret
        self._expired: set[str] = set()
        self._watches: dict[int, web.Request] = {}
        self._watched: set[str] = set()
        self._loop = asyncio.new_event_loop()

    def calm(self) -> None:
        self.away, self.failing, self.lag = False, 0.0, 0.0

    def let_pass(self, requests: int, within: float = 0.5) -> None:
        """Waits until so many more requests were answered, or nobody has that much to ask."""
        last = self.answered + requests
        with contextlib.suppress(AssertionError):
            eventually(lambda: self.answered >= last, within)

    def cut(self) -> None:
        """Every watch ends in the middle of whatever it says."""
        self._loop.call_soon_threadsafe(self._cut)

    def expire(self) -> None:
        """As when the API server starts anew: watches end, and none can be taken up where it was.

        What happens until the new list is made is told by no event.
        """
        self._loop.call_soon_threadsafe(self._expire)

    def _cut(self) -> None:
        for request in tuple(self._watches.values()):
            _abort(request)

    def _expire(self) -> None:
        self._expired |= self._watched
        self._cut()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.away:
            return _abort(request)
        if request.query.get("watch") == "true":
            return await self._watch(request)
        error, lost = None, False
        if self._random.random() < self.failing:
            lost = self._random.random() < 0.3
            error = self._random.choice(ERRORS[1:] if request.method == "GET" else ERRORS)
        if error and not lost:
            return _failure(*error)
        async with self._forwarded(request) as found:
            body = await found.read()
        self.answered += 1
        if lost:
            return _abort(request)
        kind = {"Content-Type": found.headers.get("Content-Type", "application/json")}
        return web.Response(status=found.status, body=body, headers=kind)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if request.path in self._expired:
            self._expired.discard(request.path)
            status = {"kind": "Status", "apiVersion": "v1", "code": 410, "reason": "Expired"}
            await response.prepare(request)
            await response.write(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
            return response
        self._watched.add(request.path)
        self._watches[id(request)] = request
        try:
            async with self._forwarded(request) as found:
                if found.status != 200:
                    return web.Response(status=found.status, body=await found.read())
                await response.prepare(request)
                async for data in found.content.iter_any():
                    if self.lag:
                        await asyncio.sleep(self._random.random() * self.lag)
                    await response.write(data)
        except (aiohttp.ClientError, ConnectionError):
            _abort(request)
        finally:
            self._watches.pop(id(request), None)
        return response

    @contextlib.asynccontextmanager
    async def _forwarded(self, request: web.Request) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        async with self._session.request(
            request.method,
            self._access.url + request.path_qs,
            data=await request.read() or None,
            headers=headers,
            ssl=trusting(self._access.authority),
        ) as found:
            yield found

    async def _serve(self, up: threading.Event) -> None:
        self._end = asyncio.Event()
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        timeout, connector = aiohttp.ClientTimeout(total=None), aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as self._session:
            await site.start()
            self.port = runner.addresses[0][1]
            up.set()
            await self._end.wait()
            self._cut()
            await runner.cleanup()

    def start(self) -> threading.Thread:
        up = threading.Event()
        thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve(up)])
        thread.start()
        up.wait(10)
        return thread

    def stop(self, thread: threading.Thread) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        thread.join(10)
        self._loop.close()


def _abort(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _failure(code: int, reason: str) -> web.Response:
    told = {"kind": "Status", "code": code, "reason": reason, "message": f"chaos: {reason}"}
    return web.json_response(told, status=code)


@contextlib.contextmanager
def unruly(config: Path, folder: Path, seed: int) -> Iterator[tuple[UnrulyApi, Path]]:
    """The proxy, and a kubeconfig that leads through it with the credentials of `config`."""
    access = Access.of(config)
    api = UnrulyApi(access, seed)
    thread = api.start()
    path = folder / "unruly.kubeconfig"
    save(path, kubeconfig(f"http://127.0.0.1:{api.port}", b"", "operator", access.token))
    try:
        yield api, path
    finally:
        api.stop(thread)
