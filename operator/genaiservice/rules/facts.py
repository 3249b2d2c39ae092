# SPDX-License-Identifier: Apache-2.0
"""The facts that a verdict may read beside the declaration: their names and shapes.

The operator gathers them, `catalogue/_facts.yaml` is their schema, judge() only reads. Rule: a fact
is what was seen, with when; it is never an assumption.

- A part that was not gathered is ABSENT (the key is not there): `genaictl check` without a cluster,
  or a page not looked at yet. What rests on it then stays at level V1; nothing becomes Unknown.
- A fact that was tried and could not be taken is there with `error`. A requirement file says after
  how many tries and how long it counts, and whether it is then Unknown (`FactUnavailable`).
- The gatherer leaves out what no longer holds (`holdsUntil`); judge() has no clock and reads what
  it is given. Times are RFC 3339 with an offset.
"""

from typing import Final, NotRequired, TypedDict


class Service(TypedDict):
    name: str
    namespace: str
    displayName: str


class Workload(TypedDict):
    mode: str
    """`managed`, `adopted` or empty."""
    replicas: int | None
    minReplicas: int | None


class GuardState(TypedDict):
    killSwitch: bool


class Exposure(TypedDict):
    """One object that brings traffic to the service."""

    kind: str
    """`Service`, `Ingress` or `HTTPRoute`."""
    name: str
    hosts: list[str]
    public: bool
    """Reachable from outside the cluster: LoadBalancer, NodePort, Ingress or Gateway."""


class Image(TypedDict):
    """What one container of the model runs (never the guard's)."""

    container: str
    image: str
    digest: str | None
    """`sha256:…` as the kubelet resolved it, or as the image names it; None when neither says."""


class Cluster(TypedDict, total=False):
    """What the cluster shows; each key may be absent by itself."""

    takenAt: str
    replicas: int
    """Pods that the workload is to keep at least: the autoscaler's floor, else its replicas."""
    podDisruptionBudget: bool
    probes: bool
    """Every container of the model has a readiness and a liveness probe."""
    exposure: list[Exposure]
    """An empty list says that nothing brings traffic from outside."""
    images: list[Image]


class Page(TypedDict):
    """What one declared address answered last."""

    url: str
    status: int | None
    """HTTP status of the last answer; None when there was none."""
    takenAt: str
    holdsUntil: NotRequired[str]
    failingSince: str | None
    """Since when every try failed (no answer, or another status than 200); None after a success."""
    failures: int
    """Tries in a row that failed; 0 after a success."""
    sha256: str | None
    """Of the body of the last success, as bytes on the wire after decompression."""
    sha256Since: str | None
    """Since when every success had this hash."""
    contains: dict[str, bool]
    """By needle of `pages.Wanted`: whether the text of the last success holds it."""
    lackingSince: dict[str, str]
    """For each needle that is not there: since when every success lacked it. A page that is being
    repaired must not close a gate, so rules ask for a time here too."""
    error: str | None
    """Why there was no answer (`Timeout`, `TooLarge`, `AddressNotAllowed` …); one word."""


class Facts(TypedDict, total=False):
    service: Service
    workload: Workload
    guard: GuardState
    cluster: Cluster
    pages: dict[str, Page]
    """By the declared field, items by index: `complaints.url`, `scope.publicHosts[0]`."""


CLUSTER: Final = "cluster"
PAGES: Final = "pages"
GATHERED: Final = (CLUSTER, PAGES)
"""The parts that an offline check does not have."""
