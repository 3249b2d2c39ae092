# SPDX-License-Identifier: Apache-2.0
"""From an object to its page: the same judgement and the same words as the operator's status."""

from dataclasses import astuple, replace
from datetime import date, timedelta
from typing import Any

import pytest

from genaiservice.api.conditions import MEANINGS, ConditionType, Reason
from genaiservice.api.jsontree import MutableJson, lookup
from genaiservice.api.problem import Problem, Text
from genaiservice.cli.report.build import build
from genaiservice.cli.report.document import document
from genaiservice.cli.report.judged import (
    NOT_JUDGED,
    NOT_LISTED,
    OFFLINE,
    OTHER_DAY,
    OTHER_GENERATION,
    OTHER_PACK,
    REFUSED,
)
from genaiservice.cli.report.overrides import overrides
from genaiservice.cli.report.page import Origin, Page
from genaiservice.cli.report.subject import Subject
from genaiservice.cli.services import of_object
from genaiservice.cli.titles import TITLES
from genaiservice.control.core.condition import Status
from genaiservice.control.core.facts import facts
from genaiservice.control.core.families import families
from genaiservice.control.core.observed import Observed
from genaiservice.control.core.plan import plan
from genaiservice.rules.judge import judge
from genaiservice.rules.pack import load_catalogue
from genaiservice.rules.verdict import Result
from tests.build import NOW, SETTINGS, policy
from tests.unit.cli.report.pages import DAY, patched, subject

LIMITS = load_catalogue().limits
NO_COMPLAINTS = {"spec": {"compliance": {"complaints": None}}}


def built(one: Subject, as_of: date = DAY, today: date = DAY) -> Page:
    return build(one, load_catalogue(), of_object(one.body), as_of, today)


def in_cluster(patch: MutableJson | None = None, **status: Any) -> Subject:
    """A service with the status that the operator's own core writes of it."""
    base = patched(subject(), patch or {})
    body = dict(base.body)
    observed = Observed(service=body, policy=policy())
    verdict = judge(load_catalogue(), body["spec"]["compliance"], facts(observed), DAY)
    body["status"] = {**dict(plan(observed, verdict, NOW, SETTINGS).status or {}), **status}
    return Subject(body=body, origin=Origin.CLUSTER, place="shop/chat")


def result_of(page: Page, id_: str) -> Result:
    return next(row.finding.result for row in page.rows if row.finding.id == id_)


def test_every_requirement_of_the_rule_pack_has_its_row() -> None:
    rows = [row.finding.id for row in built(subject()).rows]
    assert sorted(rows) == sorted(one.requirement.id for one in load_catalogue().requirements)


def test_every_family_of_the_rule_pack_has_a_title() -> None:
    untitled = {one.requirement.family for one in load_catalogue().requirements} - set(TITLES)
    assert not untitled, "name them in cli/titles.py"


def test_a_file_is_judged_as_the_operator_would() -> None:
    offline, online = built(patched(subject(), NO_COMPLAINTS)), built(in_cluster(NO_COMPLAINTS))
    assert offline.sections == online.sections
    assert offline.outcome.allowed is online.outcome.allowed is False
    assert offline.notes == (OFFLINE,)
    assert online.notes == ()


def test_a_family_has_the_condition_that_the_status_has() -> None:
    one = in_cluster(NO_COMPLAINTS)
    conditions = {row["type"]: row for row in lookup(one.body, "status", "conditions")}
    for section in built(one).sections:
        written = conditions[section.condition.type.value]
        assert section.condition.status.value == written["status"]
        assert section.condition.reason.value == written["reason"]
        message = section.condition.message
        assert written["message"] == f"{message.zh} | {message.en}"


def test_an_open_row_has_the_words_that_the_status_has() -> None:
    one = in_cluster(NO_COMPLAINTS)
    listed = {row["id"]: row for row in lookup(one.body, "status", "findings")}
    told = {row["id"]: row for row in document(built(one))["requirements"]}
    assert listed
    for id_, row in listed.items():
        for key in row:
            assert told[id_][key] == row[key]


def test_the_outcome_is_that_of_the_condition_rollout_allowed() -> None:
    one = in_cluster(NO_COMPLAINTS)
    gate = next(
        row
        for row in lookup(one.body, "status", "conditions")
        if row["type"] == ConditionType.ROLLOUT.value
    )
    outcome = built(one).outcome
    assert not outcome.allowed
    assert f"{outcome.message.zh} | {outcome.message.en}" == gate["message"]


def test_an_allowed_service_is_told_in_the_words_of_its_reason() -> None:
    page = built(in_cluster())
    assert (page.outcome.allowed, page.outcome.message) == (True, MEANINGS[Reason.ALLOWED])
    assert built(subject()).outcome.message == MEANINGS[Reason.ALLOWED]


def test_what_the_operator_sees_stands_beside_the_duties() -> None:
    seen = {one.type: one for one in built(in_cluster()).seen}
    operators = {"ModerationPolicyReady", "GuardEnforced", "UsersKnown", "RolloutAllowed", "Ready"}
    assert set(seen) == operators
    assert seen["RolloutAllowed"].since == "2026-11-25"


