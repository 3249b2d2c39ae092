# SPDX-License-Identifier: Apache-2.0
"""docs/reference/<lang>/articles.md: each of the 24 articles, and what this software does for it.

Declared, verified and evidence come from the catalogue; what is enforced at run time stands here,
in words, because no file of rules knows it. An article without a duty of a provider says so.
"""

from collections.abc import Iterator
from typing import Final

from genaiservice.api.problem import Lang, Text
from genaiservice.cli.articles import ARTICLES
from genaiservice.rules.pack import load_catalogue
from genaiservice.rules.requirement import Requirement, Schema

NOTHING: Final = Text(
    en="addresses the authorities or states a principle; nothing to do",
    zh="面向主管部门或属原则性规定，无需处理",
)
GATE: Final = Text(
    en="the rollout waits until blocking findings are solved", zh="阻断项解决之前不予上线"
)
ENFORCED: Final[dict[int, Text]] = {
    2: Text(
        en="for managed workloads a NetworkPolicy lets in the guard's port only",
        zh="托管工作负载的 NetworkPolicy 仅放行护栏端口",
    ),
    4: Text(
        en="the guard screens prompts and answers, holds back on streams, and refuses when "
        "screening fails",
        zh="护栏检测输入与输出，流式输出保留窗口，检测失效时拒绝",
    ),
    12: Text(
        en="the guard writes the declared label into text answers",
        zh="护栏在文本输出中写入所申报的标识",
    ),
    13: Text(
        en="managed workloads have replicas, a PodDisruptionBudget and drains without cut streams",
        zh="托管工作负载设有副本数、PodDisruptionBudget，并在不中断流的情况下排空",
    ),
    14: Text(
        en="the kill switch cuts every stream and refuses traffic; the guard records each decision",
        zh="紧急停止开关切断所有流并拒绝流量；护栏记录每次处置",
    ),
    15: Text(
        en="the guard adds a link to the complaint page to its answers",
        zh="护栏在响应中附投诉举报页面链接",
    ),
    17: Text(
        en="a filing declared as suspended, revoked or cancelled stops the traffic",
        zh="备案被申报为暂停、撤销或注销时停止流量",
    ),
    21: Text(
        en="an open order to suspend stops the traffic", zh="未办结的暂停决定使流量停止"
    ),
}  # fmt: skip
NOTES: Final[dict[int, Text]] = {
    18: Text(
        en="declared as complaints.regulatorChannelShown; nothing is held for it",
        zh="以 complaints.regulatorChannelShown 申报，不作为上线条件",
    ),
    20: Text(
        en="see also Art. 7 and 17: IM-20-1 is practice", zh="另见第七条、第十七条；IM-20-1 属实务"
    ),
    22: Text(
        en="scope.apiOffered says whether the model is offered by an interface (IM-02-1)",
        zh="scope.apiOffered 说明是否提供可编程接口（IM-02-1）",
    ),
    24: Text(
        en="before the day on which a rule is in force it only warns",
        zh="规则在施行日之前仅作提示",
    ),
}
TITLE: Final = Text(en="# The 24 articles", zh="# 二十四条对照")
HEAD: Final = Text(
    en="| Art. | In our own words | Requirements | Declared | Checked | Enforced | Evidence |",
    zh="| 条 | 内容概述 | 要求 | 申报 | 核对 | 执行 | 留存 |",
)
V1: Final = Text(
    en="V1: form, dates and fit of declarations", zh="V1：格式、日期与申报之间的一致性"
)
V2: Final = Text(en="V2: compared with what the operator sees", zh="V2：与运行时所见比对")
EVIDENCE: Final = Text(
    en="findings with rule pack and level in status and report",
    zh="状态与报告中的检查结果，含规则包版本与级别",
)
DOCUMENTS: Final = Text(
    en="; documents with SHA-256 of {fields}", zh="；以下申报项的文件及其 SHA-256：{fields}"
)


def articles_page(lang: Lang) -> Iterator[str]:
    yield TITLE.in_(lang)
    yield HEAD.in_(lang)
    yield "|---|---|---|---|---|---|---|"
    for article, words in ARTICLES.items():
        rules = [
            compiled.requirement
            for compiled in load_catalogue().requirements
            if compiled.requirement.article == article
        ]
        yield (
            "| " + " | ".join([str(article), words.in_(lang), *_cells(article, rules, lang)]) + " |"
        )


def _cells(article: int, rules: list[Requirement], lang: Lang) -> list[str]:
    note = NOTES.get(article)
    if not rules:
        return ["–", (note or NOTHING).in_(lang), "–", "–", "–"]
    stop = "；" if lang is Lang.ZH else "; "
    verified = [V1, V2] if any(rule.verify for rule in rules) else [V1]
    blocking = any(level.level == "block" for rule in rules for level in rule.severity)
    enforced = [text for text in (GATE if blocking else None, ENFORCED.get(article)) if text]
    declared = ", ".join(f"`{group}`" for group in _groups(rules))
    return [
        ", ".join(rule.id for rule in rules),
        declared + (f" ({note.in_(lang)})" if note else ""),
        stop.join(text.in_(lang) for text in verified),
        stop.join(text.in_(lang) for text in enforced) or "–",
        EVIDENCE.in_(lang) + _documents(rules, lang),
    ]


def _groups(rules: list[Requirement]) -> list[str]:
    """The groups of spec.compliance that the requirements read, in their order."""
    names = (step.field.partition(".")[0].removesuffix("[]") for r in rules for step in r.requires)
    return list(dict.fromkeys(names))


def _documents(rules: list[Requirement], lang: Lang) -> str:
    fields = [step.field for r in rules for step in r.requires if _is_document(step.schema)]
    if not fields:
        return ""
    named = ", ".join(f"`{name}`" for name in dict.fromkeys(fields))
    return DOCUMENTS.format(fields=named).in_(lang)


def _is_document(schema: Schema | None) -> bool:
    return isinstance(schema, dict) and schema.get("$ref") == "#/$defs/evidence"
