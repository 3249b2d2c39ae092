# SPDX-License-Identifier: Apache-2.0
"""judge(): one declaration against the whole catalogue. Pure and total: no input makes it raise.

A requirement's steps run in the order of its file and the first that fails gives the finding. A
missing declaration is Unknown, never Pass. Every step that ran tells the first later day on which
it may answer otherwise; the earliest of them is `Verdict.next_change`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from genaiservice.api.conditions import Reason
from genaiservice.api.jsontree import Json, lookup
from genaiservice.rules.compile import CompiledRequirement, CompiledStep
from genaiservice.rules.pack import Catalogue
from genaiservice.rules.paths import FieldPath, Trail, Void, render
from genaiservice.rules.requirement import Step
from genaiservice.rules.verdict import Finding, Level, Result, Severity, Suspension, Verdict
from genaiservice.rules.vocabulary import STEP, Answer, Subject
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
    for requirement in catalogue.requirements:
        inquiry = _Inquiry(requirement=requirement, subject=subject)
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
    if lookup(facts, "guard", "killSwitch") in (None, False):
        return None
    return Suspension(
        finding="spec.guard.killSwitch", reason=Reason.KILL_SWITCH, message=KILL_SWITCH
    )


@dataclass(slots=True, kw_only=True)
class _Inquiry:
    """One requirement being judged; collects what the steps say on the way."""

    requirement: CompiledRequirement
    subject: Subject
    flips: list[date] = field(default_factory=list)
    deadlines: list[date] = field(default_factory=list)
    level: Level = Level.FORMAT_CHECKED
    suspension: Suspension | None = None

    def finding(self) -> Finding:
        severity = self._severity()
        if not self.requirement.applies(self.subject.declaration):
            return self._closed(Result.NOT_APPLICABLE, severity)
        for step in self.requirement.steps:
            if step.when is not None and not step.when(self.subject.declaration):
                continue
            for trail, value, answer in _answers(step, self.subject):
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
            if when is None or when(self.subject.declaration):
                return level
        return Severity.BLOCK

    def _closed(self, result: Result, severity: Severity) -> Finding:
        """Nothing to mend; the deadline is the first day on which that may end."""
        rule = self.requirement.requirement
        holds = result is Result.PASS
        return Finding(
            id=rule.id,
            article=rule.article,
            family=rule.family,
            basis=rule.basis,
            severity=severity,
            result=result,
            reason=Reason.SATISFIED if holds else Reason.NOT_APPLICABLE,
            level=self.level if holds else Level.DECLARED,
            field="",
            title=rule.title,
            message=passed(self.level) if holds else NOT_APPLICABLE,
            remedy=rule.remedy,
            owner=rule.owner,
            deadline=min(self.deadlines, default=None),
        )

    def _open(
        self, step: Step, trail: Trail, value: Any, answer: Answer, severity: Severity
    ) -> Finding:
        rule = self.requirement.requirement
        reason = step.reason if answer.fault in (STEP, None) else answer.fault
        place = answer.at or step.at
        fault = Fault(
            field=render(FieldPath.parse(place).parts if place else trail),
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


def _answers(step: CompiledStep, subject: Subject) -> Iterator[tuple[Trail, Any, Answer]]:
    """What the step says of each of its places."""
    present_only = step.step.suspends is not None
    for trail, value in step.path.values(subject.declaration, step.where):
        if value is Void.ABSENT:
            if not (present_only or step.step.optional):
                yield trail, None, _MISSING
        elif value is Void.MISPLACED:
            if not present_only:
                yield trail, value, _MISPLACED
        elif step.schema is not None and not step.schema(value):
            yield trail, value, _BY_SCHEMA
        elif step.check is not None:
            yield trail, value, step.check(value, subject)
