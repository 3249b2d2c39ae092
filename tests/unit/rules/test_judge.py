# SPDX-License-Identifier: Apache-2.0
"""The verdict as a whole: suspension, next change, severity by date, level, bounds of messages."""

from datetime import date, timedelta
from typing import Any

import pytest

from genaiservice.api.conditions import Reason
from genaiservice.api.jsontree import merge_patch
from genaiservice.api.problem import EMPTY
from genaiservice.rules.cases import FACTS
from genaiservice.rules.requirement import CASE_DAY
from genaiservice.rules.verdict import Finding, Level, Result, Severity, Verdict
from tests.unit.rules.build import CATALOGUE, declaration, judged

ONE_DAY = timedelta(days=1)
SUSPEND_ORDER = [{"id": "1", "kind": "Suspend", "dueOn": "2026-12-31", "status": "Open"}]
SWITCHED = merge_patch(FACTS, {"guard": {"killSwitch": True}})


def finding(verdict: Verdict, rule: str) -> Finding:
    (found,) = (found for found in verdict.findings if found.id == rule)
    return found


def test_a_complete_declaration_is_allowed_until_the_first_date_that_matters() -> None:
    verdict = judged(declaration())
    assert verdict.allowed
    assert verdict.suspension is None
    assert verdict.next_change == date(2026, 11, 28)  # the keyword library is a week old
    assert finding(judged(declaration(), date(2026, 11, 28)), "IM-04-2").severity is Severity.WARN
    last = date(2027, 2, 8)  # of the look-up of the filings
    assert judged(declaration(), last).allowed
    assert not judged(declaration(), last + ONE_DAY).allowed


def test_an_empty_declaration_is_refused_and_says_everything_that_is_missing() -> None:
    verdict = judged({})
    assert not verdict.allowed
    fields = {found.field for found in verdict.blocking}
    assert {
        "spec.compliance.scope.audience",
        "spec.compliance.filings",
        "spec.compliance.models",
        "spec.compliance.complaints.url",
        "spec.compliance.minors.policy",
    } <= fields
    assert all(found.result is not Result.PASS for found in verdict.findings)


def test_findings_come_in_the_order_of_the_articles_one_for_each_requirement() -> None:
    ids = [found.id for found in judged(declaration()).findings]
    assert ids == [compiled.requirement.id for compiled in CATALOGUE.requirements]
    assert ids == sorted(ids, key=order)


def order(rule: str) -> tuple[bool, list[int]]:
    measures, *numbers = rule.split("-")
    return measures != "IM", [int(number) for number in numbers]


@pytest.mark.parametrize(
    ("tree", "facts", "rule", "reason"),
    [
        pytest.param(
            declaration(**{"filings[0]__status": "Revoked"}),
            FACTS,
            "IM-17-2",
            Reason.REVOKED,
            id="revoked filing",
        ),
        pytest.param(
            declaration(**{"filings[1]__status": "Suspended"}),
            FACTS,
            "IM-17-3",
            Reason.REVOKED,
            id="suspended model filing",
        ),
        pytest.param(
            declaration(regulatoryOrders=SUSPEND_ORDER),
            FACTS,
            "IM-21-1",
            Reason.SUSPENDED_BY_ORDER,
            id="order",
        ),
        pytest.param(
            declaration(), SWITCHED, "spec.guard.killSwitch", Reason.KILL_SWITCH, id="kill switch"
        ),
        pytest.param(
            declaration(regulatoryOrders=SUSPEND_ORDER),
            SWITCHED,
            "IM-21-1",
            Reason.SUSPENDED_BY_ORDER,
            id="an order is told before the switch",
        ),
    ],
)
def test_traffic_stops(tree: Any, facts: Any, rule: str, reason: Reason) -> None:
    verdict = judged(tree, facts=facts)
    assert verdict.suspension is not None
    assert (verdict.suspension.finding, verdict.suspension.reason) == (rule, reason)
    assert "spec." not in verdict.suspension.message.en  # the public reads it
    assert verdict.suspension.message.zh
    assert not verdict.allowed


@pytest.mark.parametrize("value", [True, "false", 0, 1, [], {"on": False}])
def test_a_kill_switch_that_is_not_clearly_off_stops(value: Any) -> None:
    assert judged(declaration(), facts={"guard": {"killSwitch": value}}).suspension is not None


@pytest.mark.parametrize("facts", [FACTS, {"guard": {"killSwitch": None}}, {}])
def test_a_kill_switch_that_is_off_or_absent_does_not_stop(facts: Any) -> None:
    assert judged(declaration(), facts=facts).suspension is None


