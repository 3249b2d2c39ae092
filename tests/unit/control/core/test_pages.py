# SPDX-License-Identifier: Apache-2.0
"""A page over time: tries come in, facts come out, and the status is written only for news."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genaiservice.control.core.facts import facts
from genaiservice.control.core.pages import (
    HOLDS,
    Look,
    Record,
    after,
    due_at,
    fact,
    facts_of,
    matched,
    question,
    recalled,
    settled,
    told,
    wanted_of,
)
from genaiservice.control.core.plan import plan
from genaiservice.rules.pages import Needle, Wanted
from tests.build import SETTINGS, finding, observed, refused, service, verdict

NOON = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIX_HOURS = 6 * HOUR
URL = "https://chat.example.com/complaints"
PHONE = Needle(name="contact", groups=(("400-810-0000",),))
PAGE = Wanted(field="complaints.url", url=URL, needles=(PHONE,))
HASH, OTHER = "a" * 64, "b" * 64


def answered(hours: float = 0, *, there: bool = True, sha256: str = HASH) -> Look:
    found = {"contact": there}
    return Look(at=NOON + hours * HOUR, status=200, sha256=sha256, found=found)


def failed(hours: float = 0, *, error: str = "Timeout") -> Look:
    return Look(at=NOON + hours * HOUR, error=error)


def status(hours: float = 0, code: int = 503) -> Look:
    return Look(at=NOON + hours * HOUR, status=code)


def history(*looks: Look, wanted: Wanted = PAGE) -> Record:
    record = None
    for look in looks:
        record = after(record, wanted, look)
    assert record is not None
    return record


def test_a_look_that_succeeded_says_when_how_and_until_when() -> None:
    assert fact(history(answered())) == {
        "url": URL,
        "status": 200,
        "takenAt": "2026-11-25T04:00:00Z",
        "holdsUntil": "2026-12-02T04:00:00Z",
        "failingSince": None,
        "failures": 0,
        "sha256": HASH,
        "sha256Since": "2026-11-25T04:00:00Z",
        "contains": {"contact": True},
        "lackingSince": {},
        "error": None,
    }


@pytest.mark.parametrize("look", [failed, status], ids=["no answer", "another status"])
def test_failures_are_counted_from_the_first_and_forgotten_after_a_success(look: Any) -> None:
    failing = fact(history(answered(), look(1), look(2), look(3)))
    assert (failing["failures"], failing["failingSince"]) == (3, "2026-11-25T05:00:00Z")
    again = fact(history(answered(), look(1), look(2), answered(3)))
    assert (again["failures"], again["failingSince"], again["error"]) == (0, None, None)


def test_a_page_that_fails_keeps_what_it_showed_until_that_is_too_old() -> None:
    young = fact(history(answered(), failed(1)))
    assert (young["contains"], young["sha256"]) == ({"contact": True}, HASH)
    old = fact(history(answered(), failed(1), failed(1 + HOLDS / HOUR)))
    assert (old["contains"], old["sha256"], old["sha256Since"]) == ({}, None, None)
    assert old["failures"] == 2


def test_a_success_whose_answer_cannot_be_used_is_a_failure() -> None:
    large = Look(at=NOON, status=200, error="TooLarge")
    assert fact(history(large))["failures"] == 1


def test_what_is_missing_has_a_time_that_a_repair_ends() -> None:
    missing = history(answered(0, there=False), answered(6, there=False))
    assert fact(missing)["lackingSince"] == {"contact": "2026-11-25T04:00:00Z"}
    assert fact(missing)["contains"] == {"contact": False}
    repaired = after(missing, PAGE, answered(12))
    assert (fact(repaired)["lackingSince"], fact(repaired)["contains"]) == ({}, {"contact": True})


def test_of_a_page_that_was_cut_nothing_is_said_about_what_was_not_seen() -> None:
    cut = Look(at=NOON, status=200, found={})
    shown = fact(history(answered(-6, there=False), cut))
    assert (shown["contains"], shown["lackingSince"], shown["sha256"]) == ({}, {}, None)


def test_a_hash_has_the_time_since_which_it_is_the_same() -> None:
    same = history(answered(0), answered(6), failed(12), answered(18))
    assert fact(same)["sha256Since"] == "2026-11-25T04:00:00Z"
    changed = after(same, PAGE, answered(24, sha256=OTHER))
    assert fact(changed)["sha256Since"] == "2026-11-26T04:00:00Z"


def test_an_answer_to_one_question_is_no_answer_to_another() -> None:
    record = history(answered(0, there=False))
    other = replace(PAGE, needles=(Needle(name="contact", groups=(("95588",),)),))
    asked_anew = matched(record, other)
    assert asked_anew is not None
    assert (asked_anew.found, asked_anew.lacking) == (frozenset(), {})
    assert due_at(asked_anew, SIX_HOURS, NOON) == NOON
    assert fact(asked_anew)["sha256"] == HASH  # the same page
    assert matched(record, replace(PAGE, url="https://other.example.com/")) is None


def test_the_name_of_a_question_is_the_same_in_every_run() -> None:
    assert question(PAGE) == question(replace(PAGE, field="elsewhere"))
    assert question(PAGE) == "759a771db7e8126e"


@pytest.mark.parametrize(
    ("record", "due"),
    [
        (None, NOON),
        (history(answered()), NOON + 6 * HOUR),
        (history(failed()), NOON + HOUR),
        (history(answered(-6), failed()), NOON + HOUR),
        (history(answered(there=False)), NOON + HOUR),
    ],
    ids=["never seen", "good", "failed at first", "failed", "lacks"],
)
def test_what_failed_or_lacks_is_looked_at_sooner(record: Record | None, due: datetime) -> None:
    assert due_at(record, SIX_HOURS, NOON) == due


def test_a_fact_that_no_longer_holds_is_left_out() -> None:
    records = {"complaints.url": history(answered())}
    assert facts_of(records, NOON + HOLDS - HOUR).keys() == {"complaints.url"}
    assert facts_of(records, NOON + HOLDS) == {}


@pytest.mark.parametrize(
    "record",
    [
        history(answered()),
        history(failed()),
        history(status()),
        history(answered(there=False), answered(1, sha256=OTHER, there=False), failed(2)),
    ],
    ids=["good", "silent", "status", "all of it"],
)
def test_a_record_comes_back_from_the_status_as_it_was(record: Record) -> None:
    entry = told("complaints.url", record)
    assert recalled({"facts": {"pages": [entry]}}) == {"complaints.url": record}


@pytest.mark.parametrize(
    "status",
    [
        None,
        {},
        {"facts": None},
        {"facts": {"pages": "x"}},
        {"facts": {"pages": [None, 1, "x", {}, {"field": "a", "url": "b"}]}},
        {"facts": {"pages": [{"field": "a", "url": "b", "takenAt": "yesterday"}]}},
    ],
)
def test_a_status_that_cannot_be_read_is_no_fact(status: Any) -> None:
    assert recalled(status) == {}


def entries(*looks: Look) -> list[Mapping[str, Any]]:
    return [told("complaints.url", history(*looks))]


@pytest.mark.parametrize(
    ("standing", "fresh", "written"),
    [
        (entries(answered()), entries(answered(), answered(6)), False),
        (entries(failed()), entries(failed(), failed(1)), False),
        (entries(answered()), entries(answered(), failed(6)), True),
        (entries(failed()), entries(failed(), answered(6)), True),
        (entries(failed()), entries(failed(), failed(1, error="TlsFailed")), True),
        (entries(answered()), entries(answered(), answered(6, there=False)), True),
        (entries(answered()), entries(answered(), answered(6, sha256=OTHER)), True),
        (entries(answered()), entries(answered(), answered(90)), True),
        ([], entries(answered()), True),
    ],
    ids=["same", "still failing", "fails", "answers again", "fails otherwise", "lacks", "changed",
         "half of its time is over", "new"],
)  # fmt: skip
def test_looks_that_say_the_same_are_not_written(
    standing: list[Any], fresh: list[Any], written: bool
) -> None:
    now = NOON + 90 * HOUR if "2026-11-28" in str(fresh) else NOON + 6 * HOUR
    kept = settled({"pages": standing}, fresh, now)
    assert kept == (fresh if written else standing)


def test_a_pass_without_news_writes_nothing_and_news_bring_every_look_along() -> None:
    of, now = service(), NOON
    seen = replace(observed(of), pages={"complaints.url": history(failed())})
    first = plan(seen, refused(), now, SETTINGS).status
    assert first is not None
    assert first["facts"]["pages"][0]["failures"] == 1

    later = history(*(failed(hours) for hours in range(25)))
    seen = replace(seen, service={**of, "status": first}, pages={"complaints.url": later})
    assert plan(seen, refused(), NOON + 24 * HOUR, SETTINGS).status is None

    # The finding that rests on the failures is written together with them, so that whoever
    # starts from this status comes to the same finding.
    closes = verdict(finding("IM-15-1", result=refused().findings[0].result), finding())
    written = plan(seen, closes, NOON + 24 * HOUR, SETTINGS).status
    assert written is not None
    entry = written["facts"]["pages"][0]
    assert (entry["failures"], entry["takenAt"]) == (25, "2026-11-26T04:00:00Z")


def test_pages_that_are_not_looked_at_leave_no_trace() -> None:
    of = service()
    seen = replace(observed(of), pages={"complaints.url": history(answered())})
    standing = plan(seen, refused(), NOON, SETTINGS).status
    assert standing is not None
    off = replace(seen, service={**of, "status": standing}, pages=None)
    assert "pages" not in facts(off, NOON)
    written = plan(off, refused(), NOON, SETTINGS).status
    assert written is not None
    assert "facts" not in written


def test_facts_tell_of_pages_only_where_there_was_a_look() -> None:
    seen = replace(observed(), pages={"complaints.url": history(answered())})
    assert facts(seen, NOON)["pages"]["complaints.url"]["contains"] == {"contact": True}
    assert facts(replace(seen, pages={}), NOON)["pages"] == {}
    assert "pages" not in facts(seen)


def test_an_address_of_endless_length_is_not_looked_at() -> None:
    long = "https://chat.example.com/" + "x" * 2048
    declared = wanted_of({"complaints": {"url": long, "processUrl": URL}})
    assert [wanted.url for wanted in declared.values()] == [URL]
