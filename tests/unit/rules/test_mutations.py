# SPDX-License-Identifier: Apache-2.0
"""The cases guard the rules: whatever is weakened in a file, one of its own cases notices.

Each step is dropped and turned into its opposite, each number in it is moved by one, and each
severity and condition is changed; a change that no case notices is a rule that nobody tests.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from genaiservice.rules.compile import CompiledRequirement, CompiledStep, SchemaCompiler
from genaiservice.rules.compile import compile_requirement as compile_rule
from genaiservice.rules.requirement import NamedCheck, Step
from genaiservice.rules.subject import FAULT, HOLDS
from tests.unit.rules.build import CATALOGUE, RULES, case_finding, holds

STEPS = [
    pytest.param(rule, index, id=f"{rule}: {index} {compiled.step.field}")
    for rule, requirement in RULES.items()
    for index, compiled in enumerate(requirement.steps)
]
BOUNDS = ("minimum", "maximum", "minItems", "days", "failures", "hours")


def noticed(mutant: CompiledRequirement) -> bool:
    return any(not holds(case, *case_finding(mutant, case)) for case in mutant.requirement.cases)


def with_step(rule: str, index: int, *steps: CompiledStep) -> CompiledRequirement:
    compiled = RULES[rule]
    changed = (*compiled.steps[:index], *steps, *compiled.steps[index + 1 :])
    return replace(compiled, steps=changed, whole=lambda _: False)


def opposite(step: CompiledStep) -> CompiledStep:
    if step.check is not None:
        check = step.check
        return replace(
            step,
            check=lambda value, subject, trail: (
                FAULT if check(value, subject, trail).fault is None else HOLDS
            ),
        )
    schema = step.schema
    return replace(step, schema=lambda value: schema is not None and not schema(value))


@pytest.mark.parametrize(("rule", "index"), STEPS)
def test_a_dropped_step_is_noticed(rule: str, index: int) -> None:
    assert noticed(with_step(rule, index))


@pytest.mark.parametrize(("rule", "index"), STEPS)
def test_a_step_turned_into_its_opposite_is_noticed(rule: str, index: int) -> None:
    assert noticed(with_step(rule, index, opposite(RULES[rule].steps[index])))


def moved(tree: Any) -> Iterator[Any]:
    """The tree with one bound moved by one, for each bound and direction."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key in BOUNDS and isinstance(value, int):
                yield from ({**tree, key: value + by} for by in (-1, 1))
            else:
                yield from ({**tree, key: change} for change in moved(value))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from ([*tree[:index], change, *tree[index + 1 :]] for change in moved(item))


def moved_steps(step: Step) -> Iterator[Step]:
    if step.when is not None and "minItems" not in json.dumps(step.when):
        for when in moved(step.when):
            yield replace(step, when=when)
    for schema in moved(step.schema):
        yield replace(step, schema=schema)
    if step.check is not None:
        for arguments in moved(step.check.arguments):
            yield replace(step, check=NamedCheck(name=step.check.name, arguments=arguments))


def bounds_of(step: Step) -> str:
    check = None if step.check is None else step.check.arguments
    return json.dumps([step.when, step.schema, check])


MOVED = [
    pytest.param(rule, index, step, id=f"{rule}: {index} {bounds_of(step)}")
    for rule, compiled in RULES.items()
    for index, original in enumerate(compiled.requirement.steps)
    for step in moved_steps(original)
    # An empty list is a missing declaration before any schema sees it.
    if "minItems" not in json.dumps(original.schema)
]


@pytest.mark.parametrize(("rule", "index", "step"), MOVED)
def test_a_bound_moved_by_one_is_noticed(rule: str, index: int, step: Step) -> None:
    requirement = RULES[rule].requirement
    steps = (*requirement.steps[:index], step, *requirement.steps[index + 1 :])
    mutant = replace(requirement, requires=steps, verify=())
    assert noticed(compile_rule(mutant, SchemaCompiler(CATALOGUE.definitions)))


@pytest.mark.parametrize("rule", RULES)
def test_a_condition_that_always_holds_is_noticed(rule: str) -> None:
    compiled = RULES[rule]
    if compiled.requirement.applies_when is True:
        assert not noticed(compiled)
    else:
        assert noticed(replace(compiled, applies=lambda _: True))


@pytest.mark.parametrize("rule", RULES)
def test_a_condition_that_never_holds_is_noticed(rule: str) -> None:
    assert noticed(replace(RULES[rule], applies=lambda _: False))
