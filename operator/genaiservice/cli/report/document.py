# SPDX-License-Identifier: Apache-2.0
"""The page as JSON: both languages in one document, so that any report can be compared with any.

Rule: `report.schema.json` says the same; VERSION rises when a field changes its meaning or goes.
"""

import json
from dataclasses import asdict

from genaiservice.api.jsontree import MutableJson
from genaiservice.cli.report.earlier import VERSION
from genaiservice.cli.report.page import Change, Page, Row, Section, Seen
from genaiservice.cli.report.words import MARKS, NO_ADVICE, mark, permitted


def as_json(page: Page) -> str:
    return json.dumps(document(page), ensure_ascii=False, indent=2) + "\n"


def document(page: Page) -> MutableJson:
    notice = permitted(page)
    told: MutableJson = {
        "version": VERSION,
        "asOf": page.as_of.isoformat(),
        "service": {
            "namespace": page.namespace,
            "name": page.name,
            "displayName": page.display_name,
            "generation": page.generation,
        },
        "source": {"kind": page.origin.value, "place": page.place},
        "rulePack": {"version": page.rule_pack, "digest": page.digest},
        "outcome": {
            "allowed": page.outcome.allowed,
            "suspended": page.outcome.suspended,
            "reason": page.outcome.reason.value,
            "message": page.outcome.message.as_json(),
        },
        "notice": [notice.as_json(), NO_ADVICE.as_json()],
        "header": [
            {"title": title.as_json(), "value": value.as_json()} for title, value in page.header
        ],
        "notes": [note.as_json() for note in page.notes],
        "refused": [
            {"where": one.where, "what": one.what.as_json(), "next": one.next.as_json()}
            for one in page.refused
        ],
        "counts": counts(page),
        "families": [_family(section) for section in page.sections],
        "requirements": [_row(row) for row in page.rows],
        "conditions": [_seen(one) for one in page.seen],
        "overrides": [asdict(one) for one in page.overrides],
    }
    if page.next_change is not None:
        told["nextChange"] = page.next_change.isoformat()
    if page.changes is not None:
        told["changes"] = {
            "since": page.changes.since.isoformat(),
            "rulePack": page.changes.rule_pack,
            "rows": [_change(one) for one in page.changes.rows],
        }
    return told


_COUNTED = ("failBlock", "unknownBlock", "failWarn", "unknownWarn", "waived", "pass")
_KEYS = dict(zip(MARKS, (*_COUNTED, "notApplicable"), strict=True))


def counts(page: Page) -> dict[str, int]:
    """How many requirements have each result, the worst first."""
    told = dict.fromkeys(_KEYS.values(), 0)
    for row in page.rows:
        told[_KEYS[mark(row.finding.result, row.finding.severity)]] += 1
    return told


def _family(section: Section) -> MutableJson:
    condition = section.condition
    return {
        "type": condition.type.value,
        "status": condition.status.value,
        "reason": condition.reason.value,
        "message": condition.message.as_json(),
    }


def _row(row: Row) -> MutableJson:
    one = row.finding
    told: MutableJson = {
        "id": one.id,
        "article": one.article,
        "source": row.source.as_json(),
        "basis": one.basis.value,
        "family": one.family.value,
        "title": one.title.as_json(),
        "result": one.result.value,
        "severity": one.severity.value,
        "level": one.level.value,
        "reason": one.reason.value,
        "field": one.field,
        "declared": [{"field": fact.field, "value": fact.value.as_json()} for fact in row.facts],
        "declaredLeftOut": row.left_out,
        "message": one.message.as_json(),
        "remedy": one.remedy.as_json(),
        "owner": one.owner.value,
    }
    return told | ({"deadline": one.deadline.isoformat()} if one.deadline else {})


def _seen(one: Seen) -> MutableJson:
    return {
        "type": one.type,
        "status": one.status,
        "reason": one.reason,
        "message": one.message.as_json(),
        "since": one.since,
    }


def _change(one: Change) -> MutableJson:
    return {
        "subject": one.subject,
        "title": one.title.as_json(),
        "direction": one.direction.value,
        "before": one.before.as_json(),
        "after": one.after.as_json(),
    }
