# SPDX-License-Identifier: Apache-2.0
"""The first page of the report: counts, what blocks, next dates, changes, overrides, cluster."""

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from genaiservice.api.problem import Lang, Text
from genaiservice.cli.report.markup import element, flowing
from genaiservice.cli.report.page import (
    Change,
    Changes,
    Direction,
    Override,
    Page,
    Row,
    Seen,
)
from genaiservice.cli.report.words import (
    ACT_BY,
    AFTER,
    APPROVED_BY,
    BEFORE,
    BLOCKERS,
    CHANGE,
    CONDITION,
    DATE,
    DATES,
    FINDING,
    HOLDS_UNTIL,
    INSTEAD_OF,
    MARKS,
    MORE,
    NEXT,
    NEXT_CHANGE,
    NO_DATES,
    NO_OVERRIDES,
    NOTES,
    NOTHING_BLOCKS,
    OVERDUE,
    OVERRIDES,
    OWNER,
    REFUSED,
    REQUIREMENT,
    SEEN,
    SINCE,
    SUMMARY,
    UNCHANGED,
    VALUE,
    mark,
)
from genaiservice.cli.titles import condition_name
from genaiservice.rules.verdict import OWNERS

MOST_DATES: Final = 6
_ARROWS: Final = {
    Direction.BETTER: ("▲", "good", Text(en="better", zh="改善")),
    Direction.WORSE: ("▼", "block", Text(en="worse", zh="变差")),
    Direction.OTHER: ("◆", "quiet", Text(en="changed", zh="变更")),
}
_STATES: Final = {
    "True": ("✓", "good", Text(en="true", zh="是")),
    "False": ("✗", "block", Text(en="false", zh="否")),
}
_UNSURE: Final = ("?", "warn", Text(en="unknown", zh="未知"))


def summary(page: Page, lang: Lang) -> Iterator[Element]:
    yield element("h2", SUMMARY.in_(lang))
    yield _counts(page, lang)
    if page.notes:
        yield element(
            "section",
            element("h3", NOTES.in_(lang)),
            *(element("p", note.in_(lang)) for note in page.notes),
            kind="notes",
        )
    if page.refused:
        yield _refused(page, lang)
    yield _blockers(page, lang)
    yield _dates(page, lang)
    if page.changes is not None:
        yield _changes(page.changes, lang)
    if page.seen:
        yield _seen(page.seen, lang)
    yield _overrides(page, lang)


def _counts(page: Page, lang: Lang) -> Element:
    marks = [mark(row.finding.result, row.finding.severity) for row in page.rows]
    tiles = [
        element(
            "li",
            element("b", str(marks.count(one))),
            element("span", f"{one.sign} {one.word.in_(lang)}"),
            kind=one.tone.value if one in marks else "none",
        )
        for one in MARKS
    ]
    return element("ul", *tiles, kind="counts")


def table(kind: str, titles: list[str], rows: list[Element]) -> Element:
    """A table whose head stands anew on each printed page."""
    head = element("thead", element("tr", *(element("th", one, scope="col") for one in titles)))
    return element("table", head, element("tbody", *rows), kind=kind)


def name_of(row: Row, lang: Lang) -> list[Element]:
    one = row.finding
    return [element("span", one.id, kind="id"), element("b", one.title.in_(lang))]


def _refused(page: Page, lang: Lang) -> Element:
    told = [element("li", one.render(lang)) for one in page.refused]
    return element(
        "section", element("h3", "✗ ", REFUSED.in_(lang)), element("ul", *told), kind="refused"
    )


def _blockers(page: Page, lang: Lang) -> Element:
    title = element("h3", BLOCKERS.in_(lang))
    blocking = [row for row in page.rows if row.finding.blocks]
    if not blocking:
        return element("section", title, element("p", "✓ ", NOTHING_BLOCKS.in_(lang)))
    rows = [
        element(
            "tr",
            element("td", *name_of(row, lang)),
            element("td", *flowing(row.finding.remedy.in_(lang))),
            element("td", OWNERS[row.finding.owner].in_(lang)),
            element("td", when(page, row, lang) if row.finding.deadline else "–"),
        )
        for row in blocking
    ]
    titles = [one.in_(lang) for one in (REQUIREMENT, NEXT, OWNER, DATE)]
    return element("section", title, table("blockers", titles, rows))


