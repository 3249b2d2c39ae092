# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a ModerationPolicy and its ConfigMaps, each with its next step.

Texts only: which of them applies is decided in `policy`. None quotes a term.
"""

from collections.abc import Collection
from typing import Final

from genaiservice.api.names import KIND_POLICY
from genaiservice.api.policy_file import RISK_CLASSES
from genaiservice.api.problem import Problem, Text
from genaiservice.api.terms import LIST_BYTES

OWN: Final = "spec.guard.moderationPolicy"
BAND: Final = "spec.compliance.minors.bands[].contentPolicy"


def missing_policy(name: str, namespace: str, field: str = OWN) -> Problem:
    where = f"{KIND_POLICY}/{name}" if name else field
    return Problem(
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
            en=f"create it, or name an existing one in {field}",
            zh=f"请创建该策略，或在 {field} 中填写已有的策略",
        ),
    )


def no_such_class(risk: str, where: str) -> Problem:
    return Problem(
        where=f"{where}.{risk}",
        what=Text(en="is a class without terms", zh="该类别没有词条"),
        why=Text(
            en="its threshold would never count anything",
            zh="其阈值不会对任何内容计数",
        ),
        next=Text(
            en="add a source, pattern or context rule of the class, or remove the threshold",
            zh="请为该类别补充词条来源、正则或上下文规则，或删除该阈值",
        ),
    )


def missing_config_map(name: str, where: str) -> Problem:
    return Problem(
        where=where,
        what=Text(en=f"ConfigMap/{name} does not exist", zh=f"ConfigMap/{name} 不存在"),
        why=Text(en="its terms cannot be screened for", zh="无法审核其中的词条"),
        next=Text(
            en="create the ConfigMap in the namespace of the policy, or correct configMap.name",
            zh="请在策略所在命名空间创建该 ConfigMap，或更正 configMap.name",
        ),
    )


def missing_key(name: str, key: str, held: Collection[str], where: str) -> Problem:
    shown = ", ".join(sorted(held)[:5])
    return Problem(
        where=where,
        what=Text(en=f"ConfigMap/{name} has no key {key}", zh=f"ConfigMap/{name} 中没有键 {key}"),
        why=Text(en=f"it has: {shown or 'none'}", zh=f"已有的键：{shown or '无'}"),
        next=Text(
            en="add the key, or correct configMap.key", zh="请补充该键，或更正 configMap.key"
        ),
    )


def too_much(where: str) -> Problem:
    limit = LIST_BYTES // 1024**2
    return Problem(
        where=where,
        what=Text(
            en=f"with this list the policy holds more than {limit} MiB of terms",
            zh=f"加上此词库，策略的词条总量超过 {limit} MiB",
        ),
        why=Text(en="the guard would not load it", zh="护栏无法加载"),
        next=Text(en="shorten or drop lists", zh="请精简或删除部分词库"),
    )


def too_many_forms(limit: int, where: str) -> Problem:
    return Problem(
        where=where,
        what=Text(
            en=f"makes more than {limit:,} further forms of the terms",
            zh=f"会使词条生成超过 {limit:,} 个变体",
        ),
        why=Text(
            en="the operator's memory and a ConfigMap that a pod can mount hold fewer",
            zh="控制器内存与 Pod 可挂载的 ConfigMap 均无法容纳",
        ),
        next=Text(en="switch it off, or shorten the lists", zh="请关闭该开关，或精简词库"),
    )


def no_source(where: str) -> Problem:
    return Problem(
        where=where,
        what=Text(en="holds no terms", zh="没有词条"),
        why=Text(
            en="a source is either inline or a ConfigMap with name and key",
            zh="来源应为 inline 或带有 name 与 key 的 configMap",
        ),
        next=Text(en="add inline or configMap", zh="请补充 inline 或 configMap"),
    )


def no_terms(where: str) -> Problem:
    return Problem(
        where=f"{where} spec.sources",
        what=Text(en="hold no term at all", zh="没有任何词条"),
        why=Text(en="nothing would be screened (Art. 4)", zh="将不会审核任何内容（第四条）"),
        next=Text(en="add at least one source with terms", zh="请至少补充一个含有词条的来源"),
    )


def unknown_class(value: object, where: str) -> Problem:
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
