# SPDX-License-Identifier: Apache-2.0
"""The answers that the guard gives itself when it cannot or must not pass one on.

Each is shaped as OpenAI's error object, says what, why and what to do next in Chinese and
English, and quotes nothing of a prompt, an answer or an upstream's message.
"""

from typing import Final

import orjson

from genaiservice.api.directive import Directive
from genaiservice.api.problem import Problem, Text
from genaiservice.guard.core.effects import Unlabelled

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream; charset=utf-8"


def _problem(
    what: tuple[str, str], why: tuple[str, str], following: tuple[str, str], where: str = ""
) -> Problem:
    texts = [Text(en=en, zh=zh) for en, zh in (what, why, following)]
    return Problem(what=texts[0], why=texts[1], next=texts[2], where=where)


_RETRY: Final = ("try again later", "请稍后重试")
_SCREENED: Final = (
    "what cannot be screened is not passed on (Art. 4)",
    "无法审核的内容不予转发（《暂行办法》第四条）",
)

CATALOGUE: Final[dict[str, tuple[int, str, Problem]]] = {
    "path_refused": (
        404,
        "invalid_request_error",
        _problem(
            ("this path is not served", "此路径不提供服务"),
            ("only screened paths are open", "仅开放可审核的路径"),
            (
                "use a path of the OpenAI, Anthropic or Ollama API that the guard screens "
                "(/v1/chat/completions, /v1/responses, /v1/messages, /api/chat), "
                "or list the path in spec.guard.paths",
                "请使用护栏可审核的 OpenAI、Anthropic 或 Ollama 接口路径"
                "（如 /v1/chat/completions、/v1/responses、/v1/messages、/api/chat），"
                "或在 spec.guard.paths 中列出该路径",
            ),
        ),
    ),
    "request_not_json": (
        400,
        "invalid_request_error",
        _problem(
            ("the request body is not valid JSON in UTF-8", "请求体不是有效的 UTF-8 JSON"),
            _SCREENED,
            ("send one JSON object", "请发送一个 JSON 对象"),
        ),
    ),
    "request_invalid": (
        400,
        "invalid_request_error",
        _problem(
            ("a field of the request is missing or has a wrong type", "请求字段缺失或类型错误"),
            _SCREENED,
            ("correct the field as the OpenAI API describes it", "请按 OpenAI API 说明更正该字段"),
        ),
    ),
    "request_too_many_texts": (
        400,
        "invalid_request_error",
        _problem(
            ("the request holds too many texts", "请求包含的文本过多"),
            (
                "at most 32,768 messages, inputs and strings are read, and 262,144 keys and items",
                "最多读取 32,768 条消息、输入与字符串，以及 262,144 个键与数组元素",
            ),
            ("send it in several requests", "请分多次请求发送"),
        ),
    ),
    "request_too_deep": (
        400,
        "invalid_request_error",
        _problem(
            ("the request is nested too deeply", "请求嵌套过深"),
            ("at most 64 levels are read", "最多读取 64 层"),
            ("send a flatter object", "请减少嵌套层级"),
        ),
    ),
    "request_duplicate_key": (
        400,
        "invalid_request_error",
        _problem(
            ("an object of the request names a key twice", "请求中同一对象出现重复的键"),
            ("readers disagree on which one counts", "不同程序对重复键的取舍不一致"),
            ("name each key once", "每个键只写一次"),
        ),
    ),
    "request_not_text": (
        400,
        "invalid_request_error",
        _problem(
            ("the prompt is given as token numbers or embeddings", "提示以词元编号或向量给出"),
            _SCREENED,
            ("send the prompt as text", "请以文本形式发送提示"),
        ),
    ),
    "request_not_form": (
        400,
        "invalid_request_error",
        _problem(
            ("the form of the request cannot be read", "无法读取请求表单"),
            _SCREENED,
            (
                "send multipart/form-data with one file and texts in UTF-8",
                "请发送 multipart/form-data：一个文件，文本字段使用 UTF-8",
            ),
        ),
    ),
    "content_filter": (
        400,
        "invalid_request_error",
        _problem(
            ("the content was stopped by the moderation policy", "内容被审核策略拦截"),
            ("it holds what the policy of this service blocks", "其中含有本服务策略禁止的内容"),
            ("change the content and send it again", "请修改内容后重新发送"),
        ),
    ),
    "media_unlabelled": (
        502,
        "upstream_error",
        _problem(
            ("the generated media cannot leave", "生成的媒体文件不能输出"),
            (
                "it must carry a label (Labelling Measures, Art. 4 and 5), and this guard "
                "is not told to put one in",
                "依《标识办法》第四、五条须添加标识，而护栏未被配置为添加标识",
            ),
            (
                "operators: declare compliance.labelling.image, audio or video, or list the path "
                "in spec.guard.paths when the model labels by itself",
                "运维请申报 compliance.labelling 的 image、audio 或 video；"
                "若模型自行添加标识，可在 spec.guard.paths 中列出该路径",
            ),
        ),
    ),
    "media_by_address": (
        400,
        "invalid_request_error",
        _problem(
            ("pictures behind an address cannot leave", "以网址给出的图片不能输出"),
            (
                "the guard labels what passes through it (Labelling Measures, Art. 4 and 5) "
                "and fetches nothing by itself",
                "护栏只能为经过它的文件添加标识（《标识办法》第四、五条），不会自行下载",
            ),
            (
                'send response_format "b64_json", or none',
                "请将 response_format 设为 b64_json，或不填",
            ),
        ),
    ),
    "media_in_text": (
        400,
        "invalid_request_error",
        _problem(
            (
                "pictures and sounds cannot come within an answer of text",
                "文本回答中不能夹带图片或音频",
            ),
            (
                "a file must carry its labels (Labelling Measures, Art. 4 and 5), and here the "
                "guard cannot put them in",
                "文件须带标识（《标识办法》第四、五条），而护栏无法在此处添加",
            ),
            (
                'ask for modalities ["text"]; files come from /v1/images/generations and '
                "/v1/audio/speech",
                '请使用 modalities ["text"]；文件请从 /v1/images/generations 与 '
                "/v1/audio/speech 获取",
            ),
        ),
    ),
    "media_format": (
        400,
        "invalid_request_error",
        _problem(
            ("sound of this format cannot be labelled", "无法为该格式的音频添加标识"),
            (
                "it must carry both labels (Labelling Measures, Art. 4 and 5)",
                "音频须同时具有显式与隐式标识（《标识办法》第四、五条）",
            ),
            ('send response_format "wav" or "mp3"', "请将 response_format 设为 wav 或 mp3"),
        ),
    ),
    "answers_held": (
        503,
        "upstream_error",
        _problem(
            ("too many large answers are held at once", "同时处理的大型回答过多"),
            (
                "what is not screened, labelled or judged yet is held, and memory is bounded",
                "尚未审核、检测或添加标识的回答须先暂存，可用内存有限",
            ),
            ("try again later; operators: add replicas", "请稍后重试；运维请增加副本"),
        ),
    ),
    "shutting_down": (
        503,
        "upstream_error",
        _problem(
            (
                "the answer was cut off: this instance is shutting down",
                "回答已中止：该实例正在关闭",
            ),
            (
                "its time to end what is open is over, and what is not screened does not leave",
                "收尾时限已到，未经审核的内容不予输出",
            ),
            (
                "send the request again; operators: raise spec.guard.limits.drainSeconds",
                "请重新发送请求；运维可调大 spec.guard.limits.drainSeconds",
            ),
        ),
    ),
    "upstream_unreachable": (
        502,
        "upstream_error",
        _problem(
            ("the model cannot be reached", "无法连接模型服务"),
            ("it refused or broke the connection", "连接被拒绝或中断"),
            _RETRY,
        ),
    ),
    "upstream_timeout": (
        504,
        "upstream_error",
        _problem(
            ("the model did not answer in time", "模型未在限定时间内响应"),
            ("the time limit of the guard has passed", "已超过护栏设定的时限"),
            _RETRY,
        ),
    ),
    "upstream_broke_off": (
        502,
        "upstream_error",
        _problem(
            ("the model's answer broke off", "模型的回答中断"),
            ("its connection ended before the answer did", "回答结束前连接已断开"),
            _RETRY,
        ),
    ),
    "upstream_garbage": (
        502,
        "upstream_error",
        _problem(
            ("the model's answer cannot be read", "无法读取模型的回答"),
            _SCREENED,
            (
                "try again; operators: check what the model serves",
                "请重试；运维请检查模型服务的输出",
            ),
        ),
    ),
    "upstream_error": (
        502,
        "upstream_error",
        _problem(
            ("the model reports an error", "模型报告错误"),
            ("its own message is not passed on", "其原始消息不予转发"),
            ("try again; operators: see the model's log", "请重试；运维请查看模型日志"),
        ),
    ),
    "detector_unavailable": (
        503,
        "upstream_error",
        _problem(
            ("a detector of this service gives no opinion", "本服务的内容检测器暂时无法给出结论"),
            (
                "what was not judged is not passed on (Art. 4, 14)",
                "未经检测的内容不予转发（《暂行办法》第四条、第十四条）",
            ),
            (
                "try again later; operators: see the metric genai_guard_detector_questions_total",
                "请稍后重试；运维请查看指标 genai_guard_detector_questions_total",
            ),
        ),
    ),
    "answer_too_large": (
        502,
        "upstream_error",
        _problem(
            ("the model's answer is too large to screen", "模型的回答过大，无法审核"),
            ("a whole answer is held until it is screened", "完整回答须先审核后发送"),
            ("ask for a stream or a shorter answer", "请使用流式输出或缩短回答"),
        ),
    ),
}
"""Reason -> HTTP status, error type, text. The reasons are the `code` that clients see."""


_UPSTREAM: Final = {
    "connect_failed": "upstream_unreachable",
    "connect_timeout": "upstream_timeout",
    "first_byte_timeout": "upstream_timeout",
    "between_bytes_timeout": "upstream_timeout",
    "answers_held": "answers_held",
    "drain_timeout": "shutting_down",
}


def of_upstream(fault: str) -> str:
    """The reason for a fault of the model's connection."""
    return _UPSTREAM.get(fault, "upstream_broke_off")


def status(reason: str) -> int:
    return CATALOGUE[reason][0]


def body(reason: str, where: str = "") -> bytes:
    _, kind, problem = CATALOGUE[reason]
    message = problem.joined()
    if where:
        message = f"{where}: {message}"
    return _shape(message, kind, reason, where or None)


def unlabelled(outcome: Unlabelled) -> bytes:
    problem = outcome.problem
    message = problem.joined()
    return _shape(message, "upstream_error", "media_unlabelled", outcome.reason)


def suspended(directive: Directive) -> bytes:
    message = directive.message.joined()
    return _shape(message, "service_suspended", "service_suspended", directive.reason or None)


def _shape(message: str, kind: str, code: str, param: str | None) -> bytes:
    tree = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return orjson.dumps(tree)
