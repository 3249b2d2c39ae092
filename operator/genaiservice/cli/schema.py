# SPDX-License-Identifier: Apache-2.0
"""The CRD as the offline schema: what the API server would refuse, said before `kubectl apply`.

CEL rules of the CRD are evaluated by the API server alone; here types, enums, bounds and
patterns are checked, and unknown fields are named with the nearest known one.
"""

import difflib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Problem, Text

_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "crds", _PACKAGE.parents[1] / "crds")


@cache
def service_schema() -> Json:
    """The structural schema of GenAIService (installed beside the package, or in the checkout)."""
    for place in _PLACES:
        path = place / "genaiservices.yaml"
        if path.exists():
            crd = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
            schema: Json = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            return schema
    raise FileNotFoundError("crds/genaiservices.yaml is missing from the installation")


def faults(body: Json) -> list[Problem]:
    """What the API server would refuse in `body`, first what is nearest to the root."""
    spec = body.get("spec", {})
    schema = lookup(service_schema(), "properties", "spec")
    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(spec), key=lambda error: list(map(str, error.path)))
    problems = [_refused(error) for error in errors]
    problems += [_unknown(path, near) for path, near in _strangers(spec, schema, "spec")]
    return problems


def path_text(steps: Iterator[str | int] | list[str | int], root: str = "spec") -> str:
    """`["filings", 0, "number"]` -> `spec.filings[0].number`."""
    text = root
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text


def _refused(error: jsonschema.ValidationError) -> Problem:
    cause = error.message if len(error.message) <= 300 else error.message[:300] + "…"
    return Problem(
        what=Text(en=cause, zh=f"不符合字段定义：{cause}"),
        why=Text(en="the API server refuses it", zh="API 服务器将拒绝"),
        next=Text(en=_description(error.schema), zh="用法见 kubectl explain"),
        where=path_text(list(error.path)),
    )


def _description(schema: Any) -> str:
    return str(lookup(schema, "description", default="see kubectl explain"))


def _unknown(path: str, near: str) -> Problem:
    hint_en = f"did you mean {near!r}?" if near else "remove it, or see kubectl explain"
    hint_zh = f"是否应为 {near!r}？" if near else "请删除，或查看 kubectl explain"
    return Problem(
        what=Text(en="unknown field", zh="未知字段"),
        why=Text(en="the API server drops it silently", zh="API 服务器会丢弃该字段"),
        next=Text(en=hint_en, zh=hint_zh),
        where=path,
    )


def _strangers(value: Any, schema: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and isinstance(schema, dict):
        known = schema.get("properties")
        if known is None or schema.get("x-kubernetes-preserve-unknown-fields"):
            return
        for key, inner in value.items():
            if key in known:
                yield from _strangers(inner, known[key], f"{path}.{key}")
            else:
                near = difflib.get_close_matches(str(key), list(known), n=1)
                yield f"{path}.{key}", near[0] if near else ""
    elif isinstance(value, list) and isinstance(schema, dict):
        for index, inner in enumerate(value):
            yield from _strangers(inner, schema.get("items"), f"{path}[{index}]")
