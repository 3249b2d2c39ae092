# SPDX-License-Identifier: Apache-2.0
"""Token log-probabilities: they spell the text again, so they leave only with it.

Rule: logprobs are `faithful` when they tell nothing beside the text: their tokens spell exactly
it, the bytes are the tokens', and no alternative is a hit. Faithful ones wait token by token with
the text (`Spelling`), and those of masked characters never leave. Others are dropped, as are
token numbers whenever the text does not leave whole: what they spell cannot be seen.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from genaiservice.api.jsontree import MutableJson
from genaiservice.guard.core.holdback import Span

SPELLED: Final = ("logprobs", "token_ids")
"""Fields of a choice that spell its text again."""


class Spelling:
    """The tokens of one text that wait for their characters."""

    __slots__ = ("_rows", "masks")

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, Any]] = []
        self.masks: list[Span] = []

    @property
    def waits(self) -> bool:
        return bool(self._rows)

    def push(self, logprobs: Any, at: int) -> None:
        """Adds the tokens of faithful logprobs; their text begins at character `at`."""
        for row in rows(logprobs):
            end = at + len(row["token"] if "token" in row else row["tokens"])
            self._rows.append((at, end, row))
            at = end

    def take(self, released: int) -> list[Any]:
        """The tokens whose characters have left, without those that were masked."""
        gone = [row for row in self._rows if row[1] <= released]
        self._rows = self._rows[len(gone) :]
        # A token that waits may begin before the last character that left.
        oldest = self._rows[0][0] if self._rows else released
        masks, self.masks = self.masks, [mask for mask in self.masks if mask[1] > oldest]
        return [
            row
            for start, end, row in gone
            if not any(begin < end and start < stop for begin, stop in masks)
        ]


def rows(logprobs: Any) -> list[Any]:
    """One object a token, of both shapes of faithful logprobs."""
    if not logprobs:
        return []
    if "tokens" not in logprobs:
        return list(logprobs.get("content") or [])
    columns = {key: column for key, column in logprobs.items() if column}
    return [
        {key: column[at] for key, column in columns.items()}
        for at in range(len(logprobs["tokens"]))
    ]


def joined(tokens: list[Any]) -> Any:
    """Logprobs of these tokens again; None of none."""
    if not tokens:
        return None
    if "token" in tokens[0]:
        return {"content": tokens}
    return {key: [row.get(key) for row in tokens] for key in tokens[0]}


def drop_numbers(item: MutableJson, *, whole: bool) -> bool:
    """Takes token numbers out of a choice whose texts do not leave whole."""
    value = item.get("token_ids")
    if value is None:
        return False
    if whole and isinstance(value, list) and all(type(one) is int for one in value):
        return False
    item["token_ids"] = None
    return True


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
    if not entry.keys() <= {"token", "logprob", "bytes", "top_logprobs", "id"}:
        return False
    if not isinstance(entry.get("id"), int | None):  # the token's number, as some engines tell it
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
    if any(column and len(column) != len(tokens) for column in columns):
        return False
    numbers = (*columns[0], *columns[1])
    if not all(number is None or isinstance(number, int | float) for number in numbers):
        return False
    return all(
        alternative is None
        or (isinstance(alternative, dict) and all(clean(token) for token in alternative))
        for alternative in columns[2]
    )
