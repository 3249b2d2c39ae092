# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from genaiservice.api.conditions import FAMILIES, ConditionType, Reason
from genaiservice.api.problem import Text
from genaiservice.control.core.observed import ApplyFailure, Observed
from genaiservice.control.core.plan import plan
from genaiservice.rules.verdict import Finding, Override, Result, Severity, Verdict
from tests.build import (
    NOW,
    SETTINGS,
    condition,
    finding,
    message,
    observed,
    pod,
    refused,
    service,
    suspended,
    verdict,
)
from tests.unit.control.core.applied import applied


def status(said: Verdict, seen: Observed | None = None, minutes: int = 0) -> Any:
    return plan(seen or observed(), said, NOW + timedelta(minutes=minutes), SETTINGS).status


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([finding()], ("True", Reason.SATISFIED), id="passed"),
        pytest.param(
            [finding(result=Result.NOT_APPLICABLE)], ("True", Reason.NOT_APPLICABLE), id="n/a"
        ),
        pytest.param(
            [finding(result=Result.FAIL, reason=Reason.EXPIRED)],
            ("False", Reason.EXPIRED),
            id="failed",
        ),
        pytest.param(
            [finding(result=Result.UNKNOWN)],
            ("Unknown", Reason.DECLARATION_MISSING),
            id="not declared",
        ),
        pytest.param(
            [finding(result=Result.FAIL, severity=Severity.WARN)],
            ("True", Reason.WARNINGS_ONLY),
            id="only a warning",
        ),
        pytest.param([finding(result=Result.WAIVED)], ("True", Reason.WAIVED), id="waived"),
        pytest.param(
            [
                finding("IM-17-1"),
                finding("IM-17-2", result=Result.UNKNOWN),
                finding("IM-17-3", result=Result.FAIL),
            ],
            ("False", Reason.CROSS_CHECK_FAILED),
            id="the worst speaks",
        ),
    ],
)
def test_the_worst_finding_speaks_for_its_family(
    found: list[Finding], expected: tuple[str, str]
) -> None:
    assert condition(status(verdict(*found)), ConditionType.FILING) == expected


def test_every_family_has_a_condition_even_without_a_requirement() -> None:
    told = status(verdict(finding()))
    for family in FAMILIES:
        assert condition(told, family)[0] == "True"


def test_a_message_names_the_requirement_in_both_languages_chinese_first() -> None:
    told = message(
        status(verdict(finding("IM-17-1", result=Result.FAIL), finding(result=Result.UNKNOWN))),
        ConditionType.FILING,
    )
    chinese, english = told.split(" | ")
    assert chinese.startswith("IM-17-1：缺少")
    assert english.startswith("IM-17-1: spec.compliance.filings is missing. Add it.")
    assert english.endswith("Also: IM-17-2.")


def test_findings_tell_what_blocks_first_and_leave_out_what_passed() -> None:
    told = status(
        verdict(
            finding("IM-1-1"),
            finding("IM-2-1", result=Result.FAIL, severity=Severity.WARN),
            finding("IM-3-1", result=Result.WAIVED),
            finding("IM-4-1", result=Result.UNKNOWN, deadline=date(2026, 12, 1)),
            finding("IM-5-1", result=Result.NOT_APPLICABLE),
        )
    )
    assert [one["id"] for one in told["findings"]] == ["IM-4-1", "IM-2-1", "IM-3-1"]
    assert told["findings"][0]["deadline"] == "2026-12-01"
    assert told["findings"][0]["severity"] == "block"


def test_long_values_are_cut() -> None:
    long = Text(en="x" * 9000, zh="长" * 9000)
    told = status(verdict(finding(result=Result.FAIL, message=long, field="f" * 900)))
    [one] = told["findings"]
    assert len(one["field"]) == 256
    assert len(one["message"]["zh"]) == 600
    assert len(message(told, ConditionType.FILING)) < 3100


