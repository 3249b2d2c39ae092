# SPDX-License-Identifier: Apache-2.0
"""`genaictl explain`: what a requirement, an article or a field asks for, what to declare and how
it is checked.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from genaiservice.api.problem import Text
from genaiservice.cli import render
from genaiservice.cli.options import lang_option, verb
from genaiservice.cli.render import BASES
from genaiservice.cli.terminal import Paper

__all__ = ["BASES", "command"]

FROM: Final = Text(en="in force from", zh="生效日期")
LISTED: Final = Text(en=", ", zh="、")
PART: Final = Text(en="; ", zh="；")
BASIS: Final = Text(en="basis", zh="依据")
WEIGHT: Final = Text(en="weight", zh="级别")
DECLARE: Final = Text(en="declare in spec.compliance", zh="在 spec.compliance 中申报")
FAMILY: Final = Text(en="condition", zh="状态条件")
ASKS: Final = Text(en="asks", zh="要求")
TEXT: Final = Text(en="official text", zh="官方文本")
EXAMPLE: Final = Text(en="example", zh="示例")
READ_BY: Final = Text(en="read by", zh="相关要求")
NOBODY: Final = Text(
    en="no requirement of this rule pack reads it", zh="本规则包没有要求读取该字段"
)
KIND: Final = Text(en="value", zh="取值")
FIELDS: Final = Text(en="fields", zh="下级字段")
NO_RULE: Final = Text(
    en="no requirement of this rule pack stands under this article",
    zh="本规则包在该条下没有要求",
)


@click.command("explain")
@click.argument("subject", nargs=-1, required=True)
@lang_option
def command(subject: tuple[str, ...], lang: str | None) -> None:
    """Say what a requirement, an article or a field asks for, with an example.

    SUBJECT: IM-17-1, an article (17, "article 17", 第十七条), or a field (filings[].number).
    """
    from genaiservice.cli import subjects

    with verb(lang) as run:
        found = subjects.find(" ".join(subject))
        show: Mapping[type[Any], Callable[[Paper, Any], None]] = {
            subjects.Article: _article,
            subjects.Field: _field,
            subjects.Rule: _rule,
        }
        show[type(found)](run.paper, found)


def _article(paper: Paper, article: Any) -> None:
    from genaiservice.cli.articles import NAME, OFFICIAL

    paper.line(f"{NAME.in_(paper.lang)} {render.article(article.number, paper.lang)}", "bold")
    paper.pair(ASKS, article.text)
    paper.pair(TEXT, OFFICIAL)
    if not article.rules:
        paper.say(NO_RULE, indent=4)
    for rule in article.rules:
        paper.line()
        _rule(paper, rule)


def _rule(paper: Paper, rule: Any) -> None:
    requirement, lang = rule.requirement, paper.lang
    about = render.bracketed([render.article(requirement.article, lang)], lang)
    paper.line(f"{requirement.id}  {requirement.title.in_(lang)}{about}", "bold")
    basis = (
        f"{BASES[requirement.basis.value].in_(lang)}{PART.in_(lang)}{requirement.source.in_(lang)}"
    )
    paper.pair(BASIS, basis)
    paper.pair(FROM, requirement.effective_from.isoformat())
    levels = dict.fromkeys(one.level.value for one in requirement.severity)
    weights = {"block": render.BLOCK, "warn": render.WARN}
    paper.pair(WEIGHT, " / ".join(weights[level].in_(lang) for level in levels))
    paper.pair(FAMILY, requirement.family.value)
    paper.pair(render.WHO, render.owner(requirement.owner.value))
    paper.head(DECLARE)
    for field, texts in rule.asked.items():
        paper.line(field, indent=6)
        for text in texts:
            paper.line(f"- {text.in_(lang)}", indent=8)
    _example(paper, rule.example)


def _field(paper: Paper, field: Any) -> None:
    paper.line(field.path, "bold")
    paper.pair(ASKS, field.description)
    paper.pair(KIND, field.kind)
    if field.children:
        paper.pair(FIELDS, LISTED.in_(paper.lang).join(field.children))
    if not field.read_by:
        paper.pair(READ_BY, NOBODY)
    for rule, texts in field.read_by:
        about = render.bracketed([render.article(rule.article, paper.lang)], paper.lang)
        paper.pair(READ_BY, f"{rule.id} {rule.title.in_(paper.lang)}{about}")
        for text in texts:
            paper.line(f"- {text.in_(paper.lang)}", indent=8)
    _example(paper, field.example)


def _example(paper: Paper, example: str) -> None:
    if example:
        paper.head(EXAMPLE)
        for line in example.rstrip().split("\n"):
            paper.line(line, indent=6)
