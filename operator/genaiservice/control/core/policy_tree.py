# SPDX-License-Identifier: Apache-2.0
"""The spec of a ModerationPolicy and the terms that its lists gave -> the tree of the policy file.

Only puts things where the file has them; `policy_file.check` judges what came out.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from genaiservice.api import policy_file
from genaiservice.api.declared import json_object
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.policy_file import NORMALISATIONS, Action
from genaiservice.api.problem import Problem, Text
from genaiservice.control.core import forms, policy_problems

MASK = "＊"
REFUSAL = Text(
    en="This request or answer was stopped by the content policy of the service.",
    zh="该请求或回答因不符合本服务的内容安全要求而被终止。",
)

FORMS_LIMIT: Final = 250_000
"""Most further forms of a policy, of each sort: lists of the largest size would have millions, for
which the operator has no memory and no pod a ConfigMap."""


def rendered(
    spec: Json, name: str, by_class: Mapping[str, set[str]], where: str
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The tree, and what is wrong with it; `where` names the policy in problems."""
    tree = _tree(spec, name, by_class)
    overgrown = tuple(_add_forms(tree, spec, where))
    _add_shapes(tree, spec)
    thresholds = tuple(_add_thresholds(tree, spec, where))
    _add_named(tree, spec)
    _add_answers(tree, spec)
    return tree, (*overgrown, *thresholds, *policy_file.check(tree, where))


def _tree(spec: Json, name: str, by_class: Mapping[str, set[str]]) -> dict[str, Any]:
    actions = json_object(spec.get("actions"))
    default = actions.get("default", Action.BLOCK.value)
    named = json_object(actions.get("byClass"))
    refusal = json_object(spec.get("refusal"))
    switches = json_object(spec.get("normalisation"))
    return {
        "version": policy_file.VERSION,
        "name": name,
        "mask": spec.get("mask", MASK),
        "refusal": {
            "en": refusal.get("en") or REFUSAL.en,
            "zh": refusal.get("zh") or REFUSAL.zh,
        },
        "classes": {
            risk_class: {"action": named.get(risk_class, default), "terms": sorted(terms)}
            for risk_class, terms in sorted(by_class.items())
        },
        "allow": list(_unique(spec.get("allow"))),
        "normalisation": {
            name: switches.get(name, usual) for name, usual in NORMALISATIONS.items()
        },
    }


def _add_forms(tree: dict[str, Any], spec: Json, where: str) -> Iterator[Problem]:
    """Pinyin and split characters of the terms, where the policy wishes them."""
    for name, make in forms.FORMS.items():
        if lookup(spec, "normalisation", name) is not True:
            continue
        room = FORMS_LIMIT
        for part in tree["classes"].values():
            made = list(islice(make(part["terms"]), room + 1))
            room -= len(made)
            if room < 0:
                yield policy_problems.too_many_forms(
                    FORMS_LIMIT, f"{where} spec.normalisation.{name}"
                )
                break
            part[name] = sorted(set(made))


def _add_shapes(tree: dict[str, Any], spec: Json) -> None:
    """Patterns and context rules, each to its class; `policy_file.check` judges them."""
    actions = json_object(spec.get("actions"))
    for kind in ("patterns", "contexts"):
        entries = spec.get(kind)
        for entry in map(json_object, entries if isinstance(entries, list) else ()):
            risk = str(entry.get("riskClass"))
            action = json_object(actions.get("byClass")).get(risk, actions.get("default", "Block"))
            part = tree["classes"].setdefault(risk, {"action": action, "terms": []})
            shape = (
                entry.get("pattern")
                if kind == "patterns"
                else {key: entry[key] for key in ("first", "second", "within") if key in entry}
            )
            part.setdefault(kind, []).append(shape)


def _add_named(tree: dict[str, Any], spec: Json) -> None:
    """Classes without terms that have an action of their own: detectors may find them."""
    answers = spec.get("answers")
    for risk, action in sorted(json_object(lookup(spec, "actions", "byClass")).items()):
        answered = action != Action.REPLACE.value or any(_answering(answers, risk))
        if risk in policy_file.RISK_CLASSES and answered:
            tree["classes"].setdefault(risk, {"action": action, "terms": []})


def _answering(answers: Any, risk: str) -> Iterator[Json]:
    for answer in map(json_object, answers if isinstance(answers, list) else ()):
        if risk in (answer.get("riskClasses") or (risk,)):
            yield answer


def _add_answers(tree: dict[str, Any], spec: Json) -> None:
    """Prepared answers to the classes that say them; one that names no class is for all."""
    answers = spec.get("answers")
    for risk, part in tree["classes"].items():
        if part["action"] == Action.REPLACE.value:
            part["answers"] = [
                {"en": answer.get("en"), "zh": answer.get("zh")}
                for answer in _answering(answers, risk)
            ]


def _add_thresholds(tree: dict[str, Any], spec: Json, where: str) -> Iterator[Problem]:
    """Only those above 1, so that a policy without them is the same as ever to older guards."""
    for risk, threshold in json_object(lookup(spec, "actions", "thresholds")).items():
        if risk not in tree["classes"]:
            yield policy_problems.no_such_class(risk, f"{where} spec.actions.thresholds")
        elif threshold != 1:
            tree["classes"][risk]["threshold"] = threshold


def _unique(values: Any) -> Iterator[Any]:
    yield from dict.fromkeys(str(value) for value in values) if isinstance(values, list) else ()
