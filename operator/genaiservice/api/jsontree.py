# SPDX-License-Identifier: Apache-2.0
"""JSON as plain data: aliases, look-up by path, merge patch (RFC 7396)."""

from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]
"""A JSON object that is read, never changed."""
MutableJson: TypeAlias = dict[str, Any]


def lookup(tree: Any, *path: str | int, default: Any = None) -> Any:
    """The value at `path`, or `default` where a step is missing or of another type."""
    for step in path:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return default
    return tree


def merge_patch(tree: Any, patch: Any) -> Any:
    """`tree` with `patch` applied as RFC 7396 says; neither is changed."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(tree) if isinstance(tree, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def covers(live: Any, wanted: Any) -> bool:
    """Whether `live` already holds everything that `wanted` says.

    Objects may hold more (defaults of the API server, fields of other managers); lists must
    have the same length, since an item too many in ports or containers is a difference.
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            covers(live.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(live, list | tuple)
            and len(live) == len(wanted)
            and all(covers(a, b) for a, b in zip(live, wanted, strict=True))
        )
    return bool(live == wanted)
