# SPDX-License-Identifier: Apache-2.0
"""What the conditions of a service are called where people read them."""

from typing import Final

from genaiservice.api.conditions import ConditionType
from genaiservice.api.problem import Lang, Text

TITLES: Final[dict[ConditionType, Text]] = {
    ConditionType.SCOPE: Text(en="Scope of the service", zh="适用范围"),
    ConditionType.FILING: Text(en="Filing and registration", zh="备案与登记"),
    ConditionType.ASSESSMENT: Text(en="Security assessment", zh="安全评估"),
    ConditionType.CONTENT_SAFETY: Text(en="Content safety", zh="内容安全"),
    ConditionType.MODELS: Text(en="Models and their origin", zh="模型与来源"),
    ConditionType.PROVIDER: Text(en="Provider and responsible officer", zh="提供者与安全负责人"),
    ConditionType.LABELLING: Text(en="Labels on generated content", zh="生成内容标识"),
    ConditionType.MINORS: Text(en="Protection of minors", zh="未成年人保护"),
    ConditionType.COMPLAINTS: Text(en="Complaints and reports", zh="投诉举报"),
    ConditionType.CONTINUITY: Text(en="Continuity of the service", zh="服务连续性"),
    ConditionType.LICENCES: Text(en="Licences and foreign investment", zh="行政许可与外商投资"),
    ConditionType.ORDERS: Text(en="Orders of the authorities", zh="监管决定"),
    ConditionType.PERSONAL_INFO: Text(en="Personal information", zh="个人信息保护"),
    ConditionType.TRAINING_DATA: Text(en="Training data and annotation", zh="训练数据与标注"),
    ConditionType.AGREEMENT: Text(en="Service agreement and accounts", zh="服务协议与账号"),
    ConditionType.TRANSPARENCY: Text(en="Public statement on the service", zh="服务信息公开"),
    ConditionType.INCIDENTS: Text(en="Incidents and stopping", zh="应急处置与停止传输"),
    ConditionType.LOGS: Text(en="Records and logs", zh="记录与日志留存"),
    ConditionType.INSPECTION: Text(en="Inspection by the authorities", zh="监督检查配合"),
    ConditionType.ANTHROPOMORPHIC: Text(en="Anthropomorphic interaction", zh="拟人化互动"),
    ConditionType.POLICY: Text(en="Moderation policy", zh="审核策略"),
    ConditionType.GUARD: Text(en="Guard in every pod", zh="护栏"),
    ConditionType.USERS: Text(en="Who the users are", zh="用户识别"),
    ConditionType.DETECTORS: Text(en="Detectors", zh="检测服务"),
    ConditionType.ROLLOUT: Text(en="Rollout", zh="上线"),
    ConditionType.READY: Text(en="In service", zh="提供服务"),
}


def condition_name(kind: str, lang: Lang) -> str:
    """The title of a condition; its type where another version of the operator wrote it."""
    known = kind in ConditionType.__members__.values()
    return TITLES[ConditionType(kind)].in_(lang) if known else kind
