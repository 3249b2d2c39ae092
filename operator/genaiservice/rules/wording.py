# SPDX-License-Identifier: Apache-2.0
"""The words of a finding, in English and Chinese, from a step and the fault that it found.

What (field and value), why (source), in the message; the next step in the remedy. No word here says
that a service complies, that we approve, or that a number is genuine: we see forms and dates only.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from genaiservice.api.conditions import Reason
from genaiservice.api.problem import EMPTY, Text
from genaiservice.rules.limits import numbered
from genaiservice.rules.paths import ROOT, Void
from genaiservice.rules.requirement import Requirement, Step
from genaiservice.rules.verdict import Level, Override

VALUE_LENGTH: Final = 60
"""Longest piece of a user's value that a message repeats."""

PLACEHOLDERS: Final = frozenset({"field", "value", "expects", "source", "deadline", "seen"})
"""What a message or remedy of a requirement file may name in braces."""

PASSED: Final = {
    Level.FORMAT_CHECKED: Text(
        en="Declared, and its format and dates were checked (V1).",
        zh="已申报，格式与日期已核对（V1）。",
    ),
    Level.CROSS_CHECKED: Text(
        en="Declared, format-checked, and cross-checked with what the operator sees (V2).",
        zh="已申报，格式已核对，并与运行时所见交叉核对（V2）。",
    ),
}
NOT_APPLICABLE: Final = Text(en="Does not apply to the declared scope.", zh="按申报的范围不适用。")
KILL_SWITCH: Final = Text(
    en="The service is stopped by the team that runs it (kill switch).",
    zh="服务已由运营方紧急停止。",
)

