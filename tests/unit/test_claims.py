# SPDX-License-Identifier: Apache-2.0
"""No text, wherever it stands, claims what software cannot know.

Every sentence in two languages that the code holds, every page for people, every file of the charts
and examples, and what the tools print in golden files. A sentence that denies such a claim may
name it; so may a term of the law.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from genaiservice.cli import helping
from tests.unit.rules.test_wording import CLAIMS, bare

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "genaiservice"
WRITTEN = {".md", ".txt", ".yaml", ".html", ".csv", ".tpl"}
PLACES = ("docs", "charts", "examples", "tests/golden", "operator/genaiservice/rules", "crds")
PAGES = sorted(
    [*ROOT.glob("*.md"), PACKAGE / "cli" / "fields.zh.yaml", PACKAGE / "cli" / "profiles.yaml"]
    + [
        page
        for place in PLACES
        for page in (ROOT / place).rglob("*")
        if page.suffix in WRITTEN and page.is_file()
    ]
)
DENIES = re.compile(r"\b(no|not|nor|never|cannot|nothing)\b|不|无法|并非|而非", re.IGNORECASE)
SENTENCE = re.compile(r"(?<=[.!?;])\s+|[。！？；|<>]|\n\s*\n|\n(?=\s*[-*#$])")
OF_THE_WORLD = re.compile(
    r"真实的?(控制平面|输出| ?API|申报|身份)|自己的真实|legal advice|\blegalName\b|LegalText"
    r"|合规(团队|审计)|certificate|verifyMetadata|promptVerified"
)
"""Real things that are no filings, and names."""


def claims(text: str) -> list[str]:
    """The sentences that claim something."""
    return [
        " ".join(sentence.split())
        for sentence in SENTENCE.split(OF_THE_WORLD.sub("", text))
        if CLAIMS.search(bare(sentence)) and not DENIES.search(sentence)
    ]


def texts(module: Path) -> Iterator[tuple[int, str]]:
    """Each language of each `Text(...)` that a module holds, with its line."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Text":
            for keyword in node.keywords:
                parts = [part for part in ast.walk(keyword.value) if isinstance(part, ast.Constant)]
                yield node.lineno, "".join(str(part.value) for part in parts)


def test_no_message_of_the_code_claims_it() -> None:
    modules = list(PACKAGE.rglob("*.py"))
    found = [
        f"{module.relative_to(ROOT)}:{line} {claim}"
        for module in modules
        for line, text in texts(module)
        for claim in claims(text)
    ]
    assert found == []
    assert sum(1 for module in modules for _ in texts(module)) > 1000, "the search finds the texts"


def test_no_help_claims_it() -> None:
    said = [helping.ABOUT, *helping.VERBS.values(), *helping.OPTIONS, *helping.OPTIONS.values()]
    assert [claim for text in said for claim in claims(text)] == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_no_page_claims_it(page: Path) -> None:
    assert claims(page.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("The service is compliant.", True),
        ("No word here says so. The filing is genuine.", True),
        ("该服务合规。", True),
        ("备案编号真实有效。", True),
        ("It never says that a service is compliant.", False),
        ("不表示服务合法，也不表示编号真实。", False),
        ("由合规团队处理。", False),
    ],
)
def test_a_claim_is_told_from_its_denial(text: str, claimed: bool) -> None:
    assert bool(claims(text)) is claimed
