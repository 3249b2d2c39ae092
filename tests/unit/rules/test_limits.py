# SPDX-License-Identifier: Apache-2.0
"""Numbers of standards, guidelines and practice: overridden visibly or not at all; no law's."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from genaiservice.rules.compile import limits_named
from genaiservice.rules.limits import limits_of, numbered, overrides_of, values_of
from genaiservice.rules.requirement import Step
from genaiservice.rules.verdict import Basis, Finding, Result, Verdict
from tests.unit.rules.build import CATALOGUE, RULES, case_finding, declaration, holds, judged
from tests.unit.rules.test_crd_fields import node_at

ENTRY = {"name": "keywordLibrary.total", "value": 8000, "reason": "垂直领域", "approver": "李示例"}
LIMITS = CATALOGUE.limits


def overridden(*entries: Any, **changes: Any) -> Verdict:
    return judged(declaration(**changes, rulePack={"overrides": list(entries)}))


def finding(verdict: Verdict, rule: str) -> Finding:
    (found,) = (found for found in verdict.findings if found.id == rule)
    return found


def test_no_limit_is_a_number_of_a_law() -> None:
    assert Basis.LAW not in {limit.basis for limit in LIMITS.values()}
    assert all(limit.source.zh and limit.meaning.en for limit in LIMITS.values())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"basis": "law"}, id="of a law"),
        pytest.param({"value": "many"}, id="no number"),
        pytest.param({"value": True}, id="a truth value"),
    ],
)
def test_a_limit_that_may_not_be_one_stops_the_start(changes: dict[str, Any]) -> None:
    text = {"en": "x", "zh": "甲"}
    entry = {"value": 1, "basis": "practice", "source": text, "meaning": text} | changes
    with pytest.raises(ValueError, match="a limit is a number"):
        limits_of({"a.b": entry})


def test_every_limit_is_used_and_can_be_written_in_the_crd() -> None:
    used = {name for compiled in RULES.values() for name in compiled.limits}
    assert used == set(LIMITS)
    assert node_at("rulePack.overrides[].name")["enum"] == list(LIMITS)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"name": "logs.retentionDays"}, id="a number of a law"),
        pytest.param({"name": ["keywordLibrary.total"]}, id="no name"),
        pytest.param({"value": "8000"}, id="a word for a number"),
        pytest.param({"value": True}, id="a truth value"),
        pytest.param({"value": -1}, id="below zero"),
        pytest.param({"value": float("nan")}, id="no number at all"),
        pytest.param({"value": 10**400}, id="a number beyond all bounds"),
        pytest.param({"reason": " "}, id="no reason"),
        pytest.param({"approver": None}, id="nobody answers for it"),
    ],
)
def test_an_override_that_lacks_a_part_is_not_applied_and_refused(change: dict[str, Any]) -> None:
    verdict = overridden({**ENTRY, **change}, contentSafety__keywordLibrary__total=9999)
    assert verdict.overrides == ()
    assert finding(verdict, "IM-04-2").result is Result.FAIL
    assert finding(verdict, "IM-02-1").blocks


@pytest.mark.parametrize("overrides", [None, "x", 5, {}, [None], [[]]])
def test_any_shape_of_overrides_is_read(overrides: Any) -> None:
    assert overrides_of(LIMITS, {"rulePack": {"overrides": overrides}}) == ()


def test_an_override_shows_in_the_verdict_and_in_the_message_of_what_uses_it() -> None:
    verdict = overridden(ENTRY, contentSafety__keywordLibrary__total=8000)
    (one,) = verdict.overrides
    assert (one.name, one.value, one.default) == ("keywordLibrary.total", 8000, 10000)
    passed = finding(verdict, "IM-04-2")
    assert passed.result is Result.PASS
    for message in (passed.message.en, passed.message.zh):
        for part in ("keywordLibrary.total", "8000", "10000", "垂直领域", "李示例"):
            assert part in message
    assert "keywordLibrary" not in finding(verdict, "IM-04-3").message.en


def test_an_override_shows_where_the_finding_fails_too() -> None:
    failed = finding(overridden(ENTRY, contentSafety__keywordLibrary__total=7999), "IM-04-2")
    assert failed.result is Result.FAIL
    assert "8000" in failed.message.zh
    assert "李示例" in failed.message.zh


def test_the_first_override_of_a_name_counts() -> None:
    found = overrides_of(LIMITS, {"rulePack": {"overrides": [ENTRY, {**ENTRY, "value": 1}]}})
    assert values_of(LIMITS, found)["keywordLibrary.total"] == 8000


MOVED = [
    pytest.param(name, by, id=f"{name} {by:+}") for name in LIMITS for by in (-1, -0.01, 0.01, 1)
]


@pytest.mark.parametrize(("name", "by"), MOVED)
def test_a_limit_that_moves_is_noticed_by_a_case(name: str, by: float) -> None:
    """Whole numbers are counts and days, where a hundredth says nothing."""
    if by in (-0.01, 0.01) and "Percent" not in name:
        by = by * 100
    moved = {**CATALOGUE.values, name: CATALOGUE.values[name] + by}
    users = [compiled for compiled in RULES.values() if name in compiled.limits]
    limits = {**LIMITS, name: replace(LIMITS[name], value=moved[name])}
    catalogue = replace(CATALOGUE, values=moved, limits=limits)
    assert any(
        not holds(case, *case_finding(user, case, catalogue))
        for user in users
        for case in user.requirement.cases
    )


def test_the_file_of_limits_is_plain_data() -> None:
    assert yaml.safe_dump({name: limit.value for name, limit in LIMITS.items()})


NUMBERED = [
    pytest.param(step, name, id=f"{rule}: {name}")
    for rule, compiled in RULES.items()
    for step in compiled.requirement.steps
    for name in limits_named(step)
]


@pytest.mark.parametrize(("step", "name"), NUMBERED)
def test_what_a_step_expects_names_the_number_that_counts(step: Step, name: str) -> None:
    told = numbered(step.expects, {**CATALOGUE.values, name: 4321})
    assert "4,321" in told.en
    assert "4321" in told.zh
    assert "{" not in numbered(step.expects, CATALOGUE.values).en


def test_a_finding_asks_for_the_number_of_the_service_and_shows_the_default() -> None:
    found = finding(overridden(ENTRY | {"value": 15_000}), "IM-04-2")
    assert found.result is Result.FAIL
    assert "expected: 15,000 terms or more" in found.message.en
    assert "15000 in place of 10000" in found.message.en
    assert "15,000" in found.remedy.en
    assert "不少于 15000" in found.message.zh
