# SPDX-License-Identifier: Apache-2.0
"""The CRD as the offline schema: what the API server would refuse, said before `kubectl apply`.

Structure, bounds and patterns by jsonschema-rs, the other CEL rules by `cel`, in the order in
which the API server does it: CEL rules run only on what has the right structure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import jsonschema_rs

from genaiservice.api import names
from genaiservice.api.jsontree import Json, MutableJson
from genaiservice.api.problem import EMPTY, Problem, Text
from genaiservice.cli import cel, wording
from genaiservice.cli.kept import schemas

_MATCHES: Final = re.compile(r"self(\.trim\(\))?\.matches\('((?:[^'\\]|\\.)*)'\)")
_DATE: Final = " && !format.date().validate(self).hasValue()"


_NAME: Final = {
    "description": "name of the object, for example chat",
    "x-zh": "对象的名称，例如 chat",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`code` is the kind of fault (`schema/enum`); `problem.where` the field path."""

    code: str
    problem: Problem

    @property
    def field(self) -> str:
        return self.problem.where


def faults(body: Json, kind: str = names.KIND_SERVICE) -> list[Fault]:
    """What the API server would refuse in `body`, in the order of the fields."""
    schema = _schema(kind)
    tree = _pruned({key: value for key, value in body.items() if key != "status"})
    found: list[Fault] = list(_version(body))
    try:
        for error in _validator(kind).iter_errors(tree):
            found += _described(error, schema)
    except (ValueError, TypeError, OverflowError) as error:
        found.append(_unjudged(error))
    if not found:
        found = list(_contradictions(_filled(tree, schema), schema, ""))
    once = {(fault.field, fault.code): fault for fault in found}
    return [once[key] for key in sorted(once)]


def defaulted(body: Json, kind: str = names.KIND_SERVICE) -> MutableJson:
    """The object with the defaults that the API server fills in, nulls gone."""
    tree: MutableJson = _filled(_pruned(body), _schema(kind))
    return tree


def _version(body: Json) -> Iterator[Fault]:
    """A version that no API server serves: the object would not even be looked at there."""
    version = body.get("apiVersion")
    if version != names.API_VERSION:
        yield Fault(code="schema/version", problem=wording.unserved(version, names.API_VERSION))


@cache
def _schema(kind: str) -> MutableJson:
    tree = schemas()[kind]
    schema = _closed({**tree, "properties": {**tree["properties"]}})
    metadata = schema["properties"]["metadata"]
    metadata |= {
        "required": ["name"],
        "description": "Name and namespace of the object.",
        "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 253, **_NAME}},
    }
    metadata.pop("additionalProperties", None)
    schema["required"] = sorted({*schema.get("required", ()), "metadata"})
    return schema


@cache
def _validator(kind: str) -> Any:
    return jsonschema_rs.Draft202012Validator(_schema(kind), validate_formats=True)


def node_at(path: str, kind: str = names.KIND_SERVICE) -> Json | None:
    """The schema of a field path; `[]` and indexes mean the items of a list."""
    node: Any = schemas()[kind]
    for step in re.findall(r"\[\d*\]|[^.\[\]]+", path):
        properties = node.get("properties", {})
        node = node.get("items") if step.startswith("[") else properties.get(step)
        if not isinstance(node, dict):
            return None
    found: Json = node
    return found


