# SPDX-License-Identifier: Apache-2.0
"""Limits: numbers of standards, guidelines and practice that requirements use by name.

A service may replace one in `spec.compliance.rulePack.overrides`, with reason and approver; what a
law fixes has no name here and cannot be replaced. An override that lacks a part is not applied.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Text
from genaiservice.rules.paths import is_void
from genaiservice.rules.verdict import Basis, Override

OVERRIDES: Final = ("rulePack", "overrides")
MOST_OVERRIDES: Final = 32
LARGEST: Final = 100_000_000

NAMED: Final = re.compile(r"\{([a-zA-Z]+(?:\.[a-zA-Z0-9]+)+)\}")
"""In what a step expects: the name of a limit, for which its number stands."""

Limits: TypeAlias = Mapping[str, "Limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One number; `meaning` says of what, in which unit, and whether it is a least or a most."""

    name: str
    value: float
    basis: Basis
    source: Text
    meaning: Text


def limits_of(tree: Json) -> dict[str, Limit]:
    """The limits of the file `_limits.yaml`; raises where a limit is incomplete or of a law."""
    return {name: _limit(name, entry) for name, entry in tree.items()}


def _limit(name: str, entry: Json) -> Limit:
    limit = Limit(
        name=name,
        value=entry["value"],
        basis=Basis(entry["basis"]),
        source=Text.of(entry["source"]),
        meaning=Text.of(entry["meaning"]),
    )
    if limit.basis is Basis.LAW or not is_number(limit.value):
        raise ValueError(f"{name}: a limit is a number of a standard, a guideline or practice")
    return limit


def overrides_of(limits: Limits, declaration: Any) -> tuple[Override, ...]:
    """The overrides that count: known name, number, reason and approver; the first of a name."""
    entries = lookup(declaration, *OVERRIDES)
    if not isinstance(entries, list):
        return ()
    found: dict[str, Override] = {}
    for entry in entries[:MOST_OVERRIDES]:
        override = _override(limits, entry)
        if override is not None:
            found.setdefault(override.name, override)
    return tuple(found.values())


def _override(limits: Limits, entry: Any) -> Override | None:
    name, value = lookup(entry, "name"), lookup(entry, "value")
    reason, approver = lookup(entry, "reason"), lookup(entry, "approver")
    if not isinstance(name, str) or name not in limits:
        return None
    if not is_number(value) or not 0 <= value <= LARGEST:
        return None
    if not all(isinstance(text, str) and not is_void(text) for text in (reason, approver)):
        return None
    return Override(
        name=name, value=value, default=limits[name].value, reason=reason, approver=approver
    )


def values_of(limits: Limits, overrides: Iterable[Override]) -> dict[str, float]:
    """The number that counts, by name."""
    return {name: limit.value for name, limit in limits.items()} | {
        override.name: override.value for override in overrides
    }


def is_number(value: Any) -> bool:
    """A number that can be compared and shown; what stands for one in no JSON is none."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return value.bit_length() < 64
    return isinstance(value, float) and math.isfinite(value)


def numbered(text: Text, values: Mapping[str, float]) -> Text:
    """The text with the number that counts in the place of each limit that it names."""
    if "{" not in text.en:
        return text
    return Text(
        en=NAMED.sub(lambda name: f"{values[name[1]]:,}", text.en),
        zh=NAMED.sub(lambda name: str(values[name[1]]), text.zh),
    )
