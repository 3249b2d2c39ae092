# SPDX-License-Identifier: Apache-2.0
"""judge(): one declaration against the whole catalogue. Pure and total: no input makes it raise.

A requirement's steps run in the order of its file and the first that fails gives the finding. A
missing declaration is Unknown, never Pass. Every step that ran tells the first later day on which
it may answer otherwise; the earliest of them is `Verdict.next_change`.
"""

from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache, partial
from typing import Any

from genaiservice.api.conditions import Reason
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import EMPTY
from genaiservice.rules.compile import CompiledRequirement, CompiledStep
from genaiservice.rules.pack import Catalogue
from genaiservice.rules.paths import FieldPath, Filter, Place, Trail, Void, render
from genaiservice.rules.requirement import Step
from genaiservice.rules.verdict import Finding, Level, Result, Severity, Suspension, Verdict
from genaiservice.rules.vocabulary import HOLDS, STEP, Answer, Subject
from genaiservice.rules.wording import (
    KILL_SWITCH,
    NOT_APPLICABLE,
    Fault,
    message_of,
    passed,
    remedy_of,
)

_MISSING = Answer(fault=Reason.DECLARATION_MISSING, level=Level.DECLARED)
_MISPLACED = Answer(fault=Reason.FORMAT_INVALID)
_BY_SCHEMA = Answer(fault=STEP)
_UNKNOWN = frozenset({Reason.DECLARATION_MISSING, Reason.CALENDAR_UNKNOWN})


def judge(catalogue: Catalogue, declaration: Json, facts: Json, today: date) -> Verdict:
    """What the catalogue says of `declaration` on `today` (Asia/Shanghai)."""
    subject = Subject(declaration=declaration, facts=facts, today=today)
    findings: list[Finding] = []
    flips: list[date] = []
    suspension: Suspension | None = None
    reading = _Reading(declaration)
    for requirement in catalogue.requirements:
        inquiry = _Inquiry(requirement=requirement, subject=subject, reading=reading)
        findings.append(inquiry.finding())
        flips += inquiry.flips
        suspension = suspension or inquiry.suspension
    return Verdict(
        findings=tuple(findings),
        suspension=suspension or _kill_switch(facts),
        next_change=min(flips, default=None),
        rule_pack=catalogue.version,
        digest=catalogue.digest,
    )


def _kill_switch(facts: Any) -> Suspension | None:
    # Art. 14: what is not clearly "off" stops; a switch that is misread must not stay open.
    switch = lookup(facts, "guard", "killSwitch")
    if switch is None or switch is False:
        return None
    return Suspension(
        finding="spec.guard.killSwitch", reason=Reason.KILL_SWITCH, message=KILL_SWITCH
    )


class _Reading:
    """The declaration as the requirements of one verdict read it, each thing once.

    Requirements share fields and conditions (who the public is, which filing is meant). The parts
    of the declaration outlive the verdict, so that their identity is a safe key.
    """

    __slots__ = ("_conditions", "_places", "declaration")

    def __init__(self, declaration: Any) -> None:
        self.declaration = declaration
        self._conditions: dict[tuple[Filter, int], bool] = {}
        self._places: dict[tuple[str, Filter | None], list[Place]] = {}

    def meets(self, condition: Filter) -> bool:
        return self._holds(condition, self.declaration)

    def places(self, step: CompiledStep) -> list[Place]:
        key = (step.path.text, step.where)
        places = self._places.get(key)
        if places is None:
            where = None if step.where is None else partial(self._holds, step.where)
            places = self._places[key] = step.path.places(self.declaration, where)
        return places

    def _holds(self, condition: Filter, part: Any) -> bool:
        key = (condition, id(part))
        known = self._conditions.get(key)
        if known is None:
            known = self._conditions[key] = condition(part)
        return known


