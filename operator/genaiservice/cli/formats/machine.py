# SPDX-License-Identifier: Apache-2.0
"""The result of `check` for machines: JSON, SARIF 2.1.0 and JUnit. Pure: rows in, text out."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import PurePath
from typing import Any, Final
from xml.etree import ElementTree

from genaiservice import __version__
from genaiservice.api.jsontree import MutableJson
from genaiservice.api.problem import Lang, Problem
from genaiservice.cli.checking import Checked, Remark, Weight
from genaiservice.cli.formats.text import title
from genaiservice.rules.verdict import Result

_SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {
    Weight.FAULT: "error",
    Weight.BLOCK: "error",
    Weight.WARN: "warning",
    Weight.NOTE: "note",
}
_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(rows: Sequence[Checked], problems: Sequence[Problem], today: date) -> str:
    tree = {
        "asOf": today.isoformat(),
        "services": [_service(row) for row in rows],
        "unreadable": [_unreadable(problem) for problem in problems],
    }
    return json.dumps(tree, ensure_ascii=False, indent=2)


def _service(row: Checked) -> MutableJson:
    change = row.verdict.next_change
    return {
        "file": row.manifest.file,
        "line": row.manifest.line,
        "namespace": row.namespace,
        "name": row.name,
        "allowed": row.allowed,
        "usable": row.usable,
        "rulePack": {"version": row.verdict.rule_pack, "digest": row.verdict.digest},
        "overrides": [asdict(one) for one in row.verdict.overrides],
        "nextChange": change.isoformat() if change else None,
        "remarks": [_remark(remark) for remark in row.remarks],
    }


def _remark(remark: Remark) -> MutableJson:
    tree: MutableJson = {
        "code": remark.code,
        "weight": remark.weight.value,
        "field": remark.field,
        "line": remark.line,
        "column": remark.column,
        "title": title(remark).as_json(),
        "what": remark.what.as_json(),
        "why": remark.why.as_json(),
        "next": remark.next.as_json(),
    }
    if finding := remark.finding:
        tree |= {
            "article": finding.article,
            "family": finding.family.value,
            "basis": finding.basis.value,
            "result": finding.result.value,
            "reason": finding.reason.value,
            "level": finding.level.value,
            "owner": finding.owner.value,
            "deadline": finding.deadline.isoformat() if finding.deadline else None,
        }
    return tree


def _unreadable(problem: Problem) -> MutableJson:
    return {
        "where": problem.where,
        "what": problem.what.as_json(),
        "why": problem.why.as_json(),
        "next": problem.next.as_json(),
    }


def as_sarif(rows: Sequence[Checked], problems: Sequence[Problem], lang: Lang) -> str:
    rules: dict[str, MutableJson] = {}
    results: list[MutableJson] = []
    for row in rows:
        for remark in row.remarks:
            rules.setdefault(remark.code, _rule(remark, lang))
            text = " ".join(
                part.in_(lang) for part in (remark.what, remark.why, remark.next) if part.en
            )
            place = (row.manifest.file, remark.line, remark.column)
            results.append(_result(remark.code, _LEVELS[remark.weight], text, place, remark.field))
    for problem in problems:
        rules.setdefault("unreadable", {"id": "unreadable"})
        results.append(_result("unreadable", "error", problem.render(lang), _split(problem.where)))
    order = {code: index for index, code in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = order[result["ruleId"]]
    driver = {
        "name": "genaictl",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": list(rules.values()),
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "language": "zh-CN" if lang is Lang.ZH else "en-US",
        "results": results,
    }
    return json.dumps(
        {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2
    )


def _rule(remark: Remark, lang: Lang) -> MutableJson:
    rule: MutableJson = {
        "id": remark.code,
        "shortDescription": {"text": title(remark).in_(lang)},
        "defaultConfiguration": {"level": _LEVELS[remark.weight]},
    }
    if remark.finding:
        rule["properties"] = {
            "article": remark.finding.article,
            "basis": remark.finding.basis.value,
            "owner": remark.finding.owner.value,
        }
    return rule


def _result(
    code: str, level: str, text: str, place: tuple[str, int, int], field: str = ""
) -> MutableJson:
    file, line, column = place
    location: MutableJson = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(file)},
            "region": {"startLine": max(line, 1), "startColumn": max(column, 1)},
        }
    }
    if field:
        location["logicalLocations"] = [{"fullyQualifiedName": field}]
    return {"ruleId": code, "level": level, "message": {"text": text}, "locations": [location]}


def _uri(file: str) -> str:
    if file == "<stdin>":
        return "stdin"
    path = PurePath(file)
    from urllib.parse import quote

    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _split(where: str) -> tuple[str, int, int]:
    """`file:line:column` -> its parts, where they are there."""
    match = re.fullmatch(r"(.*?)(?::(\d+))?(?::(\d+))?", where, re.DOTALL)
    file, line, column = match.groups() if match else (where, None, None)
    return file, int(line or 1), int(column or 1)


def as_junit(rows: Sequence[Checked], problems: Sequence[Problem], lang: Lang) -> str:
    root = ElementTree.Element("testsuites", name="genaictl check")
    for row in rows:
        _suite(root, row, lang)
    if problems:
        suite = ElementTree.SubElement(root, "testsuite", name="input")
        for problem in problems:
            case = _case(suite, "readable", problem.where)
            _child(case, "error", problem.what.in_(lang), problem.render(lang))
        _total(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode")


def _suite(root: Any, row: Checked, lang: Lang) -> None:
    suite = ElementTree.SubElement(
        root, "testsuite", name=_clean(row.title), file=_clean(row.manifest.file)
    )
    told = {remark.code for remark in row.remarks if remark.finding}
    for remark in row.remarks:
        case = _case(suite, f"{remark.code} {title(remark).in_(lang)}", row.manifest.file)
        case.set("line", str(remark.line))
        text = f"{row.manifest.file}:{remark.line}:{remark.column} {remark.field}\n"
        text += f"{remark.what.in_(lang)}\n{remark.next.in_(lang)}"
        if remark.weight in (Weight.FAULT, Weight.BLOCK):
            kind = "error" if remark.weight is Weight.FAULT else "failure"
            _child(case, kind, remark.what.in_(lang), text)
        else:
            _child(case, "system-out", "", text)
    for finding in row.verdict.findings:
        if finding.id in told:
            continue
        case = _case(suite, f"{finding.id} {finding.title.in_(lang)}", row.manifest.file)
        if finding.result is Result.NOT_APPLICABLE:
            _child(case, "skipped", finding.message.in_(lang), "")
        elif finding.open:  # its field holds a placeholder, told above
            _child(case, "failure", finding.message.in_(lang), finding.remedy.in_(lang))
    _total(suite)


def _case(suite: Any, name: str, file: str) -> Any:
    return ElementTree.SubElement(suite, "testcase", name=_clean(name), classname=_clean(file))


def _child(case: Any, kind: str, message: str, text: str) -> None:
    child = ElementTree.SubElement(case, kind)
    if message:
        child.set("message", _clean(message))
    child.text = _clean(text) or None


def _total(suite: Any) -> None:
    suite.set("tests", str(len(suite)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))


def _clean(text: str) -> str:
    """Without characters that XML cannot hold."""
    return _XML.sub("\ufffd", text)
