# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from genaiservice.api.problem import Lang, ProblemError
from genaiservice.control.core.addresses import AddressRules
from genaiservice.control.settings import from_env

ENOUGH = {"GENAI_GUARD_IMAGE": "example.test/guard:1", "GENAI_OPERATOR_NAMESPACE": "genai-system"}


def test_two_settings_are_enough() -> None:
    settings = from_env({**ENOUGH, "KUBECONFIG": "/some/where", "PATH": "/bin"})
    assert settings.plan.guard_image == "example.test/guard:1"
    assert settings.operator_namespace == "genai-system"
    assert settings.kubeconfig == Path("/some/where")
    assert settings.identity
    assert settings.leader_election


def test_in_a_pod_the_service_account_is_used() -> None:
    assert from_env({**ENOUGH, "KUBERNETES_SERVICE_HOST": "10.0.0.1"}).kubeconfig is None


def test_every_fault_is_told_at_once_and_by_name() -> None:
    env = {
        "GENAI_OPERATOR_NAMESPACE": " ",
        "GENAI_WORKERS": "many",
        "GENAI_TRACE_SAMPLE_RATIO": "1.5",
        "GENAI_OTLP_ENDPOINT": "collector:4318",
        "GENAI_WOKERS": "4",
    }
    with pytest.raises(ProblemError) as caught:
        from_env(env)
    assert {problem.where for problem in caught.value.problems} == {
        "GENAI_GUARD_IMAGE",
        "GENAI_OPERATOR_NAMESPACE",
        "GENAI_WORKERS",
        "GENAI_TRACE_SAMPLE_RATIO",
        "GENAI_OTLP_ENDPOINT",
        "GENAI_WOKERS",
    }
    for problem in caught.value.problems:
        for lang in Lang:
            assert problem.where in problem.render(lang)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GENAI_HEALTH_PORT", "70000"),
        ("GENAI_HEALTH_PORT", "-1"),
        ("GENAI_WORKERS", "0"),
        ("GENAI_RESYNC_SECONDS", "1"),
        ("GENAI_RESYNC_SECONDS", "nan"),
        ("GENAI_LEADER_ELECTION", "yes"),
        ("GENAI_LOG_LEVEL", "loud"),
        ("GENAI_LOG_FORMAT", "xml"),
        ("GENAI_GUARD_PULL_POLICY", "Sometimes"),
        ("GENAI_PAGE_CHECKS", "on"),
        ("GENAI_PAGE_INTERVAL_SECONDS", "60"),
        ("GENAI_PAGE_PROXY", "proxy:3128"),
        ("GENAI_PAGE_ALLOWED_NETWORKS", "10.0.0.0/33"),
        ("GENAI_PAGE_DENIED_NETWORKS", "10.0.0.1/8"),
    ],
)
def test_a_value_that_is_not_understood_is_refused_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(ProblemError) as caught:
        from_env({**ENOUGH, name: value})
    assert [problem.where for problem in caught.value.problems] == [name]
    assert repr(value) not in str(caught.value)


def test_pages_are_not_looked_at_unless_somebody_wants_it() -> None:
    settings = from_env(ENOUGH)
    assert not settings.page_checks
    assert settings.page_addresses == AddressRules()


def test_networks_are_separated_by_commas() -> None:
    networks = {
        "GENAI_PAGE_ALLOWED_NETWORKS": "10.8.0.0/16, fd00::/8",
        "GENAI_PAGE_DENIED_NETWORKS": "",
    }
    rules = from_env({**ENOUGH, **networks}).page_addresses
    assert rules.permits("10.8.1.1")
    assert rules.permits("fd00::1")
    assert not rules.permits("10.9.1.1")
