# SPDX-License-Identifier: Apache-2.0
"""The operator's small HTTP server: liveness, readiness, metrics. Standbys serve it too.

Rule: it tells what is true and does nothing. Ready means that the caches are listed, not that
this replica leads; alive means that the event loop turns, which the answer itself shows.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from genaiservice.control.telemetry import CONTENT_TYPE


@asynccontextmanager
async def serving(
    port: int, *, ready: Callable[[], str], metrics: Callable[[], bytes]
) -> AsyncIterator[int]:
    """Serves while the block runs; yields the port. `ready` gives the reason why not, or ""."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        reason = ready()
        return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", scrape)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "0.0.0.0", port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
