# SPDX-License-Identifier: Apache-2.0
"""What a report is about: an object with where it comes from, and what its status says.

A status is read as foreign data: what cannot be understood reads as absent, and nothing raises.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final

from genaiservice.api.conditions import FAMILIES, ConditionType, Reason
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Problem, Text
from genaiservice.cli.report.declared import clean
from genaiservice.cli.report.page import Origin, Seen
from genaiservice.rules.verdict import Basis, Finding, Level, Owner, Result, Severity

# That of control.core.status, which would bring half of the operator along at every start.
_SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
_DUTIES: Final = frozenset(kind.value for kind in FAMILIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """refused: what keeps a file from being applied as it is. remarks: how it was read."""

    body: Json
    origin: Origin
    place: str = ""
    refused: tuple[Problem, ...] = ()
    remarks: tuple[Text, ...] = ()

    def text(self, *path: str) -> str:
        value = lookup(self.body, *path, default="")
        return line(value) if isinstance(value, str) else ""

    def number(self, *path: str) -> int:
        value = lookup(self.body, *path, default=0)
        return value if isinstance(value, int) else 0

    @property
    def status(self) -> Json:
        """What the operator wrote; a file is judged anew, whatever status stands in it."""
        found = lookup(self.body, "status") if self.origin is Origin.CLUSTER else None
        return found if isinstance(found, dict) else {}

    @property
    def seen(self) -> tuple[Seen, ...]:
        """The conditions that no duty family feeds."""
        rows = lookup(self.status, "conditions", default=[])
        return tuple(
            _seen(row)
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict) and row.get("type") not in _DUTIES
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        rows = lookup(self.status, "findings", default=[])
        read = (_finding(row) for row in (rows if isinstance(rows, list) else ()))
        return tuple(one for one in read if one is not None)


def line(value: str) -> str:
    """One printable line."""
    return clean(" ".join(value.split()))


def _seen(row: Json) -> Seen:
    message = Text.parted(str(row.get("message", "")))
    return Seen(
        type=line(str(row.get("type", ""))),
        status=line(str(row.get("status", ""))),
        reason=line(str(row.get("reason", ""))),
        message=Text(en=line(message.en), zh=line(message.zh)),
        since=_day(row.get("lastTransitionTime")),
    )


def _day(value: Any) -> str:
    """The day of a moment where the law is; "" for anything else."""
    try:
        moment = datetime.fromisoformat(str(value))
        return moment.astimezone(_SHANGHAI).date().isoformat() if moment.tzinfo else ""
    except (ValueError, OverflowError):
        return ""


def _finding(row: Any) -> Finding | None:
    """A row of `status.findings`; None where this release does not know its words."""
    try:
        return Finding(
            id=line(row["id"]),
            article=int(row["article"]),
            family=ConditionType(row["family"]),
            basis=Basis(row["basis"]),
            severity=Severity(row["severity"]),
            result=Result(row["result"]),
            reason=Reason(row["reason"]),
            level=Level(row["level"]),
            field=line(row["field"]),
            title=_words(row["title"]),
            message=_words(row["message"]),
            remedy=_words(row["remedy"]),
            owner=Owner(row["owner"]),
            deadline=date.fromisoformat(row["deadline"]) if row.get("deadline") else None,
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def _words(tree: Json) -> Text:
    return Text(en=line(tree["en"]), zh=line(tree["zh"]))
