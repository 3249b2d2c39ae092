# SPDX-License-Identifier: Apache-2.0
"""The words that every view of the CLI shares, and findings as lines. A sign stands beside every
colour; the texts of findings are those of status and verdict.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Lang, Problem, Text
from genaiservice.cli.terminal import Paper
from genaiservice.rules.numbers import in_chinese
from genaiservice.rules.verdict import OWNERS, Owner

ALLOWED: Final = Text(en="rollout allowed", zh="允许上线")
REFUSED: Final = Text(en="rollout refused", zh="不予上线")
BLOCK: Final = Text(en="blocks", zh="阻断")
WARN: Final = Text(en="warning", zh="提示")
ARTICLE: Final = Text(en="Art. {n}", zh="第{n}条")
WHAT: Final = Text(en="what", zh="问题")
WHY: Final = Text(en="why", zh="原因")
NEXT: Final = Text(en="next", zh="处理")
WHO: Final = Text(en="who", zh="责任方")
WHERE: Final = Text(en="where", zh="位置")
BY: Final = Text(en="by", zh="期限")
OVERRIDE: Final = Text(
    en="{name}: {value} in place of the rule pack's {default} ({reason}; {approver})",
    zh="{name}：以 {value} 代替规则包的 {default}（理由：{reason}；批准人：{approver}）",
)
_OVERRIDE: Final = ("name", "value", "default", "reason", "approver")
NOTICE: Final = Text(
    en="Declarations were checked against rule pack {version}. This is no legal advice and no "
    "statement that the service is lawful.",
    zh="以上为按规则包 {version} 对申报内容的核查，不构成法律意见，也不表示该服务合法。",
)
BASES: Final = {
    "law": Text(en="law", zh="法律法规"),
    "standard": Text(en="standard", zh="标准"),
    "guideline": Text(en="guideline", zh="指南"),
    "practice": Text(en="practice of the authorities", zh="监管实践"),
}
SIGNS: Final = {"True": ("✓", "green"), "False": ("✗", "red"), "Unknown": ("?", "yellow")}


def headline(paper: Paper, subject: str, allowed: bool, more: str = "") -> None:
    sign, style, text = ("✓", "green", ALLOWED) if allowed else ("✗", "red", REFUSED)
    paper.line(f"{sign} {subject}{colon(paper.lang)}{text.in_(paper.lang)}{more}", style)


def colon(lang: Lang) -> str:
    return "：" if lang is Lang.ZH else ": "


def bracketed(parts: Sequence[str], lang: Lang) -> str:
    """The parts in brackets, as each language writes them; nothing when there are none."""
    if not parts:
        return ""
    return f"（{'，'.join(parts)}）" if lang is Lang.ZH else f" ({', '.join(parts)})"


def article(number: Any, lang: Lang) -> str:
    """As the Measures themselves write it: Art. 17, 第十七条."""
    return ARTICLE.format(n=in_chinese(number) if lang is Lang.ZH else number).in_(lang)


def owner(name: str) -> Text:
    """The word for an owner; one of another release is shown as it is."""
    return OWNERS[Owner(name)] if name in set(Owner) else Text(en=name, zh=name)


def words(row: Json, key: str, lang: Lang) -> str:
    """A text of an object of the API (`{en, zh}`) in the language of the reader."""
    return str(lookup(row, key, lang.value, default="") or lookup(row, key, "en", default=""))


def problems(paper: Paper, faults: Iterable[Problem]) -> None:
    for problem in faults:
        paper.line(f"✗ {problem.render(paper.lang)}", "red")


def overrides(paper: Paper, rows: Iterable[Json]) -> None:
    """Numbers of the rule pack that the service replaced: nobody may overlook one."""
    for row in rows:
        told = OVERRIDE.format(**{key: row.get(key, "?") for key in _OVERRIDE})
        paper.line(f"~ {told.in_(paper.lang)}", "yellow", indent=2)


def notice(paper: Paper, version: str) -> None:
    paper.line()
    paper.line(NOTICE.format(version=version).in_(paper.lang), "dim")
