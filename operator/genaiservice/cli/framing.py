# SPDX-License-Identifier: Apache-2.0
"""click's own words in Chinese: frames of help and usage errors, as far as a reader meets them.

click asks gettext for each word when it needs it, under the name `_` in each of its modules. A
catalogue that gettext could read would be a binary file, which no review sees; so the name is
bound to the table here.
"""

from typing import Any, Final

from click import core, decorators, exceptions, formatting, parser, termui, types

from genaiservice.api.problem import Lang
from genaiservice.cli.language import from_environment

MODULES: Final = (core, decorators, exceptions, formatting, parser, termui, types)
WORDS: Final = {
    "Usage:": "用法:",
    "Options": "选项",
    "Commands": "命令",
    "Show this message and exit.": "显示本帮助。",
    "default: {default}": "默认：{default}",
    "required": "必填",
    "file": "文件",
    "directory": "目录",
    "path": "路径",
    "Error: {message}": "错误：{message}",
    "Aborted!": "已中止。",
    "Try '{command} {option}' for help.": "运行 {command} {option} 可查看帮助。",
    "Missing command.": "缺少命令。",
    "Missing argument": "缺少参数",
    "Missing option": "缺少选项",
    "Choose from:\n\t{choices}": "可选值：\n\t{choices}",
    "No such option {name!r}.": "没有选项 {name!r}。",
    "No such command {name!r}.": "没有命令 {name!r}。",
    "Did you mean {possibility}?": "是否指 {possibility}？",
    "(Did you mean one of: {possibilities}?)": "（是否指其中之一：{possibilities}？）",
    "Invalid value: {message}": "无效的值：{message}",
    "Invalid value for {param_hint}: {message}": "{param_hint} 的值无效：{message}",
    "{value!r} is not one of {choices}.": "{value!r} 不在可选值之中：{choices}。",
    "{value!r} is not a valid {number_type}.": "{value!r} 不是整数。",
    "{value} is not in the range {range}.": "{value} 超出范围 {range}。",
    "{name} {filename!r} is a directory.": "{filename!r} 是目录。",
    "{name} {filename!r} is not readable.": "{filename!r} 无法读取。",
    "Option {name!r} requires an argument.": "选项 {name!r} 须带一个值。",
    "Option {name!r} does not take a value.": "选项 {name!r} 不带值。",
    "Got unexpected extra argument ({args})": "多余的参数（{args}）",
    "Got unexpected extra arguments ({args})": "多余的参数（{args}）",
}
"""The only number type of our options is a whole number."""


def frame() -> None:
    """Binds click's words to the reader's language, which may be another one at the next run."""
    for module in MODULES:
        names: dict[str, Any] = vars(module)
        names.update({"_": _told} | ({"ngettext": _counted} if "ngettext" in names else {}))


def _told(message: str) -> str:
    return WORDS.get(message, message) if from_environment(None) is Lang.ZH else message


def _counted(one: str, many: str, count: int) -> str:
    return _told(one if count == 1 else many)
