# SPDX-License-Identifier: Apache-2.0
"""Facts: absent changes nothing, failed once closes no gate, what disagrees is told."""

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from genaiservice.api.conditions import Reason
from genaiservice.rules.cases import FACTS, PAGE, TAKEN, declaration_of, facts_of, laid_over
from genaiservice.rules.facts import Facts, Page
from genaiservice.rules.judge import judge
from genaiservice.rules.pages import pages_of
from genaiservice.rules.verdict import Finding, Level, Result, Severity
from tests.unit.rules.build import CATALOGUE, RULES, case_named, declaration, judged
from tests.unit.rules.test_pack import FILES

SCHEMA = yaml.safe_load(FILES["_facts.yaml"])
CASES = {
    f"{rule}: {case.name}": case
    for rule, compiled in RULES.items()
    for case in compiled.requirement.cases
    if case.facts
}
VERIFYING = [rule for rule, compiled in RULES.items() if compiled.requirement.verify]


def found(rule: str, facts: Any, tree: Any = None) -> Finding:
    verdict = judged(tree or declaration(), facts=laid_over(FACTS, facts))
    (one,) = (finding for finding in verdict.findings if finding.id == rule)
    return one


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_facts_of_a_case_have_the_shape_of_facts(case: Any) -> None:
    faults = [error.message for error in Draft202012Validator(SCHEMA).iter_errors(facts_of(case))]
    assert faults == []


def test_the_types_name_what_the_schema_names() -> None:
    assert set(SCHEMA["properties"]) == set(Facts.__annotations__)
    assert set(SCHEMA["$defs"]["page"]["properties"]) == set(Page.__annotations__)


@pytest.mark.parametrize("rule", VERIFYING)
def test_facts_that_were_not_gathered_leave_level_v1_and_make_nothing_unknown(rule: str) -> None:
    for case in RULES[rule].requirement.cases:
        if case.expect is not Result.PASS:
            continue
        tree = declaration_of(case, CATALOGUE.complete)
        verdict = judge(CATALOGUE, tree, FACTS, case.as_of)
        (one,) = (finding for finding in verdict.findings if finding.id == rule)
        if one.result is not Result.FAIL:  # replicas of an adopted workload are known otherwise
            assert one.result is Result.PASS
            assert one.level in (Level.FORMAT_CHECKED, Level.CROSS_CHECKED)


@pytest.mark.parametrize("rule", VERIFYING)
def test_a_declaration_that_is_missing_is_missing_whatever_was_seen(rule: str) -> None:
    seen = {"cluster": {"takenAt": TAKEN, "exposure": [], "images": [], "probes": True}}
    assert found(rule, seen, {"scope": {}}).result is not Result.PASS


def test_every_page_that_a_requirement_compares_is_a_page_that_is_wanted() -> None:
    wanted = {page.field.replace("[0]", "[]"): page for page in pages_of(declaration())}
    for compiled in RULES.values():
        for step in compiled.requirement.verify:
            if step.check is None or not step.check.name.startswith("page"):
                continue
            page = wanted[step.field]
            needle = step.check.arguments.get("needle")
            names = {one.name for one in page.needles} | {"noneOverdue"}
            assert needle is None or needle in names


def test_a_failing_page_is_told_with_its_status_and_since_when() -> None:
    since = "2026-11-20T08:00:00+08:00"
    page = {**PAGE, "status": 404, "failures": 12, "failingSince": since}
    one = found("IM-15-1", {"pages": {"complaints.url": page}})
    assert (one.result, one.reason, one.severity) == (
        Result.FAIL,
        Reason.PAGE_FAILING,
        Severity.BLOCK,
    )
    for message in (one.message.en, one.message.zh):
        assert since in message
        assert "404" in message
        assert "12" not in message.replace(since, "")  # a count would change with every look


def test_a_page_without_answer_is_unknown_with_its_reason_and_does_not_block() -> None:
    page = {**PAGE, "status": None, "error": "AddressNotAllowed", "failures": 4}
    page["failingSince"] = "2026-11-20T08:00:00+08:00"
    one = found("IM-15-1", {"pages": {"complaints.url": page}})
    assert (one.result, one.reason) == (Result.UNKNOWN, Reason.FACT_UNAVAILABLE)
    assert one.severity is Severity.WARN
    assert "AddressNotAllowed" in one.message.zh


def test_a_warning_step_hides_no_later_step_that_blocks() -> None:
    silent = {**PAGE, "status": None, "error": "Timeout", "failures": 4}
    silent["failingSince"] = "2026-11-20T08:00:00+08:00"
    lacking = {**PAGE, "contains": {"timeLimit": False}}
    lacking["lackingSince"] = {"timeLimit": "2026-11-20T08:00:00+08:00"}
    pages = {"complaints.url": silent, "complaints.processUrl": lacking}
    one = found("IM-15-1", {"pages": pages})
    assert one.field == "spec.compliance.complaints.processUrl"
    assert one.blocks


def test_what_disagrees_names_what_was_seen() -> None:
    exposure = [{"kind": "Ingress", "name": "old", "hosts": ["b.example.com"], "public": True}]
    one = found("IM-02-2", {"cluster": {"takenAt": TAKEN, "exposure": exposure}})
    assert one.level is Level.CROSS_CHECKED
    assert "b.example.com" in one.message.en
    assert "b.example.com" in one.message.zh


@pytest.mark.parametrize(
    "page",
    [
        pytest.param({"failingSince": "yesterday"}, id="no time"),
        pytest.param({"failingSince": "2026-11-20T08:00:00"}, id="a time without zone"),
        pytest.param({"failingSince": 5}, id="a number"),
        pytest.param({"failures": "many"}, id="no count"),
        pytest.param({"takenAt": None}, id="no look"),
    ],
)
def test_a_fact_of_another_shape_is_no_fault_of_the_service(page: dict[str, Any]) -> None:
    failing = {**PAGE, "status": 404, "failures": 9, "failingSince": "2026-11-20T08:00:00+08:00"}
    one = found("IM-15-1", {"pages": {"complaints.url": {**failing, **page}}})
    assert one.result is Result.PASS
    assert one.level is Level.FORMAT_CHECKED


def test_a_fact_that_is_null_is_kept_as_null() -> None:
    case = case_named("IM-13-1", "adopted workload shows no replicas")
    assert facts_of(case)["workload"]["replicas"] is None