@pytest.mark.parametrize(
    ("seen", "said", "ready"),
    [
        pytest.param(observed(pods=[pod()]), verdict(), ("True", Reason.SERVING), id="serving"),
        pytest.param(
            observed(pods=[pod(ready=False)]),
            verdict(),
            ("False", Reason.PODS_STARTING),
            id="starting",
        ),
        pytest.param(observed(), verdict(), ("False", Reason.PODS_STARTING), id="no pod yet"),
        pytest.param(
            observed(service(adopt={})), verdict(), ("False", Reason.NO_PODS), id="none adopted"
        ),
        pytest.param(
            observed(pods=[pod()]), refused(), ("False", Reason.REQUIREMENTS_NOT_MET), id="refused"
        ),
        pytest.param(
            observed(pods=[pod()]), suspended(), ("False", Reason.REVOKED), id="suspended"
        ),
        pytest.param(
            observed(
                pods=[pod()],
                failure=ApplyFailure(kind="Deployment", name="chat", message="quota exceeded"),
            ),
            verdict(),
            ("False", Reason.APPLY_FAILED),
            id="not applied",
        ),
        pytest.param(
            observed(service(adopt={}), pods=[pod(), pod("x", guard=False)]),
            verdict(),
            ("False", Reason.UNGUARDED_PODS),
            id="a pod without guard",
        ),
    ],
)
def test_ready_means_that_guarded_pods_of_an_allowed_service_serve(
    seen: Observed, said: Verdict, ready: tuple[str, str]
) -> None:
    assert condition(status(said, seen), ConditionType.READY) == ready


def test_the_api_servers_words_stand_in_the_condition() -> None:
    failure = ApplyFailure(kind="Deployment", name="chat", message="quota exceeded")
    told = status(verdict(), observed(failure=failure))
    assert "Deployment/chat: quota exceeded" in message(told, ConditionType.READY)


def test_a_transition_time_moves_only_with_its_status() -> None:
    seen = applied(observed(), plan(observed(), refused(), NOW, SETTINGS))
    later = status(verdict(), seen, minutes=5)
    times = {one["type"]: one["lastTransitionTime"] for one in later["conditions"]}
    assert times[ConditionType.FILING] == "2026-11-25T02:05:00Z"
    assert times[ConditionType.ROLLOUT] == "2026-11-25T02:05:00Z"
    assert times[ConditionType.POLICY] == "2026-11-25T02:00:00Z"


def test_time_alone_writes_no_status() -> None:
    seen = applied(observed(), plan(observed(), verdict(), NOW, SETTINGS))
    assert status(verdict(), seen, minutes=600) is None


def test_a_suspension_remembers_since_when() -> None:
    seen = applied(observed(), plan(observed(), suspended(), NOW, SETTINGS))
    assert seen.service["status"]["rollout"]["suspendedSince"] == "2026-11-25T02:00:00Z"
    assert status(suspended(), seen, minutes=9) is None


def test_a_new_generation_is_acknowledged() -> None:
    seen = applied(observed(), plan(observed(), verdict(), NOW, SETTINGS))
    again = replace(
        seen, service={**seen.service, "metadata": {**seen.service["metadata"], "generation": 2}}
    )
    told = status(verdict(), again)
    assert told["observedGeneration"] == 2
    assert {one["observedGeneration"] for one in told["conditions"]} == {2}


def test_the_deadline_is_midnight_where_the_law_is() -> None:
    told = status(verdict(next_change=date(2026, 12, 1)))
    assert told["rollout"]["nextDeadline"] == "2026-12-01T00:00:00+08:00"


def test_every_number_that_was_replaced_stands_in_the_status() -> None:
    one = Override(
        name="keywordLibrary.total", value=8000, default=10000, reason="r" * 900, approver="a" * 900
    )
    pack = status(replace(verdict(), overrides=(one,)))["rulePack"]
    assert pack["overrides"] == [
        {
            "name": "keywordLibrary.total",
            "value": 8000,
            "default": 10000,
            "reason": "r" * 500,
            "approver": "a" * 100,
        }
    ]


def test_without_overrides_the_status_names_none() -> None:
    assert "overrides" not in status(verdict())["rulePack"]
