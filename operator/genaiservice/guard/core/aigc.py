# SPDX-License-Identifier: Apache-2.0
"""The implicit label of GB 45438-2025 Annex E: seven fields of JSON under the key `AIGC`.

Build it, read it, say what is wrong with it. Rules: exactly the seven keys and no others; values
are texts of printable ASCII without blank and backslash, so that no carrier has to escape them;
a block that is not sound is never repaired in silence, and one of another producer is never
taken for ours. Carriers are the business of `guard.media`.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from genaiservice.api import provider_code
from genaiservice.api.problem import Problem, ProblemError, Text

NAME: Final = "AIGC"
NAMESPACE: Final = "http://www.tc260.org.cn/ns/AIGC/1.0/"
PREFIX: Final = "TC260"
KEYS: Final = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
LONGEST: Final = 16 * 1024
"""Characters of one block that are read at most; a signature in ReservedCode has 2 to 6 KiB."""

# Annex E j): 0x21, 0x23-0x5B, 0x5D-0x7E and the escaped quotation mark.
_VALUE: Final = re.compile(r"[\x21-\x5B\x5D-\x7E]*")


class Generated(StrEnum):
    """Values of `Label`."""

    IS = "1"
    MAY_BE = "2"
    SUSPECTED = "3"


class Standing(StrEnum):
    """What one block is to the reader. Sound: conforming, and nobody said who "we" are."""

    OURS = "Ours"
    FOREIGN = "Foreign"
    SOUND = "Sound"
    BROKEN = "Broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aigc:
    """One sound block; the fields stand in the order of KEYS."""

    label: Generated
    content_producer: str
    produce_id: str
    reserved_code1: str = ""
    content_propagator: str = ""
    propagate_id: str = ""
    reserved_code2: str = ""


_FIELDS: Final = dict(zip(KEYS, (field.name for field in fields(Aigc)), strict=True))


def build(
    producer: str, produce_id: str, *, reserved: str = "", kept: Sequence[str] = ("", "", "")
) -> Aigc:
    """Our block; `kept`: the propagator's fields of an earlier one. Raises ProblemError."""
    block = Aigc(
        label=Generated.IS,
        content_producer=producer,
        produce_id=produce_id,
        reserved_code1=reserved,
        content_propagator=kept[0],
        propagate_id=kept[1],
        reserved_code2=kept[2],
    )
    problems = list(_faults(_tree(block)))
    if not provider_code.is_producer_code(producer):
        # Never made up here: the organisation declares its code, the rules check it (IM-12-5).
        problems.append(_PRODUCER_CODE)
    if problems:
        raise ProblemError(*dict.fromkeys(problems))
    return block


def render(block: Aigc, *, wrapped: bool = True) -> str:
    """Compact JSON; OOXML takes the seven fields without the outer `AIGC`."""
    tree: Any = _tree(block)
    return json.dumps({NAME: tree} if wrapped else tree, separators=(",", ":"))


def parse(raw: str, *, wrapped: bool = True) -> Aigc:
    """The block that stands in `raw`; raises ProblemError with every fault."""
    try:
        tree = json.loads(raw, object_pairs_hook=_once) if len(raw) <= LONGEST else None
    except (ValueError, RecursionError):
        tree = None
    if wrapped and isinstance(tree, dict):
        tree = tree[NAME] if set(tree) == {NAME} else None
    if not isinstance(tree, dict):
        raise ProblemError(_NO_BLOCK if wrapped else _NO_FIELDS)
    return of_tree(tree)


def of_tree(tree: dict[str, Any]) -> Aigc:
    """The block of the seven fields as read by a carrier with a syntax of its own (YAML)."""
    if problems := _faults(tree):
        raise ProblemError(*problems)
    values = {_FIELDS[key]: tree[key] for key in KEYS}
    return Aigc(**{**values, "label": Generated(values["label"])})


def faults(raw: str, *, wrapped: bool = True) -> tuple[Problem, ...]:
    try:
        parse(raw, wrapped=wrapped)
    except ProblemError as error:
        return error.problems
    return ()


def standing(block: Aigc | None, ours: str) -> Standing:
    """`ours` is our producer code, "" when the reader is nobody in particular."""
    if block is None:
        return Standing.BROKEN
    if not ours:
        return Standing.SOUND
    return Standing.OURS if block.content_producer == ours else Standing.FOREIGN


