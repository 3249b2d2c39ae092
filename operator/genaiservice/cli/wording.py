# SPDX-License-Identifier: Apache-2.0
"""Faults of the schema in words: what stands there, what may stand there, in two languages.

A rule of the CRD brings its own message; this module words what the structure alone says, and adds
the likely value: full-width digits made plain, a field name that is near.
"""

import json
import unicodedata
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

from genaiservice.api.fields import kind
from genaiservice.api.jsontree import Json
from genaiservice.api.problem import EMPTY, Problem, Text

REFUSED: Final = Text(en="the API server refuses it", zh="API 服务器将拒绝")
DROPPED: Final = Text(
    en="`kubectl apply` refuses it, other clients lose it silently",
    zh="kubectl apply 会拒绝，其他客户端会悄悄丢弃",
)
VALUE_LENGTH: Final = 60
_TYPES: Final = {
    "string": Text(en="a text", zh="文本"),
    "integer": Text(en="a whole number", zh="整数"),
    "number": Text(en="a number", zh="数字"),
    "boolean": Text(en="true or false", zh="布尔值（true 或 false）"),
    "object": Text(en="an object", zh="对象"),
    "array": Text(en="a list", zh="列表"),
}
_LIMITS: Final = {
    "minimum": Text(en="write {limit} or more", zh="应不小于 {limit}"),
    "maximum": Text(en="write {limit} or less", zh="应不大于 {limit}"),
    "minLength": Text(en="write at least {limit} character(s)", zh="至少 {limit} 个字符"),
    "maxLength": Text(en="write at most {limit} characters", zh="最多 {limit} 个字符"),
    "minItems": Text(en="write at least {limit} entry", zh="至少 {limit} 项"),
    "maxItems": Text(en="keep at most {limit} entries", zh="最多 {limit} 项"),
    "maxProperties": Text(en="keep at most {limit} entries", zh="最多 {limit} 项"),
}


def problems(error: Any, node: Json, path: str, root: Json) -> Iterator[tuple[str, Problem]]:
    """The faults in one error of jsonschema-rs at a schema node, each with its code."""
    word = str(error.schema_path[-1])
    value = error.instance
    match word:
        case "additionalProperties":
            for name in error.kind.unexpected:
                yield "unknown-field", _unknown(str(name), node, path, root)
        case "required":
            yield "required", _missing(error.kind.property, node, path)
        case "type" | "anyOf":
            yield "type", _mistyped(value, node, path)
        case "enum":
            yield "enum", _none_of(value, node["enum"], path)
        case "pattern" | "format":
            yield "pattern", _misshapen(value, node, path)
        case "uniqueItems":
            yield "duplicate", twice("", path)
        case _ if word in _LIMITS:
            limit = _LIMITS[word].format(limit=node[word])
            yield "limit", _problem(path, _is(value), limit, described(node))
        case _:
            yield "value", _problem(path, _is(value), described(node))


def by_rule(message: str, path: str) -> Problem:
    """A CEL rule's own words: `<中文> | <English>`, each `what，请…` in one sentence."""
    return _problem(path, Text.parted(message), EMPTY)


def twice(name: str, path: str) -> Problem:
    shown = f" {name!r}" if name else ""
    return _problem(
        path,
        Text(en=f"the entry{shown} stands twice in the list", zh=f"列表中有重复项{shown}"),
        Text(en="remove one of the two", zh="请删除其中一项"),
    )


def _problem(path: str, what: Text, next_: Text, more: Text = EMPTY) -> Problem:
    if more is not EMPTY:
        next_ = Text(en=f"{next_.en}: {more.en}", zh=f"{next_.zh}（{more.zh}）")
    return Problem(where=path, what=what, why=REFUSED, next=next_)


def _is(value: Any) -> Text:
    if isinstance(value, list):
        return Text(en=f"is a list of {len(value)}", zh=f"共 {len(value)} 项")
    shown = short(value)
    return Text(en=f"is {shown}", zh=f"现为 {shown}")


def short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= VALUE_LENGTH else f"{text[:VALUE_LENGTH]}…"


def described(node: Json) -> Text:
    """What a field of the schema means."""
    words = " ".join(str(node.get("description", "")).split())
    return Text(en=words, zh=str(node.get("x-zh", words))) if words else EMPTY


def _mistyped(value: Any, node: Json, path: str) -> Problem:
    wanted = str(node.get("type", "string"))
    words, seen = _TYPES.get(wanted, _TYPES["string"]), kind(value)
    scalar = isinstance(value, str | int | float)
    shown = Text(en=f" ({short(value)})", zh=f"（{short(value)}）") if scalar else EMPTY
    return _problem(
        path,
        Text(
            en=f"is {seen.en}{shown.en}, where {words.en} belongs",
            zh=f"现为{seen.zh}{shown.zh}，应为{words.zh}",
        ),
        _retyped(value, wanted) or described(node),
    )


