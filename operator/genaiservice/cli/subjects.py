# SPDX-License-Identifier: Apache-2.0
"""What somebody may ask `explain` about: a requirement, an article, or a field, from one text.

Everything comes from catalogue and CRD: what to declare is what the steps read, the example is
the part of the complete declaration that they read.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from genaiservice.api.jsontree import Json
from genaiservice.api.problem import EMPTY, Problem, ProblemError, Text
from genaiservice.cli.articles import ARTICLES
from genaiservice.cli.kept import catalogue
from genaiservice.cli.schema import node_at
from genaiservice.cli.wording import described, short
from genaiservice.rules.limits import numbered
from genaiservice.rules.paths import ROOT
from genaiservice.rules.requirement import Requirement, Step

_ARTICLE: Final = re.compile(
    r"(?:ART(?:ICLE|\.)?\s*|第)?\s*([0-9]{1,2}|[一二三四五六七八九十]{1,3})\s*条?"
)
_DIGITS: Final = {sign: number for number, sign in enumerate("一二三四五六七八九", start=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`asked`: by field, what a step expects there. `example`: YAML of the fields it reads."""

    requirement: Requirement
    asked: dict[str, list[Text]]
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    number: int
    text: Text
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    path: str
    description: Text
    kind: Text
    children: tuple[str, ...]
    read_by: tuple[tuple[Requirement, list[Text]], ...]
    example: str


def find(subject: str) -> Rule | Article | Field:
    """What is meant; raises ProblemError with what is near."""
    wanted = subject.strip()
    every = [compiled.requirement for compiled in catalogue().requirements]
    for requirement in every:
        if requirement.id == wanted.upper():
            return rule(requirement)
    number = _number(wanted)
    if number in ARTICLES:
        rules = tuple(rule(one) for one in every if one.article == number and one.id[:2] == "IM")
        return Article(number=number, text=ARTICLES[number], rules=rules)
    found = _field(wanted, every)
    if found is None:
        raise ProblemError(_nothing(wanted, every))
    return found


def rule(requirement: Requirement) -> Rule:
    asked: dict[str, list[Text]] = {}
    for step in requirement.requires:
        texts = asked.setdefault(step.field, [])
        expects = numbered(step.expects, catalogue().values)
        if expects not in texts:
            texts.append(expects)
    return Rule(
        requirement=requirement,
        asked=asked,
        example=_yaml(
            _excerpt(catalogue().complete, [step.field for step in requirement.requires])
        ),
    )


def _number(text: str) -> int:
    match = _ARTICLE.fullmatch(text.upper())
    if match is None:
        return 0
    digits = match[1]
    if digits.isdigit():
        return int(digits)
    tens, ten, ones = digits.rpartition("十")
    return (_DIGITS.get(tens, 1) * 10 if ten else 0) + _DIGITS.get(ones, 0)


def _field(text: str, every: list[Requirement]) -> Field | None:
    bare = re.sub(r"\[\d*\]", "[]", text.removeprefix("genaiservice.").strip("."))
    for path in (bare, f"spec.{bare}", f"{ROOT}.{bare}") if bare else ():
        node = node_at(path)
        if node is not None and path.startswith("spec"):
            return _described(path, node, every)
    return None


def _described(path: str, node: Json, every: list[Requirement]) -> Field:
    inner = path.removeprefix(f"{ROOT}.") if path.startswith(f"{ROOT}.") else ""
    read_by = tuple(
        (one, [numbered(step.expects, catalogue().values) for step in steps])
        for one in every
        if inner and (steps := list(_reading(one, inner)))
    )
    item = node.get("items") if node.get("type") == "array" else node
    children = sorted(item.get("properties", {})) if isinstance(item, dict) else []
    return Field(
        path=path,
        description=described(node),
        kind=_kind(node),
        children=tuple(children),
        read_by=read_by,
        example=_yaml(_excerpt(catalogue().complete, [inner])) if inner else "",
    )


def _reading(requirement: Requirement, field: str) -> Iterator[Step]:
    """Steps that read the field, something below it, or the list or object that holds it."""
    plain = field.replace("[]", "")
    for step in requirement.requires:
        other = step.field.replace("[]", "")
        if other == plain or other.startswith(f"{plain}."):
            yield step


