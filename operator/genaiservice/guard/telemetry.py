# SPDX-License-Identifier: Apache-2.0
"""Traces: a server span for the client's request and in it a client span for the model's part.

OpenTelemetry is imported only when there is an endpoint to send to, so that a guard without one
does not carry it in memory. Names follow the gen_ai conventions. Spans hold facts of an `Account`
and never a text, a header or a key; W3C context is passed on in either case.
"""

import logging
import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from genaiservice.api.guard_config import GuardConfig
from genaiservice.guard.account import OPERATIONS, Account
from genaiservice.guard.headers import Field

if TYPE_CHECKING:
    from opentelemetry.exporter.http.transport._base import BaseHTTPTransport
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+\-]{0,127}")
QUEUE_SPANS: Final = 2048
EXPORT_SECONDS: Final = 5
CLOSE_SECONDS: Final = 3.0

log = logging.getLogger(__name__)


class Trace(Protocol):
    """The trace of one exchange."""

    @property
    def id(self) -> str:
        """The trace id, for the decision log; empty when there is none."""

    def forward(self, account: Account) -> list[Field]:
        """The model is being called; the context fields for it."""

    def end(self, account: Account) -> None: ...


class Tracing(Protocol):
    def begin(self, account: Account, headers: Mapping[str, str]) -> Trace: ...

    def close(self) -> None: ...


class PassedTrace:
    """No spans of ours: the client's context goes on to the model as it came."""

    __slots__ = ("_fields", "id")

    def __init__(self, headers: Mapping[str, str]) -> None:
        parent = headers.get("traceparent", "")
        found = TRACEPARENT.fullmatch(parent)
        self.id = found[1] if found else ""
        self._fields: list[Field] = []
        if found:
            self._fields.append((b"traceparent", parent.encode("ascii")))
            if state := headers.get("tracestate", ""):
                self._fields.append((b"tracestate", state.encode("latin-1", "ignore")))

    def forward(self, account: Account) -> list[Field]:
        return self._fields

    def end(self, account: Account) -> None:
        return None


class NoTracing:
    def begin(self, account: Account, headers: Mapping[str, str]) -> Trace:
        return PassedTrace(headers)

    def close(self) -> None:
        return None


class SpanTrace:
    __slots__ = ("_client", "_server", "_tracing", "id")

    def __init__(self, tracing: "SpanTracing", server: "Span") -> None:
        self._tracing = tracing
        self._server = server
        self._client: Span | None = None
        self.id = f"{server.get_span_context().trace_id:032x}"

    def forward(self, account: Account) -> list[Field]:
        self._client = self._tracing.client_span(account, self._server)
        return self._tracing.context_fields(self._client)

    def end(self, account: Account) -> None:
        if self._client is not None:
            self._tracing.finish_client(self._client, account)
        self._tracing.finish_server(self._server, account)


