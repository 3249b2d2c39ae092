# SPDX-License-Identifier: Apache-2.0
"""Token log-probabilities: they spell the text again, so they leave only with it.

Rule: `faithful` says whether a choice's logprobs tell nothing beside a text that leaves whole:
the tokens spell exactly that text, their bytes are theirs, and no alternative is a hit. In every
other case the caller drops them (a list half right would be worse than none).
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from genaiservice.api.jsontree import MutableJson

SPELLED: Final = ("logprobs", "token_ids")
"""Fields of a choice that spell its text again."""


def drop_unfaithful(
    item: MutableJson, said: str, whole: bool, clean: Callable[[str], bool]
) -> bool:
    """Takes out of a choice what spells more than leaves of it; answers whether it did.

    `whole` says that every text of the choice leaves as it came and none waits.
    """
    dropped = False
    for key in SPELLED:
        value = item.get(key)
        if value is None:
            continue
        if key == "logprobs":
            kept = whole and faithful(value, said, clean)
        else:
            kept = whole and isinstance(value, list) and all(type(one) is int for one in value)
        if not kept:
            item[key] = None
            dropped = True
    return dropped


def faithful(logprobs: Any, text: str, clean: Callable[[str], bool]) -> bool:
    """`clean(token)` says whether a token, taken alone, is free of hits."""
    if logprobs is None:
        return True
    if not isinstance(logprobs, dict):
        return False
    if "tokens" in logprobs:
        return _legacy(logprobs, text, clean)
    if any(value for key, value in logprobs.items() if key != "content"):
        return False  # `refusal`, or a field that is not known here
    entries = logprobs.get("content") or []
    if not isinstance(entries, list) or not all(map(_honest, entries)):
        return False
    if "".join(entry["token"] for entry in entries) != text:
        return False
    return all(clean(token) for entry in entries for token in _alternatives(entry))


def _honest(entry: Any) -> bool:
    """Whether an entry has the known fields only, and bytes that are the token's."""
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        return False
    if not entry.keys() <= {"token", "logprob", "bytes", "top_logprobs"}:
        return False
    if not isinstance(entry.get("logprob"), int | float | None):
        return False
    if entry.get("bytes") is not None and entry["bytes"] != list(entry["token"].encode()):
        return False
    others = entry.get("top_logprobs") or []
    return isinstance(others, list) and all(
        _honest(other) and not other.get("top_logprobs") for other in others
    )


def _alternatives(entry: dict[str, Any]) -> Iterator[str]:
    for other in entry.get("top_logprobs") or []:
        yield other["token"]


def _legacy(logprobs: dict[str, Any], text: str, clean: Callable[[str], bool]) -> bool:
    tokens = logprobs["tokens"]
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        return False
    if not logprobs.keys() <= {"tokens", "token_logprobs", "top_logprobs", "text_offset"}:
        return False
    if "".join(tokens) != text:
        return False
    columns = [logprobs.get(key) or [] for key in ("token_logprobs", "text_offset", "top_logprobs")]
    if not all(isinstance(column, list) for column in columns):
        return False
    numbers = (*columns[0], *columns[1])
    if not all(number is None or isinstance(number, int | float) for number in numbers):
        return False
    return all(
        alternative is None
        or (isinstance(alternative, dict) and all(clean(token) for token in alternative))
        for alternative in columns[2]
    )
