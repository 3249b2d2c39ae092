# SPDX-License-Identifier: Apache-2.0
"""Builders of pages and of what they are made from, for the tests of the report.

    page(rows=[row(finding(result=Result.FAIL))]), subject(status={...})

The rule pack grows; the pages of the golden files do not, so they are built here by hand.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.jsontree import Json, MutableJson
from genaiservice.api.problem import Problem, Text
from genaiservice.cli.report.page import (
    Change,
    Changes,
    Direction,
    Fact,
    Origin,
    Outcome,
    Override,
    Page,
    Row,
    Section,
    Seen,
)
from genaiservice.cli.report.subject import Subject
from genaiservice.control.core.families import families
from genaiservice.rules.pack import load_catalogue
from genaiservice.rules.verdict import Basis, Finding, Level, Owner, Result, Severity
from tests.build import service

DAY = date(2026, 11, 25)


def same(text: str) -> Text:
    return Text(en=text, zh=text)


def finding(id_: str = "IM-17-2", **values: Any) -> Finding:
    """A filing that fails and blocks; a keyword for each deviation."""
    default: dict[str, Any] = {
        "id": id_,
        "article": 17,
        "family": ConditionType.FILING,
        "basis": Basis.LAW,
        "severity": Severity.BLOCK,
        "result": Result.FAIL,
        "reason": Reason.EXPIRED,
        "level": Level.FORMAT_CHECKED,
        "field": "spec.compliance.filings[0].lastCheckedOn",
        "title": Text(en="Algorithm filing", zh="算法备案"),
        "message": Text(en="The look-up is too old.", zh="查询日期过久。"),
        "remedy": Text(en="Look it up again.", zh="请重新查询。"),
        "owner": Owner.COMPLIANCE,
        "deadline": date(2026, 11, 20),
    }
    return Finding(**{**default, **values})


def row(found: Finding, *facts: tuple[str, str], left_out: int = 0) -> Row:
    return Row(
        finding=found,
        source=Text(en="Interim Measures Art. 17", zh="《暂行办法》第十七条"),
        facts=tuple(Fact(field=field, value=same(value)) for field, value in facts),
        left_out=left_out,
    )


def sections(rows: Iterable[Row]) -> tuple[Section, ...]:
    every = tuple(rows)
    return tuple(
        Section(condition=condition, rows=mine)
        for condition in families([one.finding for one in every])
        if (mine := tuple(one for one in every if one.finding.family is condition.type))
    )


def every_kind() -> tuple[Row, ...]:
    """One row of each result and weight, in several families, with each basis and level."""
    closed: dict[str, Any] = {"field": "", "deadline": None, "remedy": same("")}
    labels, minors = ConditionType.LABELLING, ConditionType.MINORS
    warns, unknown = Severity.WARN, Result.UNKNOWN
    missing: dict[str, Any] = {"result": unknown, "reason": Reason.DECLARATION_MISSING}
    return (
        row(finding(), ("filings[0].status", "Approved"), ("filings[0].lastCheckedOn", "2026-01")),
        row(finding("IM-17-3", **missing, level=Level.DECLARED, deadline=date(2027, 1, 4))),
        row(finding("IM-12-1", severity=warns, family=labels, basis=Basis.STANDARD), left_out=3),
        row(finding("IM-12-2", **missing, severity=warns, family=labels, basis=Basis.GUIDELINE)),
        row(
            finding(
                "IM-10-1",
                **{**closed, "deadline": date(2027, 5, 31)},
                result=Result.PASS,
                reason=Reason.SATISFIED,
                level=Level.CROSS_CHECKED,
                family=minors,
                owner=Owner.SRE,
            )
        ),
        row(
            finding(
                "IM-10-2",
                result=Result.WAIVED,
                reason=Reason.WAIVED,
                family=minors,
                basis=Basis.PRACTICE,
                owner=Owner.PLATFORM,
            )
        ),
        row(
            finding(
                "IM-10-3",
                **closed,
                result=Result.NOT_APPLICABLE,
                reason=Reason.NOT_APPLICABLE,
                level=Level.DECLARED,
                family=minors,
            )
        ),
    )


def page(rows: Iterable[Row] | None = None, **values: Any) -> Page:
    """A page with every kind of row and every part; a keyword for each deviation."""
    refused = Outcome(
        allowed=False,
        suspended=False,
        reason=Reason.REQUIREMENTS_NOT_MET,
        message=Text(en="Blocking findings are open.", zh="存在未解决的阻断项。"),
    )
    default: dict[str, Any] = {
        "namespace": "shop",
        "name": "chat",
        "display_name": "问答助手",
        "origin": Origin.CLUSTER,
        "place": "shop/chat",
        "generation": 7,
        "as_of": DAY,
        "rule_pack": "2026.11.0",
        "digest": "sha256:" + "ab" * 32,
        "outcome": refused,
        "header": ((Text(en="Provider", zh="服务提供者"), same("北京示例智能科技有限公司")),),
        "notes": (Text(en="A note.", zh="一条说明。"),),
        "refused": (Problem(where="spec.guard", what=same("w"), why=same("y"), next=same("n")),),
        "sections": sections(every_kind() if rows is None else rows),
        "seen": (_seen("GuardEnforced", "True"), _seen("Ready", "False"), _seen("X", "Unknown")),
        "overrides": (
            Override(
                field="keywordLibrary.total",
                value="12000",
                default="10000",
                reason="更严",
                approver="王示例",
            ),
        ),
        "next_change": date(2027, 1, 4),
        "changes": _changes(),
    }
    return Page(**{**default, **values})


def _seen(type_: str, status: str) -> Seen:
    message = Text(en="What is seen.", zh="所见。")
    return Seen(type=type_, status=status, reason="AllGuarded", message=message, since="2026-11-20")


def _changes() -> Changes:
    rows = tuple(
        Change(
            subject="IM-17-2" if direction is not Direction.OTHER else "",
            title=Text(en="Algorithm filing", zh="算法备案"),
            direction=direction,
            before=Text(en="then", zh="此前"),
            after=Text(en="now", zh="现在"),
        )
        for direction in Direction
    )
    return Changes(since=date(2026, 9, 1), rule_pack="2026.8.0", rows=rows)


def subject(origin: Origin = Origin.FILE, *, generation: int = 1, **spec: Any) -> Subject:
    """The complete service that the rule pack ships, or what is made of it by merge patches."""
    body = service(compliance=None, generation=generation)
    body["spec"]["compliance"] = dict(load_catalogue().complete)
    body["spec"] |= spec
    return Subject(body=body, origin=origin, place="chat.yaml")


def patched(base: Subject, patch: Json) -> Subject:
    from genaiservice.api.jsontree import merge_patch

    body: MutableJson = merge_patch(base.body, patch)
    return Subject(body=body, origin=base.origin, place=base.place)
