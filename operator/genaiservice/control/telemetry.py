# SPDX-License-Identifier: Apache-2.0
"""What the operator tells about itself: Prometheus metrics and OpenTelemetry spans.

Rules. Labels come from closed sets (verb, kind, code, result), never a name of a user's object,
so that the number of series is bounded; names stand in spans. Spans wait in a bounded queue and
are dropped when the collector is away. No declaration, header or key is recorded.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from genaiservice import __version__
from genaiservice.kube.resources import ObjectKey

SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Telemetry:
    def __init__(self, *, otlp_endpoint: str = "", sample_ratio: float = 0.0) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "genai_operator_kube_request_seconds",
            "Calls to the API server; code 0: no answer.",
            ("verb", "kind", "code"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._passes = Histogram(
            "genai_operator_reconcile_seconds",
            "Looks at a GenAIService, by how they ended.",
            ("result",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._writes = Counter(
            "genai_operator_writes", "Objects written by reconciles.", registry=self.registry
        )
        self._skipped = Counter(
            "genai_operator_writes_skipped",
            "Writes that were not needed because the object already is as wanted.",
            ("kind",),
            registry=self.registry,
        )
        self._ghosts = Counter(
            "genai_operator_resync_ghosts",
            "Objects whose deletion a watch has missed.",
            ("kind",),
            registry=self.registry,
        )
        self._leading = Gauge(
            "genai_operator_leading", "1 on the replica that writes.", registry=self.registry
        )
        self._depth = Gauge(
            "genai_operator_queue_depth", "Services that wait to be looked at.",
            registry=self.registry,
        )  # fmt: skip
        self._cached = Gauge(
            "genai_operator_cached_objects", "Objects in the cache.", ("kind",),
            registry=self.registry,
        )  # fmt: skip
        self._looks = Counter(
            "genai_operator_page_looks",
            "Looks at declared pages, by how they ended.",
            ("result",),
            registry=self.registry,
        )
        self._dropped = Gauge(
            "genai_operator_events_dropped",
            "Kubernetes Events that were not posted because the queue was full.",
            registry=self.registry,
        )
        self._provider = _provider(otlp_endpoint, sample_ratio)
        self._tracer = (
            self._provider.get_tracer("genaiservice.operator") if self._provider else None
        )

    def called(self, *, verb: str, kind: str, code: int, seconds: float) -> None:
        self._requests.labels(verb, kind, str(code)).observe(seconds)

    def passed(self, key: ObjectKey, *, result: str, writes: int, seconds: float) -> None:
        self._passes.labels(result).observe(seconds)
        self._writes.inc(writes)
        if self._tracer is not None:
            end = time.time_ns()
            span = self._tracer.start_span("reconcile", start_time=end - int(seconds * 1e9))
            span.set_attributes(
                {
                    "k8s.namespace.name": key.namespace,
                    "genai.service": key.name,
                    "genai.result": result,
                    "genai.writes": writes,
                }
            )
            span.end(end)

    def skipped(self, kind: str) -> None:
        self._skipped.labels(kind).inc()

    def ghosts(self, kind: str, count: int) -> None:
        self._ghosts.labels(kind).inc(count)

    def looked(self, result: str) -> None:
        self._looks.labels(result).inc()

    def watch(
        self,
        *,
        leading: Callable[[], bool],
        depth: Callable[[], int],
        dropped: Callable[[], int],
    ) -> None:
        """Values that are read when the metrics are asked for."""
        self._leading.set_function(lambda: float(leading()))
        self._depth.set_function(depth)
        self._dropped.set_function(dropped)

    def render(self, sizes: Mapping[str, int]) -> bytes:
        for kind, size in sizes.items():
            self._cached.labels(kind).set(size)
        return generate_latest(self.registry)

    def close(self) -> None:
        """Sends what waits, for a few seconds at most; runs in a thread, it blocks."""
        if self._provider is not None:
            self._provider.force_flush(3000)
            self._provider.shutdown()


def _provider(endpoint: str, ratio: float) -> TracerProvider | None:
    if not endpoint:
        return None
    # Imported only where traces are wanted: the exporter brings its own HTTP client.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": "genaiservice-operator", "service.version": __version__}
        ),
        sampler=TraceIdRatioBased(ratio),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=5)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=2048, schedule_delay_millis=1000)
    )
    return provider
