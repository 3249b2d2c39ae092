# SPDX-License-Identifier: Apache-2.0
"""docs/reference/<lang>/compliance-fields.md: every field of spec.compliance, and every limit.

The descriptions are those of the CRD (`kubectl explain`), in Chinese those of cli/fields.zh.yaml.
"""

from collections.abc import Iterator
from typing import Any, Final

from genaiservice.api import names
from genaiservice.api.problem import Lang, Text
from genaiservice.cli.commands.explain import BASES
from genaiservice.cli.kept import schemas
from genaiservice.cli.wording import described
from genaiservice.rules.pack import load_catalogue

TITLE: Final = Text(en="# Fields of spec.compliance", zh="# spec.compliance 申报字段")
NOTE: Final = Text(
    en="As `kubectl explain genaiservice.spec.compliance` shows them. A document is {title, uri, "
    "sha256, issuedOn, validUntil, signedBy}; a list is marked with [].",
    zh="字段与 `kubectl explain genaiservice.spec.compliance`（英文）一致。"
    "文件类字段的形式为 {title, uri, sha256, issuedOn, validUntil, signedBy}；[] 表示列表。",
)
FIELDS: Final = Text(
    en="| Field | Type | Description | Requirements |", zh="| 字段 | 类型 | 说明 | 相关要求 |"
)
LIMITS: Final = Text(
    en="## Limits that a service may override\n\nNumbers of standards, guidelines and practice. "
    "`rulePack.overrides` replaces one by name, with reason and approver; each replaced one is "
    "shown in findings, status and report. Numbers of a law or a mandatory standard have no name.",
    zh="## 可替换的限值\n\n以下数字来自标准、指南与实务。可在 `rulePack.overrides` 中按名称替换并"
    "写明理由与批准人；替换之处会在检查结果、状态与报告中显示。法律与强制性标准规定的数字不可替换。",
)
LIMIT_HEAD: Final = Text(
    en="| Name | Number | Of what | Basis | Source | Requirements |",
    zh="| 名称 | 数值 | 含义 | 性质 | 来源 | 相关要求 |",
)
_DOCUMENT: Final = {"title", "uri", "sha256", "signedBy"}


def fields_page(lang: Lang) -> Iterator[str]:
    yield TITLE.in_(lang)
    yield NOTE.in_(lang)
    yield ""
    yield FIELDS.in_(lang)
    yield "|---|---|---|---|"
    used = _used()
    for path, node in _fields(_compliance(), ""):
        ids = ", ".join(used.get(path, ()))
        yield f"| `{path}` | {_type(node)} | {_cell(described(node).in_(lang))} | {ids} |"
    yield ""
    yield LIMITS.in_(lang)
    yield ""
    yield LIMIT_HEAD.in_(lang)
    yield "|---|---|---|---|---|---|"
    for limit in load_catalogue().limits.values():
        ids = ", ".join(
            c.requirement.id for c in load_catalogue().requirements if limit.name in c.limits
        )
        basis = BASES[limit.basis.value].in_(lang)
        words = f"{limit.meaning.in_(lang)} | {basis} | {limit.source.in_(lang)}"
        yield f"| `{limit.name}` | {limit.value:,} | {words} | {ids} |"


def _compliance() -> Any:
    schema = schemas()[names.KIND_SERVICE]
    return schema["properties"]["spec"]["properties"]["compliance"]


def _fields(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, child in node.get("properties", {}).items():
        below = f"{path}.{name}".removeprefix(".")
        inner = child.get("items", {})
        yield below + ("[]" if inner else ""), child
        below += "[]" if inner else ""
        target = inner or child
        if not set(target.get("properties", {})) >= _DOCUMENT:
            yield from _fields(target, below)


def _type(node: Any) -> str:
    inner = node.get("items", node)
    if set(inner.get("properties", {})) >= _DOCUMENT:
        return "document"
    if "enum" in inner:
        return " / ".join(str(value) for value in inner["enum"])
    return str(inner["type"])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


def _used() -> dict[str, list[str]]:
    """The requirements that name a field in a step."""
    found: dict[str, list[str]] = {}
    for compiled in load_catalogue().requirements:
        for step in compiled.requirement.steps:
            for path in (step.field, f"{step.field}[]"):
                ids = found.setdefault(path, [])
                if compiled.requirement.id not in ids:
                    ids.append(compiled.requirement.id)
    return found
