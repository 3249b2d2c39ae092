# SPDX-License-Identifier: Apache-2.0
"""What `check` knows of one manifest: the faults of its form and the findings of the verdict, each
with line and column.

The verdict is the operator's own (`rules.judge`); nothing here judges. A placeholder (`<…>`, as
`init` writes it) stands for a value that is still to come: it refuses, and other words about the
same field would only hide that.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final

from genaiservice.api.jsontree import lookup
from genaiservice.api.problem import EMPTY, Problem, Text
from genaiservice.cli.manifests import Manifest
from genaiservice.cli.ports import misfits
from genaiservice.cli.schema import faults
from genaiservice.cli.services import Service, of_object
from genaiservice.cli.wording import short
from genaiservice.rules.numbers import normalise
from genaiservice.rules.verdict import Finding, Severity, Suspension, Verdict

PLACEHOLDER: Final = re.compile(r"<[^<>]+>")
NUMBERS: Final = frozenset(
    {"number", "uscc", "subjectUscc", "aigcProviderCode", "provinceCode", "phone", "filingNumber"}
)
"""Fields whose full-width digits and blanks the rules read as plain ones."""


class Weight(StrEnum):
    FAULT = "fault"
    """The API server would refuse the object, or nobody can say what is meant."""
    BLOCK = "block"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing to say about one field. `finding` where a requirement says it."""

    code: str
    weight: Weight
    field: str
    what: Text
    next: Text
    why: Text = EMPTY
    line: int = 0
    column: int = 0
    finding: Finding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """`verdict` is the operator's; `allowed` also asks that the object can be applied as it is."""

    manifest: Manifest
    verdict: Verdict
    remarks: tuple[Remark, ...]

    @property
    def name(self) -> str:
        return str(lookup(self.manifest.body, "metadata", "name", default=""))

    @property
    def namespace(self) -> str:
        return str(lookup(self.manifest.body, "metadata", "namespace", default=""))

    @property
    def title(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name or "?"

    @property
    def usable(self) -> bool:
        return not any(remark.weight is Weight.FAULT for remark in self.remarks)

    @property
    def allowed(self) -> bool:
        weights = {remark.weight for remark in self.remarks}
        return not weights & {Weight.FAULT, Weight.BLOCK}

    def count(self, *weights: Weight) -> int:
        return sum(remark.weight in weights for remark in self.remarks)


def check(manifest: Manifest, today: date) -> Checked:
    body = manifest.body
    verdict = Service(body=body, facts=of_object(body)).judged(today)
    texts: list[tuple[str, str]] = []
    _gather_texts(body.get("spec"), "spec", texts)
    blanks = {field: text for field, text in texts if _blank(text)}
    remarks = [
        *(_fault(one.code, one.problem) for one in faults(body) if not _open(one.field, blanks)),
        *(_placeholder(field, text) for field, text in blanks.items()),
        *(
            _of_finding(one)
            for one in verdict.findings
            if one.open and not _open(one.field, blanks)
        ),
        *(_warned("ports", one) for one in misfits(body)),
        *_suspended(verdict.suspension, verdict.findings),
        *_notes(texts, blanks),
    ]
    placed = tuple(_placed(manifest, remark) for remark in remarks)
    # A thousand files would fill the memory, and travel between processes: every place is known by
    # now, and of the object only the name is still asked for.
    named = replace(manifest, node=None, body={"metadata": body.get("metadata")})
    return Checked(manifest=named, verdict=verdict, remarks=placed)


def repeated(rows: Iterable[Checked]) -> Iterator[Checked]:
    """The rows, with a remark on each service that stands more than once."""
    first: dict[tuple[str, str], Checked] = {}
    for row in rows:
        key = (row.namespace, row.name)
        other = first.setdefault(key, row)
        if other is row or not row.name:
            yield row
            continue
        same_file = other.manifest.file == row.manifest.file
        remark = _twice(row.title, other.manifest.where, same_file=same_file)
        remark = replace(remark, line=row.manifest.line, column=1)
        yield replace(row, remarks=(remark, *row.remarks))


def _placed(manifest: Manifest, remark: Remark) -> Remark:
    place = manifest.place(remark.field)
    return replace(remark, line=place.line, column=place.column)


def _fault(code: str, problem: Problem) -> Remark:
    return Remark(
        code=code,
        weight=Weight.FAULT,
        field=problem.where,
        what=problem.what,
        why=problem.why,
        next=problem.next,
    )


def _warned(code: str, problem: Problem) -> Remark:
    return replace(_fault(code, problem), weight=Weight.WARN)


def _of_finding(finding: Finding) -> Remark:
    return Remark(
        code=finding.id,
        weight=Weight.BLOCK if finding.severity is Severity.BLOCK else Weight.WARN,
        field=finding.field or "spec.compliance",
        what=finding.message,
        next=finding.remedy,
        finding=finding,
    )


def _suspended(suspension: Suspension | None, findings: tuple[Finding, ...]) -> Iterator[Remark]:
    """A suspension that no finding tells of: the kill switch."""
    if suspension is None or suspension.finding in {one.id for one in findings}:
        return
    yield Remark(
        code=suspension.reason.value,
        weight=Weight.BLOCK,
        field=suspension.finding,
        what=suspension.message,
        next=Text(
            en=f"set {suspension.finding} to false when the service may run again",
            zh=f"可以恢复服务时，请将 {suspension.finding} 设为 false",
        ),
    )


def _placeholder(field: str, text: str) -> Remark:
    wanted = text.strip()[1:-1].strip()
    return Remark(
        code="placeholder",
        weight=Weight.BLOCK,
        field=field,
        what=Text(en="still holds a placeholder", zh="仍为占位内容"),
        next=Text(en=f"write in its place: {wanted}", zh=f"请填写：{wanted}"),
    )


def _open(field: str, blanks: dict[str, str]) -> bool:
    """Whether the field, or anything in it, still holds a placeholder."""
    return field in blanks or any(blank.startswith((f"{field}[", f"{field}.")) for blank in blanks)


def _blank(text: str) -> bool:
    return "<" in text and PLACEHOLDER.fullmatch(text.strip()) is not None


def _notes(texts: list[tuple[str, str]], blanks: dict[str, str]) -> Iterator[Remark]:
    for field, text in texts:
        if field.rpartition(".")[2] not in NUMBERS or field in blanks:
            continue
        plain = normalise(text)
        if plain != text and plain:
            yield Remark(
                code="normalised",
                weight=Weight.NOTE,
                field=field,
                what=Text(
                    en=f"full-width signs or stray blanks; read as {short(plain)}",
                    zh=f"含全角字符或多余空格，按 {short(plain)} 读取",
                ),
                next=Text(en="write it so, to be sure", zh="建议直接改为该写法"),
            )


def _gather_texts(value: Any, path: str, found: list[tuple[str, str]]) -> None:
    """Every text below with its field path."""
    if isinstance(value, str):
        found.append((path, value))
    elif isinstance(value, dict):
        for key, child in value.items():
            _gather_texts(child, f"{path}.{key}", found)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _gather_texts(child, f"{path}[{index}]", found)


def _twice(title: str, first: str, *, same_file: bool) -> Remark:
    return Remark(
        code="repeated",
        weight=Weight.FAULT if same_file else Weight.NOTE,
        field="metadata.name",
        what=Text(en=f"{title} stands at {first} already", zh=f"{title} 已在 {first} 中出现"),
        why=Text(en="only the last one applied would count", zh="只有最后应用的一份有效"),
        next=Text(
            en="keep one of them, or give each its own name or namespace",
            zh="请只保留一份，或使用不同的名称或命名空间",
        ),
    )
