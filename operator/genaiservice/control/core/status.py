# SPDX-License-Identifier: Apache-2.0
"""The status of a GenAIService and of a ModerationPolicy, as people and machines read it.

Equal situations give equal statuses: a time of transition moves only when its condition does, and
nothing else in here moves by itself. Everything is bounded, whatever the declaration holds.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

import orjson

from genaiservice.api.conditions import MEANINGS, Reason
from genaiservice.api.declared import guard
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.api.problem import Text
from genaiservice.control.core import cluster, pages
from genaiservice.control.core.condition import Status, bilingual, cut, told
from genaiservice.control.core.conditions import all_conditions
from genaiservice.control.core.families import rank
from genaiservice.control.core.pods import tally
from genaiservice.control.core.policy import Resolved
from genaiservice.control.core.rollout import State
from genaiservice.control.core.situation import Situation
from genaiservice.control.core.times import rfc3339
from genaiservice.rules.verdict import Finding, Result, Verdict

FINDINGS: Final = 100
FINDINGS_BYTES: Final = 256 * 1024
TEXT_CHARACTERS: Final = 600
REASON_CHARACTERS: Final = 500
APPROVER_CHARACTERS: Final = 100
SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has had no summer time since 1991."""


def service_status(situation: Situation) -> MutableJson:
    """The whole status, with the transition times of the status that stands."""
    observed, verdict = situation.observed, situation.verdict
    generation = lookup(observed.service, "metadata", "generation", default=0)
    before = lookup(observed.service, "status", "conditions")
    stamped = [
        {
            "type": one.type.value,
            "status": one.status.value,
            "reason": one.reason.value,
            "message": bilingual(one.message),
            "observedGeneration": generation,
        }
        for one in all_conditions(situation)
    ]
    counted = tally(situation.pods, situation.mode)
    status: MutableJson = {
        "observedGeneration": generation,
        "rulePack": _rule_pack(verdict),
        "rollout": _rollout(situation),
        "findings": findings(verdict.findings),
        "guard": _guard(situation),
        "pods": {
            "total": counted.total,
            "guarded": counted.guarded,
            "gated": counted.gated,
            "unguarded": counted.unguarded,
        },
        "conditions": with_transitions(stamped, before, situation.now),
    }
    facts = _facts(situation, status)
    return status | {"facts": facts} if facts else status


def _facts(situation: Situation, rest: Json) -> MutableJson:
    """What was seen in the cluster and on the declared pages.

    While `rest` stays as it stands, so do the pages, until one has news; when something else is
    written, the looks that it rests on are written with it.
    """
    observed = situation.observed
    told: list[Json] = [
        pages.told(name, record)
        for name, record in sorted((observed.pages or {}).items())
        if pages.holds(record, situation.now)
    ]
    standing = observed.service.get("status")
    if isinstance(standing, dict):
        others = {key: value for key, value in standing.items() if key != "facts"}
        if others == rest:
            told = pages.settled(standing.get("facts"), told, situation.now)
    facts: MutableJson = {"pages": told} if told else {}
    seen = cluster.told(observed, lookup(standing, "facts", "cluster"), situation.now)
    return facts | ({"cluster": seen} if seen else {})


def _rule_pack(verdict: Verdict) -> MutableJson:
    """Which rules judged, and every number of theirs that the service replaced."""
    pack: MutableJson = {"version": verdict.rule_pack, "digest": verdict.digest}
    if verdict.overrides:
        pack["overrides"] = [
            {
                "name": one.name,
                "value": one.value,
                "default": one.default,
                "reason": one.reason[:REASON_CHARACTERS],
                "approver": one.approver[:APPROVER_CHARACTERS],
            }
            for one in verdict.overrides
        ]
    return pack


def _rollout(situation: Situation) -> MutableJson:
    rollout: MutableJson = {
        "allowed": situation.state is State.ALLOWED,
        "suspended": situation.suspended,
    }
    if situation.revision:
        rollout["admittedRevision"] = situation.revision
    if situation.suspended:
        rollout["suspendedSince"] = situation.suspended_since
    if situation.verdict.next_change is not None:
        rollout["nextDeadline"] = midnight(situation.verdict.next_change).isoformat()
    return rollout


