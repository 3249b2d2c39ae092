# SPDX-License-Identifier: Apache-2.0
"""What the rules say to people: two languages, and no claim that software cannot make.

We see declarations, forms and dates. No text may say that a service complies with the law, that we
approve it, or that a number or document is genuine or false.
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from genaiservice.api.conditions import MEANINGS
from genaiservice.api.problem import Text
from genaiservice.rules import wording
from genaiservice.rules.judge import judge
from genaiservice.rules.vocabulary import VOCABULARY
from tests.unit.rules.build import CATALOGUE, RULES

ROOT = Path(__file__).parents[3]
CLAIMS = re.compile(
    r"\b(compliant|complies|complying|in compliance|compliance with|lawful|legal(?!Name|Text)"
    r"|genuine|authentic\w*|fake|forged|false filing|verified|certif(?!icate)\w+|guarantee\w*"
    r"|we approve|approved by (us|the operator)|is valid)\b"
    r"|合规(?!负责人)|符合(法律|法规|规定|办法|要求)|合法|真实|真伪|伪造|虚假|假冒|已验证|验证通过|认证通过"
    r"|本软件(批准|认可)|保证",
    re.IGNORECASE,
)


# Terms of the law and values of the CRD, which claim nothing: an audit, a check of identity, a way
# of exporting data.
TERMS = (
    *("真实身份信息认证", "合规审计", "Certification"),
    # what the law asks for or protects, in pages that retell it
    *("lawful origin", "来源合法", "合法依据", "合法权益", "虚假有害信息", "不符合规定"),
    *("A legal judgement that people make", "another legal basis", "合规申报", "**合规"),
)


def bare(text: str) -> str:
    """The text without field paths and terms of the law."""
    for term in (*TERMS, "spec.compliance"):
        text = text.replace(term, "")
    return text


def texts() -> Iterator[tuple[str, Text]]:
    for rule, compiled in RULES.items():
        requirement = compiled.requirement
        yield f"{rule} title", requirement.title
        yield f"{rule} source", requirement.source
        yield f"{rule} remedy", requirement.remedy
        for index, step in enumerate(requirement.steps):
            for name in ("expects", "message", "remedy", "suspends"):
                text = getattr(step, name)
                if text is not None:
                    yield f"{rule} step {index} {name}", text
    for reason, template in wording.TEMPLATES.items():
        yield f"template {reason}", template
    for level, passed in wording.PASSED.items():
        yield f"passed {level}", passed
    for name, limit in CATALOGUE.limits.items():
        yield f"limit {name}", limit.meaning
        yield f"limit {name} source", limit.source
    for name in (
        *("NOT_APPLICABLE", "KILL_SWITCH", "CALENDAR_REMEDY", "NOT_SHOWN"),
        *("OBSERVED", "OVERRIDDEN"),
    ):
        yield name, getattr(wording, name)


def test_no_text_claims_what_software_cannot_know() -> None:
    claims = [
        (name, said)
        for name, text in texts()
        for said in (text.en, text.zh)
        if CLAIMS.search(bare(said))
    ]
    assert not claims


PAGES = sorted((ROOT / "docs" / "reference").rglob("*.md"))
CRDS = sorted((ROOT / "crds").glob("*.yaml"))
DENIED = re.compile(r"does not say that[^.]*\.|不表示[^。]*。")
"""What a page says that a pass does not mean."""


def descriptions(node: Any) -> Iterator[str]:
    """Descriptions and messages of a CRD."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("description", "message") and isinstance(value, str):
                yield " ".join(value.split())
            else:
                yield from descriptions(value)
    elif isinstance(node, list):
        for item in node:
            yield from descriptions(item)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_no_page_of_the_reference_claims_it(page: Path) -> None:
    lines = DENIED.sub("", page.read_text("utf-8")).splitlines()
    claims = [line for line in lines if CLAIMS.search(bare(line))]
    assert not claims


@pytest.mark.parametrize("crd", CRDS, ids=[crd.name for crd in CRDS])
def test_no_description_of_a_crd_claims_it(crd: Path) -> None:
    texts = descriptions(yaml.safe_load(crd.read_text("utf-8")))
    assert not [text for text in texts if CLAIMS.search(bare(text))]


def test_no_reason_of_a_condition_claims_it() -> None:
    said = [part for text in MEANINGS.values() for part in (text.en, text.zh)]
    assert not [part for part in said if CLAIMS.search(bare(part))]


@pytest.mark.parametrize(
    "claim", ["The service is compliant.", "备案已通过验证通过", "A genuine filing", "该服务合规"]
)
def test_the_search_for_claims_finds_them(claim: str) -> None:
    assert CLAIMS.search(claim)


def test_the_chinese_texts_are_chinese() -> None:
    english = re.compile(r"\b(the|and|of|is|not|or)\b")
    left = [
        (name, text.zh)
        for name, text in texts()
        if english.search(text.zh) or (text.zh == text.en and english.search(text.en))
    ]
    assert not left


def test_every_reason_that_a_step_can_give_has_words() -> None:
    reasons = {step.reason for c in RULES.values() for step in c.requirement.steps}
    assert reasons <= set(wording.TEMPLATES)


def test_every_named_check_is_documented_and_used() -> None:
    used = {
        step.check.name
        for compiled in RULES.values()
        for step in compiled.requirement.steps
        if step.check is not None
    }
    assert used == set(VOCABULARY)
    assert all(word.meaning for word in VOCABULARY.values())


def test_an_absent_list_is_asked_for_as_a_list_and_not_as_the_field_of_its_entries() -> None:
    said = {one.id: one.message for one in judge(CATALOGUE, {}, {}, date(2026, 11, 25)).findings}
    text = said["IM-07-1"]
    assert (
        "spec.compliance.models is not declared; expected: a list of entries, each with name: "
        in (text.en)
    )
    assert "应为：条目列表，每条含 name：" in text.zh
