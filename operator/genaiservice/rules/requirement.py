# SPDX-License-Identifier: Apache-2.0
"""A requirement as its file states it: frozen data, nothing compiled, nothing judged.

The shape of the file is `catalogue/_schema.yaml`; pack.py checks a file against it before anything
here is built, so this module may trust what it reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, TypeAlias

from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.jsontree import Json
from genaiservice.api.problem import Text
from genaiservice.rules.verdict import Basis, Level, Owner, Result, Severity

Schema: TypeAlias = Mapping[str, Any] | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCheck:
    """A word of vocabulary.py with its arguments."""

    name: str
    arguments: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a requirement asks of one field.

    `where` picks list items, `when` switches the step on by the whole declaration. A field that
    is absent is a missing declaration unless the step is optional. `suspends` is what the public
    reads when a value that fails this step stops the traffic; such a step looks only at values
    that are there, so that nothing missing hides a revocation. `severity` may only soften: a step
    that warns does not hide a later one that blocks. `verify`: the step compares a value that is
    declared with facts, and is passed over where none were gathered.
    """

    field: str
    expects: Text
    optional: bool = False
    where: Schema | None = None
    when: Schema | None = None
    schema: Schema | None = None
    check: NamedCheck | None = None
    reason: Reason = Reason.FORMAT_INVALID
    at: str | None = None
    private: bool = False
    message: Text | None = None
    remedy: Text | None = None
    suspends: Text | None = None
    severity: Severity = Severity.BLOCK
    verify: bool = False


class Phase(StrEnum):
    """Whether the public can use the service yet."""

    PRE_EXPOSURE = "preExposure"
    EXPOSED = "exposed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRule:
    level: Severity
    when: Schema | None = None
    phase: Phase | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An example with its expected outcome: a change to the complete declaration on a day."""

    name: str
    as_of: date
    patch: Json
    put: Json
    facts: Json
    expect: Result
    field: str | None
    reason: Reason | None
    severity: Severity | None
    level: Level | None
    suspended: bool
    deadline: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    id: str
    article: int
    source: Text
    basis: Basis
    effective_from: date
    family: ConditionType
    title: Text
    owner: Owner
    severity: tuple[SeverityRule, ...]
    applies_when: Schema
    requires: tuple[Step, ...]
    verify: tuple[Step, ...]
    remedy: Text
    cases: tuple[Case, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.requires + self.verify


def requirement_of(tree: Json) -> Requirement:
    """The requirement in a checked file."""
    return Requirement(
        id=tree["id"],
        article=tree["article"],
        source=Text.of(tree["source"]),
        basis=Basis(tree["basis"]),
        effective_from=date.fromisoformat(tree["effectiveFrom"]),
        family=ConditionType(tree["family"]),
        title=Text.of(tree["title"]),
        owner=Owner(tree["owner"]),
        severity=_severity_of(tree["severity"]),
        applies_when=tree["appliesWhen"],
        requires=tuple(_step_of(step) for step in tree["requires"]),
        verify=tuple(_step_of(step, verify=True) for step in tree.get("verify", ())),
        remedy=Text.of(tree["remedy"]),
        cases=tuple(_case_of(case) for case in tree["cases"]),
    )


def _severity_of(tree: Any) -> tuple[SeverityRule, ...]:
    if isinstance(tree, str):
        return (SeverityRule(level=Severity(tree)),)
    return tuple(
        SeverityRule(
            level=Severity(rule["level"]),
            when=rule.get("when"),
            phase=Phase(rule["phase"]) if "phase" in rule else None,
        )
        for rule in tree
    )


def _step_of(tree: Json, *, verify: bool = False) -> Step:
    return Step(
        field=tree["field"],
        expects=Text.of(tree["expects"]),
        # What has to be declared, `requires` asks for: facts are compared with what is there.
        optional=verify or tree.get("optional", False),
        where=tree.get("where"),
        when=tree.get("when"),
        schema=tree.get("schema"),
        check=_check_of(tree.get("check")),
        reason=Reason(tree.get("reason", Reason.FORMAT_INVALID)),
        at=tree.get("at"),
        private=tree.get("private", False),
        message=_text_of(tree.get("message")),
        remedy=_text_of(tree.get("remedy")),
        suspends=_text_of(tree.get("suspends")),
        severity=Severity(tree.get("severity", Severity.BLOCK)),
        verify=verify,
    )


def _check_of(tree: Json | None) -> NamedCheck | None:
    if tree is None:
        return None
    ((name, arguments),) = tree.items()
    return NamedCheck(name=name, arguments=arguments)


def _text_of(tree: Mapping[str, str] | None) -> Text | None:
    return None if tree is None else Text.of(tree)


def _day_of(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


CASE_DAY = date(2026, 11, 25)
"""The day of a case that names none: the day on which the complete declaration was written."""


def _case_of(tree: Json) -> Case:
    return Case(
        name=tree["name"],
        as_of=_day_of(tree.get("asOf")) or CASE_DAY,
        patch=tree.get("patch", {}),
        put=tree.get("put", {}),
        facts=tree.get("facts", {}),
        expect=Result(tree["expect"]),
        field=tree.get("field"),
        reason=Reason(tree["reason"]) if "reason" in tree else None,
        severity=Severity(tree["severity"]) if "severity" in tree else None,
        level=Level(tree["level"]) if "level" in tree else None,
        suspended=tree.get("suspended", False),
        deadline=_day_of(tree.get("deadline")),
    )
