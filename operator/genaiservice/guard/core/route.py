# SPDX-License-Identifier: Apache-2.0
"""Which paths the guard knows, and the dialect that each speaks. Every other path is closed."""

import re
from enum import StrEnum
from typing import Final


class Dialect(StrEnum):
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
    """Pictures made of pictures: edits and variations."""
    SPEECH = "speech"
    TRANSCRIPTIONS = "transcriptions"


DIALECTS: Final = {
    "/v1/chat/completions": Dialect.CHAT,
    "/v1/completions": Dialect.COMPLETIONS,
    "/v1/responses": Dialect.RESPONSES,
    "/v1/messages": Dialect.MESSAGES,
    "/api/chat": Dialect.OLLAMA_CHAT,
    "/api/generate": Dialect.OLLAMA_GENERATE,
    "/v1/embeddings": Dialect.EMBEDDINGS,
    "/api/embed": Dialect.EMBEDDINGS,
    "/api/embeddings": Dialect.EMBEDDINGS,
    "/v1/moderations": Dialect.MODERATIONS,
    "/v1/images/generations": Dialect.IMAGES,
    "/v1/images/edits": Dialect.IMAGE_FORMS,
    "/v1/images/variations": Dialect.IMAGE_FORMS,
    "/v1/audio/speech": Dialect.SPEECH,
    "/v1/audio/transcriptions": Dialect.TRANSCRIPTIONS,
}
"""Path of a POST request -> its dialect."""

FORMS: Final = frozenset({Dialect.TRANSCRIPTIONS, Dialect.IMAGE_FORMS})
"""Requests that are forms with files; they go to the model as they come."""

LISTS: Final = {
    "/v1/models": "GET",
    "/api/tags": "GET",
    "/api/ps": "GET",
    "/api/version": "GET",
    "/api/show": "POST",
}
"""Paths that tell of models and hold no text of one -> their method."""

_ONE_MODEL: Final = re.compile(r"/v1/models/[A-Za-z0-9_.:@+%\-]{1,256}(?:/[A-Za-z0-9_.:@+%\-]+)?")


def lists_models(path: str) -> bool:
    return path in LISTS or (".." not in path and _ONE_MODEL.fullmatch(path) is not None)
