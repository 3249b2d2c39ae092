# SPDX-License-Identifier: Apache-2.0
"""The configuration file: defaults, faults, and that rendering loses nothing."""

from typing import Any

import pytest

from genaiservice.api import guard_config
from genaiservice.api.guard_config import GuardConfig, LabelMode, Screening
from genaiservice.api.problem import Lang, ProblemError

LEAST: dict[str, Any] = {"upstream": {"url": "http://127.0.0.1:8000"}, "policyFile": "p.json"}


def faults(tree: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        guard_config.parse(tree)
    for problem in caught.value.problems:
        assert problem.render(Lang.ZH) != problem.render(Lang.EN)
    return "\n".join(problem.render(Lang.EN) for problem in caught.value.problems)


def test_upstream_and_policy_file_are_all_that_must_be_written() -> None:
    config = guard_config.parse(LEAST)
    assert config.upstream.url == "http://127.0.0.1:8000"
    assert config.listen.port == 8790
    assert config.label.mode is LabelMode.PREFIX
    assert config.screening.output is Screening.BLOCK
    assert config.telemetry.otlp_endpoint is None


def test_a_rendered_configuration_is_parsed_to_the_same() -> None:
    config: GuardConfig = guard_config.parse(
        LEAST | {"paths": ["/v1/embeddings"], "telemetry": {"otlpEndpoint": "http://c:4318"}}
    )
    rendered = guard_config.render(config)
    assert guard_config.parse(rendered) == config
    assert rendered["limits"]["requestBodyBytes"] == 10 * 1024 * 1024
    assert rendered["paths"] == ["/v1/embeddings"]


@pytest.mark.parametrize(
    ("patch", "where", "says"),
    [
        ({"upstream": {}}, "upstream.url", "is missing"),
        (
            {"upstream": {"url": "ftp://x"}},
            "upstream.url",
            "Write http or https as in http://host:port",
        ),
        ({"upstream": {"url": "http://u:secret@x"}}, "upstream.url", "user name or password"),
        ({"upstream": {"url": "http://x:99999"}}, "upstream.url", "not an address"),
        ({"policyFile": 3}, "policyFile", "is a number"),
        ({"polcyFile": "x"}, "polcyFile", "did you mean policyFile?"),
        ({"listen": {"adminport": 1}}, "listen.adminport", "did you mean adminPort?"),
        ({"listen": {"port": 8791}}, "listen.adminPort", "different ports"),
        ({"upstream": {"url": "http://localhost:8790/v1"}}, "upstream.url", "is this guard itself"),
        ({"upstream": {"url": "http://127.0.0.1:8791"}}, "upstream.url", "(listen.adminPort)"),
        ({"upstream": {"url": "http://[::1]"}, "listen": {"port": 80}}, "upstream.url", "itself"),
        ({"listen": {"port": "8790"}}, "listen.port", "whole number from 0 to 65535"),
        ({"limits": {"drainSeconds": -1}}, "limits.drainSeconds", "from 0 to 3600"),
        ({"limits": {"concurrentRequests": True}}, "limits.concurrentRequests", "a boolean"),
        ({"screening": {"input": "block"}}, "screening.input", "did you mean Block?"),
        ({"label": {"mode": "Prefix", "text": " "}}, "label.text", "is empty"),
        ({"paths": ["v1/x"]}, "paths", "exact path"),
        ({"paths": "x"}, "paths", "list of texts"),
        ({"complaintUrl": "javascript:x"}, "complaintUrl", "not an address"),
        ({"telemetry": {"sampleRatio": 2}}, "telemetry.sampleRatio", "from 0 to 1"),
    ],
)
def test_a_fault_names_the_field_and_the_next_step(
    patch: dict[str, Any], where: str, says: str
) -> None:
    text = faults(LEAST | patch)
    assert where in text
    assert says in text


def test_all_faults_are_told_at_once() -> None:
    text = faults({"upstream": {"url": 1}, "limits": {"drainSeconds": "x"}, "foo": 1})
    for where in ("upstream.url", "policyFile", "limits.drainSeconds", "foo"):
        assert where in text


def test_a_password_in_an_address_is_not_repeated() -> None:
    assert "secret" not in faults(LEAST | {"upstream": {"url": "http://u:secret@x"}})


@pytest.mark.parametrize("tree", [None, [], "x", 3])
def test_what_is_no_object_is_said_so(tree: Any) -> None:
    assert "Write an object" in faults(tree)
