# SPDX-License-Identifier: Apache-2.0
"""`deadlines`: what expires next, as text, JSON and a calendar that others can read."""

import json
from datetime import UTC, date, datetime

import pytest

from genaiservice.cli.calendar import Event, escape, fold, render
from tests.unit.cli.run import DAY, genaictl

CHAT = "examples/chat-managed"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_the_next_day_comes_first_with_who_has_to_act() -> None:
    ran = genaictl("deadlines", CHAT, "--as-of", DAY, "-o", "json")
    rows = json.loads(ran.out)
    assert ran.code == 0
    assert [row["day"] for row in rows] == sorted(row["day"] for row in rows)
    first = next(row for row in rows if row["id"] == "IM-17-4")
    assert (first["day"], first["daysLeft"], first["owner"]) == ("2027-02-08", 75, "compliance")
    assert not first["open"]


def test_what_has_passed_is_open_and_overdue() -> None:
    rows = json.loads(genaictl("deadlines", CHAT, "--as-of", "2027-03-01", "-o", "json").out)
    over = next(row for row in rows if row["id"] == "IM-17-4")
    assert over["open"]
    assert over["daysLeft"] < 0
    assert "days over" in genaictl("deadlines", CHAT, "--as-of", "2027-03-01").out


def test_only_the_next_days_can_be_asked_for() -> None:
    every = json.loads(genaictl("deadlines", CHAT, "--as-of", DAY, "-o", "json").out)
    soon = genaictl("deadlines", CHAT, "--as-of", DAY, "-o", "json", "--within", "80").out
    assert json.loads(soon) == [row for row in every if row["daysLeft"] <= 80]
    assert "no deadline" in genaictl("deadlines", CHAT, "--as-of", DAY, "--within", "0").out


def test_nothing_to_look_at_is_bad_input() -> None:
    assert genaictl("deadlines", "docs").code == 2


def test_a_calendar_has_all_day_events_with_reminders() -> None:
    ran = genaictl("deadlines", CHAT, "--as-of", DAY, "-o", "ical", "--lang", "zh")
    lines = unfolded(ran.out)
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-1] == "END:VCALENDAR"
    assert "DTSTART;VALUE=DATE:20270208" in lines
    assert "DTEND;VALUE=DATE:20270209" in lines
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") > 1
    assert len({line for line in lines if line.startswith("UID:")}) == lines.count("BEGIN:VEVENT")


def unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def event(summary: str) -> Event:
    return Event(key="a", day=date(2026, 12, 31), summary=summary, description="第一行\n第二行")


def test_the_same_duty_keeps_its_identity() -> None:
    first, second = (render([event(text)], NOW, "n") for text in ("a", "b"))
    uid = [line for line in first.split("\r\n") if line.startswith("UID:")]
    assert uid == [line for line in second.split("\r\n") if line.startswith("UID:")]


def test_every_physical_line_is_short_and_breaks_no_character() -> None:
    text = render([event("备案范围覆盖本次部署" * 20)], NOW, "期限" * 60)
    for line in text.encode().split(b"\r\n"):
        assert len(line) <= 75
        line.decode()
    assert f"SUMMARY:{'备案范围覆盖本次部署' * 20}" in unfolded(text)


def test_the_last_day_of_a_year_ends_in_the_next() -> None:
    assert "DTEND;VALUE=DATE:20270101" in render([event("x")], NOW, "n")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("a,b;c", "a\\,b\\;c"), ("a\\b", "a\\\\b"), ("a\r\nb\nc", "a\\nb\\nc"), ("a\x07b\rc", "abc")],
)
def test_text_is_escaped(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@pytest.mark.parametrize("size", [0, 74, 75, 76, 200])
def test_folding_loses_nothing(size: int) -> None:
    line = "x" * size
    assert "".join(part if at == 0 else part[1:] for at, part in enumerate(fold(line))) == line
