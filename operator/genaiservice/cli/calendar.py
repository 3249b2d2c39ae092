# SPDX-License-Identifier: Apache-2.0
"""Deadlines as iCalendar (RFC 5545): all-day events of Asia/Shanghai.

An all-day event is a date without a zone, so that the day is the same day wherever the calendar is
read. Text is escaped, lines end in CRLF and are folded at 75 octets, never inside a character.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from genaiservice import __version__

OCTETS: Final = 75
DAYS_AHEAD: Final = (30, 7, 1)
"""Reminders before the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`key` stays the same for the same duty of the same service, so that a calendar updates it."""

    key: str
    day: date
    summary: str
    description: str


def render(events: Iterable[Event], now: datetime, name: str) -> str:
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//genaiservice-operator//genaictl {__version__}//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{escape(name)}",
        "X-WR-TIMEZONE:Asia/Shanghai",
    ]
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    for event in events:
        lines += _event(event, stamp)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in fold(line))


def _event(event: Event, stamp: str) -> Iterator[str]:
    uid = hashlib.sha256(event.key.encode()).hexdigest()[:32]
    yield "BEGIN:VEVENT"
    yield f"UID:{uid}@genaiservice-operator"
    yield f"DTSTAMP:{stamp}"
    yield f"DTSTART;VALUE=DATE:{event.day:%Y%m%d}"
    yield f"DTEND;VALUE=DATE:{event.day + timedelta(days=1):%Y%m%d}"
    yield f"SUMMARY:{escape(event.summary)}"
    yield f"DESCRIPTION:{escape(event.description)}"
    yield "TRANSP:TRANSPARENT"
    for days in DAYS_AHEAD:
        yield "BEGIN:VALARM"
        yield "ACTION:DISPLAY"
        yield f"DESCRIPTION:{escape(event.summary)}"
        yield f"TRIGGER:-P{days}D"
        yield "END:VALARM"
    yield "END:VEVENT"


def escape(text: str) -> str:
    """Backslash, semicolon and comma are signs of the format; other control characters go."""
    for sign in ("\\", ";", ","):
        text = text.replace(sign, f"\\{sign}")
    text = text.replace("\r\n", "\n").replace("\n", "\\n")
    return "".join(sign for sign in text if sign.isprintable())


def fold(line: str) -> Iterator[str]:
    """The physical lines: at most 75 octets each, a blank begins a continued one."""
    part, size = "", 0
    for sign in line:
        octets = len(sign.encode())
        if size + octets > OCTETS:
            yield part
            part, size = " ", 1
        part, size = part + sign, size + octets
    yield part
