# SPDX-License-Identifier: Apache-2.0
"""One YAML document -> plain JSON, with the line and column of every field.

Rule: read what the API server would read. Scalars follow Kubernetes' YAML (days and 22:00 stay
text), a key that stands twice is an error, anchors are allowed within a budget, so that a bomb of
aliases ends in a message. Nothing here knows what a GenAIService is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from genaiservice.api.jsontree import MutableJson
from genaiservice.api.problem import Text

MAX_DEPTH: Final = 64
MAX_NODES: Final = 200_000
"""Of one document with its aliases written out; the largest example has about 300."""

STEPS: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_INTEGER: Final = re.compile(r"[-+]?(0b[01]+|0o?[0-7]+|0x[0-9a-fA-F]+|0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class TreeError(Exception):
    """The document cannot be used; `line` and `column` count from 1 within it."""

    def __init__(self, text: Text, line: int, column: int) -> None:
        super().__init__(text.en)
        self.text, self.line, self.column = text, line, column


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a field stands; `exact` is False when it is missing and its nearest parent is meant."""

    line: int
    column: int
    exact: bool = True


class _Composer(_LOADER):  # type: ignore[misc] # chosen at run time
    """Composes nodes and keeps marks; values are built by `_value`.

    Days stay text, and 1e3 is a number without the sign that YAML 1.1 asks for.
    """

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """The tag of a node that bears none. Called for every node, hence no more than this."""
        if kind is not yaml.ScalarNode:
            return _SEQUENCE if kind is yaml.SequenceNode else _MAPPING
        if implicit[0]:
            for tag, pattern in _PLAIN.get(value[:1], ()):
                if pattern.match(value):
                    return tag
        return _TEXT

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Tags depend on no path here."""

    def ascend_resolver(self) -> None:
        """Same."""


_TEXT, _SEQUENCE, _MAPPING = (f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map"))
_NUMBER: Final = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$|[-+]?\.inf$|\.nan$",
    re.IGNORECASE,
)
_REPLACED: Final = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float")
_PLAIN: Final[dict[str, list[tuple[str, re.Pattern[str]]]]] = {
    first: [pair for pair in pairs if pair[0] not in _REPLACED]
    for first, pairs in _LOADER.yaml_implicit_resolvers.items()
}
for _first in "-+0123456789.":
    _PLAIN.setdefault(_first, []).append(("tag:yaml.org,2002:float", _NUMBER))


def compose(text: str) -> Iterator[Any]:
    """The root node of each document of `text`; raises TreeError."""
    loader = None
    try:
        loader = _Composer(text)
        while loader.check_node():
            yield loader.get_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise TreeError(_syntax(str(error.problem or error.context)), line, column) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise TreeError(
            _CONTROL, line, error.position - text.rfind("\n", 0, error.position)
        ) from None
    except (RecursionError, UnboundLocalError):
        # libyaml's Python binding fails in this way where the nesting is too deep for it.
        raise TreeError(_DEEP, 1, 1) from None
    except (yaml.YAMLError, ValueError) as error:
        raise TreeError(_syntax(str(error)), 1, 1) from None
    finally:
        if loader is not None:
            loader.dispose()


def build(root: Any) -> Any:
    """The JSON that a node stands for; raises TreeError."""
    return _value(root, 0, _Budget())


def field_of(node: Any, name: str) -> Any:
    """The plain text under a key of the root mapping, without building anything."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name and isinstance(value, yaml.ScalarNode):
                return value.value
    return None


def locate(root: Any, field: str) -> Place:
    """Where the field path (`spec.filings[0].number`) stands in the document."""
    node, mark, exact = root, root.start_mark, True
    for index, name in STEPS.findall(field):
        found = _item(node, int(index)) if index else _member(node, name)
        if found is None:
            exact = False
            break
        node, mark = found
    return Place(line=mark.line + 1, column=mark.column + 1, exact=exact)


def _item(node: Any, index: int) -> tuple[Any, Any] | None:
    if not isinstance(node, yaml.SequenceNode) or index >= len(node.value):
        return None
    return node.value[index], node.value[index].start_mark