def propagation(block: Aigc) -> tuple[str, str, str]:
    """What belongs to the propagator and outlives a new label of the producer."""
    return block.content_propagator, block.propagate_id, block.reserved_code2


def _tree(block: Aigc) -> dict[str, str]:
    return {key: str(getattr(block, name)) for key, name in _FIELDS.items()}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key stands twice")  # readers disagree on which one counts
    return tree


def _faults(tree: dict[str, Any]) -> tuple[Problem, ...]:
    found = []
    if absent := [key for key in KEYS if key not in tree]:
        found.append(_keys(absent, "missing", "缺少"))
    if extra := sorted(str(key)[:40] for key in tree if key not in KEYS):
        found.append(_keys(extra, "not of Annex E", "不属于附录 E 的"))
    for key in KEYS:
        found += _value_faults(key, tree[key]) if key in tree else ()
    return tuple(found)


def _value_faults(key: str, value: Any) -> list[Problem]:
    if not isinstance(value, str):
        return [_fault(key, "is no text", "不是文本", f'write "{key}":"…"', f'写作 "{key}":"…"')]
    if not _VALUE.fullmatch(value):
        return [
            _fault(
                key,
                "holds a character outside printable ASCII, a blank or a backslash",
                "含有可见 ASCII 以外的字符、空格或反斜杠",
                "use codes, not names in Chinese",
                "请使用编码，不要使用中文名称",
            )
        ]
    if key == "Label" and value not in {member.value for member in Generated}:
        return [
            _fault(
                key,
                "is none of 1, 2, 3",
                "不是 1、2、3 之一",
                "write 1 (is generated), 2 (may be) or 3 (suspected)",
                "填写 1（属于）、2（可能）或 3（疑似）",
            )
        ]
    if key in {"ContentProducer", "ProduceID"} and not value:
        return [_fault(key, "is empty", "为空", "fill it in", "请填写")]
    if key == "ContentProducer" and provider_code.role(value) == provider_code.PROPAGATION:
        return [_ROLE]
    return []


def _fault(key: str, en: str, zh: str, next_en: str, next_zh: str) -> Problem:
    return Problem(
        where=f"{NAME}.{key}",
        what=Text(en=en, zh=zh),
        why=Text(en="GB 45438-2025, Annex E", zh="GB 45438-2025 附录 E"),
        next=Text(en=next_en, zh=next_zh),
    )


def _keys(keys: list[str], en: str, zh: str) -> Problem:
    names = ", ".join(keys[:8])
    return Problem(
        where=NAME,
        what=Text(en=f"{en}: {names}", zh=f"{zh}字段：{names}"),
        why=Text(en="Annex E knows seven keys, all of them", zh="附录 E 恰好规定七个字段"),
        next=Text(en=f"write {', '.join(KEYS)}", zh=f"请填写 {'、'.join(KEYS)}"),
    )


_ROLE: Final = _fault(
    "ContentProducer",
    "is the code of a propagator (2 at position 23)",
    "是传播服务编码（第 23 位为 2）",
    "use the code with 1 at position 23",
    "请使用第 23 位为 1 的编码",
)
_PRODUCER_CODE: Final = _fault(
    "ContentProducer",
    "is no provider code of 27 characters with 1 at position 23 and a valid credit code",
    "不是 27 位、第 23 位为 1 且含有效统一社会信用代码的服务提供者编码",
    "declare compliance.provider.aigcProviderCode (TC260-PG-20252A)",
    "请申报 compliance.provider.aigcProviderCode（TC260-PG-20252A）",
)
_NO_BLOCK: Final = Problem(
    where=NAME,
    what=Text(en='is no JSON object {"AIGC":{…}}', zh='不是 {"AIGC":{…}} 形式的 JSON 对象'),
    why=Text(en="GB 45438-2025, Annex E; no Base64", zh="GB 45438-2025 附录 E；不使用 Base64"),
    next=Text(en="write the seven fields as JSON, each once", zh="请以 JSON 写入七个字段，各一次"),
)
_NO_FIELDS: Final = Problem(
    where=NAME,
    what=Text(en="is no JSON object of the seven fields", zh="不是由七个字段组成的 JSON 对象"),
    why=Text(en="in OOXML they stand without an outer key", zh="OOXML 中不含外层键"),
    next=_NO_BLOCK.next,
)
