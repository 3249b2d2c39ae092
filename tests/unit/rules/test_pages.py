# SPDX-License-Identifier: Apache-2.0
"""Which declared addresses are looked at, and what is looked for on each."""

from dataclasses import replace
from typing import Any

import pytest

from genaiservice.rules.pages import DOCUMENTS, MOST, Kind, Needle, Wanted, pages_of, plain
from genaiservice.rules.verdict import Result, Severity
from tests.unit.rules.build import RULES, case_finding, case_named, declaration


def wanted(field: str, tree: Any) -> Wanted:
    (found,) = (page for page in pages_of(tree) if page.field == field)
    return found


def needle(page: Wanted, name: str) -> Needle:
    (found,) = (needle for needle in page.needles if needle.name == name)
    return found


FOUND = [
    ("电话：４００－１２３－４５６７", "contact", True),
    ("请联系 Complaints@Example.com", "contact", True),
    ("请联系客服", "contact", False),
    ("我们在 10 个 工作日内反馈", "timeLimit", True),
    ("我们在十个工作日内反馈", "timeLimit", True),
    ("answered within 10 working days", "timeLimit", True),
    ("我们在 15 个工作日内反馈", "timeLimit", False),
]


@pytest.mark.parametrize(("text", "name", "found"), FOUND)
def test_a_complaint_page_is_searched_in_normalised_text(text: str, name: str, found: bool) -> None:
    page = wanted("complaints.url", declaration())
    assert needle(page, name).found_in(plain(text)) is found


@pytest.mark.parametrize(("days", "words"), [(7, "七"), (10, "十"), (15, "十五"), (20, "二十")])
def test_a_time_limit_is_found_in_chinese_numerals(days: int, words: str) -> None:
    page = wanted("complaints.processUrl", declaration(complaints__feedbackWorkingDays=days))
    assert needle(page, "timeLimit").found_in(plain(f"{words}个工作日"))


def test_every_public_host_is_searched_for_numbers_and_the_link() -> None:
    tree = declaration(scope__publicHosts=["a.example.com", "b.example.com"])
    page = wanted("scope.publicHosts[1]", tree)
    assert page.url == "https://b.example.com/"
    text = "网信算备110108000000101260019号 https://beian.example.com/algorithm/110108"
    assert needle(page, "algorithmNumber").found_in(plain(text))
    assert needle(page, "publicityLink").found_in(plain(text))
    assert not needle(page, "modelNumber").found_in(plain(text))


def test_every_declared_item_must_be_found() -> None:
    tree = declaration(publicStatement={"url": "https://a.example.com", "users": ["成人", "企业"]})
    users = needle(wanted("publicStatement.url", tree), "users")
    assert users.found_in(plain("面向成人和企业"))
    assert not users.found_in(plain("面向成人"))


def test_a_document_is_looked_at_for_its_hash_alone() -> None:
    tree = declaration(trainingData={"manifest": {"uri": "https://docs.example.com/m.json"}})
    page = wanted("trainingData.manifest", tree)
    assert (page.kind, page.needles) == (Kind.DOCUMENT, ())
    assert "trainingData.manifest" in DOCUMENTS


@pytest.mark.parametrize(
    "url", ["http://chat.example.com", "oss://bucket/a", "page", "", 5, None, ["https://a"]]
)
def test_only_https_addresses_are_looked_at(url: Any) -> None:
    pages = pages_of(declaration(complaints__url=url, complaints__processUrl=url))
    assert not {"complaints.url", "complaints.processUrl"} & {page.field for page in pages}


@pytest.mark.parametrize("tree", [None, [], "x", {"scope": 1, "filings": 2, "licences": [3]}, {}])
def test_any_declaration_has_its_list(tree: Any) -> None:
    assert pages_of(tree) == ()


def test_the_list_is_bounded() -> None:
    hosts = [f"h{number}.example.com" for number in range(500)]
    assert len(pages_of(declaration(scope__publicHosts=hosts))) == MOST


@pytest.mark.parametrize(
    "text", ["15 个工作日", "十五个工作日", "25 working days", "二十五个工作日"]
)
def test_the_end_of_a_longer_number_is_no_time_limit(text: str) -> None:
    page = wanted("complaints.processUrl", declaration(complaints__feedbackWorkingDays=5))
    assert not needle(page, "timeLimit").found_in(plain(text))
    assert needle(page, "timeLimit").found_in(plain(f"{text}；5 个工作日"))


def test_a_wildcard_is_no_address_to_look_at() -> None:
    tree = declaration(scope__publicHosts=["*.example.com", "chat.example.com"])
    hosts = [page.field for page in pages_of(tree) if page.field.startswith("scope.publicHosts")]
    assert hosts == ["scope.publicHosts[1]"]


REFUSED: dict[str, Any] = {"failures": 3, "failingSince": "2026-11-24T09:00:00+08:00"}


@pytest.mark.parametrize(
    ("status", "result", "severity"),
    [
        *((status, Result.UNKNOWN, Severity.WARN) for status in (403, 412, 429, 500, 503, 521)),
        *((status, Result.FAIL, Severity.BLOCK) for status in (301, 401, 404, 410, 451)),
    ],
)
def test_a_firewall_or_an_outage_says_nothing_of_a_page(
    status: int, result: Result, severity: Severity
) -> None:
    case = case_named("IM-15-1", "entrance silent for a day")
    page = {"pages": {"complaints.url": REFUSED | {"status": status, "error": None}}}
    _, found = case_finding(RULES["IM-15-1"], replace(case, facts=page))
    assert (found.result, found.severity) == (result, severity)
    assert str(status) in found.message.en
