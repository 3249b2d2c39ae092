# SPDX-License-Identifier: Apache-2.0
"""The floor of a Python proxy that looks at its answers: aiohttp on uvloop, each event split off
and parsed with json.loads, then passed on as it came. No terms, no records, no traces.

    python -m benchmarks.rig.bare PORT MODEL_PORT
"""

import asyncio
import json
import sys

import aiohttp
import uvloop
from aiohttp import web

MODEL = web.AppKey("model", str)
SESSION = web.AppKey("session", aiohttp.ClientSession)


async def relay(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    json.loads(body)
    url = request.app[MODEL] + request.path_qs
    headers = {"Content-Type": "application/json"}
    async with request.app[SESSION].post(url, data=body, headers=headers) as answer:
        out = web.StreamResponse(status=answer.status)
        out.content_type = "text/event-stream"
        await out.prepare(request)
        rest = b""
        async for data in answer.content.iter_any():
            *events, rest = (rest + data).split(b"\n\n")
            for event in events:
                if event.startswith(b"data: {"):
                    json.loads(event[6:])
                await out.write(event + b"\n\n")
        await out.write_eof(rest)
        return out


async def serve(port: int, model: int) -> None:
    app = web.Application()
    app[MODEL] = f"http://127.0.0.1:{model}"
    app.router.add_post("/{path:.*}", relay)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        app[SESSION] = session
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
