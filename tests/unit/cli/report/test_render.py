# SPDX-License-Identifier: Apache-2.0
"""The page as HTML, CSV and JSON: golden files, escaping, and what holds for every page.

To see a wanted change in the golden files: delete them, run these tests twice, read the diff.
"""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import html5lib
import jsonschema
import pytest

from genaiservice.api.conditions import ConditionType
from genaiservice.api.problem import Lang
from genaiservice.cli.report.document import as_json, counts
from genaiservice.cli.report.earlier import schema
from genaiservice.cli.report.html import as_html
from genaiservice.cli.report.page import Page
from genaiservice.cli.report.table import as_csv, inert
from genaiservice.cli.report.words import LEVELS, MARKS, NO_ADVICE
from genaiservice.cli.titles import TITLES
from genaiservice.rules.verdict import Level, Result
from tests.unit.cli.report.pages import every_kind, finding, page, row, same

GOLDEN = Path(__file__).parents[3] / "golden" / "report"
RENDERED: dict[str, Callable[[Page], str]] = {
    "report.zh.html": lambda one: as_html(one, Lang.ZH),
    "report.en.html": lambda one: as_html(one, Lang.EN),
    "report.zh.csv": lambda one: as_csv(one, Lang.ZH),
    "report.en.csv": lambda one: as_csv(one, Lang.EN),
    "report.json": as_json,
}
HOSTILE = "<script>alert(1)</script><img src=x onerror=y>\"'&"


