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
KNOWN_REASONS: Final = (
    frozenset({"stop", "length", "content_filter", "tool_calls", "function_call", "abort", "error"})
    | {"end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal"}
    | {"completed", "incomplete", "failed", "load", "unload"}
)
"""Other words could be text of the model."""
_TELLING: Final = (b'"usage"', b'"finish_reason"', b'"stop_reason"', b'"done_reason"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    finish_reasons: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None


def outcome(parts: Iterable[bytes], *, stream: bool) -> Outcome:
    data = b"".join(parts)
    trees = list(_events(data)) if stream else list(_whole(data))
    reasons = [reason for tree in trees for reason in _reasons(tree)]
    usages = [usage for tree in trees for usage in _usages(tree)]
    return Outcome(
        finish_reasons=tuple(
            reason if reason in KNOWN_REASONS else "other"
            for reason in reasons
            if isinstance(reason, str)
        ),
        input_tokens=_last(usages, ("prompt_tokens", "input_tokens", "prompt_eval_count")),
        output_tokens=_last(usages, ("completion_tokens", "output_tokens", "eval_count")),
    )


def _reasons(tree: Any) -> Iterator[Any]:
    """Of OpenAI's choices; of a response that ended; of Anthropic's and Ollama's messages."""
    for choice in lookup(tree, "choices", default=()) or ():
        if isinstance(choice, dict):
            yield choice.get("finish_reason")
    if lookup(tree, "object") == "response":
        yield lookup(tree, "status")
    kind = lookup(tree, "type")
    if kind in ("response.completed", "response.incomplete", "response.failed"):
        yield lookup(tree, "response", "status")
    yield lookup(tree, "delta", "stop_reason")
    yield lookup(tree, "stop_reason")
    yield lookup(tree, "done_reason")


def _usages(tree: Any) -> Iterator[Any]:
    holders = (tree, lookup(tree, "response"), lookup(tree, "message"))
    found = (lookup(holder, "usage") for holder in holders)
    yield from (usage for usage in found if isinstance(usage, dict))
    if lookup(tree, "done") is True:
        yield tree


def _last(usages: list[Any], names: tuple[str, ...]) -> int | None:
    counts = [_count(usage.get(name)) for usage in usages for name in names]
    return next((count for count in reversed(counts) if count is not None), None)


def _events(data: bytes) -> Iterator[Any]:
    for line in data.split(b"\n"):
        # The first line may be the rest of an event that is not kept.
        if any(mark in line for mark in _TELLING):
            yield from _parsed(line.removeprefix(b"data: "))


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
