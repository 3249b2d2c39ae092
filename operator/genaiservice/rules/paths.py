# SPDX-License-Identifier: Apache-2.0
"""Field paths: how requirement files name places in the declaration, as `filings[].number`.

A path is relative to `spec.compliance`; `[]` stands for each item of a list. Reading never raises:
what is not there is ABSENT, what stands where an object or a list should be is MISPLACED.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

Trail: TypeAlias = tuple[str | int, ...]
Filter: TypeAlias = Callable[[Any], bool]
Place: TypeAlias = tuple[Trail, Any]

ROOT: Final = "spec.compliance"


class Void(Enum):
    """What is found in place of a value."""

    ABSENT = "absent"
    MISPLACED = "misplaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPath:
    """`names` lead to the value, or to a list whose items `inner` reads."""

    text: str
    names: tuple[str, ...]
    inner: "FieldPath | None"

    @staticmethod
    def parse(text: str) -> "FieldPath":
        head, each, rest = text.partition("[]")
        return FieldPath(
            text=text,
            names=tuple(name for name in head.split(".") if name),
            inner=FieldPath.parse(rest.removeprefix(".")) if each else None,
        )

    def places(self, tree: Any, where: Filter | None = None) -> list[Place]:
        """Every place of this path with its value; `where` picks items of the first list.

        An absent list is one absent place; of a list that is there, each item is one.
        """
        value = _descend(tree, self.names)
        if value is Void.MISPLACED:
            return [(_first_misplaced(tree, self.names), value)]
        if self.inner is None or value is Void.ABSENT:
            return [(self.names, value)]
        if not isinstance(value, list):
            return [(self.names, Void.MISPLACED)]
        return [
            ((*self.names, index, *trail), inner)
            for index, item in enumerate(value)
            if where is None or where(item)
            for trail, inner in self.inner.places(item)
        ]

    def value(self, tree: Any) -> Any:
        """The value of a path without lists; None where there is none."""
        value = _descend(tree, self.names)
        return None if isinstance(value, Void) else value


def _descend(node: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        if not isinstance(node, dict):
            return Void.ABSENT if is_void(node) else Void.MISPLACED
        node = node.get(name)
    return Void.ABSENT if is_void(node) else node


def _first_misplaced(node: Any, names: tuple[str, ...]) -> Trail:
    for position, name in enumerate(names):
        if not isinstance(node, dict):
            return names[:position]
        node = node.get(name)
    return names


def is_void(value: Any) -> bool:
    """Nothing, blanks, or an empty list or object declare nothing."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, list | dict) and not value


def render(trail: Trail) -> str:
    """The trail as an absolute field path: `spec.compliance.filings[0].number`."""
    return f"{ROOT}.{relative(trail)}" if trail else ROOT


def relative(trail: Trail) -> str:
    """The trail as a path below `spec.compliance`: `filings[0].number`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in trail)
    return text.removeprefix(".")
