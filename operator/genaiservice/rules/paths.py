# SPDX-License-Identifier: Apache-2.0
"""Field paths: how requirement files name places in the declaration, as `filings[].number`.

A path is relative to `spec.compliance`; `[]` stands for each item of a list. Walking never raises:
what is not there is ABSENT, what stands where an object or a list should be is MISPLACED.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

Trail: TypeAlias = tuple[str | int, ...]
Filter: TypeAlias = Callable[[Any], bool]

ROOT: Final = "spec.compliance"


class Void(Enum):
    """What a walk finds in place of a value."""

    ABSENT = "absent"
    MISPLACED = "misplaced"


EACH: Final = "[]"


@dataclass(frozen=True, slots=True)
class FieldPath:
    text: str
    parts: tuple[str, ...]

    @staticmethod
    def parse(text: str) -> "FieldPath":
        return FieldPath(text, tuple(text.replace("[]", ".[]").lstrip(".").split(".")))

    def values(self, tree: Any, where: Filter | None = None) -> Iterator[tuple[Trail, Any]]:
        """Every place of this path with its value; `where` picks items of the first list."""
        return _walk(tree, self.parts, (), where)


def _walk(
    node: Any, parts: tuple[str, ...], trail: Trail, where: Filter | None
) -> Iterator[tuple[Trail, Any]]:
    for position, part in enumerate(parts):
        if part == EACH:
            yield from _walk_items(node, parts[position + 1 :], trail, where)
            return
        if not isinstance(node, Mapping):
            yield trail, Void.MISPLACED
            return
        node = node.get(part)
        trail = (*trail, part)
        if is_void(node):
            yield (*trail, *_names(parts[position + 1 :])), Void.ABSENT
            return
    yield trail, node


def _walk_items(
    items: Any, rest: tuple[str, ...], trail: Trail, where: Filter | None
) -> Iterator[tuple[Trail, Any]]:
    if not isinstance(items, list):
        yield trail, Void.MISPLACED
        return
    for index, item in enumerate(items):
        if where is not None and not where(item):
            continue
        if is_void(item):
            yield (*trail, index, *_names(rest)), Void.ABSENT
        else:
            yield from _walk(item, rest, (*trail, index), None)


def _names(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The parts up to the next list: an absent list is named, not its items."""
    return parts[: parts.index(EACH)] if EACH in parts else parts


def is_void(value: Any) -> bool:
    """Nothing, blanks, or an empty list or object declare nothing."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, list | dict) and not value


def render(trail: Trail) -> str:
    """The trail as an absolute field path: `spec.compliance.filings[0].number`."""
    return ROOT + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in trail)