def parsed(text: str) -> Any:
    """The document as an independent parser reads it; it raises on any error of the markup."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


@pytest.mark.parametrize("name", RENDERED)
def test_the_page_is_rendered_as_its_golden_file_shows(name: str) -> None:
    path = GOLDEN / name
    told = RENDERED[name](page())
    if not path.exists():
        path.write_bytes(told.encode())
        pytest.fail(f"{path} was missing and is written now: read it")
    assert told == path.read_bytes().decode()


@pytest.mark.parametrize("name", RENDERED)
def test_equal_pages_are_rendered_equally(name: str) -> None:
    assert RENDERED[name](page()) == RENDERED[name](page())


@pytest.mark.parametrize("lang", Lang)
def test_html_has_no_error_that_a_strict_parser_finds(lang: Lang) -> None:
    for one in (page(), page(rows=[]), page(changes=None, seen=(), overrides=(), refused=())):
        tree = parsed(as_html(one, lang))
        assert tree.find("body/main/header/h1").text == "问答助手"


@pytest.mark.parametrize("lang", Lang)
def test_html_names_no_asset_outside_of_itself(lang: Lang) -> None:
    told = as_html(page(), lang)
    tree = parsed(told)
    names = {node.tag for node in tree.iter() if isinstance(node.tag, str)}
    assert not names & {"script", "link", "img", "iframe", "object", "svg", "form", "a"}
    assert not re.search(r"https?:|url\(|@import", told)


@pytest.mark.parametrize("lang", Lang)
def test_no_text_of_a_user_becomes_markup(lang: Lang) -> None:
    hostile = page(
        rows=[row(finding(message=same(HOSTILE), remedy=same(HOSTILE)), (HOSTILE, HOSTILE))],
        name=HOSTILE,
        namespace=HOSTILE,
        display_name=HOSTILE,
        place=HOSTILE,
        header=((same("x"), same(HOSTILE)),),
        notes=(same(HOSTILE),),
        rule_pack="</style><script>",
    )
    told = as_html(hostile, lang)
    tree = parsed(told)
    assert tree.find("body/main/header/h1").text == HOSTILE
    assert not [node for node in tree.iter() if node.tag in ("script", "img")]
    assert not [key for node in tree.iter() for key in node.attrib if key.startswith("on")]


@pytest.mark.parametrize("lang", Lang)
def test_every_colour_has_a_sign_and_a_word(lang: Lang) -> None:
    told = as_html(page(), lang)
    for mark in MARKS:
        assert f"{mark.sign} {mark.word.in_(lang)}" in told
    for level, text in LEVELS.items():
        assert f"<b>{level.value}</b> {text.in_(lang)}" in told


def test_the_seven_results_have_seven_marks_that_tell_them_apart() -> None:
    for lang in Lang:
        assert len({(mark.sign, mark.word.in_(lang)) for mark in MARKS}) == len(MARKS) == 7


def test_each_kind_of_result_is_counted_once() -> None:
    assert set(counts(page()).values()) == {1}
    assert {one.finding.result for one in every_kind()} == set(Result)


def test_the_json_is_as_its_schema_says() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    validator = jsonschema.Draft202012Validator(schema())
    for one in (page(), page(rows=[], changes=None, next_change=None)):
        validator.validate(json.loads(as_json(one)))


def test_the_schema_names_every_field_that_is_written() -> None:
    closed = json.loads(json.dumps(schema()))

    def close(node: Any) -> None:
        if isinstance(node, dict):
            if "properties" in node:
                node["additionalProperties"] = False
            for child in node.values():
                close(child)
        elif isinstance(node, list):
            for child in node:
                close(child)

    close(closed)
    jsonschema.Draft202012Validator(closed).validate(json.loads(as_json(page())))


@pytest.mark.parametrize("lang", Lang)
def test_csv_is_read_back_by_a_csv_reader_row_by_row(lang: Lang) -> None:
    awkward = page(rows=[row(finding(message=same('say "a", b\nor c')), ("a", "b;c,d"))])
    told = as_csv(awkward, lang)
    assert told.startswith("\ufeff")
    assert told.endswith("\r\n")
    rows = list(csv.DictReader(io.StringIO(told[1:], newline="")))
    assert len(rows) == 1
    assert 'say "a", b\nor c' in rows[0].values()


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_cell_of_the_csv_is_a_formula(sign: str) -> None:
    formula = f'{sign}cmd|"/c calc"!A1'
    assert inert(formula) == f"'{formula}"
    assert inert(f"  {formula}").startswith("'")
    told = as_csv(page(namespace=formula, rows=[row(finding(message=same(formula)))]), Lang.EN)
    for line in csv.reader(io.StringIO(told[1:], newline="")):
        assert not [cell for cell in line if cell.startswith(sign)]


def test_a_plain_cell_of_the_csv_stays_as_it_is() -> None:
    assert inert("网信算备110108000000101260019号") == "网信算备110108000000101260019号"


@pytest.mark.parametrize("lang", Lang)
def test_sixty_requirements_fit(lang: Lang) -> None:
    rows = [
        row(replace(kind.finding, id=f"IM-{number:02}-{index}"), *(("a.b", "c" * 64),) * 12)
        for number in range(9)
        for index, kind in enumerate(every_kind())
    ]
    told = as_html(page(rows=rows), lang)
    tree = parsed(told)
    ids = [node.text for node in tree.iter("span") if node.get("class") == "id"]
    assert {one.finding.id for one in rows} <= set(ids)
    assert len(told.encode()) < 400_000


CLAIMS = re.compile(
    r"(?i)\b(is|are|fully|deemed) (compliant|lawful|legal|genuine|approved|authentic)"
    r"|合规通过|符合法律|已通过验证|备案真实|审核通过|合法合规"
)


@pytest.mark.parametrize("lang", Lang)
def test_no_word_of_the_report_claims_what_only_an_authority_can_say(lang: Lang) -> None:
    allowed = replace(page().outcome, allowed=True)
    for one in (page(), page(outcome=allowed)):
        told = parsed(as_html(one, lang)).find("body")
        text = "".join(told.itertext()).replace(NO_ADVICE.in_(lang), "")
        assert not CLAIMS.search(text)
        assert not re.search(r"(?i)complian(t|ce with)", text)


def test_every_condition_has_a_title_in_both_languages() -> None:
    assert set(TITLES) == set(ConditionType)
    assert all(text.en and text.zh and text.en != text.zh for text in TITLES.values())


@pytest.mark.parametrize(
    ("allowed", "suspended", "word"),
    [(True, False, "允许上线"), (False, False, "不予上线"), (False, True, "服务已暂停")],
)
def test_the_outcome_is_told_with_sign_and_word(allowed: bool, suspended: bool, word: str) -> None:
    outcome = replace(page().outcome, allowed=allowed, suspended=suspended)
    tree = parsed(as_html(page(outcome=outcome), Lang.ZH))
    told = next(node for node in tree.iter("p") if node.get("class") == "word")
    assert "".join(told.itertext()) == ("✓ " if allowed else "✗ ") + word


def test_only_what_was_compared_with_the_cluster_is_called_cross_checked() -> None:
    offline = [row(finding(level=Level.FORMAT_CHECKED))]
    live = [*offline, row(finding("IM-15-1", level=Level.CROSS_CHECKED))]
    for rows, seen in ((offline, False), (live, True)):
        told = page(rows=rows)
        assert ("those marked V2 cross-checked" in as_json(told)) is seen
        assert ("标为 V2 的并与运行时所见交叉核对" in as_html(told, Lang.ZH)) is seen
