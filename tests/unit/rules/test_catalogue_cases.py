# SPDX-License-Identifier: Apache-2.0
"""Every case of every requirement file, run as a test."""

import re

import pytest

from genaiservice.rules.cases import declaration_of, facts_of
from genaiservice.rules.judge import judge
from genaiservice.rules.pack import load_catalogue
from genaiservice.rules.requirement import Case, Requirement
from genaiservice.rules.verdict import Finding, Result, Verdict

CATALOGUE = load_catalogue()
RULES = [compiled.requirement for compiled in CATALOGUE.requirements]
CASES = [
    pytest.param(rule, case, id=f"{rule.id}: {case.name}") for rule in RULES for case in rule.cases
]


def judged(rule: Requirement, case: Case) -> tuple[Verdict, Finding]:
    verdict = judge(CATALOGUE, declaration_of(case, CATALOGUE.complete), facts_of(case), case.as_of)
    (finding,) = (finding for finding in verdict.findings if finding.id == rule.id)
    return verdict, finding


def says_where_and_what_next(finding: Finding) -> None:
    for message, remedy in (
        (finding.message.en, finding.remedy.en),
        (finding.message.zh, finding.remedy.zh),
    ):
        assert finding.field in message
        assert bool(remedy) == finding.open
        assert not re.search(r"\{(field|value|expects|source|deadline)\}", message + remedy)


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_case_is_judged_as_its_file_says(rule: Requirement, case: Case) -> None:
    verdict, finding = judged(rule, case)
    says_where_and_what_next(finding)
    assert finding.result is case.expect, finding.message.en
    if case.field is not None:
        assert finding.field == case.field, finding.message.en
    if case.reason is not None:
        assert finding.reason is case.reason, finding.message.en
    if case.severity is not None:
        assert finding.severity is case.severity
    if case.level is not None:
        assert finding.level is case.level
    if case.deadline is not None:
        assert finding.deadline == case.deadline
    assert case.suspended == (verdict.suspension is not None)
    if case.suspended:
        assert verdict.suspension is not None
        assert verdict.suspension.reason is case.reason
        assert not verdict.allowed


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_requirement_shows_itself_passing_failing_and_missing(rule: Requirement) -> None:
    assert {Result.PASS, Result.FAIL, Result.UNKNOWN} <= {case.expect for case in rule.cases}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_cases_have_names_of_their_own(rule: Requirement) -> None:
    assert len({case.name for case in rule.cases}) == len(rule.cases)


def test_the_complete_declaration_passes_everything_that_applies() -> None:
    (rule,) = (rule for rule in RULES if rule.id == "IM-02-1")
    (case,) = (case for case in rule.cases if case.name == "complete")
    verdict, _ = judged(rule, case)
    results = {finding.id: finding.result for finding in verdict.findings}
    assert set(results.values()) <= {Result.PASS, Result.NOT_APPLICABLE}, results
    assert verdict.allowed
