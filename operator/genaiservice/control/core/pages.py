# SPDX-License-Identifier: Apache-2.0
"""The state of a declared page over time: from one try to the fact that judge() reads.

A `Look` is what one try brought, a `Record` what all tries so far say. The status keeps records
across restarts; of times that move with every look (`takenAt`, `holdsUntil`, `failures`) it shows
those of the last write, and a write happens only when something else changes or half of the time
that a fact holds is over. Rule: what was found for one question (URL, needles) answers no other.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.control.core.times import parse_time, rfc3339
from genaiservice.rules.facts import Page
from genaiservice.rules.pages import Wanted, pages_of

HOLDS: Final = timedelta(days=7)
"""How long after a look its answer counts, when no other look was possible."""
URL_CHARACTERS: Final = 2048
"""A longer address is not looked at and stays at level V1."""
OK: Final = 200
MOVING: Final = ("takenAt", "holdsUntil", "failures")
"""Of an entry in the status: what changes with every look and is no news by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One try. error: why there was no answer that can be used, "" when there was one."""

    at: datetime
    status: int | None = None
    error: str = ""
    sha256: str = ""
    found: Mapping[str, bool] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        return self.status == OK and not self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """asked: for which question `found` and `lacking` are the answer; "" for none yet."""

    url: str
    asked: str
    at: datetime
    status: int | None = None
    error: str = ""
    failing_since: datetime | None = None
    failures: int = 0
    sha256: str = ""
    sha256_since: datetime | None = None
    found: frozenset[str] = frozenset()
    lacking: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Nothing to hurry for: it answered, and what is sought is there."""
        return self.failing_since is None and not self.lacking


def wanted_of(declaration: Any) -> dict[str, Wanted]:
    """The pages to look at, by field."""
    return {
        wanted.field: wanted
        for wanted in pages_of(declaration)
        if len(wanted.url) <= URL_CHARACTERS
    }


def question(wanted: Wanted) -> str:
    """A short name of what is asked of which address; another declaration asks another."""
    asked = repr((wanted.url, wanted.kind.value, [(n.name, n.groups) for n in wanted.needles]))
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def after(record: Record | None, wanted: Wanted, look: Look) -> Record:
    """The record once this look is known; a failed one keeps what the last success showed."""
    at = look.at.astimezone(UTC).replace(microsecond=0)
    before = matched(record, wanted) or Record(url=wanted.url, asked="", at=at)
    tried = replace(before, at=at, status=look.status, error=look.error)
    if not look.succeeded:
        since = before.failing_since or at
        return replace(tried, failing_since=since, failures=before.failures + 1)
    same = bool(look.sha256) and look.sha256 == before.sha256
    lacking = [name for name, there in look.found.items() if not there]
    return replace(
        tried,
        asked=question(wanted),
        failing_since=None,
        failures=0,
        sha256=look.sha256,
        sha256_since=(before.sha256_since if same else at) if look.sha256 else None,
        found=frozenset(name for name, there in look.found.items() if there),
        lacking={name: before.lacking.get(name, at) for name in lacking},
    )


def matched(record: Record | None, wanted: Wanted) -> Record | None:
    """The record as far as it is about this address and this question."""
    if record is None or record.url != wanted.url:
        return None
    if record.asked in ("", question(wanted)):
        return record
    return replace(record, asked="", found=frozenset(), lacking={})


def due_at(record: Record | None, interval: timedelta, now: datetime) -> datetime:
    """When to look next: at once what is new or asked anew, sooner what failed or lacked."""
    if record is None or (not record.asked and record.failing_since is None):
        return now
    return record.at + (interval if record.good else interval / 6)


def holds(record: Record, now: datetime) -> bool:
    return now < record.at + HOLDS


