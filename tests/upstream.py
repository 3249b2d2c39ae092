# SPDX-License-Identifier: Apache-2.0
"""A scripted model server: speaks just enough HTTP/1.1 to misbehave in every way a test needs.

A test hands it a script, `async def script(call)`, which writes the answer of one request byte by
byte as it likes. What arrived is kept in `calls`.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass(slots=True)
class Call:
    """One request that arrived, and the way to answer it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when the guard closed the connection while the script was running."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def write(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def head(self, status: int, content_type: str, *more: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", *more]
        await self.write("\r\n".join([*lines, "", ""]).encode())

    async def answer(self, status: int, content_type: str, body: bytes, *more: str) -> None:
        await self.head(status, content_type, f"Content-Length: {len(body)}", *more)
        await self.write(body)

    async def begin_stream(self, *more: str) -> None:
        await self.head(
            200, "text/event-stream; charset=utf-8", "Transfer-Encoding: chunked", *more
        )

    async def chunk(self, *datas: bytes) -> None:
        for data in datas:
            await self.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_stream(self) -> None:
        await self.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Ends the connection with a reset, as a crashing process does."""
        self.writer.transport.abort()


Script = Callable[[Call], Awaitable[None]]


class Gate:
    """Where a script waits until the test opens; may be opened from any thread."""

    def __init__(self) -> None:
        self._opened = threading.Event()

    def open(self) -> None:
        self._opened.set()

    async def wait(self) -> None:
        while not self._opened.is_set():  # noqa: ASYNC110 - opened by another thread
            await asyncio.sleep(0.005)


class Upstream:
    """The server, on a loop and thread of its own, so that tests may block."""

    def __init__(self, script: Script, *, lazy: bool = False) -> None:
        """`lazy`: a script reads the bodies of its requests by itself, from `call.reader`."""
        self.script = script
        self._lazy = lazy
        self.calls: list[Call] = []
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstream")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _open(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        length = 0 if self._lazy else int(headers.get("content-length", "0"))
        body = await reader.readexactly(length)
        call = Call(method, target, headers, body, writer, reader)
        if target.endswith("/v1/models"):
            await call.answer(200, "application/json", MODELS)
            if "user-agent" in headers:  # a client's, not the guard's own probe
                self.calls.append(call)
            return headers.get("connection") != "close"
        self.calls.append(call)
        if self._lazy:
            await self.script(call)
            return False
        watch = asyncio.ensure_future(_watch(reader, call))
        try:
            await self.script(call)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        return not writer.is_closing()


async def _watch(reader: asyncio.StreamReader, call: Call) -> None:
    try:
        while not reader.at_eof():
            if await reader.read(1) == b"":
                break
    except OSError:
        pass
    call.gone.set()


MODELS = json.dumps(
    {"object": "list", "data": [{"id": "m", "object": "model", "created": 0, "owned_by": "t"}]}
).encode()


def event(text: str | None = None, *, finish: str | None = None, **more: Any) -> bytes:
    """One server-sent event of a chat stream, in the shape of vLLM."""
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _event({"choices": [choice], **more})


def completion_event(text: str, *, finish: str | None = None) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    return _event({"choices": [choice], "object": "text_completion"})


def _event(more: dict[str, Any]) -> bytes:
    tree = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        **more,
    }
    return b"data: " + json.dumps(tree, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def completion(text: str) -> bytes:
    """A whole chat answer."""
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
        },
        ensure_ascii=False,
    ).encode()


def streaming(*texts: str) -> Script:
    """Streams the texts, one event each, and ends in order."""

    async def script(call: Call) -> None:
        await call.begin_stream()
        for text in texts:
            await call.chunk(event(text))
        await call.chunk(event(finish="stop"), DONE)
        await call.end_stream()

    return script


def answering(text: str) -> Script:
    async def script(call: Call) -> None:
        await call.answer(200, "application/json", completion(text))

    return script
