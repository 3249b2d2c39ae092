# SPDX-License-Identifier: Apache-2.0
"""The conditions of a service: one per duty family, then what the operator sees and decides.

Each function says one condition from the situation; nothing else computes it. Messages are
"中文 | English", bounded, sorted, and hold no time and no counter that moves by itself.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from genaiservice.api.conditions import MEANINGS, ConditionType, Reason
from genaiservice.api.declared import Mode, workload
from genaiservice.api.jsontree import lookup
from genaiservice.api.problem import Text
from genaiservice.control.core.condition import (
    NAMED,
    Condition,
    Status,
    cut,
    listed,
    plain,
    told,
)
from genaiservice.control.core.families import families, rank
from genaiservice.control.core.guard_detectors import detectors_closed
from genaiservice.control.core.pods import Pod, bare, older, settled, tally, ways_past
from genaiservice.control.core.rollout import State
from genaiservice.control.core.situation import Situation
from genaiservice.control.core.users_told import users_known
from genaiservice.rules.verdict import OWNERS, Finding, Owner, Suspension


def all_conditions(situation: Situation) -> tuple[Condition, ...]:
    policy, guarded = policy_ready(situation), guard_enforced(situation)
    allowed = rollout_allowed(situation)
    return (
        *families(situation.verdict.findings),
        policy,
        guarded,
        *users_known(situation),
        *detectors_closed(situation.spec, situation.now),
        allowed,
        ready(situation, guarded, allowed),
    )


def policy_ready(situation: Situation) -> Condition:
    kind, policy = ConditionType.POLICY, situation.policy
    if not policy.ready:
        return Condition(
            type=kind, status=Status.FALSE, reason=policy.reason, message=told(policy.problems)
        )
    for reason in (Reason.POLICY_INVALID, Reason.POLICY_NOT_FOUND):
        wrong = [one.problem for one in situation.blockers if one.reason is reason]
        if wrong:
            return Condition(type=kind, status=Status.FALSE, reason=reason, message=told(wrong))
    return plain(kind, Status.TRUE, Reason.POLICY_LOADED)


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
        return plain(kind, Status.UNKNOWN, Reason.NO_PODS)
    old = older(situation.pods, situation.config_hash) if situation.mode is Mode.ADOPTED else ()
    if old:
        return Condition(
            type=kind, status=Status.FALSE, reason=Reason.OLDER_CONFIGURATION, message=_older(old)
        )
    return plain(kind, Status.TRUE, Reason.ALL_GUARDED)


def _older(pods: Sequence[Pod]) -> Text:
    meaning = MEANINGS[Reason.OLDER_CONFIGURATION]
    names, owners = [pod.name for pod in pods], sorted({pod.workload for pod in pods} - {""})
    how = f"kubectl rollout restart {' '.join(owners[:NAMED])}" if owners else ""
    return Text(
        en=f"Pods {listed(names)}: {meaning.en} {how}".rstrip(),
        zh=f"Pod {listed(names)}：{meaning.zh}{how}",
    )


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
        story = _suspended(suspension, situation.verdict.findings)
        return Condition(type=kind, status=Status.FALSE, reason=suspension.reason, message=story)
    if situation.state is State.ALLOWED:
        return plain(kind, Status.TRUE, Reason.ALLOWED)
    keeps = situation.state is State.KEEPS_ADMITTED
    reason = Reason.KEEPS_ADMITTED_REVISION if keeps else _closing_reason(situation)
    return Condition(
        type=kind, status=Status.FALSE, reason=reason, message=_what_blocks(situation, reason)
    )


def _suspended(suspension: Suspension, findings: Sequence[Finding]) -> Text:
    """What the public is told, and beside it what the owner has to do."""
    cause = next((one for one in findings if one.id == suspension.finding), None)
    remedy = cause.remedy if cause is not None else MEANINGS[suspension.reason]
    return Text(
        en=f"{suspension.finding}: {suspension.message.en} {remedy.en}",
        zh=f"{suspension.finding}：{suspension.message.zh}{remedy.zh}",
    )


def _closing_reason(situation: Situation) -> Reason:
    if situation.verdict.blocking or not situation.blockers:
        return Reason.REQUIREMENTS_NOT_MET
    return situation.blockers[0].reason


def _what_blocks(situation: Situation, reason: Reason) -> Text:
    parts = [MEANINGS[reason], *_by_owner(situation.verdict.blocking)]
    if situation.blockers:
        parts.append(told([one.problem for one in situation.blockers]))
    if situation.unrecorded:
        parts.append(UNRECORDED.format(revision=situation.revision))
    return Text(en=" ".join(one.en for one in parts), zh="".join(one.zh for one in parts))


UNRECORDED: Final = Text(
    en="The record of revision {revision} is gone; what runs is left as it is.",
    zh="版本 {revision} 的记录已丢失；正在运行的内容保持不变。",
)


def _by_owner(blocking: Sequence[Finding]) -> Iterator[Text]:
    """Who has to act on what; `status.findings` says how."""
    for owner in Owner:
        ids = [one.id for one in sorted(blocking, key=rank) if one.owner is owner]
        if ids:
            yield Text(
                en=f"To be solved by {OWNERS[owner].en}: {listed(ids)}.",
                zh=f"须由{OWNERS[owner].zh}解决：{listed(ids)}。",
            )


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
        return plain(kind, Status.TRUE, Reason.SERVING)
    waiting = situation.mode is Mode.MANAGED or tally(situation.pods, situation.mode).total
    return plain(kind, Status.FALSE, Reason.PODS_STARTING if waiting else Reason.NO_PODS)


def apply_failure(situation: Situation) -> Text | None:
    failure = situation.observed.failure
    if failure is None:
        return None
    what = f"{failure.kind}/{failure.name}"
    if failure.text is not None:
        return Text(en=f"{what} {failure.text.en}", zh=f"{what} {failure.text.zh}")
    said = cut(failure.message, 600)
    meaning = MEANINGS[Reason.APPLY_FAILED]
    return Text(en=f"{what}: {said} ({meaning.en})", zh=f"{what}：{said}（{meaning.zh}）")
