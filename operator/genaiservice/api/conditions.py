# SPDX-License-Identifier: Apache-2.0
"""Condition types and reasons of a GenAIService: a closed set, each with its meaning.

Reasons are general, so that alerts can group by them; the message names the requirement.
Messages hold no times and no counters: those would cause a write of the status without news.
"""

from enum import StrEnum
from typing import Final

from genaiservice.api.problem import Text


class ConditionType(StrEnum):
    # One per duty family; a requirement file names its family by the value.
    SCOPE = "ScopeDeclared"
    FILING = "FilingValid"
    ASSESSMENT = "SecurityAssessmentValid"
    CONTENT_SAFETY = "ContentSafetyDeclared"
    MODELS = "ModelsTraceable"
    PROVIDER = "ProviderIdentified"
    LABELLING = "LabellingDeclared"
    MINORS = "MinorsProtected"
    COMPLAINTS = "ComplaintsReachable"
    CONTINUITY = "ContinuityPlanned"
    LICENCES = "LicencesDeclared"
    ORDERS = "OrdersObeyed"
    PERSONAL_INFO = "PersonalInformationProtected"
    TRAINING_DATA = "TrainingDataTraceable"
    AGREEMENT = "AgreementPublished"
    TRANSPARENCY = "PublicStatementMade"
    INCIDENTS = "IncidentsPrepared"
    LOGS = "LogsKept"
    INSPECTION = "InspectionReady"
    ANTHROPOMORPHIC = "AnthropomorphicSafe"
    # What the operator sees and decides.
    POLICY = "ModerationPolicyReady"
    GUARD = "GuardEnforced"
    USERS = "UsersKnown"
    DETECTORS = "DetectorsClosed"
    ROLLOUT = "RolloutAllowed"
    READY = "Ready"


FAMILIES: Final = (
    ConditionType.SCOPE,
    ConditionType.FILING,
    ConditionType.ASSESSMENT,
    ConditionType.CONTENT_SAFETY,
    ConditionType.MODELS,
    ConditionType.PROVIDER,
    ConditionType.LABELLING,
    ConditionType.MINORS,
    ConditionType.COMPLAINTS,
    ConditionType.CONTINUITY,
    ConditionType.LICENCES,
    ConditionType.ORDERS,
    ConditionType.PERSONAL_INFO,
    ConditionType.TRAINING_DATA,
    ConditionType.AGREEMENT,
    ConditionType.TRANSPARENCY,
    ConditionType.INCIDENTS,
    ConditionType.LOGS,
    ConditionType.INSPECTION,
    ConditionType.ANTHROPOMORPHIC,
)


class Reason(StrEnum):
    # Duty families
    SATISFIED = "Satisfied"
    NOT_APPLICABLE = "NotApplicable"
    DECLARATION_MISSING = "DeclarationMissing"
    FORMAT_INVALID = "FormatInvalid"
    CROSS_CHECK_FAILED = "CrossCheckFailed"
    NOT_YET_APPROVED = "NotYetApproved"
    EXPIRED = "Expired"
    OVERDUE = "Overdue"
    REVOKED = "Revoked"
    SUSPENDED_BY_ORDER = "SuspendedByOrder"
    KILL_SWITCH = "KillSwitch"
    WARNINGS_ONLY = "WarningsOnly"
    WAIVED = "Waived"
    CALENDAR_UNKNOWN = "CalendarUnknown"
    PAGE_FAILING = "PageFailing"
    FACT_UNAVAILABLE = "FactUnavailable"
    # ModerationPolicyReady
    POLICY_LOADED = "PolicyLoaded"
    POLICY_NOT_FOUND = "PolicyNotFound"
    POLICY_INVALID = "PolicyInvalid"
    # GuardEnforced
    NO_PODS = "NoPods"
    ALL_GUARDED = "AllGuarded"
    UNGUARDED_PODS = "UnguardedPods"
    MODEL_PORT_REACHABLE = "ModelPortReachable"
    CLAIM_CONFLICT = "ClaimConflict"
    OLDER_CONFIGURATION = "OlderConfiguration"
    # UsersKnown
    IDENTITY_DECLARED = "IdentityDeclared"
    NO_IDENTITY_SOURCE = "NoIdentitySource"
    # DetectorsClosed
    FAILS_CLOSED = "FailsClosed"
    FAILS_OPEN = "FailsOpen"
    # RolloutAllowed, Ready
    ALLOWED = "Allowed"
    REQUIREMENTS_NOT_MET = "RequirementsNotMet"
    KEEPS_ADMITTED_REVISION = "KeepsAdmittedRevision"
    PODS_STARTING = "PodsStarting"
    SERVING = "Serving"
    APPLY_FAILED = "ApplyFailed"


