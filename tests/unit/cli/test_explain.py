# SPDX-License-Identifier: Apache-2.0
"""`explain`: requirements, articles and fields, found by any of their names."""

import re
from typing import Any

import pytest

from genaiservice.cli.articles import ARTICLES
from genaiservice.rules.pack import load_catalogue
from tests.unit.cli.run import genaictl, stable

ENGLISH = re.compile(r"[A-Za-z]+ [a-z]+ [a-z]+")
"""Three words in a row are a sentence, not a name of a field or a value."""


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        (["IM-15-1"], "IM-15-1  Complaint"),
        (["im-15-1"], "IM-15-1  Complaint"),
        (["15"], "IM-15-1  Complaint"),
        (["article", "15"], "IM-15-1  Complaint"),
        (["Art. 15"], "IM-15-1  Complaint"),
        (["第十五条"], "IM-15-1  Complaint"),
        (["第15条"], "IM-15-1  Complaint"),
        (["十"], "Art. 10"),
        (["二十四"], "Art. 24"),
        (["complaints.url"], "read by: IM-15-1"),
        (["spec.compliance.complaints.url"], "read by: IM-15-1"),
        (["filings[0].number"], "filings[].number"),
        (["filings[].number"], "read by: IM-17-2"),
        (["guard.killSwitch"], "spec.guard.killSwitch"),
        (["spec.guard"], "fields: detectorWindow, detectors, killSwitch"),
        (["complaints"], "feedbackWorkingDays: 10"),
    ],
)
def test_a_subject_is_found_by_any_of_its_names(subject: list[str], says: str) -> None:
    ran = genaictl("explain", *subject)
    assert ran.code == 0
    assert says in ran.out


@pytest.mark.parametrize(
    "subject", ["IM-99-1", "25", "nothing.here", "第百条", "", "\x00", "9" * 99]
)
def test_a_subject_that_is_nothing_is_bad_input_with_what_there_is(subject: str) -> None:
    ran = genaictl("explain", subject)
    assert ran.code == 2
    assert "IM-17-1" in ran.err


@pytest.mark.parametrize(
    ("subject", "near"),
    [
        ("IM-17-22", "IM-17-2"),
        ("filings.numbr", "filings[].number"),
        ("compliants.url", "complaints.url"),
        ("spec.compliance.scop.audience", "scope.audience"),
        ("关键词", "IM-04-2"),
        ("complaint", "IM-15-1"),
    ],
)
def test_a_subject_that_is_nearly_one_is_asked_for(subject: str, near: str) -> None:
    ran = genaictl("explain", subject)
    assert ran.code == 2
    assert near in ran.err.partition("Did you mean ")[2].partition("?")[0].split(", ")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_requirement_and_every_article_can_be_explained(lang: str) -> None:
    ids = [compiled.requirement.id for compiled in load_catalogue().requirements]
    for subject in [*ids, *map(str, ARTICLES), "spec.guard.users", "spec.guard.limits"]:
        ran = genaictl("explain", subject, "--lang", lang)
        assert ran.code == 0
        assert len(ran.out.split("\n")) > 2
        assert lang == "en" or not ENGLISH.search(ran.out), subject


def test_all_24_articles_are_told_in_our_own_words_in_both_languages() -> None:
    assert list(ARTICLES) == list(range(1, 25))
    assert all(text.en and text.zh for text in ARTICLES.values())


@pytest.mark.usefixtures("small_pack")
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("subject", ["15", "complaints.url"])
def test_the_text_is_the_one_that_was_agreed(golden: Any, subject: str, lang: str) -> None:
    golden(
        f"explain-{subject}.{lang}.txt", stable(genaictl("explain", subject, "--lang", lang).out)
    )
