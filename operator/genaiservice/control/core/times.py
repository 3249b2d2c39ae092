# SPDX-License-Identifier: Apache-2.0
"""Points in time as statuses and facts write them: RFC 3339, in UTC, whole seconds."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def parse_time(value: object) -> datetime | None:
    """A point in time with its offset, as RFC 3339 writes it; None for everything else."""
    if not isinstance(value, str):
        return None
    try:
        point = datetime.fromisoformat(value)
    except ValueError:
        return None
    return point if point.tzinfo is not None else None