MEANINGS: Final[dict[Reason, Text]] = {
    Reason.SATISFIED: Text(
        en="Everything this duty asks for is declared and holds together.",
        zh="该项义务要求的内容均已申报且相互一致。",
    ),
    Reason.NOT_APPLICABLE: Text(
        en="The duty does not apply to the declared scope.",
        zh="按申报的范围，该项义务不适用。",
    ),
    Reason.DECLARATION_MISSING: Text(
        en="A declaration is missing; add the field that the message names.",
        zh="缺少申报内容；请补充消息中指出的字段。",
    ),
    Reason.FORMAT_INVALID: Text(
        en="A value has a form that the rule does not know; correct it as the message says.",
        zh="某个值的格式无法识别；请按消息更正。",
    ),
    Reason.CROSS_CHECK_FAILED: Text(
        en="Declarations contradict each other or a limit; align them as the message says.",
        zh="申报内容相互矛盾或超出限值；请按消息调整。",
    ),
    Reason.NOT_YET_APPROVED: Text(
        en="A filing or assessment is still on its way; the gate opens when it is approved.",
        zh="备案或评估尚在办理；通过后方可放行。",
    ),
    Reason.EXPIRED: Text(
        en="Something declared was valid only until a day that has passed; renew it.",
        zh="某项申报的有效期已过；请更新。",
    ),
    Reason.OVERDUE: Text(
        en="A statutory clock has run out; do what it asks for and declare it.",
        zh="法定期限已过；请完成应办事项并申报。",
    ),
    Reason.REVOKED: Text(
        en="A filing is declared as suspended, revoked or cancelled; traffic is refused.",
        zh="备案被申报为暂停、撤销或注销；服务流量被拒绝。",
    ),
    Reason.SUSPENDED_BY_ORDER: Text(
        en="An open order of an authority asks for suspension; traffic is refused.",
        zh="存在未办结的暂停服务决定；服务流量被拒绝。",
    ),
    Reason.KILL_SWITCH: Text(
        en="The kill switch of the service is set; traffic is refused until it is set to false.",
        zh="服务的紧急停止开关已开启；改回 false 之前，服务流量被拒绝。",
    ),
    Reason.WARNINGS_ONLY: Text(
        en="Nothing blocks the rollout, but the findings list what should be mended.",
        zh="没有阻断项，但检查结果中列有应改进之处。",
    ),
    Reason.WAIVED: Text(
        en="A requirement is waived for a time by a named person.",
        zh="某项要求由指定人员在限期内豁免。",
    ),
    Reason.CALENDAR_UNKNOWN: Text(
        en="The State Council calendar of a needed year is not published in this rule pack yet; "
        "the clock cannot be computed. Update the operator.",
        zh="规则包尚无所需年份的国务院节假日安排，无法计算期限；请升级本软件。",
    ),
    Reason.PAGE_FAILING: Text(
        en="A declared page has answered with an error for longer than the rule allows; repair the "
        "page or correct its address.",
        zh="申报的页面持续返回错误，已超过规则允许的时间；请修复页面或更正地址。",
    ),
    Reason.FACT_UNAVAILABLE: Text(
        en="The operator could not look at something that is declared; the message says what and "
        "since when. Check the address, the network policy and the proxy.",
        zh="无法取得某项申报内容对应的事实，消息说明对象与起始时间；请检查地址、网络策略与代理。",
    ),
    Reason.POLICY_LOADED: Text(
        en="The moderation policy was read and given to the guards.",
        zh="审核策略已读取，并已交给护栏。",
    ),
    Reason.POLICY_NOT_FOUND: Text(
        en="The ModerationPolicy or a ConfigMap that it names does not exist; create it.",
        zh="审核策略或其引用的 ConfigMap 不存在；请创建。",
    ),
    Reason.POLICY_INVALID: Text(
        en="The moderation policy cannot be used; correct what the message names.",
        zh="审核策略无法使用；请按消息更正。",
    ),
    Reason.NO_PODS: Text(
        en="No pod belongs to the service yet.",
        zh="尚无属于该服务的 Pod。",
    ),
    Reason.ALL_GUARDED: Text(
        en="Every pod of the service carries the guard of its profile.",
        zh="该服务的所有 Pod 均带有规定的护栏。",
    ),
    Reason.UNGUARDED_PODS: Text(
        en="Pods run without the guard; delete them so that they are created anew with it.",
        zh="有 Pod 在没有护栏的情况下运行；请删除它们以便重新创建。",
    ),
    Reason.MODEL_PORT_REACHABLE: Text(
        en="Traffic can reach the model without passing the guard; point the Service at the "
        "guard's port.",
        zh="流量可绕过护栏直达模型；请将 Service 指向护栏端口。",
    ),
    Reason.CLAIM_CONFLICT: Text(
        en="Two GenAIServices claim the same pods; let only one of them select these pods.",
        zh="两个 GenAIService 认领了相同的 Pod；请只保留一个。",
    ),
    Reason.OLDER_CONFIGURATION: Text(
        en="Pods run with an older guard.json, which the guard reads only when it starts; restart "
        "them.",
        zh="有 Pod 仍使用较早的 guard.json（护栏仅在启动时读取）；请重启这些 Pod。",
    ),
    Reason.IDENTITY_DECLARED: Text(
        en="The guard knows the users as spec.guard.users says.",
        zh="护栏按 spec.guard.users 识别用户。",
    ),
    Reason.NO_IDENTITY_SOURCE: Text(
        en="Minors may use the service, but spec.guard.users names no source of identity: the "
        "guard asks for no age and keeps no limit of minors. Write spec.guard.users.identity, or "
        "keep the limits in front of the guard.",
        zh="服务面向未成年人，但 spec.guard.users 未填写身份来源：护栏不询问年龄，也不执行任何"
        "未成年人限制。请填写 spec.guard.users.identity，或在护栏之前执行这些限制。",
    ),
    Reason.FAILS_CLOSED: Text(
        en="Without the opinion of a detector nothing passes: the guard answers "
        "detector_unavailable.",
        zh="缺少检测器结论时一律不放行：护栏返回 detector_unavailable。",
    ),
    Reason.FAILS_OPEN: Text(
        en="While these detectors fail, texts pass without their opinion, as declared in "
        "spec.guard.detectors[].failOpen; remove it as soon as they answer again.",
        zh="按 spec.guard.detectors[].failOpen 的声明，这些检测器故障期间文本未经其判断即放行；"
        "恢复后请立即删除该设置。",
    ),
    Reason.ALLOWED: Text(
        en="No blocking finding is open: the rollout may proceed.",
        zh="没有未解决的阻断项：允许上线。",
    ),
    Reason.REQUIREMENTS_NOT_MET: Text(
        en="Blocking findings are open; nothing of this service starts until they are solved.",
        zh="存在未解决的阻断项；解决之前不会启动该服务。",
    ),
    Reason.KEEPS_ADMITTED_REVISION: Text(
        en="The new declaration is refused; the revision admitted earlier keeps serving.",
        zh="新的申报未获放行；此前放行的版本继续提供服务。",
    ),
    Reason.PODS_STARTING: Text(
        en="The rollout is allowed; pods are on their way.",
        zh="已允许上线；Pod 正在启动。",
    ),
    Reason.SERVING: Text(
        en="The rollout is allowed and guarded pods serve.",
        zh="已允许上线，带护栏的 Pod 正在提供服务。",
    ),
    Reason.APPLY_FAILED: Text(
        en="The API server refused an object of this service; the message says which and why.",
        zh="API 服务器拒绝了该服务的某个对象；消息说明对象与原因。",
    ),
}
"""What each reason means and what to do; the status reference is generated from it."""