class SpanTracing:
    """Spans through the OpenTelemetry SDK; `exporter` is where they go."""

    def __init__(self, config: GuardConfig, exporter: "SpanExporter", version: str) -> None:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._exporter = exporter
        self._provider = _provider(config, version)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=QUEUE_SPANS,
                schedule_delay_millis=1000,
                export_timeout_millis=EXPORT_SECONDS * 1000,
            )
        )
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._api = trace
        self._tracer = self._provider.get_tracer("genaiservice.guard", version)
        self._propagator = TraceContextTextMapPropagator()
        self._server_address = config.upstream.url.split("://", 1)[1]

    def begin(self, account: Account, headers: Mapping[str, str]) -> Trace:
        carrier = {
            key: value for key in ("traceparent", "tracestate") if (value := headers.get(key))
        }
        attributes: dict[str, Any] = {
            "http.request.method": account.method,
            "genaiservice.route": account.route.value,
            "genaiservice.request.id": account.request,
        }
        if account.path:
            attributes["http.route"] = account.path
        span = self._tracer.start_span(
            f"{account.method} {account.path}".rstrip(),
            context=self._propagator.extract(carrier),
            kind=self._api.SpanKind.SERVER,
            attributes=attributes,
        )
        return SpanTrace(self, span)

    def client_span(self, account: Account, parent: "Span") -> "Span":
        operation = OPERATIONS.get(account.route)
        attributes: dict[str, Any] = {"server.address": self._server_address}
        name = f"{account.method} {account.path}"
        if operation is not None:
            # Clients write it: what is no name of a model could be a text.
            model = account.model if MODEL.fullmatch(account.model) else ""
            name = f"{operation} {model}".rstrip()
            attributes["gen_ai.operation.name"] = operation
            attributes["gen_ai.provider.name"] = "openai"
            if model:
                attributes["gen_ai.request.model"] = model
        return self._tracer.start_span(
            name,
            context=self._api.set_span_in_context(parent),
            kind=self._api.SpanKind.CLIENT,
            attributes=attributes,
        )

    def context_fields(self, span: "Span") -> list[Field]:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, self._api.set_span_in_context(span))
        return [(key.encode(), value.encode("latin-1", "ignore")) for key, value in carrier.items()]

    def finish_client(self, span: "Span", account: Account) -> None:
        if account.upstream_status:
            span.set_attribute("http.response.status_code", account.upstream_status)
        if account.finish_reasons:
            span.set_attribute("gen_ai.response.finish_reasons", account.finish_reasons)
        if account.input_tokens is not None:
            span.set_attribute("gen_ai.usage.input_tokens", account.input_tokens)
        if account.output_tokens is not None:
            span.set_attribute("gen_ai.usage.output_tokens", account.output_tokens)
        if account.forwarded is not None and account.upstream_first is not None:
            span.set_attribute(
                "gen_ai.response.time_to_first_chunk", account.upstream_first - account.forwarded
            )
        if account.fault:
            span.set_attribute("error.type", account.fault)
            span.set_status(self._api.StatusCode.ERROR)
        span.end()

    def finish_server(self, span: "Span", account: Account) -> None:
        if account.status:
            span.set_attribute("http.response.status_code", account.status)
        for risk, action in account.actions[:16]:
            span.add_event("genaiservice.decision", {"risk": risk, "action": action})
        if account.client_gone:
            span.set_attribute("genaiservice.client_gone", True)
        if account.status >= 500:
            span.set_attribute("error.type", str(account.status))
            span.set_status(self._api.StatusCode.ERROR)
        span.end()

    def close(self) -> None:
        """Sends what is queued, for CLOSE_SECONDS at most; blocks, so call it on a thread."""
        # The exporter waits longer and longer for a receiver that is down; this wakes it.
        limit = threading.Timer(CLOSE_SECONDS, self._exporter.shutdown)
        limit.daemon = True
        limit.start()
        self._provider.shutdown()
        limit.cancel()


def tracing_for(config: GuardConfig, version: str) -> Tracing:
    """Tracing as configured; without an endpoint nothing of OpenTelemetry is loaded."""
    endpoint = config.telemetry.otlp_endpoint
    if endpoint is None:
        return NoTracing()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    address, transport = sender(endpoint, "traces")
    exporter = OTLPSpanExporter(endpoint=address, timeout=EXPORT_SECONDS, _transport=transport)
    return SpanTracing(config, exporter, version)


def sender(endpoint: str, signal: str) -> "tuple[str, BaseHTTPTransport]":
    """Where a signal goes, and what carries it there."""
    from opentelemetry.exporter.http.transport._urllib3 import Urllib3HTTPTransport

    base = endpoint.rstrip("/").removesuffix("/v1/traces")
    # The exporter's own choice, requests, would take 4 MB more of a sidecar's memory.
    return f"{base}/v1/{signal}", Urllib3HTTPTransport(verify=True, cert=None)


def resource_of(config: GuardConfig, version: str) -> "Resource":
    from opentelemetry.sdk.resources import Resource

    return Resource.create(
        {
            "service.name": config.service.name,
            "service.namespace": config.service.namespace,
            "service.version": version,
            "k8s.namespace.name": config.service.namespace,
        }
    )


def _provider(config: GuardConfig, version: str) -> "TracerProvider":
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    return TracerProvider(
        resource=resource_of(config, version),
        sampler=ParentBasedTraceIdRatio(config.telemetry.sample_ratio),
        shutdown_on_exit=False,
    )
