# SPDX-License-Identifier: Apache-2.0
"""The one place of the guard that reads the wall clock; everything else takes time as argument."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - this is the edge that the rule names
