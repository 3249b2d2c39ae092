# SPDX-License-Identifier: Apache-2.0
"""The report duty by duty: a table for each family, a row for each requirement."""

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from genaiservice.api.conditions import MEANINGS
from genaiservice.api.problem import Lang
from genaiservice.cli.render import BASES, OWNERS
from genaiservice.cli.report.markup import element
from genaiservice.cli.report.page import Page, Row, Section
from genaiservice.cli.report.summary import name_of, table, when
from genaiservice.cli.report.words import (
    DECLARED,
    DOES_NOT_APPLY,
    DUTIES,
    FINDING_AND_NEXT,
    MORE,
    NEXT,
    OWNER_AND_DATE,
    RENEW,
    REQUIREMENT,
    RESULT,
    SIGNS,
    family,
    mark,
)
from genaiservice.rules.verdict import Result

_TITLES: Final = (REQUIREMENT, DECLARED, RESULT, FINDING_AND_NEXT, OWNER_AND_DATE)


def duties(page: Page, lang: Lang) -> Iterator[Element]:
    yield element("h2", DUTIES.in_(lang), kind="duties")
    for section in page.sections:
        yield _section(page, section, lang)


def _section(page: Page, section: Section, lang: Lang) -> Element:
    condition = section.condition
    rows = [_row(page, row, lang) if row.applies else _idle(row, lang) for row in section.rows]
    sign, tone = SIGNS[condition.status]
    heading = element(
        "h3",
        family(condition.type).in_(lang),
        " ",
        element("span", f"{condition.type.value}: {sign} {condition.reason.value}", kind="id"),
    )
    story = element("p", MEANINGS[condition.reason].in_(lang), kind=f"story {tone}")
    titles = [one.in_(lang) for one in _TITLES]
    return element("section", heading, story, table("duty", titles, rows), kind="family")


def _row(page: Page, row: Row, lang: Lang) -> Element:
    one = row.finding
    known = mark(one.result, one.severity)
    return element(
        "tr",
        element("td", *_requirement(row, lang)),
        element("td", *_facts(row, lang)),
        element(
            "td",
            element(
                "span", f"{known.sign} {known.word.in_(lang)}", kind=f"mark {known.tone.value}"
            ),
            element("span", one.level.value, kind="level"),
        ),
        element("td", *_finding(row, lang)),
        element(
            "td",
            element("p", OWNERS[one.owner.value].in_(lang)),
            element("p", when(page, row, lang)) if one.deadline else None,
        ),
        kind=known.tone.value,
    )


def _requirement(row: Row, lang: Lang) -> list[Element]:
    basis = BASES[row.finding.basis.value].in_(lang)
    return [
        *name_of(row, lang),
        element("p", row.source.in_(lang), kind="source"),
        element("p", basis, kind="basis"),
    ]


def _facts(row: Row, lang: Lang) -> Iterator[Element]:
    for fact in row.facts:
        yield element(
            "p", element("span", fact.field, kind="field"), " ", fact.value.in_(lang), kind="fact"
        )
    if row.left_out:
        yield element("p", MORE.format(n=row.left_out).in_(lang), kind="dim")


def _finding(row: Row, lang: Lang) -> Iterator[Element]:
    one = row.finding
    yield element("p", one.message.in_(lang))
    remedy = one.remedy
    if one.result is Result.PASS and one.deadline:
        remedy = RENEW.format(day=one.deadline)
    if remedy.in_(lang):
        yield element("p", element("b", f"{NEXT.in_(lang)} "), remedy.in_(lang), kind="next")


def _idle(row: Row, lang: Lang) -> Element:
    """A requirement that does not apply: it is there, and takes one line."""
    return element(
        "tr",
        element(
            "td",
            *name_of(row, lang),
            " ",
            element("span", row.source.in_(lang), kind="source"),
            colspan="2",
        ),
        element("td", f"– {DOES_NOT_APPLY.in_(lang)}", colspan="3"),
        kind="idle",
    )
