# SPDX-License-Identifier: Apache-2.0
"""What another rule pack would change: `genaictl rules diff OLD NEW`.

Pure: two catalogues, declarations and a day in; which requirements came, went or changed, and for
which services the verdict or a finding would be another, out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from genaiservice.api.jsontree import Json
from genaiservice.rules.judge import judge
from genaiservice.rules.pack import Catalogue
from genaiservice.rules.requirement import Requirement
from genaiservice.rules.verdict import Finding, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One service as it is judged: by name, with its declaration and what is known of it."""

    name: str
    declaration: Json
    facts: Json


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """A requirement, or (`limit` true) a number by name, that one pack has otherwise."""

    id: str
    change: Change
    limit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingChange:
    """A finding of one service before and after; None where the pack has no such requirement."""

    id: str
    before: Finding | None
    after: Finding | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceChange:
    name: str
    before: Verdict
    after: Verdict
    findings: tuple[FindingChange, ...]

    @property
    def gate(self) -> bool:
        """Whether the rollout would be allowed in one pack and refused in the other."""
        return self.before.allowed != self.after.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`services`: only those with a changed finding; those whose gate changes first."""

    old: str
    new: str
    rules: tuple[RuleChange, ...]
    services: tuple[ServiceChange, ...]


def diff(old: Catalogue, new: Catalogue, declared: Iterable[Declared], today: date) -> Difference:
    changes = [_service(old, new, one, today) for one in declared]
    affected = [change for change in changes if change.findings or change.gate]
    return Difference(
        old=old.version,
        new=new.version,
        rules=(*_rules(old, new), *_limits(old, new)),
        services=tuple(sorted(affected, key=lambda change: (not change.gate, change.name))),
    )


def _rules(old: Catalogue, new: Catalogue) -> list[RuleChange]:
    before, after = _by_id(old), _by_id(new)
    return [
        RuleChange(id=name, change=change)
        for name in [*after, *(name for name in before if name not in after)]
        if (change := _compared(before.get(name), after.get(name))) is not None
    ]


def _limits(old: Catalogue, new: Catalogue) -> list[RuleChange]:
    return [
        RuleChange(id=name, change=change, limit=True)
        for name in [*new.limits, *(name for name in old.limits if name not in new.limits)]
        if (change := _compared(old.limits.get(name), new.limits.get(name))) is not None
    ]


def _by_id(catalogue: Catalogue) -> dict[str, Requirement]:
    return {compiled.requirement.id: compiled.requirement for compiled in catalogue.requirements}


def _compared(before: object, after: object) -> Change | None:
    if before == after:
        return None
    if before is None:
        return Change.ADDED
    return Change.REMOVED if after is None else Change.CHANGED


def _service(old: Catalogue, new: Catalogue, one: Declared, today: date) -> ServiceChange:
    before = judge(old, one.declaration, one.facts, today)
    after = judge(new, one.declaration, one.facts, today)
    was = {finding.id: finding for finding in before.findings}
    now = {finding.id: finding for finding in after.findings}
    names = [*now, *(name for name in was if name not in now)]
    return ServiceChange(
        name=one.name,
        before=before,
        after=after,
        findings=tuple(
            FindingChange(id=name, before=was.get(name), after=now.get(name))
            for name in names
            if _differs(was.get(name), now.get(name))
        ),
    )


def _differs(before: Finding | None, after: Finding | None) -> bool:
    """Whether somebody has to act otherwise; other words for the same finding do not count."""
    return _weight(before) != _weight(after)


def _weight(finding: Finding | None) -> object:
    if finding is None or not finding.open:
        return None
    return finding.result, finding.severity, finding.reason, finding.field, finding.deadline
