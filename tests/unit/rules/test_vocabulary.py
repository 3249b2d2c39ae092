# SPDX-License-Identifier: Apache-2.0
"""Each named check: what holds, and the first later day on which its answer may change."""

from datetime import date
from typing import Any

import pytest

from genaiservice.api.conditions import Reason
from genaiservice.rules.compile import SchemaCompiler
from genaiservice.rules.paths import FieldPath
from genaiservice.rules.subject import STEP, Answer, Subject
from genaiservice.rules.vocabulary import VOCABULARY
from tests.unit.rules.build import CATALOGUE

TODAY = date(2026, 11, 25)
FACTS = {"service": {"name": "chat", "displayName": "问答助手"}, "workload": {"replicas": 2}}
NIGHT = {"start": "22:00", "end": "06:00"}
OLD = {"days": 90}
CLOCK = {"of": "start", "days": 10}
OURS = {"fields": ["provider.legalName"]}
COVERED = {"fields": ["filings[].digests[]"], "where": {"required": ["digests"]}}


def ask(
    name: str, arguments: Any, value: Any, declaration: Any = None, facts: Any = FACTS
) -> Answer:
    check = VOCABULARY[name].build(arguments, SchemaCompiler(CATALOGUE.definitions))
    subject = Subject(
        declaration=declaration or {}, facts=facts, today=TODAY, limits=CATALOGUE.values
    )
    return check(value, subject, FieldPath.parse("some.field").names)


DATES = [
    pytest.param("notInFuture", {}, "2026-11-25", None, None, id="today has come"),
    pytest.param("notInFuture", {}, "2026-11-26", STEP, date(2026, 11, 26), id="tomorrow"),
    pytest.param("notInFuture", {}, "soon", Reason.FORMAT_INVALID, None, id="no day"),
    pytest.param("validThrough", {}, "2026-11-25", None, date(2026, 11, 26), id="last day"),
    pytest.param("validThrough", {}, "2026-11-24", STEP, None, id="over"),
    pytest.param("validThrough", {}, "9999-12-31", None, None, id="never over"),
    pytest.param("atMostDaysOld", OLD, "2026-08-27", None, date(2026, 11, 26), id="90 days old"),
    pytest.param("atMostDaysOld", OLD, "2026-08-26", STEP, None, id="91 days old"),
    pytest.param(
        "atMostDaysOld",
        OLD,
        "2026-11-26",
        Reason.CROSS_CHECK_FAILED,
        date(2026, 11, 26),
        id="not yet",
    ),
]


@pytest.mark.parametrize(("name", "arguments", "value", "fault", "flips"), DATES)
def test_a_day_is_compared_with_today(
    name: str, arguments: Any, value: Any, fault: Reason | None, flips: date | None
) -> None:
    answer = ask(name, arguments, value)
    assert (answer.fault, answer.flips) == (fault, flips)


CLOCKS = [
    pytest.param("2026-11-11", None, date(2026, 11, 26), id="last working day"),
    pytest.param("2026-11-10", STEP, None, id="a day too late"),
    pytest.param("2099-12-28", Reason.CALENDAR_UNKNOWN, None, id="unknown year"),
    pytest.param(None, Reason.DECLARATION_MISSING, None, id="no start"),
    pytest.param("today", Reason.FORMAT_INVALID, None, id="start is no day"),
]


@pytest.mark.parametrize(("start", "fault", "flips"), CLOCKS)
def test_a_working_day_clock_runs_from_another_field(
    start: Any, fault: Reason | None, flips: date | None
) -> None:
    answer = ask("withinWorkingDays", CLOCK, "Submitted", {"start": start})
    assert (answer.fault, answer.flips) == (fault, flips)
    if fault not in (None, STEP):
        assert answer.at == "start"


COMPARED = [
    pytest.param(
        "sameAs", OURS, "ＡＢ 公司", {"provider": {"legalName": "ab公司"}}, True, id="form"
    ),
    pytest.param(
        "sameAs", OURS, "乙公司", {"provider": {"legalName": "甲公司"}}, False, id="other"
    ),
    pytest.param("sameAs", OURS, "甲公司", {"provider": 5}, False, id="nothing to compare with"),
    pytest.param("sameAs", OURS, 5, {"provider": {"legalName": 5}}, False, id="only texts"),
    pytest.param("sameAs", COVERED, "b", {"filings": [{"digests": ["a", "b"]}]}, True, id="listed"),
    pytest.param("sameAs", COVERED, "b", {"filings": [{}, {"digests": []}]}, False, id="unlisted"),
    pytest.param(
        "containsValueOf", OURS, "xx-AB-1", {"provider": {"legalName": "ab"}}, True, id="inside"
    ),
    pytest.param("containsValueOf", OURS, "xx", {"provider": {}}, False, id="nothing inside"),
    pytest.param("notBefore", {"field": "a"}, "2026-01-01", {"a": "2026-01-01"}, True, id="same"),
    pytest.param(
        "notBefore", {"field": "a"}, "2026-01-01", {"a": "2026-01-02"}, False, id="before"
    ),
    pytest.param("notBefore", {"field": "a"}, "2026-01-01", {}, True, id="no other day"),
    pytest.param("namesTheService", {}, ["写作", "问答助手"], {}, True, id="display name"),
    pytest.param("namesTheService", {}, ["CHAT"], {}, True, id="object's name"),
    pytest.param("namesTheService", {}, ["写作", 5], {}, False, id="another service"),
    pytest.param("namesTheService", {}, "chat", {}, False, id="no list"),
    pytest.param("metByReplicas", {}, 2, {}, True, id="enough replicas"),
    pytest.param("metByReplicas", {}, 3, {}, False, id="too few replicas"),
    pytest.param("coversTheNight", NIGHT, NIGHT, {}, True, id="the night"),
    pytest.param(
        "coversTheNight", NIGHT, {"start": "21:30", "end": "07:00"}, {}, True, id="longer"
    ),
    pytest.param(
        "coversTheNight", NIGHT, {"start": "00:00", "end": "23:59"}, {}, False, id="the day"
    ),
    pytest.param(
        "coversTheNight", NIGHT, {"start": "22:00", "end": "22:00"}, {}, False, id="no time"
    ),
]


@pytest.mark.parametrize(("name", "arguments", "value", "declaration", "held"), COMPARED)
def test_values_are_compared(
    name: str, arguments: Any, value: Any, declaration: Any, held: bool
) -> None:
    answer = ask(name, arguments, value, declaration)
    assert (answer.fault is None) == held
    assert answer.flips is None


def test_replicas_that_nobody_sees_are_not_judged() -> None:
    assert ask("metByReplicas", {}, 9, facts={"workload": {"replicas": None}}).fault is None


def test_what_is_compared_with_is_picked_once_for_a_whole_verdict() -> None:
    check = VOCABULARY["sameAs"].build(OURS, SchemaCompiler(CATALOGUE.definitions))
    subject = Subject(declaration={"provider": {"legalName": "甲"}}, facts={}, today=TODAY)
    for _ in range(3):
        assert check("甲", subject, ()).fault is None
    assert list(subject.selected.values()) == [frozenset({"甲"})]
