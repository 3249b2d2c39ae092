# SPDX-License-Identifier: Apache-2.0
"""One service on one day -> the page of its report. Pure: the day comes in as an argument."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from genaiservice.api.declared import compliance, workload
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Text
from genaiservice.cli.report.changes import changes
from genaiservice.cli.report.declared import brief, facts_of
from genaiservice.cli.report.earlier import Earlier
from genaiservice.cli.report.judged import judged
from genaiservice.cli.report.overrides import overrides
from genaiservice.cli.report.page import Page, Row, Section
from genaiservice.cli.report.subject import Subject, line
from genaiservice.cli.report.words import NOT_DECLARED
from genaiservice.control.core.families import families
from genaiservice.rules.compile import CompiledRequirement
from genaiservice.rules.judge import judge
from genaiservice.rules.pack import Catalogue
from genaiservice.rules.verdict import Finding

PROVIDER: Final = Text(en="Provider", zh="服务提供者")
USCC: Final = Text(en="Unified social credit code", zh="统一社会信用代码")
AUDIENCE: Final = Text(en="Audience", zh="服务对象")
MODALITIES: Final = Text(en="Modalities", zh="内容形态")
ROUTE: Final = Text(en="Model route", zh="模型来源方式")
OPINION: Final = Text(en="Public opinion or mobilisation", zh="舆论属性或社会动员能力")
START: Final = Text(en="Service since", zh="服务起始日")
WORKLOAD: Final = Text(en="Workload", zh="工作负载")
_HEADER: Final[Mapping[str, Text]] = {
    "provider.legalName": PROVIDER,
    "provider.uscc": USCC,
    "scope.audience": AUDIENCE,
    "scope.modalities": MODALITIES,
    "scope.modelRoute": ROUTE,
    "scope.publicOpinionOrMobilization": OPINION,
    "serviceStartOn": START,
}
_VALUES: Final[Mapping[str, Text]] = {
    "PublicMainland": Text(en="public in mainland China", zh="境内公众"),
    "InternalOnly": Text(en="internal only", zh="仅内部使用"),
    "ClosedTest": Text(en="closed test", zh="封闭测试"),
    "OverseasOnly": Text(en="overseas only", zh="仅境外"),
    "SelfTrained": Text(en="self-trained", zh="自研训练"),
    "FineTuned": Text(en="fine-tuned", zh="微调"),
    "FiledModelViaApi": Text(en="filed model by API", zh="调用已备案模型接口"),
    "FiledModelSelfHosted": Text(en="filed model, self-hosted", zh="自行部署已备案模型"),
    "Unfiled": Text(en="model without filing", zh="未备案模型"),
    "text": Text(en="text", zh="文本"),
    "image": Text(en="image", zh="图片"),
    "audio": Text(en="audio", zh="音频"),
    "video": Text(en="video", zh="视频"),
    "virtualScene": Text(en="virtual scene", zh="虚拟场景"),
    "managed": Text(en="managed by the operator", zh="由 operator 管理"),
    "adopted": Text(en="adopted pods", zh="纳管已有 Pod"),
}


def build(
    subject: Subject,
    catalogue: Catalogue,
    known: Json,
    as_of: date,
    today: date,
    earlier: Earlier | None = None,
) -> Page:
    """The page of `subject` as of a day, by the facts that are `known` beside its declaration;
    `earlier` is what to compare it with."""
    declaration = compliance(lookup(subject.body, "spec"))
    verdict = judge(catalogue, declaration, known, as_of)
    found = judged(subject, verdict, as_of, today)
    own = overrides(declaration, catalogue.limits)
    return Page(
        namespace=subject.text("metadata", "namespace"),
        name=subject.text("metadata", "name"),
        display_name=subject.text("spec", "displayName"),
        origin=subject.origin,
        place=line(subject.place),
        generation=subject.number("metadata", "generation"),
        as_of=as_of,
        rule_pack=verdict.rule_pack,
        digest=verdict.digest,
        outcome=found.outcome,
        header=tuple(_header(subject, declaration)),
        notes=found.notes,
        refused=subject.refused,
        sections=tuple(_sections(catalogue, found.findings, declaration)),
        seen=subject.seen,
        overrides=own,
        next_change=verdict.next_change,
        changes=changes(earlier, verdict, found.outcome, found.findings, own) if earlier else None,
    )


def _header(subject: Subject, declaration: Json) -> Iterator[tuple[Text, Text]]:
    for field, title in _HEADER.items():
        value = lookup(declaration, *field.split("."))
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            known = [_VALUES.get(one) or brief(field, one) for one in value[:6]]
            told = Text(
                en=", ".join(one.en for one in known), zh="、".join(one.zh for one in known)
            )
        else:
            told = (_VALUES.get(value) if isinstance(value, str) else None) or brief(field, value)
        yield title, told if told.en else NOT_DECLARED
    mode = workload(lookup(subject.body, "spec")).mode.value
    yield WORKLOAD, _VALUES.get(mode, NOT_DECLARED)


def _sections(
    catalogue: Catalogue, findings: tuple[Finding, ...], declaration: Json
) -> Iterator[Section]:
    rules = {one.requirement.id: one for one in catalogue.requirements}
    for condition in families(findings):
        rows = tuple(
            _row(one, rules[one.id], declaration)
            for one in findings
            if one.family is condition.type
        )
        if rows:
            yield Section(condition=condition, rows=rows)


def _row(finding: Finding, rule: CompiledRequirement, declaration: Json) -> Row:
    row = Row(finding=finding, source=rule.requirement.source)
    if not row.applies:
        return row
    shown, left_out = facts_of(rule, declaration, finding.field)
    return Row(finding=finding, source=row.source, facts=shown, left_out=left_out)
