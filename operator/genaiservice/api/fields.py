# SPDX-License-Identifier: Apache-2.0
"""Reading a JSON object field by field, with every fault collected and none raised.

Rule: a fault names the field path, what stands there, what may stand there, and what to do.
A field at fault yields its default, so that the reader can go on and find the other faults.
"""

from collections.abc import Callable, Collection
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

from genaiservice.api.jsontree import Json
from genaiservice.api.problem import Problem, Text

Choice = TypeVar("Choice", bound=StrEnum)

MISSING: Any = object()
"""Stands for "no default": the field must be written."""


def fault(where: str, what: Text, next_: Text, why: Text | None = None) -> Problem:
    empty = Text(en="", zh="")
    return Problem(where=where, what=what, why=why or empty, next=next_)


def kind(value: Any) -> Text:
    """What sort of JSON value this is, without the value itself (it may be a secret)."""
    match value:
        case None:
            return Text(en="null", zh="null")
        case bool():
            return Text(en="a boolean", zh="布尔值")
        case int() | float():
            return Text(en="a number", zh="数字")
        case str():
            return Text(en="a text", zh="文本")
        case list() | tuple():
            return Text(en="a list", zh="列表")
        case _:
            return Text(en="an object", zh="对象")


class Fields:
    """One object of the tree; `problems` is shared by all objects of one document."""

    def __init__(self, tree: Any, where: str, problems: list[Problem]) -> None:
        self._where = where
        self._problems = problems
        self._seen: set[str] = set()
        self._tree: Json = {}
        if isinstance(tree, dict):
            self._tree = tree
        else:
            self._mistyped(where or "$", tree, Text(en="an object", zh="对象"))

    def path(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def report(self, key: str, what: Text, next_: Text, why: Text | None = None) -> None:
        self._problems.append(fault(self.path(key), what, next_, why))

    def child(self, key: str) -> "Fields":
        """The object under `key`; an absent one is read as empty."""
        return Fields(self.value(key, {}), self.path(key), self._problems)

    def children(self, key: str, *, most: int) -> "list[Fields]":
        """The objects in the list under `key`; an absent list is read as empty."""
        value = self.value(key, [])
        if not isinstance(value, list | tuple) or len(value) > most:
            wanted = Text(en=f"a list of at most {most} objects", zh=f"最多 {most} 个对象的列表")
            self._mistyped(self.path(key), value, wanted)
            return []
        return [
            Fields(entry, f"{self.path(key)}[{index}]", self._problems)
            for index, entry in enumerate(value)
        ]

    def value(self, key: str, default: Any) -> Any:
        self._seen.add(key)
        if key in self._tree:
            return self._tree[key]
        if default is MISSING:
            self.report(
                key,
                Text(en="is missing", zh="缺失"),
                Text(en="add this field", zh="请补充该字段"),
            )
        return default

    def text(self, key: str, default: Any = MISSING, *, most: int = 4096) -> str:
        value = self.value(key, default)
        if value is MISSING:
            return ""
        if not isinstance(value, str):
            self._mistyped(self.path(key), value, Text(en="a text", zh="文本"))
        elif len(value) > most or (not value and default is MISSING):
            self.report(
                key,
                Text(en=f"has {len(value)} characters", zh=f"共 {len(value)} 个字符"),
                Text(en=f"write 1 to {most} characters", zh=f"请填写 1 到 {most} 个字符"),
            )
        else:
            return value
        return "" if default is MISSING else str(default)

    def boolean(self, key: str, default: bool) -> bool:
        value = self.value(key, default)
        if isinstance(value, bool):
            return value
        self._mistyped(self.path(key), value, Text(en="true or false", zh="true 或 false"))
        return default

    def integer(self, key: str, default: int, *, least: int, most: int) -> int:
        value = self.value(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self._out_of_range(key, value, f"{least}", f"{most}", Text(en="a whole number", zh="整数"))
        return default

    def number(self, key: str, default: float, *, least: float, most: float) -> float:
        value = self.value(key, default)
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and least <= value <= most
        ):
            return float(value)
        self._out_of_range(key, value, f"{least:g}", f"{most:g}", Text(en="a number", zh="数字"))
        return default

    def choice(self, key: str, default: Choice) -> Choice:
        value = self.value(key, default.value)
        accepted = [member.value for member in type(default)]
        if isinstance(value, str) and value in accepted:
            return type(default)(value)
        shown = value if isinstance(value, str) else kind(value).en
        self.report(
            key,
            Text(en=f"is {shown[:60]!r}", zh=f"值为“{shown[:60]}”"),
            Text(
                en=f"write one of {', '.join(accepted)}{_guess(shown, accepted).en}",
                zh=f"请填写 {'、'.join(accepted)} 之一{_guess(shown, accepted).zh}",
            ),
        )
        return default

    def texts(
        self, key: str, *, most: int, check: Callable[[str], Problem | None] | None = None
    ) -> tuple[str, ...]:
        """A list of texts; `check` may object to one of them."""
        value = self.value(key, [])
        if not isinstance(value, list | tuple):
            self._mistyped(self.path(key), value, Text(en="a list of texts", zh="文本列表"))
            return ()
        if len(value) > most:
            self.report(
                key,
                Text(en=f"has {len(value)} entries", zh=f"共 {len(value)} 项"),
                Text(en=f"keep at most {most}", zh=f"请保留最多 {most} 项"),
            )
            return ()
        for index, entry in enumerate(value):
            if not isinstance(entry, str):
                self._mistyped(f"{self.path(key)}[{index}]", entry, Text(en="a text", zh="文本"))
                return ()
            if check is not None and (problem := check(entry)) is not None:
                self._problems.append(problem)
        return tuple(value)

    def end(self, also: Collection[str] = ()) -> None:
        """Reports every key that nobody asked for, with the likely one."""
        known = sorted({*self._seen, *also})
        for key in self._tree:
            if key in known:
                continue
            near = _guess(str(key), known)
            self.report(
                str(key)[:60],
                Text(en="is not known here", zh="在此处未定义"),
                Text(
                    en=f"remove it{near.en}; known: {', '.join(known)}",
                    zh=f"请删除{near.zh}；可用字段：{'、'.join(known)}",
                ),
                Text(
                    en="a field that nothing reads would be a setting without effect",
                    zh="无人读取的字段等于无效设置",
                ),
            )

    def _mistyped(self, where: str, value: Any, wanted: Text) -> None:
        found = kind(value)
        self._problems.append(
            fault(
                where,
                Text(en=f"is {found.en}", zh=f"类型为{found.zh}"),
                Text(en=f"write {wanted.en}", zh=f"请填写{wanted.zh}"),
            )
        )

    def _out_of_range(self, key: str, value: Any, least: str, most: str, wanted: Text) -> None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        found = Text(en=f"{value}", zh=f"{value}") if number else kind(value)
        self.report(
            key,
            Text(en=f"is {found.en}", zh=f"值为 {found.zh}"),
            Text(
                en=f"write {wanted.en} from {least} to {most}",
                zh=f"请填写 {least} 到 {most} 的{wanted.zh}",
            ),
        )


def _guess(word: str, known: Collection[str]) -> Text:
    lowered = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    if not near:
        return Text(en="", zh="")
    name = lowered[near[0]]
    return Text(en=f" (did you mean {name}?)", zh=f"（是否想写 {name}？）")
