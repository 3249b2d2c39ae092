# SPDX-License-Identifier: Apache-2.0
"""Whether one request of one user may be served, and what goes with it. Pure.

`UserGate.enter` (guard/users.py) answers every request with an `Admission`; when the answer has
ended, `UserGate.leave` takes it back with what was found. Rule: no identity in here, only the
pseudonym; and what is not allowed always carries its reason.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from genaiservice.api.problem import Problem, Text

REMINDER_HEADER: Final = b"Genai-Reminder"


class ReminderKind(StrEnum):
    BREAK = "break"
    """The user has been in use for long without a pause."""
    WARNING = "warning"
    """The user's inputs were blocked repeatedly (first step of the ladder)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """Shown as a response header and, in a stream of events, as its first comment."""

    kind: ReminderKind
    minutes: int
    text: Text

    def header(self) -> tuple[bytes, bytes]:
        """ASCII only: a client looks its text up by the kind."""
        value = self.kind.value + (f"; minutes={self.minutes}" if self.minutes else "")
        return REMINDER_HEADER, value.encode("ascii")

    def comment(self) -> bytes:
        """A comment of server-sent events; parsers skip it, people who read the stream see it."""
        return f": {self.text.joined()}\n\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """An answer instead of service. `code` is of a closed set (guard/core/denials.py)."""

    status: int
    code: str
    problem: Problem
    until: datetime | None = None
    """When the same request would be served; None where time alone does not help."""
    retry_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """`allow` is False exactly when there is an `error`.

    `policy_set`: name of the content policy to screen with; "" is the service's own.
    `user`: the pseudonym, "" when nobody is known. `minor`: limits of minors apply.
    `ends_at`: when use without a pause meets its limit (budget, curfew); the answer ends then.
    """

    user: str = ""
    minor: bool = False
    policy_set: str = ""
    reminders: tuple[Reminder, ...] = ()
    ends_at: datetime | None = None
    error: Denial | None = None

    @property
    def allow(self) -> bool:
        return self.error is None

    @property
    def status(self) -> int:
        return 0 if self.error is None else self.error.status
