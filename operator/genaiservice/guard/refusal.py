# SPDX-License-Identifier: Apache-2.0
"""Refusals that the shell itself gives, before an `Exchange` has a say.

Each is an HTTP status and an error in the form that OpenAI clients raise, with what, why and the
next step in both languages. A closed set: the code is what alerts and tests look for.
"""

import json
from dataclasses import dataclass
from typing import Final

from genaiservice.api.problem import EMPTY, Lang, Problem, Text
from genaiservice.guard.core.admission import Denial
from genaiservice.guard.headers import Field

CONTENT_TYPE: Final = "application/json; charset=utf-8"

KINDS: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    status: int
    code: str
    problem: Problem
    retry_after: int | None = None
    allow: str = ""
    close: bool = False

    def body(self) -> bytes:
        usual = "invalid_request_error" if self.status < 500 else "server_error"
        kind = KINDS.get(self.status, usual)
        error = {
            "message": self.problem.render(Lang.EN),
            "message_zh": self.problem.render(Lang.ZH),
            "type": kind,
            "param": None,
            "code": self.code,
        }
        return json.dumps({"error": error}, ensure_ascii=False).encode()

    def fields(self) -> list[Field]:
        fields: list[Field] = []
        if self.retry_after is not None:
            fields.append((b"Retry-After", b"%d" % self.retry_after))
        if self.status == 401:
            fields.append((b"WWW-Authenticate", b"Bearer"))
        if self.allow:
            fields.append((b"Allow", self.allow.encode("ascii")))
        return fields


def of_user(denial: Denial) -> Refusal:
    return Refusal(
        status=denial.status,
        code=denial.code,
        problem=denial.problem,
        retry_after=denial.retry_after,
    )


def label_stays() -> Refusal:
    return _plain(
        403,
        "label_stays",
        Text(
            en="files without a visible or audible label are not given to you here",
            zh="此处不向您提供无显式标识的文件",
        ),
        Text(
            en="leave out the header Genai-Label; operators: Labelling Measures Art. 9 asks for "
            "labelling.unlabelledOnRequest and for users who accepted the agreement "
            "(accounts.agreementClaim)",
            zh="请去掉请求头 Genai-Label；运维请注意：依《标识办法》第九条，须申报 "
            "labelling.unlabelledOnRequest，且用户已接受协议（accounts.agreementClaim）",
        ),
    )


def draining() -> Refusal:
    return _busy(
        503,
        "shutting_down",
        Text(en="this instance is shutting down", zh="该实例正在关闭"),
        Text(
            en="send the request again; another instance answers",
            zh="请重新发送请求，由其他实例应答",
        ),
        1,
    )


def too_many(limit: int, retry_after: int) -> Refusal:
    return _busy(
        429,
        "too_many_requests",
        Text(
            en=f"{limit} requests are open, which is the limit of this instance",
            zh=f"已有 {limit} 个请求在处理，达到该实例上限",
        ),
        Text(
            en="try again later, or add replicas (limits.concurrentRequests is the setting)",
            zh="请稍后再试，或增加副本（设置项 limits.concurrentRequests）",
        ),
        retry_after,
    )


def too_many_connections() -> Refusal:
    return _busy(
        503,
        "too_many_connections",
        Text(
            en="clients hold too many connections to this instance", zh="客户端与该实例的连接过多"
        ),
        Text(
            en="use connections again, close idle ones, or add replicas",
            zh="请复用连接、关闭空闲连接，或增加副本",
        ),
        1,
    )


def no_policy(problems: tuple[Problem, ...]) -> Refusal:
    return _busy(
        503,
        "policy_not_loaded",
        Text(en="no usable moderation policy is loaded", zh="尚未加载可用的审核策略"),
        Text(
            en="the operator of the service finds the fault at /readyz of the admin port",
            zh="运维人员可在管理端口 /readyz 查看原因",
        ),
        5,
    )


