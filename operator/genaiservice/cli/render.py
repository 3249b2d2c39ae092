# SPDX-License-Identifier: Apache-2.0
"""Findings and conditions as text for a terminal. Signs stand beside every colour."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text as Styled

from genaiservice.api.conditions import FAMILIES, MEANINGS, Reason
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Lang, Problem, Text

ALLOWED = Text(en="rollout allowed", zh="允许上线")
REFUSED = Text(en="rollout refused", zh="不予上线")
BLOCK = Text(en="blocks", zh="阻断")
WARN = Text(en="warning", zh="提示")
ARTICLE = Text(en="Art. {n}", zh="第{n}条")
WHAT = Text(en="what", zh="问题")
NEXT = Text(en="next", zh="处理")
WHO = Text(en="who", zh="责任方")
BY = Text(en="by", zh="期限")
LEVEL = Text(en="level", zh="核查级别")
NOTICE = Text(
    en="Declarations were checked against rule pack {version}. This is no legal advice and no "
    "statement that the service is lawful.",
    zh="以上为按规则包 {version} 对申报内容的核查，不构成法律意见，也不表示该服务合法。",
)
OWNERS = {
    "compliance": Text(en="compliance", zh="合规"),
    "platform": Text(en="platform team", zh="平台团队"),
    "sre": Text(en="SRE", zh="运维"),
}
CHECKS = {
    "True": ("✓", "green"),
    "False": ("✗", "red"),
    "Unknown": ("?", "yellow"),
}


def headline(console: Console, subject: str, allowed: bool, lang: Lang) -> None:
    sign, style, text = ("✓", "green", ALLOWED) if allowed else ("✗", "bold red", REFUSED)
    console.print(Styled(f"{sign} {subject}: {text.in_(lang)}", style=style))


def findings(console: Console, rows: Sequence[Json], lang: Lang) -> None:
    """Each finding: what, why (article), field, next step and who takes it."""
    for row in rows:
        blocks = row.get("severity") == "block"
        mark, style = ("✗", "red") if blocks else ("!", "yellow")
        title = _words(row, "title", lang)
        article = ARTICLE.format(n=row.get("article", "?")).in_(lang)
        weight = (BLOCK if blocks else WARN).in_(lang)
        console.print()
        console.print(
            Styled(f"{mark} {row.get('id', '')}  {title}  ({article}, {weight})", style=style)
        )
        line(console, WHAT.in_(lang), _words(row, "message", lang))
        line(console, NEXT.in_(lang), _words(row, "remedy", lang))
        owner = OWNERS.get(str(row.get("owner", "")))
        if owner:
            by = row.get("deadline")
            due = f"  {BY.in_(lang)} {by}" if by else ""
            line(console, WHO.in_(lang), owner.in_(lang) + due)


def conditions(console: Console, rows: Sequence[Json], lang: Lang) -> None:
    """One line each. What a duty family lacks is told by its findings, so there only the meaning
    of the reason stands; what the operator itself saw (pods, policy) stands in its message."""
    for row in rows:
        sign, style = CHECKS.get(str(row.get("status")), ("?", "yellow"))
        label = Styled(f"{sign} {row.get('type', ''):<24} {row.get('reason', ''):<24} ", style)
        console.print(label.append(_told(row, lang), style="default"))


def _told(row: Json, lang: Lang) -> str:
    reason = str(row.get("reason", ""))
    if row.get("type") in FAMILIES and reason in set(Reason):
        return MEANINGS[Reason(reason)].in_(lang)
    return _half(str(row.get("message", "")), lang)


def problems(console: Console, faults: Iterable[Problem], lang: Lang) -> None:
    for problem in faults:
        console.print(Styled(f"✗ {problem.render(lang)}", style="red"))


def notice(console: Console, version: str, lang: Lang) -> None:
    console.print()
    console.print(Styled(NOTICE.format(version=version).in_(lang), style="dim"))


def line(console: Console, label: str, text: str) -> None:
    if text:
        console.print(Styled(f"    {label}: ", style="dim").append(text, style="default"))


def _words(row: Json, key: str, lang: Lang) -> str:
    return str(lookup(row, key, lang.value, default="") or lookup(row, key, "en", default=""))


def _half(message: str, lang: Lang) -> str:
    """Condition messages are `中文 | English`."""
    chinese, bar, english = message.partition(" | ")
    return english if bar and lang is Lang.EN else chinese
