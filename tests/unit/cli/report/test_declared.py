# SPDX-License-Identifier: Apache-2.0
"""Declared values in short: people in part, secrets not at all, nothing at full length."""

from typing import Any

import pytest

from genaiservice.api.problem import Lang
from genaiservice.cli.report.build import build
from genaiservice.cli.report.declared import CHARACTERS, MOST_FACTS, brief
from genaiservice.cli.report.document import as_json
from genaiservice.cli.report.html import as_html
from genaiservice.cli.report.table import as_csv
from genaiservice.cli.services import of_object
from genaiservice.rules.pack import load_catalogue
from tests.unit.cli.report.pages import DAY, patched, subject

DIGEST = "0123456789abcdef" * 4
BRIEF: list[tuple[str, Any, str]] = [
    ("provider.legalName", "北京示例智能科技有限公司", "北京示例智能科技有限公司"),
    ("provider.safetyOfficer.phone", "13812345678", "138****5678"),
    ("provider.safetyOfficer.phone", "010-12345678", "010****5678"),
    ("provider.safetyOfficer.phone", "+86-13812345678", "+86****5678"),
    ("provider.safetyOfficer.phone", "12377", "12377"),
    ("provider.safetyOfficer.email", "zhang@example.com", "z***@example.com"),
    ("incident.cacContact", "张三 zhang@example.com", "张三 z***@example.com"),
    ("complaints.phone", "400-123-4567", "400-123-4567"),
    ("complaints.email", "complaints@example.com", "complaints@example.com"),
    ("models[0].digest", f"sha256:{DIGEST}", f"sha256:{DIGEST[:12]}…"),
    ("agreement.sha256", DIGEST, f"{DIGEST[:12]}…"),
    ("agreement.url", "https://user:pass@x.example/a?token=1#f", "https://x.example/a?…"),
    ("agreement.url", "https://[bad/a?token=1", "https://[bad/a"),
    ("inspection.bundleSigningKey", "-----BEGIN", "declared, not shown"),
    ("x.apiToken", 5, "declared, not shown"),
    ("scope.apiOffered", True, "yes"),
    ("scope.apiOffered", False, "no"),
    ("x", None, "not declared"),
    ("x", 99.9, "99.9"),
    ("x", 10**5000, "…"),
    ("x", ["a", "b"], "a, b"),
    ("x", list("abcdefgh"), "a, b, c, d, e, f (+2)"),
    ("x", [{}, {}], "2 entries"),
    ("x", {"title": "评估报告", "sha256": DIGEST}, f"评估报告 ({DIGEST[:12]}…)"),
    ("x", {"title": 3}, "declared"),
    ("x", object(), "declared"),
    ("x", "a\u202eb\x00c\nd", "a\ufffdb\ufffdc d"),
    ("x", "y" * 500, "y" * (CHARACTERS - 1) + "…"),
]


@pytest.mark.parametrize(("field", "value", "told"), BRIEF, ids=range(len(BRIEF)))
def test_a_value_is_told_in_short(field: str, value: Any, told: str) -> None:
    assert brief(field, value).en == told


def test_no_form_of_the_report_shows_a_person_in_full() -> None:
    officer = {"name": "欧阳示例", "phone": "13812345678", "email": "ouyang@example.com"}
    one = patched(subject(), {"spec": {"compliance": {"provider": {"safetyOfficer": officer}}}})
    page = build(one, load_catalogue(), of_object(one.body), DAY, DAY)
    for told in (as_json(page), as_html(page, Lang.ZH), as_csv(page, Lang.ZH)):
        assert "欧***" in told
        assert not [value for value in officer.values() if value in told]


def test_a_row_shows_a_bounded_number_of_values_and_the_one_at_fault() -> None:
    models = [{"name": f"m{n}", "vendorName": "v", "license": "MIT"} for n in range(40)]
    one = patched(subject(), {"spec": {"compliance": {"models": models}}})
    rows = {
        row.finding.id: row
        for row in build(one, load_catalogue(), of_object(one.body), DAY, DAY).rows
    }
    row = rows["IM-07-1"]
    assert len(row.facts) == MOST_FACTS
    assert row.left_out > 40
    assert row.finding.field in {f"spec.compliance.{fact.field}" for fact in row.facts}


def test_a_list_is_not_told_beside_its_parts() -> None:
    for row in build(subject(), load_catalogue(), of_object(subject().body), DAY, DAY).rows:
        fields = {fact.field for fact in row.facts}
        for field in fields:
            assert not [one for one in fields if one.startswith((f"{field}.", f"{field}["))]
