# SPDX-License-Identifier: Apache-2.0
"""What a declaration sets itself of the rule pack: shown in every report, whatever it is.

Rule: everything below `rulePack` but its name and version counts, so that no override that a later
rule pack brings is left out here.
"""

from collections.abc import Iterator
from typing import Any, Final

from genaiservice.api.jsontree import Json, lookup
from genaiservice.cli.report.declared import brief, clean
from genaiservice.cli.report.page import Override
from genaiservice.rules.limits import Limits

MOST: Final = 100
_NAMES: Final = frozenset({"name", "version"})
_PROFILE: Final = "FilingPractice"
"""The profile that applies where none is declared."""


def overrides(declaration: Json, limits: Limits) -> tuple[Override, ...]:
    found = list(_profile(lookup(declaration, "profile")))
    pack = lookup(declaration, "rulePack")
    if isinstance(pack, dict):
        for key in sorted(pack.keys() - _NAMES, key=str):
            items = pack[key] if isinstance(pack[key], list) else [pack[key]]
            for item in items[:MOST]:
                found += _numbers(item, limits) or _leaves(f"rulePack.{key}", item)
    return tuple(found[:MOST])


def _profile(value: Any) -> Iterator[Override]:
    if isinstance(value, str) and value != _PROFILE:
        yield Override(field="profile", value=brief("profile", value).en, default=_PROFILE)


def _numbers(item: Any, limits: Limits) -> list[Override]:
    """An entry of `rulePack.overrides` as one line; nothing where it is not written as one."""
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return []
    told = {
        key: brief(key, item[key]).en if item.get(key) is not None else ""
        for key in ("value", "reason", "approver")
    }
    name = item["name"]
    default = f"{limits[name].value:g}" if name in limits else ""
    return [Override(field=clean(name)[:200], default=default, **told)]


def _leaves(field: str, value: Any, depth: int = 0) -> Iterator[Override]:
    if isinstance(value, dict) and depth < 4:
        for key in sorted(value, key=str):
            yield from _leaves(f"{field}.{key}", value[key], depth + 1)
    elif isinstance(value, list) and depth < 4:
        for index, item in enumerate(value[:MOST]):
            yield from _leaves(f"{field}[{index}]", item, depth + 1)
    else:
        yield Override(field=clean(field)[:200], value=brief(field, value).en)
