# SPDX-License-Identifier: Apache-2.0
"""Detectors of a service: what its guard is told, which keys it gets, and while one fails open."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from genaiservice.api import guard_config, names
from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.jsontree import MutableJson, lookup
from genaiservice.control.core import guard_detectors
from genaiservice.control.core.guard_spec import config_tree
from genaiservice.control.core.plan import Plan, plan
from genaiservice.control.core.policy_tree import rendered
from genaiservice.control.core.times import rfc3339
from tests.build import (
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
from tests.unit.control.core.applied import applied

DETECTOR: MutableJson = {
    "name": "house",
    "kind": "GuardModel",
    "url": "http://guard-model.shop:8000/v1",
    "model": "guard",
    "apiKeySecret": {"name": "guard-model", "key": "token"},
    "categories": [{"name": "S1", "riskClass": "A1a"}],
}
BEGINS, ENDS = NOW + timedelta(hours=1), NOW + timedelta(hours=3)
OPEN = {"since": rfc3339(BEGINS), "until": rfc3339(ENDS), "reason": "it moves house"}


def with_detectors(*detectors: Any, **more: Any) -> MutableJson:
    return service(guard={"detectors": list(detectors), **more})


def made(of: MutableJson, now: datetime = NOW) -> Plan:
    return plan(observed(of), verdict(), now, SETTINGS)


def test_the_guard_is_told_of_detectors_and_finds_the_key_as_a_file() -> None:
    of = with_detectors(DETECTOR, detectorWindow={"characters": 80})
    config = guard_config.parse(config_tree(NAMESPACE, SERVICE, of["spec"]))
    (detector,) = config.detectors
    assert detector.api_key_file == f"{names.PATH_SECRETS}/detector-house"
    assert config.detector_window.characters == 80
    profile = made(of).profile
    assert profile is not None
    (volume,) = (one for one in profile["spec"]["volumes"] if one["name"] == names.VOLUME_SECRETS)
    assert volume["projected"]["sources"] == [
        {
            "secret": {
                "name": "guard-model",
                "items": [{"key": "token", "path": "detector-house"}],
            }
        }
    ]
    mounts = lookup(profile, "spec", "container", "volumeMounts")
    assert names.PATH_SECRETS in {mount["mountPath"] for mount in mounts}


def test_an_authority_of_its_own_is_a_file_too_and_older_guards_hear_of_none() -> None:
    authority = {"caConfigMap": {"name": "house", "key": "ca.crt"}}
    spec = with_detectors(DETECTOR | authority, DETECTOR | {"name": "other"})["spec"]
    own, other = config_tree(NAMESPACE, SERVICE, spec)["detectors"]
    assert own["caFile"] == f"{names.PATH_SECRETS}/detector-house-ca.crt"
    assert "caFile" not in other
    assert list(guard_detectors.sources(spec))[1] == {
        "configMap": {
            "name": "house",
            "items": [{"key": "ca.crt", "path": "detector-house-ca.crt"}],
        }
    }


def test_without_detectors_nothing_is_told_of_them() -> None:
    assert "detectors" not in config_tree(NAMESPACE, SERVICE, service()["spec"])
    status = made(service()).status
    assert status is not None
    assert ConditionType.DETECTORS.value not in {one["type"] for one in status["conditions"]}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW, ("True", Reason.FAILS_CLOSED)),
        (BEGINS, ("False", Reason.FAILS_OPEN)),
        (ENDS - timedelta(seconds=1), ("False", Reason.FAILS_OPEN)),
        (ENDS, ("True", Reason.FAILS_CLOSED)),
    ],
)
def test_failing_open_is_a_condition_while_it_lasts(
    now: datetime, expected: tuple[str, str]
) -> None:
    status = made(with_detectors({**DETECTOR, "failOpen": OPEN}), now).status
    assert status is not None
    assert condition(status, ConditionType.DETECTORS) == expected
    if expected[0] == "False":
        for part in ("house", OPEN["until"], "it moves house"):
            assert part in message(status, ConditionType.DETECTORS)


def test_its_begin_and_end_are_looked_at_on_time() -> None:
    of = with_detectors({**DETECTOR, "failOpen": OPEN})
    assert made(of).recheck_at == BEGINS
    assert made(of, BEGINS).recheck_at == ENDS
    assert made(of, ENDS).recheck_at is None


def test_begin_and_end_are_events_and_nothing_in_between() -> None:
    seen = observed(with_detectors({**DETECTOR, "failOpen": OPEN}))
    told = []
    for now in (NOW, BEGINS, BEGINS + timedelta(hours=1), ENDS):
        step = plan(seen, verdict(), now, SETTINGS)
        told.append([event.reason for event in step.events if event.action == "CheckDetectors"])
        seen = applied(seen, step)
    assert told == [[], ["FailsOpen"], [], ["FailsClosed"]]


@pytest.mark.parametrize("detectors", ["none", [7], [{"failOpen": "yes"}], {}])
def test_what_the_api_server_would_refuse_does_not_stop_a_pass(detectors: Any) -> None:
    assert made(service(guard={"detectors": detectors})).status is not None


def test_the_action_of_a_class_without_terms_reaches_the_guard() -> None:
    """Detectors may find it; one that would need an answer which is not there is left out."""
    spec = {
        "actions": {
            "default": "Block",
            "byClass": {"A2a": "Flag", "A3a": "Replace", "A9z": "Flag"},
        },
        "answers": [{"riskClasses": ["A4a"], "zh": "请咨询医生。", "en": "Ask a doctor."}],
    }
    tree, problems = rendered(spec, "default", {"A1a": {"违禁样本"}}, "")
    assert problems == ()
    assert {risk: part["action"] for risk, part in tree["classes"].items()} == {
        "A1a": "Block",
        "A2a": "Flag",
    }
