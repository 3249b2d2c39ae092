# SPDX-License-Identifier: Apache-2.0
"""The words of the report itself. What requirements, conditions and findings say comes from them.

Rule: no word claims that a service complies, that somebody approved, or that a paper is genuine.
Every colour of the page has a sign and a word here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from genaiservice.api.problem import Text
from genaiservice.cli.report.page import Page
from genaiservice.control.core.condition import Status
from genaiservice.rules.verdict import Level, Result, Severity


class Tone(StrEnum):
    """The class of a mark on the page; the style sheet gives it a colour."""

    BLOCK = "block"
    WARN = "warn"
    GOOD = "good"
    QUIET = "quiet"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A result as people see it: sign and word say it, the tone only repeats it."""

    sign: str
    word: Text
    tone: Tone


FAILS_BLOCKING: Final = Mark(
    sign="✗", word=Text(en="Not met, blocks", zh="不满足（阻断）"), tone=Tone.BLOCK
)
UNKNOWN_BLOCKING: Final = Mark(
    sign="?", word=Text(en="Unknown, blocks", zh="未知（阻断）"), tone=Tone.BLOCK
)
FAILS: Final = Mark(sign="!", word=Text(en="To be mended", zh="待改进（提示）"), tone=Tone.WARN)
UNKNOWN: Final = Mark(sign="?", word=Text(en="Unknown, warning", zh="未知（提示）"), tone=Tone.WARN)
CHECKED: Final = Mark(sign="✓", word=Text(en="Checked", zh="已核对"), tone=Tone.GOOD)
WAIVED: Final = Mark(sign="◇", word=Text(en="Waived", zh="已豁免"), tone=Tone.WAIVED)
IDLE: Final = Mark(sign="–", word=Text(en="Not applicable", zh="不适用"), tone=Tone.QUIET)
MARKS: Final = (FAILS_BLOCKING, UNKNOWN_BLOCKING, FAILS, UNKNOWN, WAIVED, CHECKED, IDLE)
"""In the order in which the summary counts them, the worst first."""


def mark(result: Result, severity: Severity) -> Mark:
    blocks = severity is Severity.BLOCK
    match result:
        case Result.FAIL:
            return FAILS_BLOCKING if blocks else FAILS
        case Result.UNKNOWN:
            return UNKNOWN_BLOCKING if blocks else UNKNOWN
        case Result.PASS:
            return CHECKED
        case Result.WAIVED:
            return WAIVED
        case Result.NOT_APPLICABLE:
            return IDLE


LEVELS: Final[dict[Level, Text]] = {
    Level.DECLARED: Text(
        en="declared or still missing; nothing was checked",
        zh="仅有申报（或尚缺申报），未作核对",
    ),
    Level.FORMAT_CHECKED: Text(
        en="format-checked: forms, dates and numbers of the declaration",
        zh="格式核对：申报内容的格式、日期与数值",
    ),
    Level.CROSS_CHECKED: Text(
        en="cross-checked: the declaration agrees with what the operator sees",
        zh="交叉核对：申报内容与运行时所见一致",
    ),
    Level.OBSERVED: Text(
        en="observed: the behaviour of the running service was tested",
        zh="实际观测：对运行中的服务进行了测试",
    ),
}

REPORT: Final = Text(
    en="Report on the declarations of a generative-AI service",
    zh="生成式人工智能服务申报核查报告",
)
LAW: Final = Text(
    en="Interim Measures for the Management of Generative Artificial Intelligence Services",
    zh="《生成式人工智能服务管理暂行办法》",
)
PERMITTED: Final = Text(
    en="Declarations were format-checked as of {day} against rule pack {pack}. The result decides "
    "about the rollout only.",
    zh="以上结果为 {day} 按规则包 {pack} 对申报内容进行格式核对得出，仅用于决定是否上线。",
)
PERMITTED_AND_SEEN: Final = Text(
    en="Declarations were format-checked as of {day} against rule pack {pack}, those marked V2 "
    "cross-checked with what the operator sees. The result decides about the rollout only.",
    zh="以上结果为 {day} 按规则包 {pack} 对申报内容进行格式核对得出，"
    "标为 V2 的并与运行时所见交叉核对，仅用于决定是否上线。",
)


def permitted(page: Page) -> Text:
    """What may be said of a report: cross-checked is only what reached that level."""
    seen = {Level.CROSS_CHECKED, Level.OBSERVED}
    offline = seen.isdisjoint(row.finding.level for row in page.rows)
    told = PERMITTED if offline else PERMITTED_AND_SEEN
    return told.format(day=page.as_of, pack=page.rule_pack)


