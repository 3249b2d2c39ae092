# SPDX-License-Identifier: Apache-2.0
"""Events: what changed between the status that stands and the one to be written.

Only changes of the verdict, the gate, the guard and the policy are news; a count of pods is not.
The words tell an SRE what is the case and what to do, in the order of conditions: 中文 | English.
"""

from collections.abc import Iterator
from typing import Final

from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.declared import json_object, text
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Text
from genaiservice.control.core.condition import Status, cut, listed
from genaiservice.control.core.steps import EventNote

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
MESSAGE_CHARACTERS: Final = 600
MESSAGE_BYTES: Final = 1000
"""The API server refuses a note of more than 1,024 bytes."""

WATCHED: Final = (
    ConditionType.ROLLOUT,
    ConditionType.POLICY,
    ConditionType.GUARD,
    ConditionType.DETECTORS,
    ConditionType.READY,
)
ACTIONS: Final = {
    ConditionType.ROLLOUT: "Judge",
    ConditionType.POLICY: "LoadPolicy",
    ConditionType.GUARD: "CheckPods",
    ConditionType.DETECTORS: "CheckDetectors",
    ConditionType.READY: "Reconcile",
}


ADMITTED: Final = Text(
    en="Revision {now} is admitted and runs.", zh="版本 {now} 已放行并投入运行。"
)


def news(before: Json, after: Json) -> tuple[EventNote, ...]:
    return (*_changed_conditions(before, after), *_changed_findings(before, after),
            *_changed_revision(before, after))  # fmt: skip


def _changed_conditions(before: Json, after: Json) -> Iterator[EventNote]:
    last, now = _by_type(before), _by_type(after)
    for kind in WATCHED:
        new, old = json_object(now.get(kind.value)), json_object(last.get(kind.value))
        same = [new.get(key) == old.get(key) for key in ("status", "reason")]
        if all(same) or not _worth_telling(kind, new, old):
            continue
        good = new.get("status") == Status.TRUE.value
        yield EventNote(
            type=NORMAL if good else WARNING,
            reason=_reason(kind, text(new.get("reason"))),
            message=in_bytes(_shortened(text(new.get("message")))),
            action=ACTIONS[kind],
        )


def _worth_telling(kind: ConditionType, new: Json, old: Json) -> bool:
    status, reason = new.get("status"), new.get("reason")
    if kind is ConditionType.READY:
        # All else that Ready tells is told by the condition it comes from.
        return reason in (Reason.SERVING.value, Reason.APPLY_FAILED.value)
    if kind in (ConditionType.GUARD, ConditionType.DETECTORS):
        return status == Status.FALSE.value or old.get("status") == Status.FALSE.value
    if kind is ConditionType.POLICY:
        return status == Status.FALSE.value or bool(old)
    return True


REFUSALS: Final = (
    Reason.REQUIREMENTS_NOT_MET,
    Reason.POLICY_NOT_FOUND,
    Reason.POLICY_INVALID,
    Reason.CLAIM_CONFLICT,
)


def _reason(kind: ConditionType, reason: str) -> str:
    """The condition's reason; where that says too little by itself, with what it is about."""
    if kind is ConditionType.ROLLOUT and reason == Reason.ALLOWED:
        return "RolloutAllowed"
    if kind is ConditionType.ROLLOUT and reason in REFUSALS:
        return "RolloutRefused"
    return reason


def _changed_findings(before: Json, after: Json) -> Iterator[EventNote]:
    """The gate stays where it is, yet something else blocks it now: still news for the owner."""
    last, now = _blocking(before), _blocking(after)
    gate = [json_object(_by_type(one).get(ConditionType.ROLLOUT.value)) for one in (before, after)]
    moved = [gate[0].get(key) != gate[1].get(key) for key in ("status", "reason")]
    if not gate[0] or any(moved) or last == now:
        return
    solved, new = sorted(last - now), sorted(now - last)
    parts = [("solved", "已解决", solved), ("new", "新增", new), ("open", "未解决", sorted(now))]
    yield EventNote(
        type=WARNING if new else NORMAL,
        reason="FindingsChanged",
        message=in_bytes(
            Text(
                en="Blocking findings changed: "
                + "; ".join(f"{en} {listed(ids)}" for en, _, ids in parts if ids),
                zh="阻断项有变化："
                + "；".join(f"{zh} {listed(ids)}" for _, zh, ids in parts if ids),
            ).joined()
        ),
        action="Judge",
    )


def _blocking(status: Json) -> frozenset[str]:
    found = status.get("findings")
    return frozenset(
        text(lookup(one, "id"))
        for one in (found if isinstance(found, list) else ())
        if lookup(one, "severity") == "block" and lookup(one, "result") in ("Fail", "Unknown")
    )


def _changed_revision(before: Json, after: Json) -> Iterator[EventNote]:
    last = lookup(before, "rollout", "admittedRevision")
    now = lookup(after, "rollout", "admittedRevision")
    if now and now != last:
        yield EventNote(
            type=NORMAL,
            reason="RevisionAdmitted",
            message=ADMITTED.format(now=now).joined(),
            action="Admit",
        )


def _by_type(status: Json) -> dict[str, Json]:
    found = status.get("conditions")
    return {text(lookup(one, "type")): one for one in (found if isinstance(found, list) else ())}


def _shortened(message: str) -> str:
    """Both languages get the same room; a Chinese character takes three bytes."""
    parted, half = Text.parted(message), MESSAGE_CHARACTERS // 2
    return Text(en=cut(parted.en, half), zh=cut(parted.zh, half // 3)).joined()


def in_bytes(message: str) -> str:
    """Cut to what an Event may hold, never within a character."""
    data = message.encode()
    if len(data) <= MESSAGE_BYTES:
        return message
    return data[: MESSAGE_BYTES - 3].decode(errors="ignore") + "…"
