# SPDX-License-Identifier: Apache-2.0
"""The operator's small HTTP server: liveness, readiness, metrics. Standbys serve it too.

Rule: it tells what is true and does nothing. Ready means that the caches are listed, not that
this replica leads; alive means that the event loop turns, which the answer itself shows.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from genaiservice.control.telemetry import CONTENT_TYPE


@asynccontextmanager
async def serving(
    ports: tuple[int, int], *, ready: Callable[[], str], metrics: Callable[[], bytes]
) -> AsyncIterator[tuple[int, int]]:
    """Serves while the block runs; yields the ports of the probes and of the metrics.

    `ready` gives the reason why it is not, or "".
    """

    async def livez(_: web.Request) -> web.Response:
        return _answer("ok\n", 200)

    async def readyz(_: web.Request) -> web.Response:
        reason = ready()
        return _answer(f"{reason or 'ok'}\n", 503 if reason else 200)

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": CONTENT_TYPE})

    probes = {"/livez": livez, "/healthz": livez, "/readyz": readyz}
    async with (
        _listening(ports[0], probes) as health,
        _listening(ports[1], {"/metrics": scrape}) as scraped,
    ):
        yield health, scraped


def _answer(text: str, status: int) -> web.Response:
    answer = web.Response(text=text, status=status)
    answer.force_close()  # a probe comes anew each time; an idle connection would delay the end
    return answer


@asynccontextmanager
async def _listening(port: int, routes: Mapping[str, Handler]) -> AsyncIterator[int]:
    app = web.Application()
    for path, handler in routes.items():
        app.router.add_get(path, handler)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "0.0.0.0", port).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
