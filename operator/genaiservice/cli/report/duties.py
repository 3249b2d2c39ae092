# SPDX-License-Identifier: Apache-2.0
"""The report duty by duty: a table for each family, a row for each requirement."""

from collections.abc import Iterator
from itertools import groupby
from typing import Final
from xml.etree.ElementTree import Element

from genaiservice.api.conditions import MEANINGS
from genaiservice.api.problem import Lang
from genaiservice.cli.render import BASES
from genaiservice.cli.report.markup import element, flowing
from genaiservice.cli.report.page import Fact, Page, Row, Section
from genaiservice.cli.report.summary import name_of, when
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
    SEMICOLON,
    SIGNS,
    mark,
)
from genaiservice.cli.titles import condition_name
from genaiservice.rules.paths import ROOT
from genaiservice.rules.verdict import OWNERS, Result

_TITLES: Final = (REQUIREMENT, DECLARED, RESULT, FINDING_AND_NEXT, OWNER_AND_DATE)


def duties(page: Page, lang: Lang) -> Iterator[Element]:
    yield element("h2", DUTIES.in_(lang))
    head = element("tr", *(element("th", one.in_(lang), scope="col") for one in _TITLES))
    groups = (_group(page, section, lang) for section in page.sections)
    yield element("table", element("thead", head), *groups, kind="duty")


def _group(page: Page, section: Section, lang: Lang) -> Element:
    condition = section.condition
    sign, tone = SIGNS[condition.status]
    title = element(
        "th",
        element("b", condition_name(condition.type, lang)),
        " ",
        element("span", f"{sign} {condition.type.value}: {condition.reason.value}", kind="id"),
        element("p", MEANINGS[condition.reason].in_(lang)),
        colspan=str(len(_TITLES)),
        scope="rowgroup",
    )
    rows = (_row(page, row, lang) if row.applies else _idle(row, lang) for row in section.rows)
    return element("tbody", element("tr", title, kind=f"family {tone.value}"), *rows)


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
            element("span", one.level.value, kind="tag"),
        ),
        element("td", *_finding(row, lang)),
        element(
            "td",
            element("p", OWNERS[one.owner].in_(lang)),
            element("p", when(page, row, lang)) if one.deadline else None,
        ),
        kind=known.tone.value,
    )


def _requirement(row: Row, lang: Lang) -> list[Element]:
    basis = BASES[row.finding.basis.value].in_(lang)
    return [
        *name_of(row, lang),
        element("p", row.source.in_(lang), kind="source"),
        element("span", basis, kind="tag"),
    ]


def _facts(row: Row, lang: Lang) -> Iterator[Element]:
    for parent, facts in groupby(_by_parent(row.facts), lambda fact: _parent(fact.field)):
        parts: list[Element | str] = [element("span", parent, kind="field of")] if parent else []
        for fact in facts:
            key = fact.field.removeprefix(parent).lstrip(".")
            parts += [SEMICOLON.in_(lang)] if len(parts) > 1 else []
            told = (element("span", key, kind="field"), f" {fact.value.in_(lang)}")
            at_fault = f"{ROOT}.{fact.field}" == row.finding.field
            parts += [element("b", "✗ ", *told, kind="fault")] if at_fault else told
        yield element("p", *parts, kind="fact")
    if row.left_out:
        yield element("p", MORE.format(n=row.left_out).in_(lang), kind="dim")


def _by_parent(facts: tuple[Fact, ...]) -> list[Fact]:
    """The facts of one object together, objects in the order in which they come first."""
    order = list(dict.fromkeys(_parent(fact.field) for fact in facts))
    return sorted(facts, key=lambda fact: order.index(_parent(fact.field)))


def _parent(field: str) -> str:
    return field.rpartition(".")[0]


def _finding(row: Row, lang: Lang) -> Iterator[Element]:
    one = row.finding
    yield element("p", *flowing(one.message.in_(lang)))
    remedy = one.remedy
    if one.result is Result.PASS and one.deadline:
        remedy = RENEW.format(day=one.deadline)
    if remedy.in_(lang):
        yield element(
            "p", element("b", f"{NEXT.in_(lang)} "), *flowing(remedy.in_(lang)), kind="next"
        )


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
