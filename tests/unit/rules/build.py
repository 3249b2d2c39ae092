# SPDX-License-Identifier: Apache-2.0
"""Builders for rule tests: declarations, facts and catalogues of one requirement."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from genaiservice.rules.cases import FACTS, declaration_of, facts_of, put, steps_of
from genaiservice.rules.compile import CompiledRequirement
from genaiservice.rules.judge import judge
from genaiservice.rules.pack import Catalogue, load_catalogue
from genaiservice.rules.requirement import CASE_DAY, Case
from genaiservice.rules.verdict import Finding, Verdict

CATALOGUE = load_catalogue()
RULES = {compiled.requirement.id: compiled for compiled in CATALOGUE.requirements}


def declaration(**changes: Any) -> Any:
    """The complete declaration with values put at paths (`filings[0].status`, dots as `__`)."""
    tree = declaration_of(case_named("IM-02-1", "complete"), CATALOGUE.complete)
    for path, value in changes.items():
        put(tree, steps_of(path.replace("__", ".")), value)
    return tree


def case_named(rule: str, name: str) -> Case:
    (case,) = (case for case in RULES[rule].requirement.cases if case.name == name)
    return case


def judged(tree: Any, today: date = CASE_DAY, facts: Any = FACTS) -> Verdict:
    return judge(CATALOGUE, tree, facts, today)


def only(compiled: CompiledRequirement, catalogue: Catalogue = CATALOGUE) -> Catalogue:
    """A catalogue of one requirement, which judges it step by step or as a whole by itself."""
    return replace(catalogue, requirements=(compiled,), whole=lambda _: False)


def case_finding(
    compiled: CompiledRequirement, case: Case, catalogue: Catalogue = CATALOGUE
) -> tuple[Verdict, Finding]:
    """What one requirement alone says of a case."""
    verdict = judge(
        only(compiled, catalogue),
        declaration_of(case, CATALOGUE.complete),
        facts_of(case),
        case.as_of,
    )
    return verdict, verdict.findings[0]


def holds(case: Case, verdict: Verdict, finding: Finding) -> bool:
    """Whether the outcome is the one that the case states."""
    return (
        finding.result is case.expect
        and case.field in (None, finding.field)
        and case.reason in (None, finding.reason)
        and case.severity in (None, finding.severity)
        and case.level in (None, finding.level)
        and case.deadline in (None, finding.deadline)
        and case.suspended == (verdict.suspension is not None)
    )


def keys_of(tree: Any, trail: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key of every object in the tree."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield (*trail, key)
            yield from keys_of(value, (*trail, key))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from keys_of(item, (*trail, index))
