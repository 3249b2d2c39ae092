# SPDX-License-Identifier: Apache-2.0
"""docs/reference/<lang>/settings.md: the operator's settings, from control/settings.py.

Meaning and default are read from the dataclass, the form from what its reader says of a bad value;
the Chinese words stand here. A setting that has none stops the generator.
"""

import ast
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final

import yaml

from genaiservice.api.problem import Lang, Text
from genaiservice.control import settings
from genaiservice.control.settings import PREFIX, Settings

VALUES: Final = Path(__file__).parents[1] / "charts" / "genaiservice-operator" / "values.yaml"
TITLE: Final = Text(en="# Settings of the operator", zh="# operator 设置")
NOTE: Final = Text(
    en="Read once from the environment when the process starts; the Helm chart sets them. A name "
    "with the prefix `GENAI_` that is not listed, and a value of another form, stop the start with "
    "every fault named (exit code 2). The guard has no environment: the operator writes its "
    "configuration.",
    zh="进程启动时从环境变量读取一次，由 Helm Chart 设置。以 `GENAI_` 开头但不在下表中的名称，"
    "或格式不符的值，都会使启动中止并列出全部问题（退出码 2）。"
    "护栏不读环境变量，其配置由 operator 写入。",
)
HEAD: Final = Text(
    en="| Variable | Chart value | Form | Default | Meaning |",
    zh="| 环境变量 | Chart 值 | 格式 | 默认值 | 含义 |",
)
REQUIRED: Final = Text(en="required", zh="必填")
TEXT: Final = Text(en="text", zh="文本")
CHART: Final = {
    "guard_image": "guard.image.*",
    "guard_pull_policy": "guard.image.pullPolicy",
    "operator_namespace": "–",
    "identity": "–",
    "health_port": "–",
    "metrics_port": "–",
}
"""Where the chart has no value of the setting's own name; – is fixed by the chart itself."""
CHINESE: Final = {
    "guard_image": "注入 Pod 的护栏镜像",
    "operator_namespace": "operator 自身所在的命名空间，租约（Lease）在此",
    "identity": "本副本在租约中的名称，即 Pod 名称",
    "guard_pull_policy": "护栏镜像的拉取策略：Always、IfNotPresent 或 Never",
    "health_port": "/livez 与 /readyz 的端口；0 表示任意空闲端口",
    "metrics_port": "/metrics（Prometheus）的端口；0 表示任意空闲端口",
    "workers": "同时处理的服务数量",
    "resync_seconds": "重新列出全部对象的间隔秒数，用于发现监听遗漏的变化",
    "leader_election": "是否选主；仅在单机只运行一个 operator 时为 false",
    "log_format": "日志格式：json（Pod 中）或 text（终端）",
    "log_level": "日志级别：debug、info、warning 或 error",
    "otlp_endpoint": "链路追踪的 OTLP/HTTP 收集器地址；留空则不发送",
    "trace_sample_ratio": "追踪的处理比例，0 至 1",
    "page_checks": "是否查看申报的公开页面",
    "page_interval_seconds": "两次查看同一页面的间隔秒数；失败后为其六分之一",
    "page_proxy": "访问页面所用的 HTTP 代理地址；留空则直接访问",
    "page_allowed_networks": "非公网但允许查看的网段，以逗号分隔",
    "page_denied_networks": "一律不查看的网段，以逗号分隔；优先生效",
}
FORMS: Final = {
    "one of ": "取值之一：",
    "a whole number from ": "整数，范围 ",
    "a number from ": "数字，范围 ",
    " to ": " 至 ",
    "a URL that begins with http:// or https://": "以 http:// 或 https:// 开头的地址",
    "networks such as 10.0.0.0/8, separated by commas": "网段，如 10.0.0.0/8，以逗号分隔",
    ", or nothing": "，或留空",
}


def settings_page(lang: Lang) -> Iterator[str]:
    yield TITLE.in_(lang)
    yield NOTE.in_(lang)
    yield ""
    yield HEAD.in_(lang)
    yield "|---|---|---|---|---|"
    english, charted = _meanings(), _charted()
    for one in fields(Settings):
        if one.name == "kubeconfig":  # not ours: every client of the cluster reads it
            continue
        meaning = Text(en=english[one.name], zh=CHINESE[one.name]).in_(lang)
        form = _form(one.name).in_(lang)
        yield (
            f"| `{PREFIX}{one.name.upper()}` | {charted(one.name)} | {form} "
            f"| {_default(one, lang)} | {meaning} |"
        )


def _meanings() -> dict[str, str]:
    """The docstring under each field."""
    tree = ast.parse(Path(settings.__file__).read_text("utf-8"))
    (shape,) = (
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    found: dict[str, str] = {}
    for field, doc in zip(shape.body, shape.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(doc, ast.Expr)
            and isinstance(doc.value, ast.Constant)
        ):
            found[field.target.id] = " ".join(str(doc.value.value).split())
    return found


def _charted() -> Any:
    known = yaml.safe_load(VALUES.read_text("utf-8"))["settings"]

    def value(name: str) -> str:
        head, *rest = name.split("_")
        camel = head + "".join(part.title() for part in rest)
        place = f"settings.{camel}" if camel in known else CHART.get(name, "`extraEnv`")
        return place if place.startswith(("–", "`")) else f"`{place}`"

    return value


def _form(name: str) -> Text:
    """What the reader asks for when it gets nonsense."""
    try:
        settings._READERS[name]("no such value")
    except ValueError as error:
        english = chinese = str(error)
        for said, words in FORMS.items():
            chinese = chinese.replace(said, words)
        return Text(en=english, zh=chinese)
    return TEXT


def _default(field: Any, lang: Lang) -> str:
    if field.default is MISSING:
        return {"identity": "–"}.get(field.name, REQUIRED.in_(lang))
    value = field.default
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`" if value else "–"