@dataclass(slots=True, kw_only=True)
class _Inquiry:
    """One requirement being judged; collects what the steps say on the way."""

    requirement: CompiledRequirement
    subject: Subject
    reading: _Reading
    flips: list[date] = field(default_factory=list)
    deadlines: list[date] = field(default_factory=list)
    level: Level = Level.FORMAT_CHECKED
    suspension: Suspension | None = None

    def finding(self) -> Finding:
        severity = self._severity()
        if not self.reading.meets(self.requirement.applies):
            return self._closed(Result.NOT_APPLICABLE, severity)
        whole = self.requirement.whole(self.subject.declaration)
        for step in self.requirement.named if whole else self.requirement.steps:
            if step.when is not None and not self.reading.meets(step.when):
                continue
            for trail, value in self.reading.places(step):
                answer = _answer(step, value, self.subject)
                if answer is HOLDS:
                    continue
                self._note(answer)
                if answer.fault is not None:
                    return self._open(step.step, trail, value, answer, severity)
        return self._closed(Result.PASS, severity)

    def _note(self, answer: Answer) -> None:
        if answer.flips is not None:
            self.flips.append(answer.flips)
        if answer.deadline is not None and answer.fault is None:
            self.deadlines.append(answer.deadline)
        if answer.level is Level.CROSS_CHECKED:
            self.level = Level.CROSS_CHECKED

    def _severity(self) -> Severity:
        effective = self.requirement.requirement.effective_from
        if self.subject.today < effective:
            self.flips.append(effective)
            return Severity.WARN
        for when, level in self.requirement.severity:
            if when is None or self.reading.meets(when):
                return level
        return Severity.BLOCK

    def _closed(self, result: Result, severity: Severity) -> Finding:
        deadline = min(self.deadlines, default=None)
        return _nothing_to_mend(self.requirement, result, severity, self.level, deadline)

    def _open(
        self, step: Step, trail: Trail, value: Any, answer: Answer, severity: Severity
    ) -> Finding:
        rule = self.requirement.requirement
        reason = step.reason if answer.fault in (STEP, None) else answer.fault
        place = answer.at or step.at
        fault = Fault(
            field=render(FieldPath.parse(place).names if place else trail),
            value=value,
            reason=reason,
            deadline=answer.deadline,
        )
        if step.suspends is not None:
            self.suspension = Suspension(finding=rule.id, reason=reason, message=step.suspends)
        return Finding(
            id=rule.id,
            article=rule.article,
            family=rule.family,
            basis=rule.basis,
            severity=severity,
            result=Result.UNKNOWN if reason in _UNKNOWN else Result.FAIL,
            reason=reason,
            level=Level.DECLARED if reason in _UNKNOWN else answer.level,
            field=fault.field,
            title=rule.title,
            message=message_of(rule, step, fault),
            remedy=remedy_of(rule, step, fault),
            owner=rule.owner,
            deadline=answer.deadline,
        )


@lru_cache(maxsize=4096)
def _nothing_to_mend(
    compiled: CompiledRequirement,
    result: Result,
    severity: Severity,
    level: Level,
    deadline: date | None,
) -> Finding:
    """A finding that passes or does not apply; `deadline` is the first day it may end on."""
    rule = compiled.requirement
    holds = result is Result.PASS
    return Finding(
        id=rule.id,
        article=rule.article,
        family=rule.family,
        basis=rule.basis,
        severity=severity,
        result=result,
        reason=Reason.SATISFIED if holds else Reason.NOT_APPLICABLE,
        level=level if holds else Level.DECLARED,
        field="",
        title=rule.title,
        message=passed(level) if holds else NOT_APPLICABLE,
        remedy=EMPTY,
        owner=rule.owner,
        deadline=deadline,
    )


def _answer(compiled: CompiledStep, value: Any, subject: Subject) -> Answer:
    """What a step says of one place."""
    step = compiled.step
    if value is Void.ABSENT:
        # A step that suspends looks at what is there: nothing missing may hide a revocation.
        return HOLDS if step.optional or step.suspends else _MISSING
    if value is Void.MISPLACED:
        return HOLDS if step.suspends else _MISPLACED
    if compiled.schema is not None and not compiled.schema(value):
        return _BY_SCHEMA
    return HOLDS if compiled.check is None else compiled.check(value, subject)
