# SPDX-License-Identifier: Apache-2.0
"""The cases of a requirement file as declarations: the complete one, changed as the case says.

Used by the tests and by the documentation; judging knows nothing of cases.
"""

import copy
import re
from typing import Any, Final

from genaiservice.api.jsontree import Json, merge_patch
from genaiservice.rules.requirement import Case

FACTS: Final[Json] = {
    "service": {"name": "chat", "namespace": "shop", "displayName": "问答助手"},
    "workload": {"mode": "managed", "replicas": 2, "minReplicas": None},
    "guard": {"killSwitch": False},
}
"""What the operator knows of the complete service without looking around."""

TAKEN: Final = "2026-11-25T09:00:00+08:00"
PAGE: Final[Json] = {
    "url": "https://chat.example.com/",
    "status": 200,
    "takenAt": TAKEN,
    "failingSince": None,
    "failures": 0,
    "sha256": None,
    "sha256Since": None,
    "contains": {},
    "lackingSince": {},
    "error": None,
}
"""A page that answers, of which nothing more is known."""


def declaration_of(case: Case, complete: Json) -> Any:
    tree = copy.deepcopy(merge_patch(complete, case.patch))
    for path, value in case.put.items():
        put(tree, steps_of(path), copy.deepcopy(value))
    return tree


def facts_of(case: Case) -> Any:
    """The facts of a case: what it says, on top of what is known of every service."""
    facts = laid_over(FACTS, case.facts)
    if "cluster" in facts:
        facts["cluster"] = {"takenAt": TAKEN} | facts["cluster"]
    if "pages" in facts:
        facts["pages"] = {name: {**PAGE, **page} for name, page in facts["pages"].items()}
    return facts


def laid_over(tree: Json, changes: Json) -> dict[str, Any]:
    """`tree` with `changes` in it; unlike a merge patch, null is a value and stays."""
    merged = copy.deepcopy(dict(tree))
    for key, value in changes.items():
        below: Any = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = laid_over(below, value) if both else copy.deepcopy(value)
    return merged


def steps_of(path: str) -> list[str | int]:
    """`filings[0].status` -> ["filings", 0, "status"]."""
    return [
        int(step[1:-1]) if step.startswith("[") else step
        for step in re.findall(r"\[\d+\]|[^.\[\]]+", path)
    ]


def put(tree: Any, steps: list[str | int], value: Any) -> None:
    """Sets (or, with None, removes) one place; a list grows by one at its end."""
    *way, last = steps
    for step in way:
        tree = tree[step]
    if isinstance(tree, list) and last == len(tree):
        tree.append(value)
    elif value is None:
        del tree[last]
    else:
        tree[last] = value
