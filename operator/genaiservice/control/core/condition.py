# SPDX-License-Identifier: Apache-2.0
"""One condition as a value, and how its message is put: bounded, bilingual, without churn."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from genaiservice.api.conditions import MEANINGS, ConditionType, Reason
from genaiservice.api.problem import Lang, Problem, Text

NAMED: Final = 5
"""How many pods, problems or requirements a message names; the rest is counted."""
MESSAGE_CHARACTERS: Final = 1500
"""Of each language."""


class Status(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    type: ConditionType
    status: Status
    reason: Reason
    message: Text


def bilingual(text: Text) -> str:
    zh, en = cut(text.zh, MESSAGE_CHARACTERS), cut(text.en, MESSAGE_CHARACTERS)
    return Text(en=en, zh=zh).joined()


def cut(value: str, most: int) -> str:
    return value if len(value) <= most else value[: most - 1] + "…"


def plain(kind: ConditionType, status: Status, reason: Reason) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=MEANINGS[reason])


def listed(names: Sequence[str]) -> str:
    """The first names and how many more there are."""
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} (+{len(names) - NAMED})"


def told(problems: Sequence[Problem]) -> Text:
    """Problems in full, as many as a message names."""
    more = f" (+{len(problems) - NAMED})" if len(problems) > NAMED else ""
    first = problems[:NAMED]
    return Text(
        en=" ".join(one.render(Lang.EN) for one in first) + more,
        zh="".join(one.render(Lang.ZH) for one in first) + more,
    )
