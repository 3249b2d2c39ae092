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
from genaiservice.rules.facts import CLUSTER, GATHERED
from genaiservice.rules.limits import overrides_of, values_of
from genaiservice.rules.pack import Catalogue
from genaiservice.rules.paths import FieldPath, Filter, Place, Trail, Void, render
from genaiservice.rules.requirement import Phase, Step
from genaiservice.rules.subject import HOLDS, STEP, Answer, Subject
from genaiservice.rules.verdict import (
    Finding,
    Level,
    Override,
    Result,
    Severity,
    Suspension,
    Verdict,
)
from genaiservice.rules.wording import (
    KILL_SWITCH,
    NOT_APPLICABLE,
    Fault,
    message_of,
    passed,
    remedy_of,
)
from genaiservice.rules.workdays import parse_day

_MISSING = Answer(fault=Reason.DECLARATION_MISSING, level=Level.DECLARED)
_MISPLACED = Answer(fault=Reason.FORMAT_INVALID)
_BY_SCHEMA = Answer(fault=STEP)
_UNKNOWN = frozenset({Reason.DECLARATION_MISSING, Reason.CALENDAR_UNKNOWN, Reason.FACT_UNAVAILABLE})


def judge(catalogue: Catalogue, declaration: Json, facts: Json, today: date) -> Verdict:
    """What the catalogue says of `declaration` on `today` (Asia/Shanghai)."""
    overrides = overrides_of(catalogue.limits, declaration)
    values = values_of(catalogue.limits, overrides) if overrides else catalogue.values
    subject = Subject(declaration=declaration, facts=facts, today=today, limits=values)
    findings: list[Finding] = []
    flips: list[date] = []
    suspension: Suspension | None = None
    reading = _Reading(
        declaration,
        gathered=any(lookup(facts, part) for part in GATHERED),
        whole=catalogue.whole(declaration),
    )
    exposure = exposed(declaration, facts, today)
    for requirement in catalogue.requirements:
        clear = _clear(requirement, reading, subject.today, overrides)
        if clear is not None:
            findings.append(clear)
            continue
        inquiry = _Inquiry(
            requirement=requirement,
            subject=subject,
            reading=reading,
            exposure=exposure,
            overrides=overrides and _used(overrides, requirement),
        )
        findings.append(inquiry.finding())
        flips += inquiry.flips
        suspension = suspension or inquiry.suspension
    return Verdict(
        findings=tuple(findings),
        suspension=suspension or _kill_switch(facts),
        next_change=min(flips, default=None),
        rule_pack=catalogue.version,
        digest=catalogue.digest,
        overrides=overrides,
    )


def _used(
    overrides: tuple[Override, ...], requirement: CompiledRequirement
) -> tuple[Override, ...]:
    return tuple(one for one in overrides if one.name in requirement.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Whether the public can use the service, and the day on which that changes by itself."""

    phase: Phase
    flips: date | None = None


def exposed(declaration: Any, facts: Any, today: date) -> Exposure:
    """Only a first day that is still to come, with nothing public seen, counts as not exposed."""
    seen = lookup(facts, CLUSTER, "exposure")
    public = isinstance(seen, list) and any(lookup(each, "public") is True for each in seen)
    start = parse_day(lookup(declaration, "serviceStartOn"))
    if public or start is None or start <= today:
        return Exposure(phase=Phase.EXPOSED)
    return Exposure(phase=Phase.PRE_EXPOSURE, flips=start)


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

    __slots__ = ("_conditions", "_places", "declaration", "gathered", "whole")

    def __init__(self, declaration: Any, *, gathered: bool, whole: bool) -> None:
        self.declaration = declaration
        self.gathered = gathered
        self.whole = whole
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


def _clear(
    requirement: CompiledRequirement,
    reading: _Reading,
    today: date,
    overrides: tuple[Override, ...],
) -> Finding | None:
    """The finding where no date, phase, fact or limit can matter, as in most requirements."""
    severity = requirement.always
    if severity is None or overrides or today < requirement.requirement.effective_from:
        return None
    if not reading.meets(requirement.applies):
        result = Result.NOT_APPLICABLE
    elif reading.whole and not (requirement.named if reading.gathered else requirement.asked):
        result = Result.PASS
    else:
        return None
    return _nothing_to_mend(requirement, result, severity, Level.FORMAT_CHECKED, None, ())


@dataclass(slots=True, kw_only=True)
class _Inquiry:
    """One requirement being judged; collects what the steps say on the way."""

    requirement: CompiledRequirement
    subject: Subject
    reading: _Reading
    exposure: Exposure
    overrides: tuple[Override, ...]
    flips: list[date] = field(default_factory=list)
    deadlines: list[date] = field(default_factory=list)
    level: Level = Level.FORMAT_CHECKED
    suspension: Suspension | None = None

    def finding(self) -> Finding:
        severity = self._severity()
        if not self.reading.meets(self.requirement.applies):
            return self._closed(Result.NOT_APPLICABLE, severity)
        warning: Finding | None = None
        for step in self._steps():
            if step.when is not None and not self.reading.meets(step.when):
                continue
            found = self._first_fault(step, severity)
            if found is None:
                continue
            if found.severity is severity:
                return found
            # A step that only warns hides no later one that blocks.
            warning = warning or found
        return warning or self._closed(Result.PASS, severity)

    def _steps(self) -> tuple[CompiledStep, ...]:
        """The steps that may still fail."""
        if not (self.reading.whole or self.requirement.whole(self.subject.declaration)):
            return self.requirement.steps
        return self.requirement.named if self.reading.gathered else self.requirement.asked

    def _first_fault(self, step: CompiledStep, severity: Severity) -> Finding | None:
        for trail, value in self.reading.places(step):
            answer = _answer(step, value, self.subject, trail)
            if answer is HOLDS:
                continue
            self._note(answer)
            if answer.fault is not None:
                if step.step.severity is Severity.WARN:
                    severity = Severity.WARN
                return self._open(step.step, trail, value, answer, severity)
        return None

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
        for rule in self.requirement.severity:
            if rule.phase is not None:
                if self.exposure.flips is not None:
                    self.flips.append(self.exposure.flips)
                if rule.phase is not self.exposure.phase:
                    continue
            if rule.when is None or self.reading.meets(rule.when):
                return rule.level
        return Severity.BLOCK

    def _closed(self, result: Result, severity: Severity) -> Finding:
        deadline = min(self.deadlines, default=None)
        return _nothing_to_mend(
            self.requirement, result, severity, self.level, deadline, self.overrides
        )

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
            seen=answer.seen,
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
            message=message_of(rule, step, fault, self.subject.limits, self.overrides),
            remedy=remedy_of(rule, step, fault, self.subject.limits),
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
    overrides: tuple[Override, ...],
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
        message=passed(level, overrides) if holds else NOT_APPLICABLE,
        remedy=EMPTY,
        owner=rule.owner,
        deadline=deadline,
    )


def _answer(compiled: CompiledStep, value: Any, subject: Subject, trail: Trail) -> Answer:
    """What a step says of one place."""
    step = compiled.step
    if value is Void.ABSENT:
        # A step that suspends looks at what is there: nothing missing may hide a revocation.
        # An item that is there but empty is no optional field that somebody left out.
        left_out = step.verify or not (trail and isinstance(trail[-1], int))
        return HOLDS if (step.optional and left_out) or step.suspends else _MISSING
    if value is Void.MISPLACED:
        return HOLDS if step.suspends else _MISPLACED
    if compiled.schema is not None and not compiled.schema(value):
        return _BY_SCHEMA
    return HOLDS if compiled.check is None else compiled.check(value, subject, trail)
