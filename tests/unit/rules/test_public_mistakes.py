# SPDX-License-Identifier: Apache-2.0
"""Mistakes found in public code and documents on this law: none of them passes here.

Those about the bytes of a label (its keys, Base64, tools that lose it) are tested with the guard.
"""

import re
from typing import Any

import pytest

from genaiservice.rules.verdict import Finding, Result
from tests.unit.rules.build import CATALOGUE, RULES, declaration, judged

OUR_TEXTS = [
    text
    for compiled in RULES.values()
    for step in compiled.requirement.steps
    for text in (
        compiled.requirement.source.en,
        compiled.requirement.source.zh,
        step.expects.en,
        step.expects.zh,
    )
]
EXPORT = {
    "scope__fileExport": True,
    "labelling__metadata": {"carriers": ["PNG"], "produceIdFormat": "UUID"},
}


def found(rule: str, **changes: Any) -> Finding:
    (one,) = (finding for finding in judged(declaration(**changes)).findings if finding.id == rule)
    return one


@pytest.mark.parametrize("label", ["AIGC", "1", "机器生成", "人工智能", "AI"])
def test_a_label_text_needs_both_elements(label: str) -> None:
    assert found("IM-12-1", labelling__text__labelText=label).result is Result.FAIL


@pytest.mark.parametrize("code", ["北京示例智能科技有限公司", "MDAxMTkxMTEwMTA4TUEwMUgyQ0g4RA=="])
def test_a_provider_code_is_neither_a_chinese_name_nor_base64(code: str) -> None:
    assert found("IM-12-5", **EXPORT, provider__aigcProviderCode=code).result is Result.FAIL


def test_a_provider_code_is_declared_and_never_made_up_from_the_credit_code() -> None:
    tree = declaration(**EXPORT)
    del tree["provider"]["aigcProviderCode"]
    (one,) = (finding for finding in judged(tree).findings if finding.id == "IM-12-5")
    assert one.result is Result.UNKNOWN
    assert one.field == "spec.compliance.provider.aigcProviderCode"


def test_the_four_own_characters_of_a_code_are_free() -> None:
    code = "001191110108MA01H2CH8D1ZZ9Z"
    assert found("IM-12-5", **EXPORT, provider__aigcProviderCode=code).result is Result.PASS


def test_a_propagation_code_is_no_producer() -> None:
    code = "001191110108MA01H2CH8D20001"
    assert found("IM-12-5", **EXPORT, provider__aigcProviderCode=code).result is Result.FAIL


@pytest.mark.parametrize("days", [180, 182, 183])
def test_180_days_are_no_six_months(days: int) -> None:
    assert found("IM-14-3", logs__retentionDays=days).result is Result.FAIL
    exception = {"enabled": True, "agreementClause": True, "logRetentionDays": days}
    assert found("IM-12-7", labelling__unlabelledOnRequest=exception).result is Result.FAIL


def test_articles_of_the_cybersecurity_law_have_their_numbers_of_2026() -> None:
    cited = [
        number
        for text in OUR_TEXTS
        for numbers in re.findall(r"Cybersecurity Law Art\. ([\d, ]+)", text)
        for number in numbers.replace(" ", "").split(",")
    ]
    assert cited
    assert set(cited) <= {"20", "23", "24", "26", "27", "49", "51", "61", "64", "69", "70"}


def test_no_fine_is_ascribed_to_the_standard() -> None:
    assert not [text for text in OUR_TEXTS if re.search(r"\bfines?\b(?!-)|罚款|RMB|万元", text)]


def test_the_duty_of_a_content_producer_is_article_9_and_complaints_are_15() -> None:
    articles = {rule: compiled.requirement.article for rule, compiled in RULES.items()}
    assert {articles[rule] for rule in articles if rule.startswith("IM-09")} == {9}
    assert {articles[rule] for rule in articles if rule.startswith("IM-15")} == {15}
    for rule, article in articles.items():
        if rule.startswith("IM-"):
            assert article == int(rule.split("-")[1])


@pytest.mark.parametrize("height", [2.5, 4.99])
def test_a_label_below_five_percent_is_too_small(height: float) -> None:
    image = {"labelText": "AI生成", "minHeightPercentOfShortSide": height, "position": "Edge"}
    one = found("IM-12-2", scope__modalities=["image"], labelling__image=image)
    assert one.result is Result.FAIL


def test_a_label_of_five_percent_is_large_enough() -> None:
    image = {"labelText": "AI生成", "minHeightPercentOfShortSide": 5, "position": "Edge"}
    one = found("IM-12-2", scope__modalities=["image"], labelling__image=image)
    assert one.result is Result.PASS


def test_the_filing_of_the_vendor_is_not_the_filing_of_the_application() -> None:
    tree = declaration()
    for filing in tree["filings"]:
        filing["role"] = "TechnicalSupporter"
    results = {one.id: one.result for one in judged(tree).findings}
    for rule in ("IM-17-2", "IM-17-3", "IM-17-4"):
        assert results[rule] is Result.UNKNOWN
    assert len(CATALOGUE.requirements) == 60
