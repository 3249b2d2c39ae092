# SPDX-License-Identifier: Apache-2.0
"""JSON that means one thing: UTF-8, bounded depth, no key named twice.

A key named twice would let a text pass by the screener: readers disagree on which one counts.
orjson reads (fast, strict UTF-8, last key wins); the standard library looks for the second key.
"""

import json
import re
from typing import Any, Final

import orjson

DEPTH_LIMIT: Final = 64
_APART: Final = re.compile(rb'"[ \t\r\n]+:')


class NotJsonError(Exception):
    pass


class TooDeepError(Exception):
    pass


class DuplicateKeyError(Exception):
    pass


class TooManyError(Exception):
    pass


def loads(data: bytes, most: int | None = None) -> Any:
    """The value in `data`, or one of the errors above; never another exception.

    `most`: so many keys and items it may have in all. Looking at each takes longer than reading it.
    """
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        deep = "recursion" in str(error)
        raise (TooDeepError if deep else NotJsonError) from None
    if most is not None and _entries(tree, most) > most:
        raise TooManyError
    keys = _keys(tree, DEPTH_LIMIT)
    # Each key written shows as `":` unless blanks stand between. So without such blanks, as many
    # marks as keys prove that none is there twice; otherwise the slow reader looks.
    if data.count(b'":') != keys or _APART.search(data):
        del tree  # two of them at once may be more than the guard has memory for
        json.loads(data, object_pairs_hook=_unique)
        tree = orjson.loads(data)
    return tree


def _unique(pairs: list[tuple[str, Any]]) -> None:
    """Keeps nothing: the tree of the slow reader is no use to anybody."""
    if len({key for key, _ in pairs}) != len(pairs):
        raise DuplicateKeyError


def _entries(tree: Any, most: int) -> int:
    """How many keys and items `tree` has in all; it stops counting beyond `most`."""
    count, waiting = 0, [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict | list):
            count += len(part)
            if count > most:
                return count
            waiting.extend(part.values() if isinstance(part, dict) else part)
    return count


def _keys(tree: Any, limit: int) -> int:
    """How many keys `tree` has in all; raises `TooDeepError` below the limit."""
    if not limit:
        raise TooDeepError
    if isinstance(tree, dict):
        count = len(tree)
        for child in tree.values():
            if isinstance(child, dict | list):
                count += _keys(child, limit - 1)
        return count
    if isinstance(tree, list):
        return sum(_keys(child, limit - 1) for child in tree if isinstance(child, dict | list))
    return 0
