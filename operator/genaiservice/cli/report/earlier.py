# SPDX-License-Identifier: Apache-2.0
"""An earlier report, read back from its JSON: only what a comparison needs.

Rule: a file that is no report of this service is refused with the reason, never half read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final

from genaiservice.api.jsontree import Json, MutableJson
from genaiservice.api.problem import EMPTY, Problem, ProblemError, Text
from genaiservice.rules.verdict import Level, Result, Severity

VERSION: Final = 1
"""Of the JSON document; raised when a field changes its meaning or goes."""
MAX_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRow:
    title: Text
    result: Result
    severity: Severity
    level: Level
    reason: str
    deadline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    as_of: date
    rule_pack: str
    digest: str
    allowed: bool
    suspended: bool
    rows: Mapping[str, EarlierRow]
    overrides: Mapping[str, str]


def read(data: bytes, where: str, namespace: str, name: str, as_of: date) -> Earlier:
    """The earlier report in `data`; raises ProblemError when it is none of this service."""
    tree = _tree(data, where)
    service = tree["service"]
    if (service["namespace"], service["name"]) != (namespace, name):
        theirs = f"{service['namespace']}/{service['name']}"
        raise _refused(where, _OTHER.format(theirs=theirs, ours=f"{namespace}/{name}"), _SAME)
    before = date.fromisoformat(tree["asOf"])
    if before > as_of:
        raise _refused(where, _LATER.format(before=before, now=as_of), _AS_OF)
    return Earlier(
        as_of=before,
        rule_pack=tree["rulePack"]["version"],
        digest=tree["rulePack"]["digest"],
        allowed=tree["outcome"]["allowed"],
        suspended=tree["outcome"]["suspended"],
        rows={row["id"]: _row(row) for row in tree["requirements"]},
        overrides={one["field"]: one["value"] for one in tree["overrides"]},
    )


def _tree(data: bytes, where: str) -> Json:
    if len(data) > MAX_BYTES:
        raise _refused(where, _LARGE, _REPORT)
    try:
        tree = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _refused(where, _NO_JSON, _REPORT) from error
    if isinstance(tree, dict) and tree.get("version") not in (None, VERSION):
        raise _refused(where, _VERSION.format(known=VERSION), _REPORT)
    fault = _fault(tree)
    if fault is not None:
        raise _refused(where, _SHAPE.format(fault=fault), _REPORT)
    found: Json = tree
    return found


def _fault(tree: Any) -> str | None:
    """The first place where the document is not as its schema says."""
    import jsonschema_rs

    try:
        found = next(
            jsonschema_rs.Draft202012Validator(schema(), validate_formats=True).iter_errors(tree),
            None,
        )
    except (ValueError, TypeError, OverflowError):
        return "$"
    if found is None:
        return None
    return "$" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in found.instance_path)


@cache
def schema() -> MutableJson:
    """The JSON Schema of the report, as it is shipped."""
    file = resources.files(__package__) / "report.schema.json"
    tree: MutableJson = json.loads(file.read_text("utf-8"))
    return tree


def _row(row: Json) -> EarlierRow:
    return EarlierRow(
        title=Text.of(row["title"]),
        result=Result(row["result"]),
        severity=Severity(row["severity"]),
        level=Level(row["level"]),
        reason=row["reason"],
        deadline=row.get("deadline", ""),
    )


def _refused(where: str, what: Text, next_: Text) -> ProblemError:
    return ProblemError(Problem(where=where, what=what, why=EMPTY, next=next_))


_REPORT: Final = Text(
    en="give the file that `genaictl report --format json` wrote earlier",
    zh="请提供此前由 `genaictl report --format json` 生成的文件",
)
_SAME: Final = Text(en="give an earlier report of this service", zh="请提供该服务此前的报告")
_AS_OF: Final = Text(
    en="give an older report, or a later day with --as-of",
    zh="请提供更早的报告，或用 --as-of 指定更晚的日期",
)
_LARGE: Final = Text(en="is larger than 4 MiB", zh="超过 4 MiB")
_NO_JSON: Final = Text(en="is no JSON document in UTF-8", zh="不是 UTF-8 编码的 JSON 文档")
_VERSION: Final = Text(
    en="has a version that this release does not know (known: {known})",
    zh="版本无法识别（可识别：{known}）",
)
_SHAPE: Final = Text(
    en="is no report: {fault} is not as the schema says", zh="不是报告：{fault} 不符合格式"
)
_OTHER: Final = Text(
    en="is a report of {theirs}, not of {ours}", zh="是 {theirs} 的报告，而非 {ours} 的报告"
)
_LATER: Final = Text(
    en="was made as of {before}, after this report ({now})",
    zh="核查日期为 {before}，晚于本报告（{now}）",
)