def fact(record: Record) -> Page:
    """The record as judge() reads it."""
    since = record.failing_since
    # While a page fails for long, what it once showed is no longer known.
    recent = since is None or record.at < since + HOLDS
    shown: dict[str, bool] = dict.fromkeys(sorted(record.found), True)
    shown |= dict.fromkeys(sorted(record.lacking), False)
    return Page(
        url=record.url,
        status=record.status,
        takenAt=rfc3339(record.at),
        holdsUntil=rfc3339(record.at + HOLDS),
        failingSince=rfc3339(since) if since else None,
        failures=record.failures,
        sha256=record.sha256 or None if recent else None,
        sha256Since=rfc3339(record.sha256_since) if recent and record.sha256_since else None,
        contains=shown if recent else {},
        lackingSince={name: rfc3339(at) for name, at in record.lacking.items()} if recent else {},
        error=record.error or None,
    )


def facts_of(records: Mapping[str, Record], now: datetime) -> dict[str, Page]:
    """What still holds, by field."""
    return {name: fact(record) for name, record in records.items() if holds(record, now)}


def told(name: str, record: Record) -> MutableJson:
    """The record as an entry of the status; what is empty is left out."""
    entry = {
        "field": name,
        "url": record.url,
        "status": record.status,
        "error": record.error,
        "takenAt": rfc3339(record.at),
        "holdsUntil": rfc3339(record.at + HOLDS),
        "failingSince": record.failing_since and rfc3339(record.failing_since),
        "failures": record.failures,
        "sha256": record.sha256,
        "sha256Since": record.sha256_since and rfc3339(record.sha256_since),
        "found": sorted(record.found),
        "lacking": [
            {"needle": needle, "since": rfc3339(at)}
            for needle, at in sorted(record.lacking.items())
        ],
        "asked": record.asked,
    }
    return {key: value for key, value in entry.items() if value not in (None, "", 0, [])}


def recalled(status: Any) -> dict[str, Record]:
    """The records that a status shows, by field; what cannot be read is looked at anew."""
    entries = lookup(status, "facts", "pages")
    known = [_recalled(one) for one in entries] if isinstance(entries, list | tuple) else []
    return dict(one for one in known if one is not None)


def _recalled(entry: Any) -> tuple[str, Record] | None:
    name, url, at = (lookup(entry, key) for key in ("field", "url", "takenAt"))
    moment = parse_time(at)
    if not isinstance(name, str) or not isinstance(url, str) or moment is None:
        return None
    lacking = {
        str(lookup(one, "needle")): since
        for one in _items(entry, "lacking")
        if (since := parse_time(lookup(one, "since"))) is not None
    }
    status, failures = lookup(entry, "status"), lookup(entry, "failures")
    return name, Record(
        url=url,
        asked=_text(entry, "asked"),
        at=moment,
        status=status if isinstance(status, int) else None,
        error=_text(entry, "error"),
        failing_since=parse_time(lookup(entry, "failingSince")),
        failures=failures if isinstance(failures, int) else 0,
        sha256=_text(entry, "sha256"),
        sha256_since=parse_time(lookup(entry, "sha256Since")),
        found=frozenset(one for one in _items(entry, "found") if isinstance(one, str)),
        lacking=lacking,
    )


def settled(standing: Any, fresh: Iterable[Json], now: datetime) -> list[Json]:
    """`fresh`, but entries that bring no news as they stand, so that nothing is written."""
    before = {lookup(one, "field"): one for one in _items(standing, "pages")}
    return [_kept(before.get(one["field"]), one, now) for one in fresh]


def _kept(standing: Any, fresh: Json, now: datetime) -> Json:
    if not isinstance(standing, Mapping) or _still(standing) != _still(fresh):
        return fresh
    until = parse_time(standing.get("holdsUntil"))
    return standing if until is not None and until - now > HOLDS / 2 else fresh


def _still(entry: Json) -> Json:
    return {key: value for key, value in entry.items() if key not in MOVING}


def _items(tree: Any, key: str) -> Iterable[Any]:
    items = lookup(tree, key)
    return items if isinstance(items, list | tuple) else ()


def _text(tree: Any, key: str) -> str:
    value = lookup(tree, key)
    return value if isinstance(value, str) else ""
