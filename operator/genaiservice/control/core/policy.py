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
from genaiservice.api.terms import TermList, decode, parse_terms
from genaiservice.control.core.observed import Observed, policy_name

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
    if observed.policy is None:
        return _missing_policy(policy_name(observed.service), observed.namespace)
    inputs = _Inputs(
        key=_versions(observed.policy, observed.config_maps),
        policy=observed.policy,
        config_maps=observed.config_maps,
    )
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
        gathered.problems.append(_no_terms(where))
    if not gathered.problems:
        tree = _tree(spec, text(lookup(inputs.policy, "metadata", "name")), gathered.by_class)
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
        self.missing = 0
        """How many of the problems are objects that do not exist."""


def _read_source(source: Json, where: str, inputs: _Inputs, gathered: _Terms) -> None:
    risk_class = source.get("riskClass")
    if risk_class not in RISK_CLASSES:
        gathered.problems.append(_unknown_class(risk_class, where))
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
        gathered.problems.append(_no_source(where))
        return None
    config_map = inputs.config_maps.get(name)
    if config_map is None:
        gathered.missing += 1
        gathered.problems.append(_missing_config_map(name, where))
        return None
    place = f"ConfigMap/{name} {key}"
    data = _data(config_map, key)
    if data is None:
        gathered.problems.append(_missing_key(name, key, config_map, where))
        return None
    try:
        return parse_terms(decode(data, text(named.get("encoding"), "plain")), place)
    except ProblemError as error:
        gathered.problems.extend(replace(one, where=place) for one in error.problems)
        return None


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
        "normalisation": {name: switches.get(name, True) for name in NORMALISATIONS},
    }


def _unique(values: Any) -> Iterator[Any]:
    yield from dict.fromkeys(str(value) for value in values) if isinstance(values, list) else ()


def _missing_policy(name: str, namespace: str) -> Resolved:
    where = f"{KIND_POLICY}/{name}" if name else "spec.guard.moderationPolicy"
    return Resolved(
        reason=Reason.POLICY_NOT_FOUND,
        problems=(
            Problem(
                where=where,
                what=Text(
                    en=f"does not exist in namespace {namespace}" if name else "is not set",
                    zh=f"在命名空间 {namespace} 中不存在" if name else "未设置",
                ),
                why=Text(
                    en="the guard has no terms to screen with (Art. 4)",
                    zh="护栏没有可用于审核的词库（第四条）",
                ),
                next=Text(
                    en="create it, or name an existing one in spec.guard.moderationPolicy",
                    zh="请创建该策略，或在 spec.guard.moderationPolicy 中填写已有的策略",
                ),
            ),
        ),
    )


def _missing_config_map(name: str, where: str) -> Problem:
    return Problem(
        where=where,
        what=Text(en=f"ConfigMap/{name} does not exist", zh=f"ConfigMap/{name} 不存在"),
        why=Text(en="its terms cannot be screened for", zh="无法审核其中的词条"),
        next=Text(
            en="create the ConfigMap in the namespace of the policy, or correct configMap.name",
            zh="请在策略所在命名空间创建该 ConfigMap，或更正 configMap.name",
        ),
    )


def _missing_key(name: str, key: str, config_map: Json, where: str) -> Problem:
    held = sorted(
        {**json_object(config_map.get("data")), **json_object(config_map.get("binaryData"))}
    )
    shown = ", ".join(held[:5])
    return Problem(
        where=where,
        what=Text(en=f"ConfigMap/{name} has no key {key}", zh=f"ConfigMap/{name} 中没有键 {key}"),
        why=Text(en=f"it has: {shown or 'none'}", zh=f"已有的键：{shown or '无'}"),
        next=Text(
            en="add the key, or correct configMap.key", zh="请补充该键，或更正 configMap.key"
        ),
    )


def _no_source(where: str) -> Problem:
    return Problem(
        where=where,
        what=Text(en="holds no terms", zh="没有词条"),
        why=Text(
            en="a source is either inline or a ConfigMap with name and key",
            zh="来源应为 inline 或带有 name 与 key 的 configMap",
        ),
        next=Text(en="add inline or configMap", zh="请补充 inline 或 configMap"),
    )


def _no_terms(where: str) -> Problem:
    return Problem(
        where=f"{where} spec.sources",
        what=Text(en="hold no term at all", zh="没有任何词条"),
        why=Text(en="nothing would be screened (Art. 4)", zh="将不会审核任何内容（第四条）"),
        next=Text(en="add at least one source with terms", zh="请至少补充一个含有词条的来源"),
    )


def _unknown_class(value: Any, where: str) -> Problem:
    shown = str(value)[:20]
    return Problem(
        where=f"{where}.riskClass",
        what=Text(en=f"{shown!r} is no risk class", zh=f"“{shown}”不是风险类别"),
        why=Text(
            en=f"GB/T 45654 Annex A knows {RISK_CLASSES[0]} to {RISK_CLASSES[-1]}",
            zh=f"GB/T 45654 附录 A 的类别为 {RISK_CLASSES[0]} 至 {RISK_CLASSES[-1]}",
        ),
        next=Text(en="write one of these classes", zh="请填写上述类别之一"),
    )
