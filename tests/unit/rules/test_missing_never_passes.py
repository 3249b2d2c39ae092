# SPDX-License-Identifier: Apache-2.0
"""Leaving something out never helps: every case, without each key of its declaration in turn."""

import copy
from typing import Any

import pytest

from genaiservice.rules.cases import declaration_of, facts_of
from genaiservice.rules.judge import judge
from genaiservice.rules.paths import FieldPath, Void
from genaiservice.rules.requirement import Case
from genaiservice.rules.verdict import Result
from tests.unit.rules.build import CATALOGUE, RULES, keys_of, only

PAIRS = [(rule, case) for rule, compiled in RULES.items() for case in compiled.requirement.cases]
CASES = [pytest.param(rule, case, id=f"{rule}: {case.name}") for rule, case in PAIRS]
PASSING = [
    pytest.param(rule, case, id=f"{rule}: {case.name}")
    for rule, case in PAIRS
    if case.expect is Result.PASS
]

# What nobody has to declare: the fields of optional steps, and functions that a service may or may
# not have (IM-02-1 compares them with the answer that has to be given).
OPTIONAL = {
    compiled_step.step.field.replace("[]", "")
    for compiled in RULES.values()
    for compiled_step in compiled.steps
    if compiled_step.step.optional and not compiled_step.step.verify
} | {"scope.publicOpinionTriggers", "serviceEndOn", "personalInfo.recipients"}
# What only services with orders, with a ticket feed or with overrides have.
NOT_HAD = {
    ("IM-21-1", "regulatoryOrders"),
    ("IM-15-2", "complaints"),
    ("IM-15-2", "complaints.ticketFeed"),
}
OVERRIDES = "rulePack"


def without(tree: Any, trail: tuple[str | int, ...]) -> Any:
    """The tree without one key; only the way to it is copied."""
    step, *rest = trail
    less = copy.copy(tree)
    if rest:
        less[step] = without(tree[step], tuple(rest))
    else:
        del less[step]
    return less


def result(rule: str, case: Case, tree: Any) -> Result:
    verdict = judge(only(RULES[rule]), tree, facts_of(case), case.as_of)
    return verdict.findings[0].result


@pytest.mark.parametrize(("rule", "case"), PASSING)
def test_what_a_passing_requirement_asks_for_is_unknown_when_left_out(
    rule: str, case: Case
) -> None:
    tree = declaration_of(case, CATALOGUE.complete)
    for step in RULES[rule].steps:
        if step.step.optional or (step.when is not None and not step.when(tree)):
            continue
        for trail, value in FieldPath.parse(step.step.field).places(tree, step.where):
            # A list with an item fewer is another list, not a missing declaration.
            if not isinstance(value, Void) and not isinstance(trail[-1], int):
                assert result(rule, case, without(tree, trail)) is not Result.PASS, trail


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_no_key_left_out_turns_an_open_finding_to_pass(rule: str, case: Case) -> None:
    tree = declaration_of(case, CATALOGUE.complete)
    before = result(rule, case, tree)
    for trail in keys_of(tree):
        after = result(rule, case, without(tree, trail))
        name = ".".join(part for part in trail if isinstance(part, str))
        if name.startswith(OVERRIDES):
            continue
        if before in (Result.FAIL, Result.UNKNOWN) and name not in OPTIONAL:
            assert after is not Result.PASS, trail
        if before is not Result.NOT_APPLICABLE and (rule, name) not in NOT_HAD:
            assert after is not Result.NOT_APPLICABLE, trail
