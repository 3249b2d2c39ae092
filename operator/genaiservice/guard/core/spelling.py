# SPDX-License-Identifier: Apache-2.0
"""The logprobs of a streamed choice: faithful ones wait with their text, others are dropped.

Both functions change a choice of a chunk in place and answer whether they did.
"""

from collections.abc import Callable

from genaiservice.api.jsontree import MutableJson
from genaiservice.guard.core.answer import Choice, Text
from genaiservice.guard.core.logprobs import faithful, joined, rows


def wait_with_text(
    choice: Choice, item: MutableJson, found: list[Text], clean: Callable[[str], bool]
) -> bool:
    """Takes in the tokens of a chunk, after its texts `found` were screened."""
    logprobs = item.get("logprobs")
    if logprobs is None:
        return False
    said = [text for text in found if text.original]
    words = said[0].original if len(said) == 1 else ""
    usable = len(said) < 2 and not choice.blocked and faithful(logprobs, words, clean)
    field = choice.field(said[0].path) if usable and said else None
    if not usable or (field is not None and field.escaped):
        item["logprobs"] = None
        return True
    if field is not None:
        field.spelling.push(logprobs, field.seen - len(words))
    return False


def leave_with_text(choice: Choice, item: MutableJson) -> bool:
    """Puts in the tokens whose characters have left, perhaps in an earlier chunk."""
    if choice.blocked:
        dropped = item.get("logprobs") is not None
        if dropped:
            item["logprobs"] = None
        return dropped
    tokens = [token for field in choice.fields.values() for token in field.take_spelling()]
    if tokens == rows(item.get("logprobs")):
        return False
    item["logprobs"] = joined(tokens)
    return True
