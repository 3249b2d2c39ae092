# SPDX-License-Identifier: Apache-2.0
import json
from typing import Any

import pytest

from genaiservice.api import guard_config, names
from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.guard_config import LabelMode, Screening
from genaiservice.api.jsontree import MutableJson, lookup
from genaiservice.api.problem import ProblemError
from genaiservice.control.core.guard_spec import config_text, config_tree, container
from genaiservice.control.core.plan import plan
from tests.build import (
    IMAGE,
    NAMESPACE,
    NOW,
    SERVICE,
    SETTINGS,
    condition,
    message,
    observed,
    service,
    verdict,
)


def config(of: MutableJson) -> guard_config.GuardConfig:
    tree = config_tree(NAMESPACE, SERVICE, of["spec"])
    return guard_config.parse(json.loads(config_text(tree)))


def test_the_guard_reads_what_the_operator_renders() -> None:
    of = service(
        guard={
            "port": 9000,
            "paths": ["/v1/embeddings"],
            "limits": {
                "drainSeconds": 7,
                "queueSeconds": 2.5,
                "headerSeconds": 20,
                "commentSeconds": 0,
            },
            "upstream": {"firstByteTimeoutSeconds": 120},
            "telemetry": {"otlpEndpoint": "http://collector:4318", "sampleRatio": 0.5},
        },
        managed={"port": 8080},
    )
    read = config(of)
    assert (read.service.namespace, read.service.name) == (NAMESPACE, SERVICE)
    assert (read.listen.port, read.listen.admin_port) == (9000, names.GUARD_ADMIN_PORT)
    assert read.upstream.url == "http://127.0.0.1:8080"
    assert read.upstream.first_byte_timeout_seconds == 120
    assert read.limits == guard_config.Limits(
        drain_seconds=7, queue_seconds=2.5, header_seconds=20, comment_seconds=0
    )
    assert read.paths == ("/v1/embeddings",)
    assert read.telemetry.otlp_endpoint == "http://collector:4318"
    assert read.policy_file == names.FILE_POLICY
    assert read.complaint_url == "https://chat.example.com/complaints"


@pytest.mark.parametrize(
    ("declared", "mode", "text"),
    [
        ({"mode": "InBandPrefix", "labelText": "由AI生成"}, LabelMode.PREFIX, "由AI生成"),
        ({"mode": "InBandSuffix", "labelText": "由AI生成"}, LabelMode.SUFFIX, "由AI生成"),
        ({"mode": "InterfaceDeclared"}, LabelMode.OFF, None),
        (None, LabelMode.PREFIX, None),
    ],
)
def test_the_label_is_as_declared_and_there_when_nothing_is_declared(
    declared: Any, mode: LabelMode, text: str | None
) -> None:
    of = service()
    of["spec"]["compliance"]["labelling"] = {"text": declared} if declared else {}
    read = config(of).label
    assert read.mode is mode
    assert read.text == (text or guard_config.Label().text)


def test_screening_blocks_unless_declared_otherwise() -> None:
    bare = config(service(compliance={"contentSafety": None})).screening
    assert (bare.input, bare.output) == (Screening.BLOCK, Screening.BLOCK)
    declared = config(service(compliance={"contentSafety": {"inputScreening": "Observe"}}))
    assert declared.screening.input is Screening.OBSERVE


def test_an_address_in_chinese_reaches_the_header_in_ascii() -> None:
    of = service(compliance={"complaints": {"url": "https://投诉.中国/入口?类=一"}})
    url = config(of).complaint_url
    assert url.startswith("https://xn--")
    assert url.isascii()


def test_a_port_that_guard_and_model_share_is_refused_with_the_field() -> None:
    of = service(guard={"port": 8000})
    with pytest.raises(ProblemError, match=r"spec\.guard\.port"):
        config(of)
    made = plan(observed(of), verdict(), NOW, SETTINGS)
    assert made.status is not None
    assert condition(made.status, ConditionType.ROLLOUT) == ("False", Reason.POLICY_INVALID)
    assert "spec.guard.port" in message(made.status, ConditionType.ROLLOUT)


def test_the_model_starts_after_a_guard_that_lives_and_not_one_that_is_ready() -> None:
    made = container(service()["spec"], IMAGE, "IfNotPresent")
    assert lookup(made, "startupProbe", "httpGet", "path") == "/livez"
    assert lookup(made, "readinessProbe", "httpGet", "path") == "/readyz"
    assert made["restartPolicy"] == "Always"


@pytest.mark.parametrize(
    ("declared", "requests", "limits"),
    [
        ({}, {"cpu": "100m", "memory": "96Mi"}, {"memory": "512Mi"}),
        (
            {"requests": {"cpu": "0.5", "memory": "1Gi"}},
            {"cpu": "500m", "memory": "1Gi"},
            {"memory": "1Gi"},
        ),
        (
            {"limits": {"memory": "64Mi", "cpu": 1}},
            {"cpu": "100m", "memory": "64Mi"},
            {"memory": "64Mi", "cpu": "1"},
        ),
    ],
)
def test_limits_are_never_below_requests_and_stand_as_the_server_writes_them(
    declared: Any, requests: dict[str, str], limits: dict[str, str]
) -> None:
    of = service(guard={"resources": declared})
    assert container(of["spec"], IMAGE, "Always")["resources"] == {
        "requests": requests,
        "limits": limits,
    }
