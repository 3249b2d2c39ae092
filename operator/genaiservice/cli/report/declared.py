# SPDX-License-Identifier: Apache-2.0
"""What was declared for a requirement, in short, as a person may show it to others.

Rule: what is personal is shown in part, what is secret not at all, and nothing at full length.
Channels that the law wants public (complaints, requests of users) are shown as they are.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from genaiservice.api.jsontree import Json
from genaiservice.api.problem import Text
from genaiservice.cli.report.page import Fact
from genaiservice.cli.report.words import NOT_DECLARED
from genaiservice.rules.compile import CompiledRequirement, CompiledStep
from genaiservice.rules.paths import ROOT, Void, render

MOST_FACTS: Final = 12
"""Of one requirement; a report is read, not searched."""
CHARACTERS: Final = 64
NAMED: Final = 6
"""How many items of a list are named."""

_PUBLIC: Final = ("complaints.", "personalInfo.requests.")
_SECRET: Final = re.compile(r"(?i)(secret|token|password|(private|signing|api)key)$")
_PHONE: Final = re.compile(r"(?<![0-9A-Za-z])(\+?[0-9][0-9 -]{4,}[0-9])(?![0-9A-Za-z])")
_PHONE_FIELD: Final = re.compile(r"(?i)(phone|mobile|tel)$")
_EMAIL: Final = re.compile(r"([^\s@:/]+)@([^\s@/]+)")
_DIGEST: Final = re.compile(r"^(sha256:)?[0-9a-f]{64}$")
HIDDEN: Final = Text(en="declared, not shown", zh="已申报，不显示")
OBJECT: Final = Text(en="declared", zh="已申报")
MISPLACED: Final = Text(en="a value of another type", zh="其他类型的值")
COUNT: Final = Text(en="{n} entries", zh="{n} 项")
YES: Final = Text(en="yes", zh="是")
NO: Final = Text(en="no", zh="否")


def facts_of(
    compiled: CompiledRequirement, declaration: Json, fault: str
) -> tuple[tuple[Fact, ...], int]:
    """The declared values that the requirement looks at, and how many more there are.

    What stands at `fault` (a field path) is among those that are shown.
    """
    found: dict[str, Fact] = {}
    for fact in _facts(compiled, declaration):
        found.setdefault(fact.field, fact)
    shown = tuple(fact for fact in found.values() if not _is_shell(fact, found))
    at = [fact for fact in shown[MOST_FACTS:] if f"{ROOT}.{fact.field}" == fault]
    kept = (*shown[: MOST_FACTS - len(at)], *at)
    return kept, len(shown) - len(kept)


def _facts(compiled: CompiledRequirement, declaration: Json) -> Iterator[Fact]:
    for step in compiled.steps:
        if step.when is not None and not step.when(declaration):
            continue
        for trail, value in step.path.places(declaration, step.where):
            if value is Void.ABSENT and (step.step.optional or step.step.suspends):
                continue
            field = render(trail).removeprefix(ROOT).lstrip(".")
            yield Fact(field=field or ROOT, value=_told(step, field, value))


def _is_shell(fact: Fact, found: Mapping[str, Fact]) -> bool:
    """A list or object of which the requirement shows the parts."""
    begins = (f"{fact.field}.", f"{fact.field}[")
    return any(field.startswith(begins) for field in found)


def _told(step: CompiledStep, field: str, value: Any) -> Text:
    if value is Void.ABSENT:
        return NOT_DECLARED
    if step.step.private and isinstance(value, str) and not _is_contact(field, value):
        return _same(hidden_name(value))
    return brief(field, value)


def _is_contact(field: str, value: str) -> bool:
    return "@" in value or bool(_PHONE_FIELD.search(field)) or bool(_PHONE.search(value))


def brief(field: str, value: Any) -> Text:
    """A declared value on one line."""
    if _SECRET.search(field):
        return HIDDEN
    match value:
        case None:
            return NOT_DECLARED
        case Void():
            return MISPLACED
        case bool():
            return YES if value else NO
        case str():
            return _same(_text(field, value))
        case int() | float():
            return _same(_cut(_number(value)))
        case list():
            return _list(field, value)
        case dict():
            return _object(value)
        case _:
            return OBJECT


def _number(value: float) -> str:
    # str() of an integer beyond all bounds raises; so large a number is a fault, not a fact.
    if isinstance(value, int) and value.bit_length() > CHARACTERS * 3:
        return "…"
    return str(value)


def _text(field: str, value: str) -> str:
    line = clean(" ".join(value.split()))
    if _DIGEST.match(line):
        head, _, tail = line.rpartition(":")
        return f"{head}:{tail[:12]}…" if head else f"{tail[:12]}…"
    if "://" in line:
        line = _address(line)
    if field.startswith(_PUBLIC):
        return _cut(line)
    if _PHONE_FIELD.search(field):
        line = _PHONE.sub(lambda found: _middle(found[1]), line)
    return _cut(_EMAIL.sub(lambda found: f"{found[1][0]}***@{found[2]}", line))


def _middle(number: str) -> str:
    """A phone number without its middle: 138****5678."""
    keep = 3 if len(number) > 8 else 1
    return f"{number[:keep]}****{number[-(keep + 1) :]}"


def hidden_name(value: str) -> str:
    """A person's name in part: the first sign, then one star for each other."""
    line = clean(" ".join(value.split()))
    return line[:1] + "*" * min(len(line) - 1, 3)


def _address(value: str) -> str:
    """An address without what may be secret in it: user, query, fragment."""
    try:
        parts = urlsplit(value)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return value.partition("?")[0].partition("#")[0].rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")


def _list(field: str, values: list[Any]) -> Text:
    if any(isinstance(one, dict | list) for one in values):
        return COUNT.format(n=len(values))
    shown = [brief(field, one) for one in values[:NAMED]]
    more = f" (+{len(values) - NAMED})" if len(values) > NAMED else ""
    return Text(
        en=_cut(", ".join(one.en for one in shown)) + more,
        zh=_cut("、".join(one.zh for one in shown)) + more,
    )


def _object(value: Json) -> Text:
    """A document by its title and digest; other objects are only said to be there."""
    title = value.get("title")
    if not isinstance(title, str):
        return OBJECT
    digest = value.get("sha256")
    mark = f" ({digest[:12]}…)" if isinstance(digest, str) and _DIGEST.match(digest) else ""
    return _same(_text("title", title) + mark)


def clean(text: str) -> str:
    """Without signs that do not print, or that turn the direction of what follows."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _cut(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"


def _same(text: str) -> Text:
    return Text(en=text, zh=text)
