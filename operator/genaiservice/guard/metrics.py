# SPDX-License-Identifier: Apache-2.0
"""The guard's Prometheus metrics: every name, label and bucket stands here.

Labels come from closed sets (routes, statuses, risk classes, actions, fault words), never from a
request, so the number of series is bounded and no text of a user can get in.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from genaiservice.guard.core.policy import Policy

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Pace(Collector):
    """The time between two parts of an answer: a histogram that costs a part one look-up.

    One thread counts; labels, locks and objects are left to the scrape.
    """

    __slots__ = ("_counts", "_seconds")

    def __init__(self) -> None:
        self._counts = [0] * (len(SECONDS) + 1)
        self._seconds = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(SECONDS, seconds)] += 1
        self._seconds += seconds

    def collect(self) -> Iterator[Metric]:
        bounds = [*map(floatToGoString, SECONDS), "+Inf"]
        yield HistogramMetricFamily(
            "genai_guard_time_between_chunks_seconds",
            "Between two parts of one answer's body towards the client.",
            buckets=list(zip(bounds, accumulate(self._counts), strict=True)),
            sum_value=self._seconds,
        )


class Metrics:
    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # one series more per series, and nobody asks for it
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests(registry)
        self._answers(registry)
        self._policies(registry)
        self._users(registry)
        self._detectors(registry)

    def _requests(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "genai_guard_requests_total",
            "Requests answered, by route and HTTP status.",
            ("route", "status"),
            registry=registry,
        )
        self.verdicts = Counter(
            "genai_guard_verdicts_total",
            "Decisions about texts, by direction, risk class, action and reason.",
            ("direction", "risk", "action", "reason"),
            registry=registry,
        )
        self.unscreened = Counter(
            "genai_guard_unscreened_requests_total",
            "Requests on further paths of the configuration, which pass unscreened.",
            registry=registry,
        )

    def _answers(self, registry: CollectorRegistry) -> None:
        self.first_token = Histogram(
            "genai_guard_time_to_first_chunk_seconds",
            "From the request to the first bytes of the answer's body towards the client.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self.upstream_first = Histogram(
            "genai_guard_upstream_time_to_first_byte_seconds",
            "From the forwarded request to the first byte of the model's answer.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self.pace = Pace()
        registry.register(self.pace)
        self.upstream_errors = Counter(
            "genai_guard_upstream_errors_total",
            "Answers of the model that failed or broke off, by fault.",
            ("fault",),
            registry=registry,
        )
        self.labelled_files = Counter(
            "genai_guard_labelled_files_total",
            "Files that left with their metadata, by format and whether the other label is there.",
            ("carrier", "explicit"),
            registry=registry,
        )
        self.client_gone = Counter(
            "genai_guard_clients_gone_total",
            "Clients that left before their answer ended; the model was stopped at once.",
            registry=registry,
        )

    def _policies(self, registry: CollectorRegistry) -> None:
        self.policy_loads = Counter(
            "genai_guard_policy_loads_total",
            "Attempts to load the policy file, by outcome.",
            ("outcome",),
            registry=registry,
        )
        self.policy = Gauge(
            "genai_guard_policy_info",
            "The policy in force.",
            ("name", "hash"),
            registry=registry,
        )
        self.terms = Gauge(
            "genai_guard_policy_terms", "Terms of the policy in force.", registry=registry
        )

    def _detectors(self, registry: CollectorRegistry) -> None:
        self.detector_questions = Counter(
            "genai_guard_detector_questions_total",
            "Questions to detectors: passed, found, withdrawn, or the fault that left no opinion.",
            ("detector", "outcome"),
            registry=registry,
        )
        self.detector_seconds = Histogram(
            "genai_guard_detector_seconds",
            "From a question to its outcome, waiting for a place included.",
            ("detector",),
            buckets=SECONDS,
            registry=registry,
        )
        self.detector_left_alone = Gauge(
            "genai_guard_detector_breaker_open",
            "1 while a detector is not asked, since it failed several times in a row.",
            ("detector",),
            registry=registry,
        )
        self.detector_fails_open = Gauge(
            "genai_guard_detector_fail_open",
            "1 while texts pass without the opinion of a detector that fails, as declared.",
            ("detector",),
            registry=registry,
        )

    def _users(self, registry: CollectorRegistry) -> None:
        self.user_denials = Counter(
            "genai_guard_user_denials_total",
            "Requests refused because of their user, by code.",
            ("code",),
            registry=registry,
        )
        self.claim_faults = Counter(
            "genai_guard_user_claim_faults_total",
            "Requests without a valid claim of who their user is, by fault.",
            ("fault",),
            registry=registry,
        )
        self.user_reminders = Counter(
            "genai_guard_user_reminders_total",
            "Reminders given to users, by kind.",
            ("kind",),
            registry=registry,
        )
        self.sanctions = Counter(
            "genai_guard_sanctions_total",
            "Steps taken against misuse, by step.",
            ("step",),
            registry=registry,
        )
        self.user_store_errors = Counter(
            "genai_guard_user_store_errors_total",
            "Requests whose user's record could not be read or written, by reason.",
            ("reason",),
            registry=registry,
        )

    def detector_heard(self, detector: str, outcome: str, seconds: float) -> None:
        self.detector_questions.labels(detector, outcome).inc()
        self.detector_seconds.labels(detector).observe(seconds)

    def watch_detector(
        self, name: str, *, left_alone: Callable[[], bool], fails_open: Callable[[], bool]
    ) -> None:
        self.detector_left_alone.labels(name).set_function(lambda: float(left_alone()))
        self.detector_fails_open.labels(name).set_function(lambda: float(fails_open()))

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge whose value is asked for when somebody scrapes."""
        Gauge(name, text, registry=self._registry).set_function(value)

    def policy_in_force(self, policy: Policy) -> None:
        self.policy.clear()
        self.policy.labels(policy.name, policy.hash).set(1)
        self.terms.set(policy.terms)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The text and its content type; with exemplars for whom it understands them."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
