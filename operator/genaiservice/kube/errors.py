# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between us and the API server, as one small tree.

    ApiError
    ├── NotFound       404: the object is not there (any more)
    │   └── Terminating  its namespace is being deleted, and all in it
    ├── Conflict       409: somebody else was faster; read again, decide again
    ├── Gone           410: the place in a paged list has expired; begin anew
    ├── Throttled      429: come again after `retry_after` seconds
    │   └── BudgetSpent  a disruption budget forbids the eviction for now
    ├── Unreachable    no connection, a timeout, 5xx: not our fault, try again
    └── Refused        everything else; the message is the API server's own

Rule: callers branch on the class, people read `message`, which is what the API server said.
"""

from collections.abc import Mapping
from typing import Any, Final

MESSAGE_LIMIT: Final = 1024
"""The longest message that travels on: it ends up in a condition, which has a limit too."""


class ApiError(Exception):
    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.message = message[:MESSAGE_LIMIT]
        self.status = status
        self.reason = reason


class NotFound(ApiError):
    pass


class Terminating(NotFound):
    pass


class Conflict(ApiError):
    pass


class Gone(ApiError):
    pass


class Throttled(ApiError):
    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, status=429, reason="TooManyRequests")
        self.retry_after_seconds = retry_after_seconds


class BudgetSpent(Throttled):
    pass


class Unreachable(ApiError):
    pass


class Refused(ApiError):
    pass


_BY_STATUS: Final[Mapping[int, type[ApiError]]] = {404: NotFound, 409: Conflict, 410: Gone}


def from_answer(status: int, body: Any, retry_after: str | None) -> ApiError:
    """The error that an answer with a status of 400 or more means."""
    tree = body if isinstance(body, Mapping) else {}
    message = str(tree.get("message") or f"the API server answered with status {status}")
    reason = str(tree.get("reason") or "")
    if status == 429:
        kind = BudgetSpent if _caused(tree, "DisruptionBudget") else Throttled
        return kind(message, retry_after_seconds=_seconds(retry_after, tree))
    if status >= 500:
        return Unreachable(message, status=status, reason=reason)
    if _caused(tree, "NamespaceTerminating"):
        return Terminating(message, status=status, reason=reason)
    return _BY_STATUS.get(status, Refused)(message, status=status, reason=reason)


def _caused(tree: Mapping[str, Any], reason: str) -> bool:
    details = tree.get("details")
    causes = details.get("causes") if isinstance(details, Mapping) else None
    return any(cause.get("reason") == reason for cause in causes or ())


def _seconds(header: str | None, tree: Mapping[str, Any]) -> float | None:
    """Retry-After in seconds; the header may be missing or a date, the body may know better."""
    details = tree.get("details")
    told = header or (details.get("retryAfterSeconds") if isinstance(details, Mapping) else None)
    try:
        return max(0.0, float(told)) if told is not None else None
    except (TypeError, ValueError):
        return None
