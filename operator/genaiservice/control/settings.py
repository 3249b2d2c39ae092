# SPDX-License-Identifier: Apache-2.0
"""Settings of the operator: read once from the environment, prefix GENAI_.

Rule: this is the only module of the operator that reads the environment. Every fault is reported
at once, an unknown name with our prefix too, so that a typing error is not silently a default.
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from genaiservice.api.problem import Problem, ProblemError, Text
from genaiservice.control.core.addresses import AddressRules, Network, network
from genaiservice.control.core.steps import PlanSettings
from genaiservice.kube.access import kubeconfig_from

PREFIX: Final = "GENAI_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    guard_image: str
    """Image of the guard that is put into pods; required."""
    operator_namespace: str
    """Namespace of the operator itself, where its Lease lives; required."""
    kubeconfig: Path | None
    """From KUBECONFIG; None in a pod, where the service account is used."""
    identity: str
    """Name of this replica in the Lease; the pod's name."""
    guard_pull_policy: str = "IfNotPresent"
    """imagePullPolicy of the guard: Always, IfNotPresent or Never."""
    health_port: int = 8080
    """Port of /livez and /readyz; 0 takes any free one."""
    metrics_port: int = 9090
    """Port of /metrics (Prometheus); 0 takes any free one."""
    workers: int = 8
    """How many services are looked at at the same time."""
    resync_seconds: float = 300.0
    """How often everything is listed anew, to find what a watch has missed."""
    leader_election: bool = True
    """False only for a single operator on a laptop."""
    log_format: str = "json"
    """json (in a pod) or text (on a terminal)."""
    log_level: str = "info"
    """debug, info, warning or error."""
    otlp_endpoint: str = ""
    """Base URL of an OTLP/HTTP collector for traces; empty: no traces."""
    trace_sample_ratio: float = 0.1
    """Share of passes that are traced, 0 to 1."""
    page_checks: bool = False
    """Whether the declared public pages are looked at."""
    page_interval_seconds: float = 21600.0
    """Time between two looks at a page; a sixth of it when a page failed."""
    page_proxy: str = ""
    """Base URL of the HTTP proxy by which pages are reached; empty: directly."""
    page_allowed_networks: tuple[Network, ...] = ()
    """Networks that may be looked at although they are not public, separated by commas."""
    page_denied_networks: tuple[Network, ...] = ()
    """Networks that are never looked at, separated by commas; they win."""

    @property
    def plan(self) -> PlanSettings:
        return PlanSettings(
            guard_image=self.guard_image,
            guard_pull_policy=self.guard_pull_policy,
        )

    @property
    def page_addresses(self) -> AddressRules:
        return AddressRules(allowed=self.page_allowed_networks, denied=self.page_denied_networks)


def from_env(env: Mapping[str, str]) -> Settings:
    """The settings in `env`; raises ProblemError with every fault."""
    problems: list[Problem] = []
    given: dict[str, Any] = {}
    for name, value in sorted(env.items()):
        if not name.startswith(PREFIX):
            continue
        field = name.removeprefix(PREFIX).lower()
        reader = _READERS.get(field)
        if reader is None:
            problems.append(_unknown(name))
            continue
        try:
            given[field] = reader(value.strip())
        except ValueError as error:
            problems.append(_bad(name, str(error)))
    problems += [
        _missing(PREFIX + f.name.upper()) for f in fields(Settings) if _lacks(f.name, given)
    ]
    if problems:
        raise ProblemError(*problems)
    given.setdefault("identity", socket.gethostname())
    return Settings(kubeconfig=kubeconfig_from(env), **given)


def _lacks(field: str, given: Mapping[str, Any]) -> bool:
    return field in ("guard_image", "operator_namespace") and not given.get(field)


def _text(value: str) -> str:
    if not value:
        raise ValueError("a value")
    return value


def _one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError("one of " + ", ".join(words))
        return value

    return read


def _flag(value: str) -> bool:
    return _one_of("true", "false")(value) == "true"


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not value.isdecimal() or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return read


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return number

    return read


def _url(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("a URL that begins with http:// or https://, or nothing")
    return value.rstrip("/")


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(network(one) for one in value.split(",") if one.strip())
    except ValueError:
        raise ValueError("networks such as 10.0.0.0/8, separated by commas, or nothing") from None


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "guard_image": _text,
    "operator_namespace": _text,
    "identity": _text,
    "guard_pull_policy": _one_of("Always", "IfNotPresent", "Never"),
    "health_port": _whole(0, 65535),
    "metrics_port": _whole(0, 65535),
    "workers": _whole(1, 64),
    "resync_seconds": _number(10, 86400),
    "leader_election": _flag,
    "log_format": _one_of("json", "text"),
    "log_level": _one_of("debug", "info", "warning", "error"),
    "otlp_endpoint": _url,
    "trace_sample_ratio": _number(0, 1),
    "page_checks": _flag,
    "page_interval_seconds": _number(300, 86400),
    "page_proxy": _url,
    "page_allowed_networks": _networks,
    "page_denied_networks": _networks,
}


def _unknown(name: str) -> Problem:
    known = ", ".join(PREFIX + field.upper() for field in _READERS)
    return Problem(
        what=Text(en="This setting is not known", zh="未知的设置项"),
        why=Text(
            en="A misspelt setting would silently keep its default",
            zh="拼写错误的设置项会悄然保持默认值",
        ),
        next=Text(en=f"Use one of {known}", zh=f"请使用下列之一：{known}"),
        where=name,
    )


def _bad(name: str, expected: str) -> Problem:
    # The value itself is not repeated: an endpoint may carry credentials.
    return Problem(
        what=Text(en="The value has a form that is not understood", zh="值的格式无法识别"),
        why=Text(en="The operator does not guess", zh="本软件不会猜测"),
        next=Text(en=f"Write {expected}", zh=f"请填写：{expected}"),
        where=name,
    )


def _missing(name: str) -> Problem:
    return Problem(
        what=Text(en="This setting is missing", zh="缺少该设置项"),
        why=Text(
            en="The operator cannot make pods or its Lease without it",
            zh="缺少它便无法创建 Pod 或租约",
        ),
        next=Text(en="Set it; the Helm chart does", zh="请设置；Helm Chart 会自动设置"),
        where=name,
    )
