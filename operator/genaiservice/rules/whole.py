# SPDX-License-Identifier: Apache-2.0
"""Steps as one JSON Schema on the declaration, for the usual case that all of them hold.

Walking step by step tells where a declaration fails; that it does not fail, one evaluation tells
many times faster. The schema may be stricter than the steps (judge() then walks them), never more
lenient: what it accepts, every step without a named check accepts.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from genaiservice.rules.paths import FieldPath
from genaiservice.rules.requirement import Requirement, Schema, Step

_DECLARED: Final = {
    "anyOf": [
        {"type": ["boolean", "number"]},
        {"type": "string", "pattern": r"[^\s\x00-\x1f]"},
        {"type": "array", "minItems": 1},
        {"type": "object", "minProperties": 1},
    ]
}


def whole_schema(steps: Iterable[Step]) -> Schema:
    """What all steps without a named check ask for."""
    return _conditional(steps)


def all_of(requirements: Iterable[Requirement]) -> Schema:
    """What all requirements ask for, each where it applies: a whole catalogue in one evaluation.

    Requirements that apply alike are one schema, in which each field is visited once.
    """
    alike: dict[str, tuple[Schema, list[Step]]] = {}
    for requirement in requirements:
        condition = requirement.applies_when
        alike.setdefault(json.dumps(condition), (condition, []))[1].extend(requirement.requires)
    return {"allOf": [{"if": when, "then": _conditional(steps)} for when, steps in alike.values()]}


def _conditional(steps: Iterable[Step]) -> Schema:
    """The steps by their conditions: one tree of fields for each."""
    trees: dict[str, tuple[Schema | None, _Field]] = {}
    for step in steps:
        if step.check is None:
            _, tree = trees.setdefault(json.dumps(step.when), (step.when, _Field()))
            leaf: Schema = True if step.schema is None else step.schema
            needed = not (step.optional or step.suspends)
            tree.plant(FieldPath.parse(step.field), leaf, step.where, needed=needed)
    asked: list[Schema] = [
        tree.schema() if when is None else {"if": when, "then": tree.schema()}
        for when, tree in trees.values()
    ]
    return {"allOf": asked} if asked else True


@dataclass(slots=True)
class _Field:
    """What is asked of one field, of the fields below it, and of the items of its list."""

    asked: list[Schema] = field(default_factory=list)
    below: dict[str, "_Field"] = field(default_factory=dict)
    needed: dict[str, None] = field(default_factory=dict)
    items: dict[str, tuple[Schema | None, bool, "_Field"]] = field(default_factory=dict)

    def plant(self, path: FieldPath, leaf: Schema, where: Schema | None, *, needed: bool) -> None:
        node = self
        for name in path.names:
            if needed:
                node.needed[name] = None
            node = node.below.setdefault(name, _Field())
        if path.inner is not None:
            key = json.dumps([where, needed])
            _, _, item = node.items.setdefault(key, (where, needed, _Field()))
            item.plant(path.inner, leaf, None, needed=needed)
            return
        for schema in (_DECLARED, leaf) if needed else (leaf,):
            if schema not in node.asked:
                node.asked.append(schema)

    def schema(self) -> Schema:
        parts = [*self.asked, *(_list(*items) for items in self.items.values())]
        if self.below:
            tree: dict[str, Any] = {
                "type": "object",
                "properties": {name: inner.schema() for name, inner in self.below.items()},
            }
            if self.needed:
                tree["required"] = list(self.needed)
            parts.append(tree)
        return parts[0] if len(parts) == 1 else {"allOf": parts} if parts else True


def _list(where: Schema | None, needed: bool, item: _Field) -> Schema:
    items = item.schema()
    if where is not None:
        items = {"if": where, "then": items}
    return {"type": "array", "items": items, "minItems": 1 if needed else 0}
