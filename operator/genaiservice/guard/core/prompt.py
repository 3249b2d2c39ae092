# SPDX-License-Identifier: Apache-2.0
"""Screening of a prompt: its passages whole, before anything is sent to the model."""

from genaiservice.api.guard_config import Screening
from genaiservice.guard.core.effects import Action, Decision, Direction
from genaiservice.guard.core.field import Field, decision
from genaiservice.guard.core.holdback import merge
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import Passage, RefusedError
from genaiservice.guard.core.screener import Hit, ScreeningLimitError, mask_over


def screen(policy: Policy, options: Options, passages: list[Passage]) -> list[Decision]:
    """What was found. Masks are written into the passages; a Block leaves the rest unread.

    Raises `RefusedError` for a text that cannot be screened.
    """
    decisions: list[Decision] = []
    mode = options.input
    for passage in passages:
        field = Field(policy, mode, (passage.name,), escaped=passage.escaped)
        try:
            field.whole(passage.text, options.between)
        except ScreeningLimitError:
            raise RefusedError("request_invalid", passage.name.partition("[")[0]) from None
        decisions += (decision(policy, mode, Direction.INPUT, hit, field) for hit in field.hits)
        if field.blocked:
            break
        if mode is Screening.BLOCK:
            _mask(passage, field.hits, policy.mask)
    return decisions


def _mask(passage: Passage, hits: list[Hit], mask: str) -> None:
    """Over the whole passage, then cut again where its leaves end."""
    spans = merge([(hit.start, hit.end) for hit in hits if hit.rule.action is Action.MASK])
    if not spans:
        return
    if passage.escaped:  # the places are those of the text that the escapes mean
        passage.leaves[0].text = passage.meant
    whole, at, first = passage.text, 0, 0
    for leaf in passage.leaves:
        end = at + len(leaf.text)
        # Of thousands of spans only those that reach into this leaf.
        while first < len(spans) and spans[first][1] <= at:
            first += 1
        last = first
        while last < len(spans) and spans[last][0] < end:
            last += 1
        if first < last:
            leaf.text = mask_over(whole, mask, spans[first:last], at, end)
        at = end
