# SPDX-License-Identifier: Apache-2.0
"""What is known of one exchange for logs, metrics and traces. Facts only, never text."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from genaiservice.guard.core.route import DIALECTS, LISTS, Dialect, lists_models


class Route(StrEnum):
    """The dialects of the core by their names, and what is not one of them."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    MESSAGES = "messages"
    OLLAMA_CHAT = "ollama_chat"
    OLLAMA_GENERATE = "ollama_generate"
    EMBEDDINGS = "embeddings"
    MODERATIONS = "moderations"
    IMAGES = "images"
    IMAGE_FORMS = "image_forms"
    SPEECH = "speech"
    TRANSCRIPTIONS = "transcriptions"
    MODELS = "models"
    MODEL_CARD = "model_card"
    """A list's entry that is asked for by POST."""
    PASSED = "passed"
    """A further path of the configuration; not screened."""
    UNKNOWN = "unknown"


METHODS: Final = {
    **{Route(dialect.value): "POST" for dialect in Dialect},
    Route.MODELS: "GET",
    Route.MODEL_CARD: "POST",
}
ONE_MODEL: Final = "/v1/models/{model}"
OPERATIONS: Final = {
    Route.CHAT: "chat",
    Route.COMPLETIONS: "text_completion",
    Route.RESPONSES: "chat",
    Route.MESSAGES: "chat",
    Route.OLLAMA_CHAT: "chat",
    Route.OLLAMA_GENERATE: "text_completion",
    Route.EMBEDDINGS: "embeddings",
}
"""gen_ai.operation.name of the routes that call a model."""


def route_of(path: str, passed: Collection[str]) -> Route:
    """`passed`: the further paths of the configuration."""
    if path in passed:
        return Route.PASSED
    if lists_models(path):
        return Route.MODEL_CARD if LISTS.get(path) == "POST" else Route.MODELS
    dialect = DIALECTS.get(path)
    return Route.UNKNOWN if dialect is None else Route(dialect.value)


def told(route: Route, path: str) -> str:
    """The path as traces may name it: what a client chose in it is left out."""
    if route is Route.UNKNOWN:
        return ""
    return ONE_MODEL if route is Route.MODELS and path not in LISTS else path


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
    code: str = ""
    """The `code` of an error that the guard gave."""
    client_gone: bool = False
    finish_reasons: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    blocked_prompts: int = 0
    unlabelled_for: str = ""
    """Pseudonym of the user who asked for files without the label that people perceive."""
    actions: list[tuple[str, str]] = field(default_factory=list)
    """(risk class or reason, action) of each decision, in order."""