def _closed(schema: Json) -> MutableJson:
    """`schema` without CEL: no further fields, rules of one value as pattern and format.

    The rules that are left stand under `x-rules`, the message of the others under `x-message`;
    `x-below` says whether there is any such rule here or below.
    """
    plain = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes")}
    plain.pop("format", None)
    if schema.get("x-kubernetes-list-type") == "set":
        plain["uniqueItems"] = True
    if keys := schema.get("x-kubernetes-list-map-keys"):
        plain["x-keys"] = keys
    for rule in schema.get("x-kubernetes-validations", ()):
        _take_rule(plain, rule)
    if "properties" in plain:
        plain["properties"] = {name: _closed(one) for name, one in plain["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            plain["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(plain.get(key), dict):
            plain[key] = _closed(plain[key])
    below = [
        *plain.get("properties", {}).values(),
        plain.get("items"),
        plain.get("additionalProperties"),
    ]
    plain["x-below"] = bool({"x-rules", "x-keys"} & plain.keys()) or any(
        child.get("x-below") for child in below if isinstance(child, dict)
    )
    return plain


def _take_rule(plain: MutableJson, rule: Json) -> None:
    text = " ".join(rule["rule"].split())
    match = _MATCHES.match(text)
    if match is None or text[match.end() :] not in ("", _DATE) or "pattern" in plain:
        plain.setdefault("x-rules", []).append({**rule, "rule": text})
        return
    trimmed, wanted = match.groups()
    wanted = re.sub(r"\\(.)", r"\1", wanted)
    plain["pattern"] = rf"^\s*(?:{wanted[1:-1]})\s*$" if trimmed else wanted
    plain["x-message"] = rule["message"]
    if text[match.end() :]:
        plain["format"] = "date"


def _pruned(value: Any) -> Any:
    """Without nulls in objects, as the API server drops them before it looks."""
    if isinstance(value, dict):
        return {str(key): _pruned(one) for key, one in value.items() if one is not None}
    return [_pruned(one) for one in value] if isinstance(value, list) else value


def path_text(steps: list[str | int]) -> str:
    """`["spec", "filings", 0, "number"]` -> `spec.filings[0].number`."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def _described(error: Any, schema: Json) -> Iterator[Fault]:
    node: Any = schema
    for step in error.schema_path[:-1]:
        node = node[step]
    for code, problem in wording.problems(error, node, path_text(error.instance_path), schema):
        yield Fault(code=f"schema/{code}", problem=problem)


# Each rule is compiled when it is first met: most commands meet few.
_compiled: Final = cache(cel.compiled)


def _contradictions(value: Any, node: Any, path: str) -> Iterator[Fault]:
    """The rules over several fields; the defaults of the schema are filled in already."""
    for rule in node.get("x-rules", ()):
        if not _compiled(rule["rule"])(value):
            where = f"{path}{rule.get('fieldPath', '')}".removeprefix(".")
            yield Fault(code="schema/rule", problem=wording.by_rule(rule["message"], where))
    if isinstance(value, dict):
        inner = node.get("additionalProperties")
        for key, child in value.items():
            schema = node.get("properties", {}).get(key, inner)
            if isinstance(schema, dict) and schema.get("x-below"):
                yield from _contradictions(child, schema, f"{path}.{key}".removeprefix("."))
    elif isinstance(value, list) and isinstance(node.get("items"), dict):
        yield from _repeated(value, node, path)
        if not node["items"].get("x-below"):
            return
        for index, child in enumerate(value):
            yield from _contradictions(child, node["items"], f"{path}[{index}]")


def _repeated(value: list[Any], node: Json, path: str) -> Iterator[Fault]:
    seen: set[tuple[Any, ...]] = set()
    for index, item in enumerate(value if "x-keys" in node else ()):
        key = tuple(item.get(name) for name in node["x-keys"])
        if key in seen:
            where = f"{path}[{index}].{node['x-keys'][0]}"
            yield Fault(code="schema/duplicate", problem=wording.twice(str(key[0]), where))
        seen.add(key)


def _filled(value: Any, node: Json) -> Any:
    """With the defaults of this level and of what hangs below it."""
    if isinstance(value, list) and isinstance(node.get("items"), dict):
        return [_filled(item, node["items"]) for item in value]
    if not isinstance(value, dict):
        return value
    whole = dict(value)
    for name, child in node.get("properties", {}).items():
        if name not in whole and "default" in child:
            whole[name] = child["default"]
        if name in whole:
            whole[name] = _filled(whole[name], child)
    return whole


def _unjudged(error: Exception) -> Fault:
    said = str(error)[:120]
    return Fault(
        code="schema/value",
        problem=Problem(
            where="",
            what=Text(
                en=f"holds a value that JSON cannot carry: {said}",
                zh=f"含有 JSON 无法表示的值：{said}",
            ),
            why=EMPTY,
            next=Text(en="correct or remove the value", zh="请更正或删除该值"),
        ),
    )
