# SPDX-License-Identifier: Apache-2.0
"""ModerationPolicy and its ConfigMaps -> the policy file of the guard, or every problem found.

Nothing is used in part: one list that cannot be read makes the whole policy unusable, because a
guard that silently lacks a class of terms is worse than one that keeps its former policy.
The result for equal objects (uid and resource version) is kept, so that a thousand pod events do
not parse ten thousand terms a thousand times.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from genaiservice.api import policy_file
from genaiservice.api.conditions import Reason
from genaiservice.api.declared import json_object, text
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.names import KIND_POLICY
from genaiservice.api.policy_file import NORMALISATIONS, RISK_CLASSES, Action
from genaiservice.api.problem import Problem, ProblemError, Text
from genaiservice.api.terms import LIST_BYTES, TermList, decode, parse_terms
from genaiservice.control.core import forms, policy_problems
from genaiservice.control.core.guard_users import band_policies
from genaiservice.control.core.observed import Observed, policy_config_maps, policy_name

TOTAL_BYTES = LIST_BYTES
MASK = "＊"
REFUSAL = Text(
    en="This request or answer was stopped by the content policy of the service.",
    zh="该请求或回答因不符合本服务的内容安全要求而被终止。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """`packed` is the file as the guard reads it (base64 of it: `encoded`), empty on problems."""

    reason: Reason
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    hash: str = ""
    packed: bytes = b""
    encoded: str = ""
    by_class: Mapping[str, int] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return self.reason is Reason.POLICY_LOADED

    @property
    def terms(self) -> int:
        return sum(self.by_class.values())


def resolve(observed: Observed) -> Resolved:
    """The policy that the service names, ready to use or with every problem."""
    name = policy_name(observed.service)
    missing = policy_problems.missing_policy(name, observed.namespace)
    return _resolved(observed.policy, observed.config_maps, missing)


def resolve_bands(observed: Observed, spec: Json) -> dict[str, Resolved]:
    """The further policies that the bands of `spec` name, each by its name."""
    return {
        name: _resolved(
            observed.band_policies.get(name),
            observed.config_maps,
            policy_problems.missing_policy(name, observed.namespace, policy_problems.BAND),
        )
        for name in band_policies(spec)
    }


def _resolved(
    policy: Json | None, config_maps: Mapping[str, Json | None], missing: Problem
) -> Resolved:
    if policy is None:
        return Resolved(reason=Reason.POLICY_NOT_FOUND, problems=(missing,))
    named = {name: config_maps.get(name) for name in policy_config_maps(policy)}
    inputs = _Inputs(key=_versions(policy, named), policy=policy, config_maps=named)
    return _resolve_cached(inputs) if inputs.key else _resolve(inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    key: tuple[str, ...]
    policy: Json = field(compare=False)
    config_maps: Mapping[str, Json | None] = field(compare=False)


def _versions(policy: Json, config_maps: Mapping[str, Json | None]) -> tuple[str, ...]:
    """What identifies the inputs; empty when an object has no version (never came from a server).

    The policy counts by its generation, since writing its status changes its resource version.
    """
    key = [text(lookup(policy, "metadata", "uid")), str(lookup(policy, "metadata", "generation"))]
    for name, config_map in sorted(config_maps.items()):
        key += [name]
        if config_map is not None:
            version = text(lookup(config_map, "metadata", "resourceVersion"))
            key += [text(lookup(config_map, "metadata", "uid")), version]
    return tuple(key) if all(key) and key[1] != "None" else ()


def _resolve(inputs: _Inputs) -> Resolved:
    spec = json_object(lookup(inputs.policy, "spec"))
    where = f"{KIND_POLICY}/{text(lookup(inputs.policy, 'metadata', 'name'))}"
    gathered = _Terms()
    sources = spec.get("sources")
    for index, source in enumerate(sources if isinstance(sources, list) else ()):
        _read_source(json_object(source), f"{where} spec.sources[{index}]", inputs, gathered)
    if not gathered.problems and not any(gathered.by_class.values()):
        gathered.problems.append(policy_problems.no_terms(where))
    if not gathered.problems:
        tree = _tree(spec, text(lookup(inputs.policy, "metadata", "name")), gathered.by_class)
        _add_forms(tree, spec)
        _add_shapes(tree, spec)
        _add_answers(tree, spec)
        gathered.problems.extend(_add_thresholds(tree, spec, where))
        gathered.problems.extend(policy_file.check(tree, where))
    if gathered.problems:
        missing = gathered.missing and len(gathered.problems) == gathered.missing
        return Resolved(
            reason=Reason.POLICY_NOT_FOUND if missing else Reason.POLICY_INVALID,
            problems=tuple(gathered.problems),
        )
    packed = policy_file.pack(tree)
    return Resolved(
        reason=Reason.POLICY_LOADED,
        notes=tuple(gathered.notes),
        hash=policy_file.digest(tree),
        packed=packed,
        encoded=base64.b64encode(packed).decode(),
        by_class={name: len(terms) for name, terms in sorted(gathered.by_class.items())},
    )


_resolve_cached = lru_cache(maxsize=128)(_resolve)


class _Terms:
    """What the sources gave so far; lives for one call."""

    def __init__(self) -> None:
        self.by_class: dict[str, set[str]] = {}
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.size = 0
        """Bytes of all lists, so that a policy of many sources stays as bounded as one list."""
        self.missing = 0
        """How many of the problems are objects that do not exist."""


def _read_source(source: Json, where: str, inputs: _Inputs, gathered: _Terms) -> None:
    risk_class = source.get("riskClass")
    if risk_class not in RISK_CLASSES:
        gathered.problems.append(policy_problems.unknown_class(risk_class, where))
        return
    listed = _listed(source, where, inputs, gathered)
    if listed is None:
        return
    gathered.problems.extend(listed.problems)
    gathered.notes.extend(listed.notes)
    gathered.by_class.setdefault(str(risk_class), set()).update(listed.terms)


def _listed(source: Json, where: str, inputs: _Inputs, gathered: _Terms) -> TermList | None:
    inline = source.get("inline")
    if isinstance(inline, list):
        lines = "\n".join(str(term).replace("\n", " ") for term in inline)
        return parse_terms(lines.encode("utf-8", "replace"), f"{where}.inline")
    named = json_object(source.get("configMap"))
    name, key = text(named.get("name")), text(named.get("key"))
    if not name or not key:
        gathered.problems.append(policy_problems.no_source(where))
        return None
    config_map = inputs.config_maps.get(name)
    if config_map is None:
        gathered.missing += 1
        gathered.problems.append(policy_problems.missing_config_map(name, where))
        return None
    place = f"ConfigMap/{name} {key}"
    data = _data(config_map, key)
    if data is None:
        gathered.problems.append(policy_problems.missing_key(name, key, _keys(config_map), where))
        return None
    try:
        plain = decode(data, text(named.get("encoding"), "plain"))
    except ProblemError as error:
        gathered.problems.extend(replace(one, where=place) for one in error.problems)
        return None
    gathered.size += len(plain)
    if gathered.size > TOTAL_BYTES:
        gathered.problems.append(policy_problems.too_much(place))
        return None
    return parse_terms(plain, place)


def _data(config_map: Json, key: str) -> bytes | None:
    """The value of a key of `data` or `binaryData`."""
    plain = lookup(config_map, "data", key)
    if isinstance(plain, str):
        return plain.encode("utf-8", "surrogatepass")
    binary = lookup(config_map, "binaryData", key)
    if isinstance(binary, str):
        try:
            return base64.b64decode(binary, validate=True)
        except binascii.Error:
            return None
    return None


def _keys(config_map: Json) -> set[str]:
    return {*json_object(config_map.get("data")), *json_object(config_map.get("binaryData"))}


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


def _add_forms(tree: dict[str, Any], spec: Json) -> None:
    """Pinyin and split characters of the terms, where the policy wishes them."""
    for name, make in forms.FORMS.items():
        if lookup(spec, "normalisation", name) is True:
            for part in tree["classes"].values():
                part[name] = sorted(set(make(part["terms"])))


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


def _add_answers(tree: dict[str, Any], spec: Json) -> None:
    """Prepared answers to the classes that say them; one that names no class is for all."""
    answers = spec.get("answers")
    for risk, part in tree["classes"].items():
        if part["action"] == Action.REPLACE.value:
            part["answers"] = [
                {"en": answer.get("en"), "zh": answer.get("zh")}
                for answer in map(json_object, answers if isinstance(answers, list) else ())
                if risk in (answer.get("riskClasses") or (risk,))
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