def not_recorded(problem: Problem) -> Refusal:
    return Refusal(
        status=503, code="decision_log_failed", problem=problem, retry_after=5, close=True
    )


def method_not_allowed(allowed: str) -> Refusal:
    return _plain(
        405,
        "method_not_allowed",
        Text(en="this path does not take the method", zh="该路径不支持此方法"),
        Text(en=f"use {allowed}", zh=f"请使用 {allowed}"),
        allow=allowed,
        close=True,
    )


def body_too_large(limit: int) -> Refusal:
    return _plain(
        413,
        "request_too_large",
        Text(en=f"the request body is larger than {limit} bytes", zh=f"请求体超过 {limit} 字节"),
        Text(
            en="send less, or raise limits.requestBodyBytes",
            zh="请减小请求体，或调高 limits.requestBodyBytes",
        ),
    )


def too_much_arriving() -> Refusal:
    return _busy(
        429,
        "too_many_requests",
        Text(en="too many large requests are here at once", zh="同时处理的大请求过多"),
        Text(en="try again later", zh="请稍后再试"),
        1,
    )


def body_unreadable() -> Refusal:
    return _plain(
        400,
        "request_unreadable",
        Text(en="the request body could not be read", zh="无法读取请求体"),
        Text(
            en="check Content-Length, Transfer-Encoding and Content-Encoding",
            zh="请检查 Content-Length、Transfer-Encoding 与 Content-Encoding",
        ),
        close=True,
    )


def head_too_slow(seconds: float) -> Refusal:
    return _plain(
        408,
        "request_timeout",
        Text(
            en=f"no whole request head arrived within {seconds:g} s",
            zh=f"请求头未在 {seconds:g} 秒内到齐",
        ),
        Text(en="send it again without pauses", zh="请重新连续发送"),
        close=True,
    )


def body_too_slow(seconds: float) -> Refusal:
    return _plain(
        408,
        "request_timeout",
        Text(
            en=f"the request body did not arrive within {seconds:g} s",
            zh=f"请求体未在 {seconds:g} 秒内到达",
        ),
        Text(en="send it again without pauses", zh="请重新连续发送"),
        close=True,
    )


def head_too_large(limit: int) -> Refusal:
    return _plain(
        431,
        "headers_too_large",
        Text(
            en=f"the header fields are longer than {limit} bytes together",
            zh=f"请求头总长超过 {limit} 字节",
        ),
        Text(en="send fewer or shorter ones", zh="请减少或缩短请求头"),
        close=True,
    )


def not_http() -> Refusal:
    return _plain(
        400,
        "bad_request",
        Text(en="the request is not valid HTTP/1.1", zh="请求不是有效的 HTTP/1.1"),
        Text(
            en="check lengths, line ends and header fields; a proxy on the way may alter them",
            zh="请检查长度、换行与请求头；途中的代理可能改动了它们",
        ),
        close=True,
    )


def internal() -> Refusal:
    return _plain(
        500,
        "internal_error",
        Text(en="the guard could not serve the request", zh="护栏未能处理该请求"),
        Text(
            en="try again; the operator of the service finds the cause in the log of the guard",
            zh="请重试；运维人员可在护栏日志中查看原因",
        ),
        close=True,
    )


def bad_target() -> Refusal:
    return _plain(
        400,
        "bad_request_target",
        Text(en="the request target is not a path", zh="请求目标不是路径"),
        Text(en="send the path alone, as in /v1/models", zh="请仅发送路径，例如 /v1/models"),
        close=True,
    )


def _plain(
    status: int, code: str, what: Text, next_: Text, *, allow: str = "", close: bool = False
) -> Refusal:
    problem = Problem(what=what, why=EMPTY, next=next_)
    return Refusal(status=status, code=code, problem=problem, allow=allow, close=close)


def _busy(status: int, code: str, what: Text, next_: Text, retry_after: int) -> Refusal:
    problem = Problem(what=what, why=EMPTY, next=next_)
    return Refusal(status=status, code=code, problem=problem, retry_after=retry_after, close=True)
