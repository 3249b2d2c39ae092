# SPDX-License-Identifier: Apache-2.0
"""Turns a requirement's data into callables, once at load.

`compile_schema` is the only place that knows jsonschema-rs; the tests hold it against jsonschema.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from genaiservice.api.jsontree import Json
from genaiservice.rules.numbers import FORMATS
from genaiservice.rules.paths import FieldPath, Filter
from genaiservice.rules.requirement import Requirement, Schema, Step
from genaiservice.rules.verdict import Severity
from genaiservice.rules.vocabulary import VOCABULARY, Check


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledStep:
    step: Step
    path: FieldPath
    where: Filter | None
    when: Filter | None
    schema: Filter | None
    check: Check | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRequirement:
    requirement: Requirement
    applies: Filter
    severity: tuple[tuple[Filter | None, Severity], ...]
    steps: tuple[CompiledStep, ...]


def compile_schema(schema: Schema, definitions: Json) -> Filter:
    """Whether a value is valid by `schema`, which may refer to the shared `$defs`.

    A value that the evaluator cannot take (a number no JSON holds, a lone surrogate) is not valid.
    """
    whole = {"$defs": definitions, **schema} if isinstance(schema, Mapping) else schema
    validator = jsonschema_rs.Draft202012Validator(
        whole, formats=dict(FORMATS), validate_formats=True, ignore_unknown_formats=False
    )
    return _total(validator.is_valid)


def _total(is_valid: Callable[[Any], bool]) -> Filter:
    def check(value: Any) -> bool:
        try:
            return is_valid(value)
        except (ValueError, TypeError, OverflowError):
            return False

    return check


def compile_requirement(requirement: Requirement, definitions: Json) -> CompiledRequirement:
    def compiled(schema: Schema | None) -> Filter | None:
        return None if schema is None else compile_schema(schema, definitions)

    return CompiledRequirement(
        requirement=requirement,
        applies=compile_schema(requirement.applies_when, definitions),
        severity=tuple((compiled(rule.when), rule.level) for rule in requirement.severity),
        steps=tuple(compile_step(step, definitions) for step in requirement.requires),
    )


def compile_step(step: Step, definitions: Json) -> CompiledStep:
    def compiled(schema: Schema | None) -> Filter | None:
        return None if schema is None else compile_schema(schema, definitions)

    named = step.check
    return CompiledStep(
        step=step,
        path=FieldPath.parse(step.field),
        where=compiled(step.where),
        when=compiled(step.when),
        schema=compiled(step.schema),
        check=None
        if named is None
        else VOCABULARY[named.name].build(
            named.arguments, lambda schema: compile_schema(schema, definitions)
        ),
    )