def _guard(situation: Situation) -> MutableJson:
    told: MutableJson = {
        "image": situation.settings.guard_image,
        "policy": guard(situation.spec).policy,
    }
    if situation.policies_ready:
        return told | {"policyHash": situation.policy.hash, "terms": situation.policy.terms}
    # The guards keep what they have; so does the status.
    last = lookup(situation.observed.service, "status", "guard")
    kept = {key: lookup(last, key) for key in ("policyHash", "terms")}
    return told | {key: value for key, value in kept.items() if value is not None}


def midnight(day: date) -> datetime:
    """The first moment of `day` where the law is."""
    return datetime.combine(day, time(), SHANGHAI)


def findings(judged: Sequence[Finding]) -> list[MutableJson]:
    """What is not passed, the worst first; as many as the bounds allow."""
    told = [one for one in judged if one.result not in (Result.PASS, Result.NOT_APPLICABLE)]
    return list(_bounded(_finding(one) for one in sorted(told, key=rank)))


def _bounded(told: Iterable[MutableJson]) -> Iterator[MutableJson]:
    room = FINDINGS_BYTES
    for count, one in enumerate(told):
        room -= len(orjson.dumps(one))
        if count >= FINDINGS or room < 0:
            return
        yield one


def _finding(one: Finding) -> MutableJson:
    told: MutableJson = {
        "id": one.id,
        "article": one.article,
        "family": one.family.value,
        "result": one.result.value,
        "reason": one.reason.value,
        "level": one.level.value,
        "severity": one.severity.value,
        "basis": one.basis.value,
        "field": cut(one.field, 256),
        "owner": one.owner.value,
        "title": _texts(one.title),
        "message": _texts(one.message),
        "remedy": _texts(one.remedy),
    }
    return told | ({"deadline": one.deadline.isoformat()} if one.deadline else {})


def _texts(text: Text) -> dict[str, str]:
    return {"en": cut(text.en, TEXT_CHARACTERS), "zh": cut(text.zh, TEXT_CHARACTERS)}


def with_transitions(
    conditions: list[MutableJson], before: Any, now: datetime
) -> list[MutableJson]:
    """Each condition with the time since which its status has been what it is."""
    last = {
        one.get("type"): one
        for one in (before if isinstance(before, list) else ())
        if isinstance(one, dict)
    }
    return [
        {**one, "lastTransitionTime": _since(one, last.get(one["type"]), now)} for one in conditions
    ]


def _since(condition: Json, last: Json | None, now: datetime) -> str:
    if last is not None and last.get("status") == condition["status"]:
        since = last.get("lastTransitionTime")
        if isinstance(since, str) and since:
            return since
    return rfc3339(now)


def policy_status(policy: Json, resolved: Resolved, now: datetime) -> MutableJson:
    """The status of a ModerationPolicy: what its terms came to."""
    notes = resolved.notes
    message = told(resolved.problems) if resolved.problems else MEANINGS[Reason.POLICY_LOADED]
    if resolved.ready and notes:
        hints = told(notes)
        message = Text(en=f"{message.en} {hints.en}", zh=f"{message.zh}{hints.zh}")
    condition = {
        "type": "Ready",
        "status": (Status.TRUE if resolved.ready else Status.FALSE).value,
        "reason": resolved.reason.value,
        "message": bilingual(message),
        "observedGeneration": lookup(policy, "metadata", "generation", default=0),
    }
    status: MutableJson = {
        "observedGeneration": lookup(policy, "metadata", "generation", default=0),
        "conditions": with_transitions([condition], lookup(policy, "status", "conditions"), now),
    }
    if resolved.ready:
        counted = {"terms": resolved.terms, "byClass": dict(resolved.by_class)}
        status |= {"hash": resolved.hash, **counted}
    return status
