# SPDX-License-Identifier: Apache-2.0
"""The admin listener: probes, metrics, and what the model's container asks before it stops.

On a port that the Service never offers; nothing here changes anything.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from genaiservice.api import names
from genaiservice.guard.metrics import Metrics
from genaiservice.guard.readiness import Readiness

SERVER: Final = {"Server": "genaiservice-guard"}
"""Instead of the names and versions of what we are made of."""


class Admin:
    def __init__(
        self, readiness: Readiness, metrics: Metrics, *, quiet: Callable[[], Awaitable[None]]
    ) -> None:
        """`quiet` returns when clients have left, or have had time enough to."""
        self._readiness = readiness
        self._metrics = metrics
        self._quiet = quiet

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return _json(405, {"error": "use GET"})
        match request.path:
            case "/livez":
                return _json(200, {"alive": True})
            case names.GUARD_QUIET_PATH:
                await self._quiet()
                return _json(200, {"quiet": True})
            case "/readyz":
                ready, facts = self._readiness.report()
                return _json(200 if ready else 503, facts)
            case "/metrics":
                body, content_type = self._metrics.render(request.headers.get("Accept", ""))
                return web.Response(body=body, headers={**SERVER, "Content-Type": content_type})
            case _:
                return _json(404, {"error": "use /livez, /readyz, /metrics or /quiet"})


def _json(status: int, body: object) -> web.Response:
    return web.Response(
        status=status,
        headers=SERVER,
        body=json.dumps(body, ensure_ascii=False).encode(),
        content_type="application/json",
        charset="utf-8",
    )