def _dates(page: Page, lang: Lang) -> Element:
    dated = [row for row in page.rows if row.finding.deadline is not None]
    dated.sort(key=lambda row: (row.finding.deadline, row.finding.id))
    parts = [
        element("li", when(page, row, lang), " ", *name_of(row, lang)) for row in dated[:MOST_DATES]
    ]
    if len(dated) > MOST_DATES:
        parts.append(element("li", MORE.format(n=len(dated) - MOST_DATES).in_(lang), kind="dim"))
    told = element("ul", *parts, kind="dates") if parts else element("p", NO_DATES.in_(lang))
    change = page.next_change
    return element(
        "section",
        element("h3", DATES.in_(lang)),
        told,
        element("p", NEXT_CHANGE.format(day=change).in_(lang), kind="dim") if change else None,
        kind="keep",
    )


def when(page: Page, row: Row, lang: Lang) -> Element:
    """The date of a row: until when it holds, or by when its owner has to act."""
    day = row.finding.deadline
    if not row.finding.open:
        sign, words, kind = "", HOLDS_UNTIL, "when"
    elif day is not None and day <= page.as_of:
        sign, words, kind = "✗ ", OVERDUE, "when block"
    else:
        sign, words, kind = "! ", ACT_BY, "when warn"
    before, _, after = words.in_(lang).partition("{day}")
    return element("span", sign, before, element("span", str(day), kind="day"), after, kind=kind)


def _changes(changes: Changes, lang: Lang) -> Element:
    title = SINCE.format(day=changes.since, pack=changes.rule_pack).in_(lang)
    if not changes.rows:
        return element("section", element("h3", title), element("p", UNCHANGED.in_(lang)))
    titles = [one.in_(lang) for one in (CHANGE, REQUIREMENT, BEFORE, AFTER)]
    rows = [_change(one, lang) for one in changes.rows]
    return element("section", element("h3", title), table("changes", titles, rows))


def _change(one: Change, lang: Lang) -> Element:
    sign, tone, word = _ARROWS[one.direction]
    return element(
        "tr",
        element("td", element("span", f"{sign} {word.in_(lang)}", kind=f"mark {tone}")),
        element(
            "td",
            element("span", one.subject, kind="id") if one.subject else None,
            element("b", one.title.in_(lang)),
        ),
        element("td", one.before.in_(lang)),
        element("td", one.after.in_(lang)),
    )


def _seen(seen: tuple[Seen, ...], lang: Lang) -> Element:
    rows = []
    for one in seen:
        sign, tone, word = _STATES.get(one.status, _UNSURE)
        rows.append(
            element(
                "tr",
                element(
                    "td",
                    element("b", condition_name(one.type, lang)),
                    " ",
                    element("span", one.type, kind="id"),
                ),
                element("td", element("span", f"{sign} {word.in_(lang)}", kind=f"mark {tone}")),
                element(
                    "td",
                    *flowing(one.message.in_(lang)),
                    " ",
                    element("span", one.reason, kind="id"),
                ),
                element("td", one.since),
            )
        )
    titles = [one.in_(lang) for one in (CONDITION, VALUE, FINDING, DATE)]
    return element("section", element("h3", SEEN.in_(lang)), table("seen", titles, rows))


def _overrides(page: Page, lang: Lang) -> Element:
    title = element("h3", OVERRIDES.in_(lang))
    if not page.overrides:
        told = element("p", NO_OVERRIDES.in_(lang), kind="dim")
    else:
        told = element("ul", *(_override(one, lang) for one in page.overrides))
    return element("section", title, told, kind="keep")


def _override(one: Override, lang: Lang) -> Element:
    who = APPROVED_BY.format(who=one.approver).in_(lang) if one.approver else ""
    default = INSTEAD_OF.format(default=one.default).in_(lang) if one.default else ""
    more = " · ".join(part for part in (default, one.reason, who) if part)
    return element("li", element("b", f"{one.field}: {one.value}"), f"  {more}" if more else None)
