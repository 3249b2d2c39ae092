# SPDX-License-Identifier: Apache-2.0
"""What another rule pack would change, for people and as JSON. Pure: a difference in, words out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from genaiservice.api.jsontree import MutableJson
from genaiservice.api.problem import Text
from genaiservice.cli import render
from genaiservice.cli.terminal import Paper
from genaiservice.rules.diff import Change, Difference, FindingChange, RuleChange, ServiceChange
from genaiservice.rules.pack import Catalogue
from genaiservice.rules.verdict import Finding, Severity

PACKS: Final = Text(en="rule pack {old} → {new}", zh="规则包 {old} → {new}")
SAME: Final = Text(en="both rule packs ask the same", zh="两个规则包的要求相同")
RULES: Final = Text(en="requirements and numbers", zh="要求与数值")
SERVICES: Final = Text(
    en="{changed} of {judged} services would be judged otherwise",
    zh="共 {judged} 个服务，其中 {changed} 个的核查结论将变化",
)
KEPT: Final = Text(en="{gate}, as before", zh="{gate}，与此前相同")
TURNS: Final = Text(en="{before} → {after}", zh="{before} → {after}")
NOTHING: Final = Text(en="nothing to mend", zh="无需处理")
_MARKS: Final = {
    Change.ADDED: ("+", "green", Text(en="new", zh="新增")),
    Change.REMOVED: ("-", "red", Text(en="gone", zh="移除")),
    Change.CHANGED: ("~", "yellow", Text(en="changed", zh="变更")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A difference with the two packs that it is of, and how many services were judged."""

    found: Difference
    old: Catalogue
    new: Catalogue
    judged: int
    today: date

    @property
    def refused(self) -> int:
        """Services that OLD allows and NEW refuses."""
        return sum(one.before.allowed and not one.after.allowed for one in self.found.services)

    def title(self, change: RuleChange) -> Text:
        """What the change is of; of a number also from what to what."""
        packs = (self.new, self.old)
        if change.limit:
            meaning = next(
                one.limits[change.id].meaning for one in packs if change.id in one.limits
            )
            values = [one.limits[change.id].value for one in packs[::-1] if change.id in one.limits]
            shown = " → ".join(f"{value:g}" for value in values)
            return Text(en=f"{meaning.en}: {shown}", zh=f"{meaning.zh}：{shown}")
        return next(
            one.requirement.title
            for pack in packs
            for one in pack.requirements
            if one.requirement.id == change.id
        )


def show(paper: Paper, told: Told) -> None:
    found = told.found
    paper.say(PACKS.format(old=found.old, new=found.new), "bold")
    if found.rules:
        paper.head(RULES, indent=2)
        paper.table((_rule(paper, told, one) for one in found.rules), indent=4)
    else:
        paper.say(SAME, indent=2)
    paper.line()
    paper.say(SERVICES.format(changed=len(found.services), judged=told.judged), "bold")
    for service in found.services:
        _service(paper, service)
    render.notice(paper, found.new)


def _rule(paper: Paper, told: Told, change: RuleChange) -> tuple[str, ...]:
    mark, _, word = _MARKS[change.change]
    return mark, word.in_(paper.lang), change.id, told.title(change).in_(paper.lang)


def _service(paper: Paper, service: ServiceChange) -> None:
    lang = paper.lang
    before, after = (_gate(one.allowed).in_(lang) for one in (service.before, service.after))
    told = TURNS.format(before=before, after=after) if service.gate else KEPT.format(gate=after)
    sign, style = ("✓", "green") if service.after.allowed else ("✗", "red")
    paper.line()
    paper.line(f"{sign} {service.name}{render.colon(lang)}{told.in_(lang)}", style)
    for change in service.findings:
        _finding(paper, change)


def _finding(paper: Paper, change: FindingChange) -> None:
    before, after = change.before, change.after
    known = after or before
    if known is None:  # a change has one side at least
        return
    lang = paper.lang
    turn = TURNS.format(before=_weight(before).in_(lang), after=_weight(after).in_(lang))
    paper.line(f"{known.id}  {known.title.in_(lang)}  ({turn.in_(lang)})", indent=2)
    if after is not None and after.open:
        paper.pair(render.WHAT, after.message, indent=6)
        paper.pair(render.NEXT, after.remedy, indent=6)
        paper.pair(render.WHO, render.owner(after.owner.value), indent=6)


def _gate(allowed: bool) -> Text:
    return render.ALLOWED if allowed else render.REFUSED


def _weight(finding: Finding | None) -> Text:
    if finding is None or not finding.open:
        return NOTHING
    return render.BLOCK if finding.severity is Severity.BLOCK else render.WARN


def as_json(told: Told) -> MutableJson:
    found = told.found
    return {
        "asOf": told.today.isoformat(),
        "old": {"version": told.old.version, "digest": told.old.digest},
        "new": {"version": told.new.version, "digest": told.new.digest},
        "rules": list(_rules(told)),
        "judged": told.judged,
        "refused": told.refused,
        "services": [_tree(service) for service in found.services],
    }


def _rules(told: Told) -> Iterator[MutableJson]:
    for one in told.found.rules:
        yield {
            "id": one.id,
            "kind": "number" if one.limit else "requirement",
            "change": one.change.value,
            "title": told.title(one).as_json(),
        }


def _tree(service: ServiceChange) -> MutableJson:
    return {
        "name": service.name,
        "allowed": {"before": service.before.allowed, "after": service.after.allowed},
        "findings": [
            {"id": one.id, "before": _said(one.before), "after": _said(one.after)}
            for one in service.findings
        ],
    }


def _said(finding: Finding | None) -> MutableJson | None:
    if finding is None:
        return None
    return {
        "result": finding.result.value,
        "severity": finding.severity.value,
        "reason": finding.reason.value,
        "level": finding.level.value,
        "field": finding.field,
        "message": finding.message.as_json(),
        "next": finding.remedy.as_json(),
        "owner": finding.owner.value,
        "deadline": finding.deadline.isoformat() if finding.deadline else None,
    }
