# SPDX-License-Identifier: Apache-2.0
"""JSON that means one thing: UTF-8, bounded depth, no key named twice.

A key named twice would let a text pass by the screener: readers disagree on which one counts.
orjson reads (fast, strict UTF-8, last key wins); the standard library looks for the second key.
"""

import json
from typing import Any, Final

import orjson

DEPTH_LIMIT: Final = 64


class NotJsonError(Exception):
    pass


class TooDeepError(Exception):
    pass


class DuplicateKeyError(Exception):
    pass


def loads(data: bytes) -> Any:
    """The value in `data`, or one of the errors above; never another exception."""
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        deep = "recursion" in str(error)
        raise (TooDeepError if deep else NotJsonError) from None
    if _deeper_than(tree, DEPTH_LIMIT):
        raise TooDeepError
    json.loads(data, object_pairs_hook=_unique)
    return tree


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise DuplicateKeyError
    return tree


def _deeper_than(tree: Any, limit: int) -> bool:
    if not isinstance(tree, dict | list):
        return False
    if limit == 0:
        return True
    children = tree.values() if isinstance(tree, dict) else tree
    return any(
        _deeper_than(child, limit - 1) for child in children if isinstance(child, dict | list)
    )
