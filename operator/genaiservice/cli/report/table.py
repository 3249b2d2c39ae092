# SPDX-License-Identifier: Apache-2.0
"""The page as CSV for a spreadsheet: RFC 4180, UTF-8 with a byte-order mark, a line each row.

Rule: no cell is a formula. A cell that a spreadsheet would calculate begins with an apostrophe.
"""

import csv
import io
from collections.abc import Iterator
from typing import Final

from genaiservice.api.problem import Lang, Text
from genaiservice.cli.render import BASES
from genaiservice.cli.report.page import Page, Row
from genaiservice.cli.report.words import mark
from genaiservice.cli.titles import condition_name
from genaiservice.rules.verdict import OWNERS

BOM: Final = "\ufeff"
_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
_COLUMNS: Final = (
    Text(en="Namespace", zh="命名空间"),
    Text(en="Service", zh="服务"),
    Text(en="As of", zh="核查日期"),
    Text(en="Rule pack", zh="规则包"),
    Text(en="Family", zh="义务类别"),
    Text(en="Requirement", zh="要求编号"),
    Text(en="Title", zh="要求"),
    Text(en="Article", zh="条款"),
    Text(en="Source", zh="出处"),
    Text(en="Basis", zh="依据"),
    Text(en="Result", zh="结果"),
    Text(en="Level", zh="核查级别"),
    Text(en="Declared", zh="申报内容"),
    Text(en="Finding", zh="检查结果"),
    Text(en="Next step", zh="处理"),
    Text(en="Owner", zh="责任方"),
    Text(en="Date", zh="期限"),
    Text(en="Change", zh="变化"),
)


def as_csv(page: Page, lang: Lang) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([title.in_(lang) for title in _COLUMNS])
    changed = {one.subject: one for one in page.changes.rows} if page.changes else {}
    for row in page.rows:
        change = changed.get(row.finding.id)
        told = f"{change.before.in_(lang)} → {change.after.in_(lang)}" if change else ""
        writer.writerow([inert(cell) for cell in (*_cells(page, row, lang), told)])
    return BOM + out.getvalue()


def _cells(page: Page, row: Row, lang: Lang) -> Iterator[str]:
    one = row.finding
    yield page.namespace
    yield page.name
    yield page.as_of.isoformat()
    yield page.rule_pack
    yield condition_name(one.family, lang)
    yield one.id
    yield one.title.in_(lang)
    yield str(one.article)
    yield row.source.in_(lang)
    yield BASES[one.basis.value].in_(lang)
    known = mark(one.result, one.severity)
    yield f"{known.sign} {known.word.in_(lang)}"
    yield one.level.value if row.applies else ""
    yield "; ".join(f"{fact.field}: {fact.value.in_(lang)}" for fact in row.facts)
    yield one.message.in_(lang)
    yield one.remedy.in_(lang)
    yield OWNERS[one.owner].in_(lang)
    yield one.deadline.isoformat() if one.deadline else ""


def inert(cell: str) -> str:
    """The cell as text, whatever a spreadsheet would make of its first sign."""
    return f"'{cell}" if cell.lstrip(" \u3000").startswith(_FORMULA) else cell
