# SPDX-License-Identifier: Apache-2.0
"""What is known of one exchange for logs, metrics and traces. Facts only, never text."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Route(StrEnum):
    CHAT = "chat"
    COMPLETIONS = "completions"
    MODELS = "models"
    PASSED = "passed"
    """A further path of the configuration; not screened."""
    UNKNOWN = "unknown"


SCREENED: Final = {
    "/v1/chat/completions": Route.CHAT,
    "/v1/completions": Route.COMPLETIONS,
    "/v1/models": Route.MODELS,
}
OPERATIONS: Final = {Route.CHAT: "chat", Route.COMPLETIONS: "text_completion"}
"""gen_ai.operation.name of the routes that call a model."""


@dataclass(slots=True, kw_only=True)
class Account:
    """Times are readings of the performance counter, in seconds."""

    request: str
    route: Route
    path: str
    method: str
    started: float
    trace: str = ""
    status: int = 0
    model: str = ""
    streaming: bool = False
    forwarded: float | None = None
    upstream_first: float | None = None
    first_sent: float | None = None
    sent_bytes: int = 0
    upstream_status: int = 0
    fault: str = ""
    client_gone: bool = False
    finish_reasons: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    actions: list[tuple[str, str]] = field(default_factory=list)
    """(risk class or reason, action) of each decision, in order."""
