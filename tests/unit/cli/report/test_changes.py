# SPDX-License-Identifier: Apache-2.0
"""What changed since an earlier report, and which files are refused as one."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from genaiservice.api.jsontree import MutableJson
from genaiservice.api.problem import Lang, ProblemError
from genaiservice.cli.report.build import build
from genaiservice.cli.report.document import as_json
from genaiservice.cli.report.earlier import MAX_BYTES, read
from genaiservice.cli.report.html import as_html
from genaiservice.cli.report.page import Change, Changes, Direction
from genaiservice.cli.services import of_object
from genaiservice.rules.pack import load_catalogue
from tests.unit.cli.report.pages import DAY, patched, subject

THEN = date(2026, 11, 20)
GOOD: MutableJson = {}
OPEN: MutableJson = {"complaints": None}
WARNS: MutableJson = {"minors": {"breakReminderMinutes": 45}}
STOPPED: MutableJson = {"guard": {"killSwitch": True}}
LEGAL: MutableJson = {"profile": "LegalText"}


def report(compliance: MutableJson, as_of: date, **spec: Any) -> str:
    one = patched(subject(), {"spec": {"compliance": compliance, **spec}})
    return as_json(build(one, load_catalogue(), of_object(one.body), as_of, DAY))


def compared(then: str, now: MutableJson, **spec: Any) -> Changes:
    one = patched(subject(), {"spec": {"compliance": now, **spec}})
    earlier = read(then.encode(), "then.json", "shop", "chat", DAY)
    changes = build(one, load_catalogue(), of_object(one.body), DAY, DAY, earlier).changes
    assert changes is not None
    return changes


def change_of(changes: Changes, subject_: str) -> Change:
    return next(one for one in changes.rows if one.subject == subject_)


def test_equal_declarations_have_no_change() -> None:
    changes = compared(report(GOOD, THEN), GOOD)
    assert (changes.since, changes.rows) == (THEN, ())


@pytest.mark.parametrize(
    ("then", "now", "id_", "direction"),
    [
        (GOOD, OPEN, "IM-15-1", Direction.WORSE),
        (OPEN, GOOD, "IM-15-1", Direction.BETTER),
        (GOOD, WARNS, "IM-10-3", Direction.WORSE),
        (WARNS, GOOD, "IM-10-3", Direction.BETTER),
        (OPEN, {"complaints": {"url": 3}}, "IM-15-1", Direction.OTHER),
    ],
)
def test_a_requirement_that_opens_is_worse_and_one_that_closes_is_better(
    then: MutableJson, now: MutableJson, id_: str, direction: Direction
) -> None:
    assert change_of(compared(report(then, THEN), now), id_).direction is direction


@pytest.mark.parametrize(
    ("then", "now", "direction"),
    [
        (GOOD, OPEN, Direction.WORSE),
        (OPEN, GOOD, Direction.BETTER),
    ],
)
def test_the_rollout_itself_is_the_first_change(
    then: MutableJson, now: MutableJson, direction: Direction
) -> None:
    first = compared(report(then, THEN), now).rows[0]
    assert (first.subject, first.title.en, first.direction) == ("", "Rollout", direction)


def test_a_suspension_is_worse_than_a_refusal() -> None:
    first = compared(report(OPEN, THEN), OPEN, **STOPPED).rows[0]
    assert first.direction is Direction.WORSE
    assert (first.before.zh, first.after.zh) == ("不予上线", "服务已暂停")


def test_an_override_that_came_is_a_change() -> None:
    changes = compared(report(GOOD, THEN), LEGAL)
    told = [(one.title.en, one.before.en, one.after.en) for one in changes.rows]
    assert ("Override profile", "–", "LegalText") in told


def test_what_a_rule_pack_added_or_dropped_is_told() -> None:
    then = json.loads(report(GOOD, THEN))
    then["rulePack"] = {"version": "2026.8.0", "digest": "sha256:0"}
    gone = {**then["requirements"][0], "id": "IM-99-1"}
    missing = then["requirements"][1]["id"]
    then["requirements"][1] = gone
    changes = compared(json.dumps(then), GOOD)
    assert change_of(changes, "IM-99-1").after.en == "no longer in the rule pack"
    assert change_of(changes, missing).before.en == "not in that rule pack"
    assert [one.before.en for one in changes.rows if one.title.en == "Rule pack"] == [
        "2026.8.0 (0)"
    ]


def test_a_title_with_other_words_is_no_change() -> None:
    then = json.loads(report(GOOD, THEN))
    for one in then["requirements"]:
        one["title"] = {"en": "other", "zh": "其他"}
    assert compared(json.dumps(then), GOOD).rows == ()


def test_an_earlier_report_cannot_bring_markup_into_a_new_one() -> None:
    then = json.loads(report(GOOD, THEN))
    then["requirements"][0] |= {"id": "<script>", "title": {"en": "<b>", "zh": "<script>x"}}
    earlier = read(json.dumps(then).encode(), "f", "shop", "chat", DAY)
    told = as_html(
        build(subject(), load_catalogue(), of_object(subject().body), DAY, DAY, earlier), Lang.ZH
    )
    assert "<script>" not in told
    assert "&lt;script&gt;" in told


def _edit(change: Callable[[MutableJson], object]) -> bytes:
    tree = json.loads(report(GOOD, THEN))
    change(tree)
    return json.dumps(tree).encode()


REFUSED: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"<html>", "is no JSON document"),
    "not UTF-8": (b"\xff\xfe{", "is no JSON document"),
    "a bomb of brackets": (b"[" * 100_000, "is no JSON document"),
    "too large": (b" " * (MAX_BYTES + 1), "larger than 4 MiB"),
    "another document": (b'{"kind": "List"}', "is no report"),
    "a list": (b"[]", "is no report"),
    "a later version": (_edit(lambda tree: tree.update(version=2)), "version"),
    "an unknown result": (
        _edit(lambda tree: tree["requirements"][0].update(result="Good")),
        "$.requirements[0].result",
    ),
    "a day that is none": (_edit(lambda tree: tree.update(asOf="2025-02-30")), "$.asOf"),
    "another service": (
        _edit(lambda tree: tree["service"].update(name="other")),
        "shop/other, not of shop/chat",
    ),
    "a report of the future": (
        _edit(lambda tree: tree.update(asOf="2026-11-26")),
        "after this report (2026-11-25)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_no_earlier_report_of_the_service_is_refused_with_the_reason(
    case: str,
) -> None:
    data, told = REFUSED[case]
    with pytest.raises(ProblemError) as caught:
        read(data, "then.json", "shop", "chat", DAY)
    (problem,) = caught.value.problems
    assert problem.where == "then.json"
    assert told in problem.what.en
    assert problem.next.en
    assert problem.next.zh


def test_a_report_of_the_same_day_can_be_compared_with() -> None:
    assert compared(report(OPEN, DAY), GOOD).since == DAY
