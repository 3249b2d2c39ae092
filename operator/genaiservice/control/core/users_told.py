# SPDX-License-Identifier: Apache-2.0
"""The condition UsersKnown: how the guard knows its users, and what happens without their state.

Told only where it matters: users are configured, or minors may be among them. Rule: it says what
is configured; whether the store answers now is seen at the guard (`genai_guard_user_store_down`).
"""

from collections.abc import Iterator
from typing import Final

from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.declared import json_object, text
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Text
from genaiservice.api.users_config import MinorsPolicy, Source, StoreKind, WhenDown
from genaiservice.control.core.condition import Condition, Status, plain
from genaiservice.control.core.situation import Situation

MINORS: Final = (MinorsPolicy.ALLOWED, MinorsPolicy.MINORS_ONLY)
SOURCES: Final = {
    Source.TOKEN: Text(en="Users are known by signed tokens.", zh="用户以签名令牌识别。"),
    Source.GATEWAY: Text(
        en="Users are known by a header of a trusted gateway.", zh="用户以可信网关的请求头识别。"
    ),
    Source.NOBODY: Text(
        en="No user is known: who sends no valid claim is what identity.missing says.",
        zh="不识别任何用户：未提供有效声明者按 identity.missing 处理。",
    ),
}
MEMORY: Final = Text(
    en="Budgets and sanctions stand in the memory of each replica; they are not shared and end "
    "with it (store.kind Redis shares them).",
    zh="时长与处置记录保存在各副本内存中，互不共享，重启后丢失（store.kind 为 Redis 时共享）。",
)
WHEN_DOWN: Final = {
    WhenDown.CLOSED: Text(
        en="Budgets and sanctions stand in Redis; while it does not answer, requests are refused "
        "with 503 user_state_unavailable (store.whenDown Closed).",
        zh="时长与处置记录保存在 Redis 中；Redis 无响应期间，请求被拒绝（503 "
        "user_state_unavailable，store.whenDown 为 Closed）。",
    ),
    WhenDown.DEGRADED: Text(
        en="Budgets and sanctions stand in Redis; while it does not answer, each replica goes on "
        "with what it saw last, so budgets hold per replica (store.whenDown Degraded).",
        zh="时长与处置记录保存在 Redis 中；Redis 无响应期间，各副本按最后所见继续，时长按副本分别"
        "计算（store.whenDown 为 Degraded）。",
    ),
}


def users_known(situation: Situation) -> Iterator[Condition]:
    users = json_object(lookup(situation.spec, "guard", "users"))
    declared = lookup(situation.observed.service, "spec", "compliance", "minors", "policy")
    if users:
        yield Condition(
            type=ConditionType.USERS,
            status=Status.TRUE,
            reason=Reason.IDENTITY_DECLARED,
            message=_joined(_source(users), _store(users)),
        )
    elif declared in MINORS:
        yield plain(ConditionType.USERS, Status.FALSE, Reason.NO_IDENTITY_SOURCE)


def _source(users: Json) -> Text:
    said = text(lookup(users, "identity", "source"), Source.TOKEN.value)
    return next(
        (words for source, words in SOURCES.items() if source.value == said), Text(en="", zh="")
    )


def _store(users: Json) -> Text:
    if text(lookup(users, "store", "kind")) != StoreKind.REDIS.value:
        return MEMORY
    said = text(lookup(users, "store", "whenDown"))
    return WHEN_DOWN[WhenDown.DEGRADED if said == WhenDown.DEGRADED.value else WhenDown.CLOSED]


def _joined(first: Text, second: Text) -> Text:
    return Text(en=f"{first.en} {second.en}".strip(), zh=f"{first.zh}{second.zh}")
