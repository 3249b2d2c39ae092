# SPDX-License-Identifier: Apache-2.0
"""What the guard would do with a text: the guard's own pure core, on a policy from files.

The only module of the CLI that may import the guard's core (docs/adr/0008): a second matcher
would answer otherwise than the guard one day.
"""

import re
from dataclasses import dataclass
from typing import Final

from genaiservice.api import policy_file
from genaiservice.api.jsontree import Json
from genaiservice.api.problem import Lang
from genaiservice.control.core.policy import Resolved
from genaiservice.guard.core.effects import Action
from genaiservice.guard.core.holdback import merge
from genaiservice.guard.core.matcher import Rule
from genaiservice.guard.core.normalise import Normaliser
from genaiservice.guard.core.policy import compile_policy, switches_of
from genaiservice.guard.core.screener import Hit, Screener, mask_over

_REPEATED: Final = re.compile(r"(.)\1+", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A term of the policy in the text, at these characters."""

    risk: str
    action: str
    start: int
    end: int
    text: str
    through: tuple[str, ...]
    """The switches of `normalisation` without which this would not have been met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """`leaves`: what would reach the reader, the refusal when it is blocked."""

    met: tuple[Met, ...]
    blocked: bool
    leaves: str


def screen(resolved: Resolved, text: str, refusal: str) -> Screened:
    """The text under a usable policy; `refusal` is the language of the refusal: zh or en."""
    tree = policy_file.unpack(resolved.packed, "policy", packed=True)
    policy = compile_policy(policy_file.completed(tree), resolved.hash)
    hits: list[Hit] = []
    for terms in (policy.enforced, policy.flagged):
        if terms is not None:
            screener = Screener(
                terms, policy.allowed, policy.normaliser, mask=policy.mask, observe=True, hits=hits
            )
            screener.feed(text)
            screener.flush()
    masked = merge([(hit.start, hit.end) for hit in hits if hit.rule.action is Action.MASK])
    leaves = mask_over(text, policy.mask, masked, 0, len(text)) if masked else text
    lang = Lang.ZH if refusal == "zh" else Lang.EN
    stops = min(
        (hit for hit in hits if hit.rule.action is Action.BLOCK),
        key=lambda hit: (hit.end, hit.start),
        default=None,
    )
    return Screened(
        met=tuple(_met(hit, text, tree) for hit in sorted(hits, key=_place)),
        blocked=stops is not None,
        leaves=policy.reply(stops.rule.id, lang) if stops else leaves,
    )


def _place(hit: Hit) -> tuple[int, int]:
    return hit.start, hit.end


def _met(hit: Hit, text: str, tree: Json) -> Met:
    return Met(
        risk=hit.rule.risk,
        action=hit.rule.action.value,
        start=hit.start,
        end=hit.end,
        text=text[hit.start : hit.end],
        through=_through(hit.rule, text[hit.start : hit.end], tree),
    )


def _through(rule: Rule, text: str, tree: Json) -> tuple[str, ...]:
    """The further form that was met, and each switch that alone would have hidden it when off."""
    form = rule.sort if rule.sort in policy_file.FORMS else ""
    terms = tree["classes"][rule.risk].get(form or "terms", ())
    if rule.sort != (form or "term"):
        return ()
    on = policy_file.completed(tree)["normalisation"]

    def forms(**off: bool) -> tuple[str, str]:
        normalise = Normaliser(switches_of({**on, **off})).normalise
        return normalise(terms[rule.index]), normalise(text)

    found = [form] if form else []
    for name in (name for name, is_on in on.items() if is_on):
        term, met = forms(**{name: False})
        if _short(term) != _short(met) or (name == "repeats" and term != met):
            found.append(name)
    return tuple(found)


def _short(text: str) -> str:
    """Without what repeats."""
    return _REPEATED.sub(r"\1", text)
