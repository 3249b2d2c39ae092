# SPDX-License-Identifier: Apache-2.0
"""Which language a person reads: `--lang`, else the locale of the environment."""

import os

from genaiservice.api.problem import Lang


def from_environment(wanted: str | None) -> Lang:
    """`wanted` ("zh", "en") wins; then LC_ALL, LC_MESSAGES, LANG; English otherwise."""
    if wanted:
        return Lang(wanted)
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")  # noqa: TID251 - the one reader of the CLI
        if value:
            return Lang.ZH if value.lower().startswith("zh") else Lang.EN
    return Lang.EN
