# SPDX-License-Identifier: Apache-2.0
"""The result of `check` for people: each remark with place, what, next step and who takes it."""

from dataclasses import asdict
from typing import Final

from genaiservice.api.problem import EMPTY, Lang, Text
from genaiservice.cli import render
from genaiservice.cli.checking import Checked, Remark, Weight
from genaiservice.cli.terminal import Paper

_SIGNS: Final = {
    Weight.FAULT: ("✗", "red"),
    Weight.BLOCK: ("✗", "red"),
    Weight.WARN: ("!", "yellow"),
    Weight.NOTE: ("·", "dim"),
}
_WORDS: Final = {
    Weight.FAULT: Text(en="bad input", zh="输入有误"),
    Weight.BLOCK: render.BLOCK,
    Weight.WARN: render.WARN,
    Weight.NOTE: Text(en="note", zh="备注"),
}
_TITLES: Final = {
    "placeholder": Text(en="to fill in", zh="待填写"),
    "normalised": Text(en="read as", zh="已归一化"),
    "repeated": Text(en="the same service twice", zh="服务重复"),
    "ports": Text(en="ports", zh="端口"),
    "KillSwitch": Text(en="kill switch", zh="紧急停止开关"),
    "schema/version": Text(en="unknown version", zh="未知版本"),
    "schema/unknown-field": Text(en="unknown field", zh="未知字段"),
    "schema/required": Text(en="missing field", zh="缺少字段"),
    "schema/type": Text(en="wrong type", zh="类型错误"),
    "schema/enum": Text(en="unknown value", zh="取值未知"),
    "schema/pattern": Text(en="wrong form", zh="格式有误"),
    "schema/limit": Text(en="out of bounds", zh="超出范围"),
    "schema/duplicate": Text(en="duplicate", zh="重复项"),
    "schema/rule": Text(en="contradiction", zh="相互矛盾"),
}
_OTHER: Final = Text(en="wrong value", zh="值有误")


def show(paper: Paper, row: Checked) -> None:
    render.headline(
        paper, f"{row.title} ({row.manifest.where})", row.allowed, _counts(row, paper.lang)
    )
    render.overrides(paper, map(asdict, row.verdict.overrides))
    for remark in row.remarks:
        _remark(paper, row.manifest.file, remark)


def title(remark: Remark) -> Text:
    """What the remark is about, in a few words."""
    return remark.finding.title if remark.finding else _TITLES.get(remark.code, _OTHER)


def _counts(row: Checked, lang: Lang) -> str:
    parts = []
    for weight, word in (
        (Weight.FAULT, Text(en="{n} bad input", zh="输入有误 {n} 处")),
        (Weight.BLOCK, Text(en="{n} blocking", zh="阻断 {n} 项")),
        (Weight.WARN, Text(en="{n} to improve", zh="提示 {n} 项")),
    ):
        if number := row.count(weight):
            parts.append(word.format(n=number).in_(lang))
    return render.bracketed(parts, lang)


def _remark(paper: Paper, file: str, remark: Remark) -> None:
    lang = paper.lang
    sign, style = _SIGNS[remark.weight]
    finding = remark.finding
    code = f"{finding.id}  " if finding else ""
    weight = _WORDS[remark.weight].in_(lang)
    about = [render.article(finding.article, lang), weight] if finding else [weight]
    paper.line()
    paper.line(
        f"{sign} {code}{title(remark).in_(lang)}{render.bracketed(about, lang)}", style, indent=2
    )
    paper.pair(render.WHERE, f"{file}:{remark.line}:{remark.column}  {remark.field}", indent=6)
    paper.pair(render.WHAT, remark.what, indent=6)
    paper.pair(render.WHY, remark.why if remark.weight is not Weight.NOTE else EMPTY, indent=6)
    paper.pair(render.NEXT, remark.next, indent=6)
    if finding:
        due = f"  {render.BY.in_(lang)} {finding.deadline}" if finding.deadline else ""
        paper.pair(render.WHO, render.owner(finding.owner.value).in_(lang) + due, indent=6)
