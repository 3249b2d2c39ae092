# SPDX-License-Identifier: Apache-2.0
"""How an answer ended, for its trace: finish reasons and token counts, nothing else.

Read once an exchange is over, from the last bytes that went to the client, which are screened.
What is not there, or not as expected, stays unknown. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from genaiservice.api.jsontree import lookup

WHOLE_BYTES: Final = 1024 * 1024
"""A larger body is not parsed a second time only for its trace."""
KNOWN_REASONS: Final = frozenset(
    ("stop", "length", "content_filter", "tool_calls", "function_call", "abort", "error")
)
"""Other words could be text of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    finish_reasons: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None


def outcome(parts: Iterable[bytes], *, stream: bool) -> Outcome:
    data = b"".join(parts)
    trees = list(_events(data)) if stream else list(_whole(data))
    reasons = [
        choice.get("finish_reason")
        for tree in trees
        for choice in lookup(tree, "choices", default=()) or ()
        if isinstance(choice, dict)
    ]
    usages = [usage for tree in trees if isinstance(usage := lookup(tree, "usage"), dict)]
    usage = usages[-1] if usages else {}
    return Outcome(
        finish_reasons=tuple(
            reason if reason in KNOWN_REASONS else "other"
            for reason in reasons
            if isinstance(reason, str)
        ),
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
    )


def _events(data: bytes) -> Iterator[Any]:
    for line in data.split(b"\n"):
        # The first line may be the rest of an event that is not kept.
        if line.startswith(b"data: {") and (b'"usage"' in line or b'"finish_reason"' in line):
            yield from _parsed(line[6:])


def _whole(data: bytes) -> Iterator[Any]:
    if len(data) <= WHOLE_BYTES:
        yield from _parsed(data)


def _parsed(data: bytes) -> Iterator[Any]:
    try:
        yield orjson.loads(data)
    except orjson.JSONDecodeError:
        return


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
