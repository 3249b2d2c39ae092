# SPDX-License-Identifier: Apache-2.0
"""Every refusal that is about a user: status, code, and what, why and next in both languages. Pure.

A closed set: the code is what alerts, metrics and tests look for. Rule: no identity, no claim's
value and no age of anybody stands in a message; times are in Asia/Shanghai.
"""

from datetime import UTC, datetime
from typing import Final

from genaiservice.api.problem import Problem, Text
from genaiservice.guard.core.admission import Denial
from genaiservice.guard.core.presence import SHANGHAI

Pair = tuple[str, str]


def _entry(status: int, what: Pair, why: Pair, following: Pair) -> tuple[int, Problem]:
    texts = [Text(en=en, zh=zh) for en, zh in (what, why, following)]
    return status, Problem(what=texts[0], why=texts[1], next=texts[2])


_SIGN_IN: Final = (
    "sign in again and send the request with the new token",
    "请重新登录后再次发送请求",
)
_LATER: Final = ("try again later", "请稍后再试")
_MINORS: Final = ("minors are to be protected (Art. 10)", "须保护未成年人（《暂行办法》第十条）")
_MISUSE: Final = (
    "inputs of this account were blocked repeatedly (Art. 14)",
    "该账号的输入多次被拦截（《暂行办法》第十四条）",
)
_APPEAL: Final = (
    "write to the service's complaint address if this is a mistake",
    "如有异议，请通过本服务的投诉渠道申诉",
)

DENIALS: Final[dict[str, tuple[int, Problem]]] = {
    "user_unknown": _entry(
        401,
        ("the request does not say validly whose it is", "请求未携带有效的用户凭据"),
        (
            "this service knows its users (Art. 9, 10)",
            "本服务须识别用户（《暂行办法》第九条、第十条）",
        ),
        _SIGN_IN,
    ),
    "user_keys_unavailable": _entry(
        503,
        ("user tokens cannot be verified at present", "目前无法验证用户凭据"),
        ("the issuer's keys could not be fetched", "无法获取签发方的公钥"),
        _LATER,
    ),
    "user_state_unavailable": _entry(
        503,
        ("the limits of this user cannot be checked at present", "目前无法核对该用户的使用限制"),
        (
            "the shared store does not answer and the service is closed then, as declared",
            "共享存储无响应，按声明此时不提供服务",
        ),
        _LATER,
    ),
    "agreement_not_accepted": _entry(
        403,
        ("the service agreement in force is not accepted", "尚未签订现行服务协议"),
        ("it is accepted before use (Art. 9)", "使用前须签订服务协议（《暂行办法》第九条）"),
        ("accept the agreement, then sign in again", "请签订协议后重新登录"),
    ),
    "real_name_needed": _entry(
        403,
        ("the identity of this account is not verified", "该账号未完成真实身份认证"),
        ("this path needs it (Art. 9)", "该功能须认证真实身份（《暂行办法》第九条）"),
        ("complete the identity check, then sign in again", "请完成实名认证后重新登录"),
    ),
    "minors_not_served": _entry(
        403,
        ("this service is not for minors", "本服务不向未成年人提供"),
        _MINORS,
        ("adults: verify your age where you sign in", "成年人请在登录处完成年龄验证"),
    ),
    "minors_only": _entry(
        403,
        ("this service is for minors only", "本服务仅面向未成年人"),
        ("so it is declared (Art. 10)", "依公开声明的适用人群（《暂行办法》第十条）"),
        ("sign in with the minor's account", "请使用未成年人账号登录"),
    ),
    "band_not_served": _entry(
        403,
        ("this service is not for this age group", "本服务不向该年龄段提供"),
        _MINORS,
        ("see the published age groups of the service", "请查看本服务公开的适用年龄段"),
    ),
    "persona_not_for_minors": _entry(
        403,
        ("this persona is not for minors", "该角色不向未成年人提供"),
        (
            "virtual relatives and partners are not offered to minors "
            "(Measures for anthropomorphic services, Art. 14)",
            "不得向未成年人提供虚拟亲属、虚拟伴侣（《拟人化互动办法》第十四条）",
        ),
        ("choose another persona", "请选择其他角色"),
    ),
    "minors_curfew": _entry(
        403,
        ("minors are not served at this time of day", "此时段不向未成年人提供服务"),
        (
            "a night's rest is declared for minors (Art. 10)",
            "已声明未成年人夜间休息时段（《暂行办法》第十条）",
        ),
        ("come back after {until}", "请于 {until} 后再使用"),
    ),
    "minors_budget": _entry(
        403,
        ("today's time of use is spent", "今日使用时长已满"),
        (
            "a daily limit is declared for minors (Art. 10)",
            "已声明未成年人每日时长限制（《暂行办法》第十条）",
        ),
        ("come back after {until}", "请于 {until} 后再使用"),
    ),
    "account_restricted": _entry(
        429,
        ("this account may send few requests for a while", "该账号的请求频率暂时受限"),
        _MISUSE,
        ("wait until {until} with the next request", "请于 {until} 后再发送下一请求"),
    ),
    "user_busy": _entry(
        429,
        ("too many requests wait for the record of this user", "等待核对该用户记录的请求过多"),
        ("each request is counted, one after the other", "每个请求须依次计入"),
        ("send fewer requests at once", "请减少同时发送的请求"),
    ),
    "account_suspended": _entry(
        403,
        ("this account is suspended until {until}", "该账号已暂停使用，至 {until}"),
        _MISUSE,
        _APPEAL,
    ),
    "account_terminated": _entry(
        403, ("service to this account has ended", "已终止向该账号提供服务"), _MISUSE, _APPEAL
    ),
}


def denial(code: str, *, until: int | None = None, now: int | None = None) -> Denial:
    status, problem = DENIALS[code]
    if until is None:
        retry = {503: 5, 429: 1}.get(status)
        return Denial(status=status, code=code, problem=problem, retry_after=retry)
    ends = datetime.fromtimestamp(until, UTC)
    shown = ends.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S (Asia/Shanghai)")
    said = Problem(
        what=problem.what.format(until=shown),
        why=problem.why,
        next=problem.next.format(until=shown),
    )
    wait = None if now is None else max(1, until - now)
    return Denial(status=status, code=code, problem=said, until=ends, retry_after=wait)