def test_a_waiver_that_only_the_status_knows_is_shown() -> None:
    one = in_cluster(NO_COMPLAINTS)
    rows = [dict(row) for row in lookup(one.body, "status", "findings")]
    waived = next(row for row in rows if row["id"] == "IM-15-1")
    waived |= {"result": "Waived", "reason": "Waived", "deadline": "2026-12-20"}
    page = built(replace(one, body={**one.body, "status": {**one.status, "findings": rows}}))
    assert result_of(page, "IM-15-1") is Result.WAIVED
    family = next(s for s in page.sections if s.condition.type is ConditionType.COMPLAINTS)
    assert family.condition.reason is Reason.WAIVED


def test_what_is_open_here_and_not_in_the_status_stays_open_and_is_noted() -> None:
    page = built(in_cluster(NO_COMPLAINTS, findings=[]))
    assert result_of(page, "IM-15-1") is Result.UNKNOWN
    assert NOT_LISTED.format(ids="IM-15-1") in page.notes


STALE: dict[str, tuple[MutableJson, date, Text]] = {
    "no status": ({"status": None}, DAY, NOT_JUDGED),
    "another generation": (
        {"metadata": {"generation": 2}},
        DAY,
        OTHER_GENERATION.format(seen=1, now=2),
    ),
    "another rule pack": (
        {"status": {"rulePack": {"version": "2026.8.0", "digest": "sha256:0"}}},
        DAY,
        OTHER_PACK.format(theirs="2026.8.0", ours=load_catalogue().version),
    ),
    "another day": ({}, DAY + timedelta(days=1), OTHER_DAY),
}


@pytest.mark.parametrize("case", STALE)
def test_a_status_that_speaks_of_something_else_is_left_out_and_the_page_says_so(case: str) -> None:
    patch, as_of, note = STALE[case]
    one = in_cluster()
    rows = [{"id": "IM-15-1", "result": "Waived"}]
    stale = patched(
        replace(one, body={**one.body, "status": {**one.status, "findings": rows}}), patch
    )
    page = built(stale, as_of=as_of)
    assert page.notes == (note,)
    assert result_of(page, "IM-15-1") is Result.PASS


def test_a_manifest_that_cannot_be_applied_is_not_allowed() -> None:
    problem = Problem(where="spec.guard", what=Text(en="x", zh="x"), why=REFUSED, next=REFUSED)
    page = built(replace(subject(), refused=(problem,)))
    assert (page.outcome.allowed, page.outcome.message) == (False, REFUSED)


def test_the_kill_switch_is_told_as_a_suspension() -> None:
    guard = {"moderationPolicy": "default", "killSwitch": True}
    outcome = built(subject(guard=guard)).outcome
    assert (outcome.allowed, outcome.suspended) == (False, True)
    assert outcome.reason is Reason.KILL_SWITCH


STATUSES: list[Any] = [
    [],
    "x",
    {"conditions": 1, "findings": {"a": 1}},
    {"conditions": [None, 1, {"type": 3, "message": None, "lastTransitionTime": "x"}]},
    {"findings": [None, {"id": 1}, {"id": "IM-15-1", "title": "no object", "deadline": "x"}]},
    {"observedGeneration": "1", "rulePack": [], "rollout": "x"},
]


@pytest.mark.parametrize("status", STATUSES)
def test_no_status_makes_a_report_fail(status: Any) -> None:
    one = in_cluster()
    if isinstance(status, dict):
        status = {**one.status, **status}
    assert document(built(replace(one, body={**one.body, "status": status})))


@pytest.mark.parametrize("body", [{}, {"metadata": [], "spec": "x"}, {"spec": {"compliance": []}}])
def test_no_object_makes_a_report_fail(body: MutableJson) -> None:
    page = built(Subject(body=body, origin=Origin.FILE))
    assert not page.outcome.allowed
    assert document(page)["version"] == 1


def test_what_the_rule_pack_lets_the_declaration_set_is_shown() -> None:
    number = {"name": "evaluation.sampleSize", "value": 900, "reason": "small", "approver": "Wang"}
    pack = {
        "name": "x",
        "version": "1",
        "overrides": [number, {"other": 1}, 7],
        "later": {"a": True},
    }
    told = overrides({"profile": "LegalText", "rulePack": pack}, LIMITS)
    assert [astuple(one) for one in told] == [
        ("profile", "LegalText", "FilingPractice", "", ""),
        ("rulePack.later.a", "yes", "", "", ""),
        ("evaluation.sampleSize", "900", "1000", "small", "Wang"),
        ("rulePack.overrides.other", "1", "", "", ""),
        ("rulePack.overrides", "7", "", "", ""),
    ]


@pytest.mark.parametrize(
    "declaration", [{}, {"profile": "FilingPractice"}, {"rulePack": {"name": "x"}}, {"rulePack": 3}]
)
def test_what_is_as_the_rule_pack_says_is_no_override(declaration: MutableJson) -> None:
    assert overrides(declaration, LIMITS) == ()


def test_the_families_are_computed_by_the_function_of_the_status() -> None:
    page = built(patched(subject(), NO_COMPLAINTS))
    findings = [row.finding for row in page.rows]
    by_type = {one.type: one for one in families(findings)}
    assert [one.condition for one in page.sections] == [
        by_type[one.condition.type] for one in page.sections
    ]
    assert Status.UNKNOWN in {one.condition.status for one in page.sections}
