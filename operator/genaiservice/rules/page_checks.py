# SPDX-License-Identifier: Apache-2.0
"""Named checks against what the declared pages answered.

Rule: what was not gathered, or failed for less time than the requirement says, holds without
raising the level; what was seen and agrees is V2. A page that failed once closes no gate.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from genaiservice.api.conditions import Reason
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Text
from genaiservice.rules.facts import PAGES
from genaiservice.rules.paths import FieldPath, Trail, is_void, relative
from genaiservice.rules.subject import HOLDS, SEEN, Answer, Check, CompileSchema, Subject, disagrees
from genaiservice.rules.verdict import Level

_OK: Final = 200
_TO_A_PROGRAM: Final = frozenset({403, 412, 429})
"""Answers by which firewalls turn away what is no browser: the public may still see the page."""


def page_answers(arguments: Json, _: CompileSchema) -> Check:
    patience = _Patience.of(arguments)

    def check(_: Any, subject: Subject, trail: Trail) -> Answer:
        page = _page(subject, trail)
        if page is None or is_void(page.get("failingSince")):
            return SEEN if page and page.get("status") == _OK else HOLDS
        status = page.get("status")
        if not isinstance(status, int) or _unclear(status) or not patience.ends(page):
            return HOLDS
        seen = _ANSWERS.format(status=status, since=page["failingSince"])
        return Answer(fault=Reason.PAGE_FAILING, level=Level.CROSS_CHECKED, seen=seen)

    return check


def page_seen(arguments: Json, _: CompileSchema) -> Check:
    patience = _Patience.of(arguments)

    def check(_: Any, subject: Subject, trail: Trail) -> Answer:
        page = _page(subject, trail)
        if page is None or not patience.ends(page):
            return HOLDS
        status, error, since = (page.get(key) for key in ("status", "error", "failingSince"))
        if not is_void(error):
            seen = _SILENT.format(error=error, since=since)
        elif isinstance(status, int) and _unclear(status):
            seen = _REFUSED.format(status=status, since=since)
        else:
            return HOLDS
        return Answer(fault=Reason.FACT_UNAVAILABLE, seen=seen)

    return check


def page_contains(arguments: Json, _: CompileSchema) -> Check:
    needle, hours = str(arguments["needle"]), int(arguments["hours"])

    def check(_: Any, subject: Subject, trail: Trail) -> Answer:
        page = _page(subject, trail)
        found = lookup(page, "contains", needle)
        if found is True:
            return SEEN
        since = lookup(page, "lackingSince", needle)
        if found is not False or not _lasted(since, lookup(page, "takenAt"), hours):
            return HOLDS
        return disagrees(_LACKING.format(since=since))

    return check


def page_unchanged(arguments: Json, _: CompileSchema) -> Check:
    declared, hours = FieldPath.parse(str(arguments["sha256"])), int(arguments["hours"])

    def check(_: Any, subject: Subject, trail: Trail) -> Answer:
        page = _page(subject, trail)
        found, wanted = lookup(page, "sha256"), declared.value(subject.declaration)
        if not isinstance(found, str) or not isinstance(wanted, str):
            return HOLDS
        if found == wanted.strip().lower():
            return SEEN
        since = lookup(page, "sha256Since")
        if not _lasted(since, lookup(page, "takenAt"), hours):
            return HOLDS
        return disagrees(_CHANGED.format(since=since))

    return check


_ANSWERS = Text(
    en="the address answers with status {status} since {since}",
    zh="自 {since} 起该地址返回状态码 {status}",
)
_SILENT = Text(
    en="the address has given no answer ({error}) since {since}",
    zh="自 {since} 起该地址没有应答（{error}）",
)
_REFUSED = Text(
    en="the look was refused with status {status} since {since} (a firewall or an outage, perhaps)",
    zh="自 {since} 起查看被拒绝，状态码 {status}（可能为防火墙或服务故障）",
)
_LACKING = Text(
    en="the text was not found there since {since}", zh="自 {since} 起页面上未找到该内容"
)
_CHANGED = Text(
    en="what is there has another SHA-256 since {since}", zh="自 {since} 起其 SHA-256 与申报不同"
)


def _unclear(status: int) -> bool:
    """Whether the status says nothing of the page: the looker was turned away, the server failed,
    or the page came and could not be read."""
    return status in _TO_A_PROGRAM or status >= 500 or status == _OK


class _Patience:
    """After how many tries and how many hours a failing page counts."""

    __slots__ = ("failures", "hours")

    def __init__(self, failures: int, hours: int) -> None:
        self.failures = failures
        self.hours = hours

    @staticmethod
    def of(arguments: Json) -> "_Patience":
        return _Patience(int(arguments["failures"]), int(arguments["hours"]))

    def ends(self, page: Json) -> bool:
        failures = page.get("failures")
        if not isinstance(failures, int) or failures < self.failures:
            return False
        return _lasted(page.get("failingSince"), page.get("takenAt"), self.hours)


def _page(subject: Subject, trail: Trail) -> Json | None:
    page = lookup(subject.facts, PAGES, relative(trail))
    return page if isinstance(page, dict) else None


def _lasted(since: Any, taken: Any, hours: int) -> bool:
    """Whether it has been so for `hours`, as far as the last look reaches."""
    begin, end = _time(since), _time(taken)
    return begin is not None and end is not None and end - begin >= timedelta(hours=hours)


def _time(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