def test_a_requirement_only_warns_before_its_effective_date() -> None:
    tree = declaration(labelling=None)
    before, on = (judged(tree, day) for day in (date(2025, 8, 31), date(2025, 9, 1)))
    assert finding(before, "IM-12-1").severity is Severity.WARN
    assert finding(on, "IM-12-1").severity is Severity.BLOCK
    assert before.next_change == date(2025, 9, 1)


def test_a_warning_does_not_close_the_gate() -> None:
    verdict = judged(declaration(continuity={"importantUpdate": False}))
    assert finding(verdict, "IM-13-1").result is Result.UNKNOWN
    assert verdict.allowed


def test_the_level_tells_what_was_really_compared() -> None:
    offline = judged(declaration())
    assert {one.level for one in offline.findings if one.result is Result.PASS} == {
        Level.FORMAT_CHECKED
    }
    seen = FACTS | {"cluster": {"replicas": 2, "podDisruptionBudget": True, "probes": True}}
    verdict = judged(declaration(), facts=seen)
    assert finding(verdict, "IM-13-1").level is Level.CROSS_CHECKED
    assert finding(verdict, "IM-15-1").level is Level.FORMAT_CHECKED
    assert finding(judged({}), "IM-15-1").level is Level.DECLARED


def test_a_year_without_calendar_is_said_and_not_guessed() -> None:
    tree = declaration(profile="LegalText", serviceStartOn="2099-12-28")
    tree["filings"][0]["status"] = "Submitted"
    found = finding(judged(tree), "IM-17-2")
    assert (found.result, found.reason) == (Result.UNKNOWN, Reason.CALENDAR_UNKNOWN)
    assert found.severity is Severity.BLOCK
    assert "State Council" in found.message.en
    assert "国务院" in found.remedy.zh


def test_an_unknown_number_is_called_an_unknown_format_with_its_value() -> None:
    tree = declaration(**{"filings[0]__number": "网信算备42号"})
    found = finding(judged(tree), "IM-17-2")
    assert found.reason is Reason.FORMAT_INVALID
    assert "unknown format" in found.message.en
    assert "网信算备42号" in found.message.en
    assert "21 位数字" in found.message.zh


def test_personal_values_are_not_repeated() -> None:
    tree = declaration(provider__safetyOfficer={"name": "王五", "phone": "secret-555"})
    found = finding(judged(tree), "IM-09-4")
    assert found.field == "spec.compliance.provider.safetyOfficer.phone"
    assert "secret-555" not in found.message.en + found.message.zh + found.remedy.en


@pytest.mark.parametrize(
    "value", ["x" * 10_000, "a\nb\u202ec", 10**400, ["y"] * 500, {"k": "v" * 900}, True, 1e300]
)
def test_a_value_in_a_message_is_short_and_printable(value: Any) -> None:
    message = finding(judged(declaration(scope__audience=value)), "IM-02-1").message
    for text in (message.en, message.zh):
        assert len(text) < 400
        assert text.isprintable()


def test_a_finding_with_nothing_to_mend_has_no_remedy() -> None:
    for found in judged(declaration()).findings:
        assert found.remedy == EMPTY
        assert found.field == ""


def test_a_passing_finding_carries_the_first_day_it_may_end_on() -> None:
    assert finding(judged(declaration()), "IM-17-1").deadline == date(2027, 5, 31)
    assert finding(judged(declaration()), "IM-17-4").deadline == date(2027, 2, 8)
    assert finding(judged(declaration()), "IM-15-1").deadline is None


def test_days_at_the_end_of_the_calendar_are_judged() -> None:
    tree = declaration(securityAssessment__reassessBy="9999-12-31")
    assert finding(judged(tree, date.max), "IM-17-1").result is Result.PASS
    assert judged(tree, CASE_DAY).allowed


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [nested(5000), "\ud800", 10**4000, float("nan"), {1: 2}, (1, 2)])
def test_values_that_break_naive_code_are_judged(value: Any) -> None:
    for group in CATALOGUE.complete:
        verdict = judged(declaration(**{group: value}))
        assert len(verdict.findings) == len(CATALOGUE.requirements)
    tree = declaration(provider__legalName=value, **{"filings[0]__subjectName": value})
    assert finding(judged(tree), "IM-09-4").open
    seen = {"service": {"name": value}, "workload": {"replicas": value}, "guard": value}
    assert finding(judged(declaration(), facts=seen), "IM-17-4").open


def test_the_verdict_names_its_rule_pack() -> None:
    verdict = judged({})
    assert verdict.rule_pack == "2026.11.1"
    assert verdict.digest == CATALOGUE.digest
