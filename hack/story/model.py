# SPDX-License-Identifier: Apache-2.0
"""A scripted model: OpenAI-shaped answers, streamed as a model server does, one piece a chunk.

It stands for the GPU server that no laptop has. It answers what the story needs, and joins the
trace that the guard hands on, so that the tree shows the whole way of a request.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

MODEL = "shili-chat-7b"
HARMLESS = ("你好", "，今天", "天气很好", "，适合", "散步", "。")
FORBIDDEN = ("下面", "是一个", "违", "禁样", "本", "，后面", "还有", "文字", "。")
"""A term of the example policy (违禁样本), split over three chunks."""
PACE_SECONDS = 0.02


class Model:
    """Serves on a free port of the loopback address until `stop()`."""

    def __init__(self, collector: str | None) -> None:
        provider = TracerProvider(resource=Resource.create({"service.name": "model"}))
        if collector:
            exporter = OTLPSpanExporter(f"{collector}/v1/traces", timeout=5)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
        self._provider = provider
        tracer = provider.get_tracer("model")

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """The story has its own words."""

            def do_GET(self) -> None:
                self._whole({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked = str(body["messages"][-1]["content"])
                pieces = FORBIDDEN if "样本" in asked else HARMLESS
                carrier = {"traceparent": self.headers.get("traceparent", "")}
                context = TraceContextTextMapPropagator().extract(carrier)
                with tracer.start_as_current_span("generate", context=context):
                    if body.get("stream"):
                        self._stream(pieces)
                    else:
                        self._whole(_answer("".join(pieces)))

            def _whole(self, tree: dict[str, Any]) -> None:
                data = json.dumps(tree, ensure_ascii=False).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _stream(self, pieces: tuple[str, ...]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream; charset=utf-8")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                try:
                    for piece in pieces:
                        self._event(_chunk({"content": piece}, None))
                        time.sleep(PACE_SECONDS)
                    self._event(_chunk({}, "stop"))
                    self.wfile.write(b"data: [DONE]\n\n")
                except (BrokenPipeError, ConnectionResetError):
                    return  # the guard has cut the answer, as it should

            def _event(self, tree: dict[str, Any]) -> None:
                self.wfile.write(
                    b"data: " + json.dumps(tree, ensure_ascii=False).encode() + b"\n\n"
                )
                self.wfile.flush()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._provider.shutdown()


def _chunk(delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-story",
        "object": "chat.completion.chunk",
        "created": 1764000000,
        "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def _answer(text: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-story",
        "object": "chat.completion",
        "created": 1764000000,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
    }