def _member(node: Any, name: str) -> tuple[Any, Any] | None:
    """The value under a key, with the mark of the key; merged mappings (`<<`) count last."""
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.value == name:
            return value, key.start_mark
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            for part in value.value if isinstance(value, yaml.SequenceNode) else (value,):
                found = _member(part, name)
                if found is not None:
                    return found
    return None


class _Budget:
    """Nodes built so far, aliases written out; and the mappings on the way, against cycles."""

    __slots__ = ("built",)

    def __init__(self) -> None:
        self.built = 0

    def spend(self, node: Any) -> None:
        self.built += 1
        if self.built > MAX_NODES:
            raise _fault(node, _MANY)


def _value(node: Any, depth: int, budget: _Budget) -> Any:
    budget.spend(node)
    if depth > MAX_DEPTH:
        raise _fault(node, _DEEP)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, depth + 1, budget) for item in node.value]
    return _mapping(node, depth, budget)


def _mapping(node: Any, depth: int, budget: _Budget) -> MutableJson:
    tree: MutableJson = {}
    merged: MutableJson = {}
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            for part in value.value if isinstance(value, yaml.SequenceNode) else (value,):
                inner = _value(part, depth + 1, budget)
                if not isinstance(inner, dict):
                    raise _fault(value, _MERGE)
                merged = {**inner, **merged}
            continue
        if not isinstance(key, yaml.ScalarNode):
            raise _fault(key, _KEY)
        name = key.value if isinstance(key.value, str) else str(key.value)
        if name in tree:
            raise _fault(key, _twice(name))
        tree[name] = _value(value, depth + 1, budget)
    return {**merged, **tree} if merged else tree


def _scalar(node: Any) -> Any:
    text: str = node.value
    match node.tag.rpartition(":")[2]:
        case "str":
            return text
        case "null":
            return None
        case "bool":
            return text.lower() in ("true", "yes", "on")
        case "int":
            return _integer(text)
        case "float":
            return _float(node, text)
        case _:
            return text


def _integer(text: str) -> int | float | str:
    plain = text.replace("_", "")
    if len(plain) > 20 and plain.isdigit():
        return float(plain[:400])
    if len(plain) > 60 or not _INTEGER.fullmatch(plain):
        return text  # 22:00 and the like: base 60 is no number for Kubernetes
    if plain.lstrip("+-").startswith("0") and plain.lstrip("+-").isdigit():
        return int(plain, 8)
    return int(plain, 0)


def _float(node: Any, text: str) -> float | str:
    plain = text.replace("_", "")
    if plain.lower().lstrip("+-") in (".inf", ".nan"):
        raise _fault(node, _NO_NUMBER)
    if not _FLOAT.fullmatch(plain):
        return text
    value = float(plain)
    if value in (float("inf"), float("-inf")):
        raise _fault(node, _NO_NUMBER)
    return value


def _fault(node: Any, text: Text) -> TreeError:
    mark = node.start_mark
    return TreeError(text, mark.line + 1, mark.column + 1)


_CONTROL: Final = Text(
    en="a control character that YAML does not allow stands here",
    zh="此处有 YAML 不允许的控制字符",
)
_DEEP: Final = Text(en=f"nested deeper than {MAX_DEPTH} levels", zh=f"嵌套超过 {MAX_DEPTH} 层")
_MANY: Final = Text(
    en=f"holds more than {MAX_NODES} values once its aliases are written out",
    zh=f"展开别名后超过 {MAX_NODES} 个值",
)
_MERGE: Final = Text(en="`<<` takes a mapping", zh="`<<` 只能引用映射")
_KEY: Final = Text(en="a key must be plain text", zh="键必须是文本")
_NO_NUMBER: Final = Text(en="no number that JSON can hold", zh="不是 JSON 能表示的数字")


def _twice(name: str) -> Text:
    shown = name[:60]
    return Text(en=f"the key {shown!r} stands twice", zh=f"键 {shown!r} 重复出现")


def _syntax(said: str) -> Text:
    shown = said.replace("\n", " ")[:200]
    return Text(en=f"not YAML: {shown}", zh=f"不是有效的 YAML：{shown}")