TEMPLATES: Final[dict[Reason, Text]] = {
    Reason.DECLARATION_MISSING: Text(
        en="{field} is not declared; expected: {expects} ({source}).",
        zh="未申报 {field}；应为：{expects}（{source}）。",
    ),
    Reason.FORMAT_INVALID: Text(
        en="{field} has an unknown format: {value}; expected: {expects} ({source}).",
        zh="{field} 格式无法识别：{value}；应为：{expects}（{source}）。",
    ),
    Reason.CROSS_CHECK_FAILED: Text(
        en="{field} is {value}; expected: {expects} ({source}).",
        zh="{field} 为 {value}；应为：{expects}（{source}）。",
    ),
    Reason.NOT_YET_APPROVED: Text(
        en="{field} is {value}: still on its way; expected: {expects} ({source}).",
        zh="{field} 为 {value}：尚在办理；应为：{expects}（{source}）。",
    ),
    Reason.EXPIRED: Text(
        en="{field} is {value}: this was valid until {deadline}; expected: {expects} ({source}).",
        zh="{field} 为 {value}：有效期至 {deadline}，已过；应为：{expects}（{source}）。",
    ),
    Reason.OVERDUE: Text(
        en="{field} is {value}: the time for it ended on {deadline}; "
        "expected: {expects} ({source}).",
        zh="{field} 为 {value}：期限已于 {deadline} 届满；应为：{expects}（{source}）。",
    ),
    Reason.REVOKED: Text(
        en="{field} is declared as {value}: traffic is refused; expected: {expects} ({source}).",
        zh="{field} 申报为 {value}：服务流量被拒绝；应为：{expects}（{source}）。",
    ),
    Reason.SUSPENDED_BY_ORDER: Text(
        en="{field} is {value} and the order is open: traffic is refused; "
        "expected: {expects} ({source}).",
        zh="{field} 为 {value} 且尚未办结：服务流量被拒绝；应为：{expects}（{source}）。",
    ),
    Reason.PAGE_FAILING: Text(
        en="{field} is {value}: {seen}; expected: {expects} ({source}).",
        zh="{field} 为 {value}：{seen}；应为：{expects}（{source}）。",
    ),
    Reason.FACT_UNAVAILABLE: Text(
        en="{field} is {value} and could not be looked at: {seen}; expected: {expects} ({source}).",
        zh="{field} 为 {value}，但无法取得事实：{seen}；应为：{expects}（{source}）。",
    ),
    Reason.CALENDAR_UNKNOWN: Text(
        en="The working-day clock from {field} runs into a year whose State Council calendar "
        "this rule pack does not hold; it is not guessed ({source}).",
        zh="自 {field} 起算的工作日期限涉及规则包尚无国务院节假日安排的年份，不作推测"
        "（{source}）。",
    ),
}
OBSERVED: Final = Text(
    en="{field} is {value}, but {seen}; expected: {expects} ({source}).",
    zh="{field} 为 {value}，但{seen}；应为：{expects}（{source}）。",
)
"""Instead of the reason's own words where a fact disagrees with the declaration."""
OVERRIDDEN: Final = Text(
    en=" This service uses {value} in place of {default} for {name} ({reason}; {approver}).",
    zh="本服务以 {value} 代替 {default}（{name}；理由：{reason}；批准人：{approver}）。",
)
NOT_SHOWN: Final = Text(en="(value not shown)", zh="（值不显示）")
CALENDAR_REMEDY: Final = Text(
    en="Update the operator once the State Council has published that year's calendar, or declare "
    "the approved status of the filing.",
    zh="待国务院公布该年节假日安排后升级本软件，或申报备案已获批的状态。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Where a step failed, on which value, and why."""

    field: str
    value: Any
    reason: Reason
    deadline: date | None
    seen: Text = EMPTY


def passed(level: Level, overrides: Iterable[Override] = ()) -> Text:
    return _with_overrides(PASSED[level], overrides)


def message_of(
    rule: Requirement,
    step: Step,
    fault: Fault,
    limits: Mapping[str, float],
    overrides: Iterable[Override] = (),
) -> Text:
    """What is wrong and why. A step's own message speaks for the reason that the step names."""
    own = step.message if fault.reason is step.reason else None
    if own is None and fault.reason is step.reason and fault.seen != EMPTY:
        own = OBSERVED
    return _with_overrides(
        _fill(own or TEMPLATES[fault.reason], rule, step, fault, limits), overrides
    )


def _with_overrides(text: Text, overrides: Iterable[Override]) -> Text:
    """The text, and every number that the service replaced: nobody may overlook one."""
    for one in overrides:
        reason, approver = show(one.reason), show(one.approver)
        values = {"name": one.name, "value": one.value, "default": one.default}
        text = Text(
            en=text.en + OVERRIDDEN.en.format(reason=reason.en, approver=approver.en, **values),
            zh=text.zh + OVERRIDDEN.zh.format(reason=reason.zh, approver=approver.zh, **values),
        )
    return text


def remedy_of(rule: Requirement, step: Step, fault: Fault, limits: Mapping[str, float]) -> Text:
    """What to do next."""
    if fault.reason is Reason.CALENDAR_UNKNOWN:
        return CALENDAR_REMEDY
    return _fill(step.remedy or rule.remedy, rule, step, fault, limits)


def _fill(
    template: Text, rule: Requirement, step: Step, fault: Fault, limits: Mapping[str, float]
) -> Text:
    expects = _in_entries(numbered(step.expects, limits), step, fault)
    deadline = fault.deadline.isoformat() if fault.deadline else "-"
    value = NOT_SHOWN if step.private else show(fault.value)
    return Text(
        en=template.en.format(
            field=fault.field,
            value=value.en,
            expects=expects.en,
            source=rule.source.en,
            deadline=deadline,
            seen=fault.seen.en,
        ),
        zh=template.zh.format(
            field=fault.field,
            value=value.zh,
            expects=expects.zh,
            source=rule.source.zh,
            deadline=deadline,
            seen=fault.seen.zh,
        ),
    )


def _in_entries(expects: Text, step: Step, fault: Fault) -> Text:
    """What is expected, where the list itself is at fault and `expects` speaks of its entries.

    "datasets is not declared; expected: true or false" would be followed to the letter.
    """
    head, each, inner = step.field.partition("[]")
    if not (each and inner and isinstance(fault.value, Void)) or fault.field != f"{ROOT}.{head}":
        return expects
    name = inner.removeprefix(".")
    return Text(
        en=f"a list of entries, each with {name}: {expects.en}",
        zh=f"条目列表，每条含 {name}：{expects.zh}",
    )


_SHAPES: Final = {
    Void: Text(en="a value of another type", zh="其他类型的值"),
    dict: Text(en="an object", zh="一个对象"),
    list: Text(en="a list", zh="一个列表"),
    int: Text(en="a number beyond all bounds", zh="超出范围的数"),
}


def show(value: Any) -> Text:
    """The value on one line, printable, and cut to a length that a condition can carry."""
    if isinstance(value, Void | dict | list):
        return _SHAPES[type(value)]
    if isinstance(value, int) and value.bit_length() > VALUE_LENGTH * 3:
        return _SHAPES[int]
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > VALUE_LENGTH:
        text = text[: VALUE_LENGTH - 1] + "…"
    text = "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
    return Text(en=text, zh=text)