def _kind(node: Json) -> Text:
    if "enum" in node:
        listed = ", ".join(map(str, node["enum"]))
        return Text(en=f"one of {listed}", zh=f"{listed} 之一")
    held = [(word, short(node[key])) for key, word in _BOUNDS.items() if key in node]
    name = _TYPES[str(node.get("type", ""))]
    en = ", ".join(f"{word.en} {value}" for word, value in held)
    zh = "，".join(f"{word.zh} {value}" for word, value in held)
    return Text(
        en=f"{name.en} ({en})" if held else name.en, zh=f"{name.zh}（{zh}）" if held else name.zh
    )


_TYPES: Final = {
    "string": Text(en="string", zh="文本"),
    "integer": Text(en="integer", zh="整数"),
    "number": Text(en="number", zh="数值"),
    "boolean": Text(en="boolean", zh="true 或 false"),
    "array": Text(en="array", zh="列表"),
    "object": Text(en="object", zh="对象"),
    "": Text(en="any", zh="任意"),
}
_BOUNDS: Final = {
    "minimum": Text(en="≥", zh="≥"),
    "maximum": Text(en="≤", zh="≤"),
    "minLength": Text(en="length ≥", zh="字符数 ≥"),
    "maxLength": Text(en="length ≤", zh="字符数 ≤"),
    "maxItems": Text(en="entries ≤", zh="项数 ≤"),
    "default": Text(en="default", zh="默认"),
}


def _excerpt(tree: Any, fields: Iterable[str]) -> Any:
    """The parts of a declaration that the field paths name; of a list only the first item."""
    wanted: dict[str, list[str]] = {}
    for field in fields:
        head, _, rest = field.partition(".")
        wanted.setdefault(head, []).append(rest)
    excerpt: dict[str, Any] = {}
    for head, rests in wanted.items():
        name = head.removesuffix("[]")
        if not isinstance(tree, dict) or name not in tree:
            continue
        value = tree[name]
        below = [rest for rest in rests if rest]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            item = _excerpt(value[0], below) if below else value[0]
            excerpt[name] = [item]
        else:
            whole = not below or not isinstance(value, dict)
            excerpt[name] = value if whole else _excerpt(value, below)
    return excerpt


def _yaml(tree: Any) -> str:
    if not tree:
        return ""
    import yaml

    return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False, width=96)


def _nothing(subject: str, every: list[Requirement]) -> Problem:
    shown = subject[:60]
    near = _near(subject, every)
    listed = ", ".join(near)
    return Problem(
        what=Text(
            en=f"no requirement, article or field {shown!r}", zh=f"没有要求、条款或字段 {shown!r}"
        ),
        why=EMPTY,
        next=Text(
            en=(f"did you mean {listed}? " if near else "")
            + "give a requirement such as IM-17-1, an article from 1 to 24, or a field such as "
            "filings[].number; `genaictl explain 17` lists the requirements of an article",
            zh=(f"是否为 {listed}？" if near else "")
            + "请给出要求编号（如 IM-17-1）、1 至 24 的条款号，或字段路径（如 filings[].number）；"
            "`genaictl explain 17` 列出该条的各项要求",
        ),
    )


def _near(subject: str, every: list[Requirement]) -> list[str]:
    """What may be meant: ids and fields written alike, and titles that hold the word."""
    wanted = subject.lower().removeprefix("spec.").removeprefix("compliance.")[:100]
    node = node_at(ROOT) or {}
    known = {one.id.lower(): one.id for one in every}
    known |= {path.replace("[]", "").lower(): path for path in _paths(node, "")}
    # `get_close_matches` takes its time for each; a few hundred are no wait.
    alike = get_close_matches(wanted.replace("[]", ""), list(known), n=3, cutoff=0.75)
    held = [one.id for one in every if _titled(one, wanted)]
    return list(dict.fromkeys([*(known[one] for one in alike), *(held[:5] if wanted else ())]))


def _titled(requirement: Requirement, word: str) -> bool:
    return any(word in title.lower() for title in (requirement.title.en, requirement.title.zh))


def _paths(node: Json, path: str) -> Iterator[str]:
    for name, child in node.get("properties", {}).items():
        below = f"{path}.{name}".removeprefix(".")
        yield below
        inner = child.get("items", child)
        yield from _paths(inner, f"{below}[]" if inner is not child else below)
