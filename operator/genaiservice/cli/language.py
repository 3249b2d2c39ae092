# SPDX-License-Identifier: Apache-2.0
"""Which language a person reads: `--lang`, else the locale of the environment."""

import os
from collections.abc import Sequence
from contextvars import ContextVar
from itertools import pairwise, takewhile
from typing import Final

from genaiservice.api.problem import Lang

_ASKED: Final[ContextVar[Lang | None]] = ContextVar("asked", default=None)


def listen(arguments: Sequence[str]) -> None:
    """Hears `--lang` before the arguments are understood: they may be at fault, or ask for help."""
    given = list(takewhile(lambda word: word != "--", arguments))
    pairs = [*(word.split("=", 1) for word in given if "=" in word), *pairwise(given)]
    asked = [value for name, value in pairs if name == "--lang" and value in set(Lang)]
    _ASKED.set(Lang(asked[-1]) if asked else None)


def from_environment(wanted: str | None) -> Lang:
    """`wanted` ("zh", "en") wins; then LC_ALL, LC_MESSAGES, LANG; English otherwise."""
    asked = Lang(wanted) if wanted else _ASKED.get()
    if asked is not None:
        return asked
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")  # noqa: TID251 - the one reader of the CLI
        if value:
            return Lang.ZH if value.lower().startswith("zh") else Lang.EN
    return Lang.EN
