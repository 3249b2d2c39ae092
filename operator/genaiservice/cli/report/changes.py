# SPDX-License-Identifier: Apache-2.0
"""What is otherwise than in an earlier report: the outcome, the rule pack, each requirement.

Rule: a direction is only given where the order is plain (open or not, blocking or not, overdue);
everything else is "other", and the reader judges.
"""

from collections.abc import Iterator
from typing import Final

from genaiservice.api.problem import Text
from genaiservice.cli.render import ALLOWED
from genaiservice.cli.render import REFUSED as NOT_ALLOWED
from genaiservice.cli.report.earlier import Earlier, EarlierRow
from genaiservice.cli.report.page import Change, Changes, Direction, Outcome, Override
from genaiservice.cli.report.words import SUSPENDED, mark
from genaiservice.rules.verdict import Finding, Result, Severity, Verdict

OUTCOME: Final = Text(en="Rollout", zh="上线")
RULE_PACK: Final = Text(en="Rule pack", zh="规则包")
OVERRIDE: Final = Text(en="Override {field}", zh="调整 {field}")
ABSENT: Final = Text(en="–", zh="–")
NEW: Final = Text(en="not in that rule pack", zh="该规则包中没有")
GONE: Final = Text(en="no longer in the rule pack", zh="规则包中已无此项")


def changes(
    earlier: Earlier,
    verdict: Verdict,
    outcome: Outcome,
    findings: tuple[Finding, ...],
    overrides: tuple[Override, ...],
) -> Changes:
    rows = [
        *_outcome(earlier, outcome),
        *_rule_pack(earlier, verdict),
        *_overrides(earlier, overrides),
        *_findings(earlier, findings),
    ]
    return Changes(since=earlier.as_of, rule_pack=earlier.rule_pack, rows=tuple(rows))


def headline(allowed: bool, suspended: bool) -> Text:
    if suspended:
        return SUSPENDED
    return ALLOWED if allowed else NOT_ALLOWED


def _outcome(earlier: Earlier, outcome: Outcome) -> Iterator[Change]:
    was = _standing(earlier.allowed, earlier.suspended)
    now = _standing(outcome.allowed, outcome.suspended)
    if was != now:
        yield Change(
            subject="",
            title=OUTCOME,
            direction=Direction.BETTER if now > was else Direction.WORSE,
            before=headline(earlier.allowed, earlier.suspended),
            after=headline(outcome.allowed, outcome.suspended),
        )


def _standing(allowed: bool, suspended: bool) -> int:
    return 0 if suspended else 1 + allowed


def _rule_pack(earlier: Earlier, verdict: Verdict) -> Iterator[Change]:
    if earlier.digest != verdict.digest:
        yield Change(
            subject="",
            title=RULE_PACK,
            direction=Direction.OTHER,
            before=_pack(earlier.rule_pack, earlier.digest),
            after=_pack(verdict.rule_pack, verdict.digest),
        )


def _pack(version: str, digest: str) -> Text:
    told = f"{version} ({short_digest(digest)})"
    return Text(en=told, zh=told)


def short_digest(digest: str) -> str:
    return digest.rpartition(":")[2][:12]


def _overrides(earlier: Earlier, overrides: tuple[Override, ...]) -> Iterator[Change]:
    now = {one.field: one.value for one in overrides}
    for field in sorted(now.keys() | earlier.overrides.keys()):
        before, after = earlier.overrides.get(field), now.get(field)
        if before != after:
            yield Change(
                subject="",
                title=OVERRIDE.format(field=field),
                direction=Direction.OTHER,
                before=ABSENT if before is None else Text(en=before, zh=before),
                after=ABSENT if after is None else Text(en=after, zh=after),
            )


def _findings(earlier: Earlier, findings: tuple[Finding, ...]) -> Iterator[Change]:
    known = dict(earlier.rows)
    for one in findings:
        before, after = known.pop(one.id, None), _now(one)
        if before is None or _key(before) != _key(after):
            yield Change(
                subject=one.id,
                title=one.title,
                direction=_direction(before, after),
                before=NEW if before is None else _story(before),
                after=_story(after),
            )
    for id_, gone in known.items():
        yield Change(
            subject=id_,
            title=gone.title,
            direction=Direction.OTHER,
            before=_story(gone),
            after=GONE,
        )


def _now(one: Finding) -> EarlierRow:
    return EarlierRow(
        title=one.title,
        result=one.result,
        severity=one.severity,
        level=one.level,
        reason=one.reason.value,
        deadline=one.deadline.isoformat() if one.deadline else "",
    )


def _key(row: EarlierRow) -> tuple[str, ...]:
    """What counts as a change: not the words of a title, nor how much it would weigh if open."""
    return (str(_weight(row)), row.result, row.level, row.reason, row.deadline)


def _direction(before: EarlierRow | None, after: EarlierRow) -> Direction:
    if before is None or _weight(before) == _weight(after):
        return Direction.OTHER
    return Direction.BETTER if _weight(after) < _weight(before) else Direction.WORSE


def _weight(row: EarlierRow) -> int:
    """How much the row stands in the way: it blocks, it warns, it is closed."""
    if row.result not in (Result.FAIL, Result.UNKNOWN):
        return 0
    return 2 if row.severity is Severity.BLOCK else 1


def _story(row: EarlierRow) -> Text:
    known = mark(row.result, row.severity)
    more = []
    if row.result in (Result.FAIL, Result.UNKNOWN):
        more.append(row.reason)
    elif row.result is Result.PASS:
        more.append(row.level.value)
    if row.deadline:
        more.append(row.deadline)
    return Text(
        en=f"{known.sign} {known.word.en}{': ' if more else ''}{', '.join(more)}",
        zh=f"{known.sign} {known.word.zh}{'：' if more else ''}{'，'.join(more)}",
    )
