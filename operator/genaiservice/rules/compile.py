# SPDX-License-Identifier: Apache-2.0
"""Turns a requirement's data into callables, once at load.

`compile_schema` is the only place that knows jsonschema-rs; the tests hold it against jsonschema.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from genaiservice.api.jsontree import Json
from genaiservice.rules.numbers import FORMATS
from genaiservice.rules.paths import FieldPath, Filter
from genaiservice.rules.requirement import Phase, Requirement, Schema, Step
from genaiservice.rules.subject import Check
from genaiservice.rules.verdict import Severity
from genaiservice.rules.vocabulary import VOCABULARY
from genaiservice.rules.whole import whole_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledStep:
    step: Step
    path: FieldPath
    where: Filter | None
    when: Filter | None
    schema: Filter | None
    check: Check | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledSeverity:
    level: Severity
    when: Filter | None = None
    phase: Phase | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledRequirement:
    """Equal only to itself, so that what was made of it can be remembered by it.

    Where `whole` holds, of all steps only those with a named check can still fail: `named`, of
    which `asked` are those that compare nothing with what was gathered. `limits`: the names of the
    limits that the steps use. `always`: the severity where nothing can change it but the date.
    """

    requirement: Requirement
    applies: Filter
    severity: tuple[CompiledSeverity, ...]
    steps: tuple[CompiledStep, ...]
    named: tuple[CompiledStep, ...]
    asked: tuple[CompiledStep, ...]
    whole: Filter
    limits: frozenset[str]
    always: Severity | None


class SchemaCompiler:
    """Compiles schemas that share `$defs`; equal schemas give the same filter, judged once."""

    def __init__(self, definitions: Json) -> None:
        self._definitions = definitions
        self._named = {name: _names_in(json.dumps(one)) for name, one in definitions.items()}
        self._known: dict[str, Filter] = {}

    def __call__(self, schema: Schema) -> Filter:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._known:
            self._known[key] = compile_schema(schema, self._reachable(_names_in(key)))
        return self._known[key]

    def _reachable(self, named: frozenset[str]) -> Json:
        """The definitions that a schema leads to: taking in all of them costs most of a start."""
        found: set[str] = set()
        ahead = set(named)
        while ahead:
            found |= ahead
            ahead = {other for name in ahead for other in self._named.get(name, ())} - found
        return {name: one for name, one in self._definitions.items() if name in found}

    def maybe(self, schema: Schema | None) -> Filter | None:
        return None if schema is None else self(schema)


def _names_in(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"#/\$defs/([^\"/]+)", text))


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


def compile_requirement(requirement: Requirement, compiled: SchemaCompiler) -> CompiledRequirement:
    steps = tuple(compile_step(step, compiled) for step in requirement.steps)
    named = tuple(step for step in steps if step.check is not None)
    return CompiledRequirement(
        requirement=requirement,
        applies=compiled(requirement.applies_when),
        severity=tuple(
            CompiledSeverity(level=rule.level, when=compiled.maybe(rule.when), phase=rule.phase)
            for rule in requirement.severity
        ),
        steps=steps,
        named=named,
        asked=tuple(step for step in named if not step.step.verify),
        whole=compiled(whole_schema(requirement.requires)),
        always=_always(requirement),
        limits=frozenset(name for step in requirement.steps for name in limits_named(step)),
    )


def _always(requirement: Requirement) -> Severity | None:
    (first, *_) = requirement.severity
    return first.level if first.when is None and first.phase is None else None


def limits_named(step: Step) -> list[str]:
    """The limits that a step's check uses by name."""
    if step.check is None:
        return []
    arguments = step.check.arguments
    named = (arguments.get(name) for name in VOCABULARY[step.check.name].limits)
    return [name for name in named if isinstance(name, str)]


def compile_step(step: Step, compiled: SchemaCompiler) -> CompiledStep:
    named = step.check
    return CompiledStep(
        step=step,
        path=FieldPath.parse(step.field),
        where=compiled.maybe(step.where),
        when=compiled.maybe(step.when),
        schema=compiled.maybe(step.schema),
        check=None if named is None else VOCABULARY[named.name].build(named.arguments, compiled),
    )