def _retyped(value: Any, wanted: str) -> Text | None:
    """How the same value is written in the wanted type, where that is plain."""
    if wanted == "string" and isinstance(value, int | float):
        text = json.dumps(value)
        return Text(en=f'put it in quotes: "{text}"', zh=f'请加引号："{text}"')
    if wanted in ("integer", "number") and isinstance(value, str):
        plain = unicodedata.normalize("NFKC", value).replace(" ", "")
        if plain.replace(".", "", 1).isdigit():
            return Text(en=f"write {plain} without quotes", zh=f"请写 {plain}，不加引号")
    if wanted == "boolean" and str(value).lower() in ("yes", "true", "是", "1", "on"):
        return Text(en="write true without quotes", zh="请写 true，不加引号")
    if wanted == "boolean":
        return Text(en="write true or false without quotes", zh="请写 true 或 false，不加引号")
    if wanted == "array" and not isinstance(value, dict):
        return Text(en=f"write a list: [{value}]", zh=f"请写成列表：[{value}]")
    return None


def _none_of(value: Any, known: list[Any], path: str) -> Problem:
    listed = ", ".join(map(str, known))
    near = nearest(str(value), [str(one) for one in known])
    return _problem(
        path,
        _is(value),
        Text(
            en=f"write one of {listed}" + (f"; did you mean {near}?" if near else ""),
            zh=f"请填写 {listed} 之一" + (f"；是否应为 {near}？" if near else ""),
        ),
    )


def _misshapen(value: Any, node: Json, path: str) -> Problem:
    message = Text.parted(str(node.get("x-message", "")))
    plain = unicodedata.normalize("NFKC", str(value)).strip()
    if message.en and plain != value and _fits(plain, node):
        hint = Text(
            en=f"full-width signs or stray blanks: write {short(plain)}",
            zh=f"含全角字符或多余空格，请写 {short(plain)}",
        )
        return _problem(path, _is(value), hint)
    if node.get("format") == "date" and _fits(str(value), {**node, "format": ""}):
        return _problem(
            path,
            Text(
                en=f"is {short(value)}, a day that the calendar does not have",
                zh=f"现为 {short(value)}，日历中没有这一天",
            ),
            message,
        )
    return _problem(path, _is(value), message if message.en else described(node))


def _fits(text: str, node: Json) -> bool:
    import jsonschema_rs

    wanted = {key: node[key] for key in ("pattern", "format", "maxLength") if node.get(key)}
    return bool(jsonschema_rs.is_valid(wanted, text, validate_formats=True))


def _missing(name: str, node: Json, path: str) -> Problem:
    child = node.get("properties", {}).get(name, {})
    where = f"{path}.{name}".removeprefix(".")
    add = Text(en="add it", zh="请补充")
    return _problem(where, Text(en="is missing", zh="缺少该字段"), add, described(child))


def _unknown(name: str, node: Json, path: str, root: Json) -> Problem:
    near = nearest(name, list(node.get("properties", {})))
    if near:
        hint = Text(en=f"did you mean {near}?", zh=f"是否应为 {near}？")
    elif home := _home(name, root, ""):
        hint = Text(en=f"move it to {home}", zh=f"请移至 {home}")
    else:
        known = ", ".join(sorted(node.get("properties", {}))[:20])
        hint = Text(en=f"remove it; known here: {known}", zh=f"请删除；此处可用：{known}")
    where = f"{path}.{name}".removeprefix(".")
    unknown = Text(en="is no field of this resource", zh="该资源没有此字段")
    return Problem(where=where, what=unknown, why=DROPPED, next=hint)


def unserved(version: Any, served: str) -> Problem:
    """An object of a version that the CRD does not have."""
    hint = Text(en=f"write apiVersion: {served}", zh=f"请填写 apiVersion: {served}")
    return _problem("apiVersion", _is(version), hint)


def nearest(name: str, known: list[str]) -> str:
    """The known name that was most likely meant, "" when none is near."""
    folded = {one.lower().replace("_", "").replace("-", ""): one for one in known}
    wanted = name.lower().replace("_", "").replace("-", "")
    found = get_close_matches(wanted[:100], list(folded), n=1, cutoff=0.7)
    longer = [one for one in folded if len(wanted) > 3 and one.startswith(wanted)]
    return folded[(found or longer)[0]] if found or longer else ""


def _home(name: str, node: Any, path: str) -> str:
    """Where else in the schema a field of this name belongs; "" when nowhere or in many places."""
    found = [one for one in _homes(name, node, path) if not one.startswith("status")]
    return found[0] if len(found) == 1 else ""


def _homes(name: str, node: Any, path: str) -> Iterator[str]:
    for key, child in node.get("properties", {}).items():
        where = f"{path}.{key}".removeprefix(".")
        if key == name:
            yield where
        yield from _homes(name, child, where)
    if isinstance(node.get("items"), dict):
        yield from _homes(name, node["items"], f"{path}[]")
