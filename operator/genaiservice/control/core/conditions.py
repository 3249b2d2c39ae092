# SPDX-License-Identifier: Apache-2.0
"""The conditions of a service: one per duty family, then what the operator sees and decides.

Each function says one condition from the situation; nothing else computes it. Messages are
"中文 | English", bounded, sorted, and hold no time and no counter that moves by itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from genaiservice.api.conditions import FAMILIES, MEANINGS, ConditionType, Reason
from genaiservice.api.declared import Mode, workload
from genaiservice.api.jsontree import lookup
from genaiservice.api.problem import Lang, Problem, Text
from genaiservice.control.core.pods import bare, settled, tally, ways_past
from genaiservice.control.core.rollout import State
from genaiservice.control.core.situation import Situation
from genaiservice.rules.verdict import Finding, Result, Severity

NAMED: Final = 5
"""How many pods, problems or requirements a message names; the rest is counted."""
MESSAGE_CHARACTERS: Final = 1500
"""Of each language."""


class Status(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    type: ConditionType
    status: Status
    reason: Reason
    message: Text


def bilingual(text: Text) -> str:
    return f"{cut(text.zh, MESSAGE_CHARACTERS)} | {cut(text.en, MESSAGE_CHARACTERS)}"


def cut(value: str, most: int) -> str:
    return value if len(value) <= most else value[: most - 1] + "…"


def all_conditions(situation: Situation) -> tuple[Condition, ...]:
    policy, guarded = policy_ready(situation), guard_enforced(situation)
    allowed = rollout_allowed(situation)
    return (
        *families(situation.verdict.findings),
        policy,
        guarded,
        allowed,
        ready(situation, guarded, allowed),
    )


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
        return _plain(kind, Status.TRUE, Reason.NOT_APPLICABLE)
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
            return _plain(kind, Status.TRUE, Reason.SATISFIED)
        case _:
            return _plain(kind, Status.TRUE, Reason.NOT_APPLICABLE)
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


def _plain(kind: ConditionType, status: Status, reason: Reason) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=MEANINGS[reason])


def listed(names: Sequence[str]) -> str:
    """The first names and how many more there are."""
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} (+{len(names) - NAMED})"


def told(problems: Sequence[Problem]) -> Text:
    """Problems in full, as many as a message names."""
    more = f" (+{len(problems) - NAMED})" if len(problems) > NAMED else ""
    first = problems[:NAMED]
    return Text(
        en=" ".join(one.render(Lang.EN) for one in first) + more,
        zh=" ".join(one.render(Lang.ZH) for one in first) + more,
    )


def policy_ready(situation: Situation) -> Condition:
    kind, policy = ConditionType.POLICY, situation.policy
    if not policy.ready:
        return Condition(
            type=kind, status=Status.FALSE, reason=policy.reason, message=told(policy.problems)
        )
    wrong = [one.problem for one in situation.blockers if one.reason is Reason.POLICY_INVALID]
    if wrong:
        return Condition(
            type=kind, status=Status.FALSE, reason=Reason.POLICY_INVALID, message=told(wrong)
        )
    return _plain(kind, Status.TRUE, Reason.POLICY_LOADED)


def guard_enforced(situation: Situation) -> Condition:
    kind, observed = ConditionType.GUARD, situation.observed
    conflict = _conflict(situation)
    if conflict is not None:
        return Condition(
            type=kind, status=Status.FALSE, reason=Reason.CLAIM_CONFLICT, message=conflict
        )
    naked = [pod.name for pod in bare(situation.pods, situation.mode)]
    if naked:
        return Condition(
            type=kind, status=Status.FALSE, reason=Reason.UNGUARDED_PODS, message=_naked(naked)
        )
    ways = ways_past(situation.pods, observed.services, workload(situation.spec).port)
    if ways:
        return Condition(
            type=kind,
            status=Status.FALSE,
            reason=Reason.MODEL_PORT_REACHABLE,
            message=_reachable(ways),
        )
    if not settled(situation.pods):
        return _plain(kind, Status.UNKNOWN, Reason.NO_PODS)
    return _plain(kind, Status.TRUE, Reason.ALL_GUARDED)


def _conflict(situation: Situation) -> Text | None:
    own = [one.problem for one in situation.blockers if one.reason is Reason.CLAIM_CONFLICT]
    if own:
        return told(own)
    rivals = sorted(str(lookup(one, "metadata", "name")) for one in situation.observed.rivals)
    if not rivals:
        return None
    meaning = MEANINGS[Reason.CLAIM_CONFLICT]
    return Text(
        en=f"GenAIService {listed(rivals)} claims the same pods. {meaning.en}",
        zh=f"GenAIService {listed(rivals)} 认领了相同的 Pod。{meaning.zh}",
    )


def _naked(pods: Sequence[str]) -> Text:
    meaning = MEANINGS[Reason.UNGUARDED_PODS]
    return Text(en=f"Pods {listed(pods)}: {meaning.en}", zh=f"Pod {listed(pods)}：{meaning.zh}")


def _reachable(ways: Sequence[str]) -> Text:
    meaning = MEANINGS[Reason.MODEL_PORT_REACHABLE]
    return Text(
        en=f"{listed(ways)}: {meaning.en} targetPort: genai-guard.",
        zh=f"{listed(ways)}：{meaning.zh}（targetPort: genai-guard）",
    )


def rollout_allowed(situation: Situation) -> Condition:
    kind = ConditionType.ROLLOUT
    suspension = situation.verdict.suspension
    if suspension is not None:
        return Condition(
            type=kind, status=Status.FALSE, reason=suspension.reason, message=suspension.message
        )
    if situation.state is State.ALLOWED:
        return _plain(kind, Status.TRUE, Reason.ALLOWED)
    keeps = situation.state is State.KEEPS_ADMITTED
    reason = Reason.KEEPS_ADMITTED_REVISION if keeps else _closing_reason(situation)
    return Condition(
        type=kind, status=Status.FALSE, reason=reason, message=_what_blocks(situation, reason)
    )


def _closing_reason(situation: Situation) -> Reason:
    if situation.verdict.blocking or not situation.blockers:
        return Reason.REQUIREMENTS_NOT_MET
    return situation.blockers[0].reason


def _what_blocks(situation: Situation, reason: Reason) -> Text:
    parts = [MEANINGS[reason]]
    blocking = [one.id for one in sorted(situation.verdict.blocking, key=rank)]
    if blocking:
        parts.append(Text(en=f"Blocking: {listed(blocking)}.", zh=f"阻断项：{listed(blocking)}。"))
    if situation.blockers:
        parts.append(told([one.problem for one in situation.blockers]))
    return Text(en=" ".join(one.en for one in parts), zh=" ".join(one.zh for one in parts))


def ready(situation: Situation, guarded: Condition, allowed: Condition) -> Condition:
    """Derived here and nowhere else: what stands first in the list below is what Ready tells."""
    kind = ConditionType.READY
    failed = apply_failure(situation)
    if allowed.status is not Status.TRUE:
        return Condition(
            type=kind, status=Status.FALSE, reason=allowed.reason, message=allowed.message
        )
    if failed is not None:
        return Condition(type=kind, status=Status.FALSE, reason=Reason.APPLY_FAILED, message=failed)
    if guarded.status is Status.FALSE:
        return Condition(
            type=kind, status=Status.FALSE, reason=guarded.reason, message=guarded.message
        )
    if any(pod.ready for pod in settled(situation.pods)):
        return _plain(kind, Status.TRUE, Reason.SERVING)
    waiting = situation.mode is Mode.MANAGED or tally(situation.pods, situation.mode).total
    return _plain(kind, Status.FALSE, Reason.PODS_STARTING if waiting else Reason.NO_PODS)


def apply_failure(situation: Situation) -> Text | None:
    failure = situation.observed.failure
    if failure is None:
        return None
    what = f"{failure.kind}/{failure.name}"
    said = cut(failure.message, 600)
    meaning = MEANINGS[Reason.APPLY_FAILED]
    return Text(en=f"{what}: {said} ({meaning.en})", zh=f"{what}：{said}（{meaning.zh}）")
