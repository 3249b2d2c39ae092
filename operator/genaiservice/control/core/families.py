# SPDX-License-Identifier: Apache-2.0
"""The findings of a verdict -> one condition per duty family: the worst finding speaks for it."""

from collections.abc import Iterable, Sequence
from typing import Final

from genaiservice.api.conditions import FAMILIES, ConditionType, Reason
from genaiservice.api.problem import Text
from genaiservice.control.core.condition import Condition, Status, listed, plain
from genaiservice.rules.verdict import Finding, Result, Severity


def families(findings: Sequence[Finding]) -> Iterable[Condition]:
    for kind in FAMILIES:
        yield _family(kind, [finding for finding in findings if finding.family is kind])


_RANKS: Final[dict[tuple[Result, Severity], int]] = {
    (Result.FAIL, Severity.BLOCK): 0,
    (Result.UNKNOWN, Severity.BLOCK): 1,
    (Result.FAIL, Severity.WARN): 2,
    (Result.UNKNOWN, Severity.WARN): 3,
    (Result.WAIVED, Severity.BLOCK): 4,
    (Result.WAIVED, Severity.WARN): 4,
    (Result.PASS, Severity.BLOCK): 5,
    (Result.PASS, Severity.WARN): 5,
    (Result.NOT_APPLICABLE, Severity.BLOCK): 6,
    (Result.NOT_APPLICABLE, Severity.WARN): 6,
}
"""The smallest is the worst; the worst finding speaks for its family."""


def rank(finding: Finding) -> int:
    return _RANKS[finding.result, finding.severity]


def _family(kind: ConditionType, findings: list[Finding]) -> Condition:
    if not findings:
        return plain(kind, Status.TRUE, Reason.NOT_APPLICABLE)
    order = sorted(findings, key=rank)
    worst = order[0]
    match rank(worst):
        case 0:
            status, reason = Status.FALSE, worst.reason
        case 1:
            status, reason = Status.UNKNOWN, worst.reason
        case 2 | 3:
            status, reason = Status.TRUE, Reason.WARNINGS_ONLY
        case 4:
            status, reason = Status.TRUE, Reason.WAIVED
        case 5:
            return plain(kind, Status.TRUE, Reason.SATISFIED)
        case _:
            return plain(kind, Status.TRUE, Reason.NOT_APPLICABLE)
    others = [one for one in order[1:] if rank(one) < 5]
    return Condition(type=kind, status=status, reason=reason, message=_story(worst, others))


def _story(worst: Finding, others: Sequence[Finding]) -> Text:
    """What the worst finding says and what to do, then the ids of the others."""
    more_en = f" Also: {listed([one.id for one in others])}." if others else ""
    more_zh = f" 另有：{listed([one.id for one in others])}。" if others else ""
    return Text(
        en=f"{worst.id}: {worst.message.en} {worst.remedy.en}{more_en}",
        zh=f"{worst.id}：{worst.message.zh}{worst.remedy.zh}{more_zh}",
    )
