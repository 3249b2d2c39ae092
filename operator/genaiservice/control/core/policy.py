# SPDX-License-Identifier: Apache-2.0
"""ModerationPolicy and its ConfigMaps -> the policy file of the guard, or every problem found.

Nothing is used in part: one list that cannot be read makes the whole policy unusable, because a
guard that silently lacks a class of terms is worse than one that keeps its former policy.
The result for equal objects (uid and resource version) is kept, so that a thousand pod events do
not parse ten thousand terms a thousand times.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from genaiservice.api import policy_file
from genaiservice.api.conditions import Reason
from genaiservice.api.declared import json_object, text
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.names import KIND_POLICY
from genaiservice.api.policy_file import RISK_CLASSES
from genaiservice.api.problem import Problem, ProblemError
from genaiservice.api.terms import LIST_BYTES, TermList, decode, parse_terms
from genaiservice.control.core import policy_problems, policy_tree
from genaiservice.control.core.guard_users import band_policies
from genaiservice.control.core.observed import Observed, policy_config_maps, policy_name

TOTAL_BYTES = LIST_BYTES


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
        name = text(lookup(inputs.policy, "metadata", "name"))
        tree, faults = policy_tree.rendered(spec, name, gathered.by_class, where)
        gathered.problems.extend(faults)
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
