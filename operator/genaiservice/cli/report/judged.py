# SPDX-License-Identifier: Apache-2.0
"""The verdict beside the status that the operator wrote -> findings, outcome, and notes on them.

Rule: what the operator wrote of this very declaration on this day speaks; `judge()` gives the
requirements that a status leaves out, because they pass. Where the two cannot be brought together
the judgement of this tool stands, and a note says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from genaiservice.api.conditions import MEANINGS, ConditionType, Reason
from genaiservice.api.jsontree import lookup
from genaiservice.api.problem import Text
from genaiservice.cli.report.page import Origin, Outcome
from genaiservice.cli.report.subject import Subject
from genaiservice.rules.verdict import Finding, Verdict

OFFLINE: Final = Text(
    en="Judged from a file, without a cluster: what runs was not looked at.",
    zh="根据文件离线核查，未查看集群中的实际运行状态。",
)
NOT_JUDGED: Final = Text(
    en="The operator has written no status yet; this report is the judgement of this tool. Is the "
    "operator running? (kubectl -n genai-system get pods)",
    zh="operator 尚未写入状态，本报告为本工具的核查结果。operator 是否在运行？"
    "（kubectl -n genai-system get pods）",
)
OTHER_GENERATION: Final = Text(
    en="The operator's status is of generation {seen}, the declaration of generation {now}; this "
    "report is the judgement of this tool. Ask again in a moment.",
    zh="operator 的状态对应第 {seen} 代，申报为第 {now} 代；本报告为本工具的核查结果，请稍后再试。",
)
OTHER_PACK: Final = Text(
    en="The operator judges with another rule pack ({theirs}); this report is the judgement of "
    "this tool with {ours}. Bring both to the same release.",
    zh="operator 使用的规则包（{theirs}）与本工具（{ours}）不同；本报告为本工具的核查结果。"
    "请使用相同的版本。",
)
OTHER_DAY: Final = Text(
    en="Judged as of a day that was chosen; the operator's status is not part of the findings.",
    zh="按指定日期核查，检查结果不含 operator 当前的状态。",
)
NOT_LISTED: Final = Text(
    en="Open here, but not in the operator's status: {ids}. Look again in a moment; if it stays, "
    "compare the releases of the operator and of this tool.",
    zh="以下事项在本报告中未解决，但未见于 operator 的状态：{ids}。请稍后再看；"
    "如仍不一致，请核对 operator 与本工具的版本。",
)
REFUSED: Final = Text(
    en="The manifest cannot be applied as it is; correct the places that are named.",
    zh="该清单无法直接应用；请更正所列之处。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    findings: tuple[Finding, ...]
    outcome: Outcome
    notes: tuple[Text, ...]


def judged(subject: Subject, verdict: Verdict, as_of: date, today: date) -> Judged:
    apart = _apart(subject, verdict, as_of, today)
    if apart is not None:
        return Judged(
            findings=verdict.findings,
            outcome=_own(subject, verdict),
            notes=(apart, *subject.remarks),
        )
    findings = _joined(subject, verdict)
    return Judged(
        findings=findings,
        outcome=_told(subject, verdict),
        notes=tuple(_doubts(subject, findings)),
    )


def _apart(subject: Subject, verdict: Verdict, as_of: date, today: date) -> Text | None:
    """Why the status says nothing of this declaration on this day; None where it does."""
    if subject.origin is Origin.FILE:
        return OFFLINE
    if not subject.status:
        return NOT_JUDGED
    if as_of != today:
        return OTHER_DAY
    now, seen = (
        subject.number("metadata", "generation"),
        subject.number("status", "observedGeneration"),
    )
    if now != seen:
        return OTHER_GENERATION.format(seen=seen, now=now)
    if lookup(subject.status, "rulePack", "digest") != verdict.digest:
        theirs = subject.text("status", "rulePack", "version") or "?"
        return OTHER_PACK.format(theirs=theirs, ours=verdict.rule_pack)
    return None


def _joined(subject: Subject, verdict: Verdict) -> tuple[Finding, ...]:
    """The verdict with what the operator says otherwise (a waiver, a fact of the cluster)."""
    theirs = {one.id: one for one in subject.findings}
    return tuple(
        one if _agree(one, theirs.get(one.id, one)) else theirs[one.id] for one in verdict.findings
    )


def _agree(one: Finding, other: Finding) -> bool:
    # A status cuts long texts; where both say the same, the whole text is shown.
    return (one.result, one.reason, one.severity, one.field, one.deadline) == (
        other.result,
        other.reason,
        other.severity,
        other.field,
        other.deadline,
    )


def _doubts(subject: Subject, findings: tuple[Finding, ...]) -> Iterator[Text]:
    listed = {one.id for one in subject.findings}
    unlisted = [one.id for one in findings if one.open and one.id not in listed]
    if unlisted:
        yield NOT_LISTED.format(ids=", ".join(unlisted))


def _own(subject: Subject, verdict: Verdict) -> Outcome:
    """The outcome by the verdict alone, in the words that the reasons have everywhere."""
    if subject.refused:
        return Outcome(
            allowed=False, suspended=False, reason=Reason.REQUIREMENTS_NOT_MET, message=REFUSED
        )
    stop = verdict.suspension
    if stop is not None:
        return Outcome(allowed=False, suspended=True, reason=stop.reason, message=stop.message)
    reason = Reason.ALLOWED if verdict.allowed else Reason.REQUIREMENTS_NOT_MET
    return Outcome(
        allowed=verdict.allowed, suspended=False, reason=reason, message=MEANINGS[reason]
    )


def _told(subject: Subject, verdict: Verdict) -> Outcome:
    """The outcome that the operator wrote into the condition RolloutAllowed."""
    gate = next((one for one in subject.seen if one.type == ConditionType.ROLLOUT.value), None)
    if gate is None or gate.reason not in set(Reason):
        return _own(subject, verdict)
    return Outcome(
        allowed=lookup(subject.status, "rollout", "allowed") is True,
        suspended=lookup(subject.status, "rollout", "suspended") is True,
        reason=Reason(gate.reason),
        message=gate.message,
    )