NO_ADVICE: Final = Text(
    en="This report is no legal advice. It does not say that the service is lawful, that an "
    "authority agrees, or that a number or document is genuine; only the authorities can say that.",
    zh="本报告不构成法律意见，不表示服务合法，不表示主管部门认可，也不表示编号或文件真实；"
    "上述事项以主管部门的认定为准。",
)
NOTICE: Final = Text(en="Notice", zh="声明")
LEVEL: Final = Text(en="Levels", zh="核查级别")
SUSPENDED: Final = Text(en="traffic refused", zh="服务已暂停")
SUMMARY: Final = Text(en="Summary", zh="概要")
BLOCKERS: Final = Text(en="What blocks the rollout", zh="阻断上线的事项")
NOTHING_BLOCKS: Final = Text(en="No requirement blocks.", zh="没有阻断上线的要求。")
DATES: Final = Text(en="Next dates", zh="近期期限")
NO_DATES: Final = Text(en="No requirement names a date.", zh="没有要求涉及期限。")
NEXT_CHANGE: Final = Text(
    en="The same declaration may be judged otherwise from {day} on.",
    zh="同一申报自 {day} 起可能得出不同结果。",
)
ACT_BY: Final = Text(en="act by {day}", zh="须于 {day} 前处理")
OVERDUE: Final = Text(en="overdue since {day}", zh="已于 {day} 到期")
HOLDS_UNTIL: Final = Text(en="holds until {day}", zh="有效至 {day}")
RENEW: Final = Text(en="Renew it before {day}.", zh="请在 {day} 前更新。")
SINCE: Final = Text(
    en="Changes since the report of {day} (rule pack {pack})",
    zh="与 {day} 报告（规则包 {pack}）相比的变化",
)
UNCHANGED: Final = Text(en="Nothing has changed since that report.", zh="与该报告相比没有变化。")
OVERRIDES: Final = Text(en="Overrides of the rule pack", zh="对规则包的调整")
APPROVED_BY: Final = Text(en="approved by {who}", zh="批准人：{who}")
INSTEAD_OF: Final = Text(en="the rule pack has {default}", zh="规则包为 {default}")
NO_OVERRIDES: Final = Text(
    en="The declaration overrides nothing of the rule pack.", zh="申报未调整规则包的任何数值。"
)
SEEN: Final = Text(en="What the operator sees in the cluster", zh="集群中的实际状态")
REFUSED: Final = Text(en="This manifest cannot be applied as it is", zh="该清单无法直接应用")
NOTES: Final = Text(en="About this report", zh="关于本报告")
FIELD_NAMES: Final = Text(
    en="Fields and values have the names that stand in the manifest. `genaictl explain FIELD` and "
    "docs/reference/en/compliance-fields.md say what each means.",
    zh="字段与取值沿用清单中的名称，其含义见 `genaictl explain 字段 --lang zh` 与 "
    "docs/reference/zh/compliance-fields.md。",
)
DUTIES: Final = Text(en="Duty by duty", zh="逐项义务")
DOES_NOT_APPLY: Final = Text(en="Not applicable to the declared scope", zh="按申报范围不适用")
SEMICOLON: Final = Text(en="; ", zh="；")
NOT_DECLARED: Final = Text(en="not declared", zh="未申报")
MORE: Final = Text(en="and {n} more", zh="另有 {n} 项")
NONE: Final = Text(en="–", zh="–")

AS_OF: Final = Text(en="As of", zh="核查日期")
RULE_PACK: Final = Text(en="Rule pack", zh="规则包")
SERVICE: Final = Text(en="Service", zh="服务标识")
DECLARATION: Final = Text(en="Declaration", zh="申报来源")
REQUIREMENT: Final = Text(en="Requirement", zh="要求")
DECLARED: Final = Text(en="Declared", zh="申报内容")
RESULT: Final = Text(en="Result", zh="结果、级别")
FINDING: Final = Text(en="Finding", zh="说明")
FINDING_AND_NEXT: Final = Text(en="Finding and next step", zh="说明与处理")
NEXT: Final = Text(en="Next step", zh="处理")
OWNER: Final = Text(en="Owner", zh="责任方")
OWNER_AND_DATE: Final = Text(en="Owner, date", zh="责任方、期限")
DATE: Final = Text(en="Date", zh="日期")
CHANGE: Final = Text(en="Change", zh="变化")
BEFORE: Final = Text(en="Then", zh="此前")
AFTER: Final = Text(en="Now", zh="现在")
CONDITION: Final = Text(en="Condition", zh="状态条件")
VALUE: Final = Text(en="State", zh="状态")
SIGNS: Final[dict[Status, tuple[str, Tone]]] = {
    Status.TRUE: ("✓", Tone.GOOD),
    Status.FALSE: ("✗", Tone.BLOCK),
    Status.UNKNOWN: ("?", Tone.WARN),
}
