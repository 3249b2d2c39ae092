# SPDX-License-Identifier: Apache-2.0
"""An answer that is not streamed: held whole, screened, labelled, then sent or refused.

Rule: an answer in which nothing changed leaves as the bytes it came in. A choice that met a
Block keeps nothing of the model's text: the reader has seen none of it yet.
"""

from functools import partial
from typing import Final

import orjson

from genaiservice.api.guard_config import LabelMode, Screening
from genaiservice.api.jsontree import MutableJson
from genaiservice.guard.core import jsonstrict, openai
from genaiservice.guard.core.answer import (
    BadAnswerError,
    Choice,
    check_words,
    choices_of,
    is_visible,
    strings,
    texts,
)
from genaiservice.guard.core.effects import Action, Decision, Direction
from genaiservice.guard.core.field import clean, decision
from genaiservice.guard.core.logprobs import drop_numbers, faithful
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import Request
from genaiservice.guard.core.screener import ScreeningLimitError

_ERROR_KEYS: Final = {"error", "detail", "message", "object"}
_UNREADABLE: Final = (
    ScreeningLimitError,
    jsonstrict.NotJsonError,
    jsonstrict.TooDeepError,
    jsonstrict.DuplicateKeyError,
)


def screen(
    policy: Policy, options: Options, request: Request, data: bytes
) -> tuple[bytes, list[Decision]]:
    """What may leave, and what was found. Raises what `jsonstrict` and `answer` raise."""
    tree = jsonstrict.loads(data)
    if not isinstance(tree, dict):
        raise BadAnswerError
    check_words(policy, options, tree)
    decisions: list[Decision] = []
    altered = False
    label = LabelMode.OFF if request.structured else options.label
    if label is not options.label:
        decisions.append(_unlabelled(policy, "structured_output", 0))
    for at, item in enumerate(choices_of(tree)):
        index = item.get("index", at)
        choice = Choice(policy, options, index, label, structured=request.structured)
        altered |= _choice(policy, options, choice, item, decisions)
        if choice.blocked:
            words = policy.words(decisions, request.language, choice.index)
            _refuse(item, words, request)
        elif label is not LabelMode.OFF and not choice.labelled:
            decisions.append(_unlabelled(policy, "no_visible_text", choice.index))
    return orjson.dumps(tree) if altered else data, decisions


def _choice(
    policy: Policy, options: Options, choice: Choice, item: MutableJson, found: list[Decision]
) -> bool:
    """Screens one choice in place; answers whether it was altered."""
    altered, whole, said = False, True, ""
    for text in texts(item):
        field = choice.field(text.path)
        out = field.whole(text.value, options.between)
        whole = whole and out == text.value
        if is_visible(text.path):
            said += text.original
        found += (
            decision(policy, options.output, Direction.OUTPUT, hit, field, choice.index)
            for hit in field.hits
        )
        field.hits.clear()
        if field.blocked:
            choice.blocked = True
            return True
        text.put(choice.ended(text.path, out))
        altered = altered or text.altered
    if options.output is Screening.BLOCK and policy.enforced is not None:
        altered |= drop_numbers(item, whole=whole)
        is_clean = partial(clean, policy, options.output)
        logprobs = item.get("logprobs")
        if logprobs is not None and not (whole and faithful(logprobs, said, is_clean)):
            item["logprobs"] = None
            altered = True
    return altered


def _refuse(item: MutableJson, words: str, request: Request) -> None:
    index = item.get("index", 0)
    item.clear()
    item.update(index=index, logprobs=None, finish_reason="content_filter")
    if request.chat:
        item["message"] = openai.message(request, words)
    else:
        item["text"] = openai.completion(request, words)


def _unlabelled(policy: Policy, reason: str, choice: int) -> Decision:
    return Decision(
        direction=Direction.OUTPUT,
        action=Action.LABEL,
        policy=policy.hash,
        reason=reason,
        choice=choice,
    )


def harmless_error(policy: Policy, data: bytes) -> bool:
    """Whether an upstream's error body may pass: an error object of which no string is a hit."""
    try:
        tree = jsonstrict.loads(data)
        if not isinstance(tree, dict) or not tree.keys() & _ERROR_KEYS:
            return False
        return all(clean(policy, Screening.BLOCK, word) for word in strings(tree))
    except _UNREADABLE:
        return False
