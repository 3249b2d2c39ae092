# SPDX-License-Identifier: Apache-2.0
"""The manifest that `init` writes: complete, commented, with a placeholder for every fact that only
the organisation knows.

Nothing of the law stands here. The fields are those of the rule pack's complete declaration, the
placeholders say what the requirements expect, the comments are titles of requirements and the
choices of the CRD, so that a new requirement shows up without a change.
"""

import copy
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from genaiservice.api import names
from genaiservice.api.jsontree import Json, MutableJson, merge_patch
from genaiservice.api.problem import Lang, Text
from genaiservice.cli.kept import catalogue
from genaiservice.cli.schema import node_at
from genaiservice.cli.wording import described
from genaiservice.cli.yamlpage import Page
from genaiservice.rules.cases import put, steps_of
from genaiservice.rules.compile import CompiledStep
from genaiservice.rules.limits import numbered

KEPT: Final = frozenset(
    {
        *("labelText", "timezone", "start", "end", "backupCron", "ageClaim", "contentPolicy"),
        *("carriers", "produceIdFormat", "exitKeywords"),
    }
)
"""Names of texts that are settings with a usable value, no facts about the organisation."""
REPORTED: Final = frozenset(
    {
        *("status", "conclusion", "foreignInvested", "separateConsent", "reassessed"),
        *("records", "illegalRatioPercent", "collectedBefore", "ipReviewed"),
        *("containsPersonalInfo", "sensitivePersonalInfo", "functionalSafetySplit"),
        *("size", "ratioPercent", "passPercent", "qaSampleSize", "qaAccuracyPercent", "total"),
        *("sampleSize", "manualPassPercent", "keywordPassPercent", "classifierPassPercent"),
        *("refusalPercent", "nonRefusalRefusedPercent", "registeredUsers", "monthlyActiveUsers"),
    }
)
"""Names of numbers, choices and truth values that report what was counted, found or decided: nobody
may declare those of an example. Other numbers and choices are settings with a common value."""
COUNTS: Final = frozenset({"perRisk", "perAspect"})
"""Names of tables of counts: they begin at 0, and `check` says what each must reach."""
WORDS: Final = 240
"""Longest hint inside a placeholder."""

HEAD: Final = Text(
    en="A starting point for: {title}. Rule pack {version}.\n"
    "1. Replace every <…>; `genaictl check FILE` lists what is left, with line and next step.\n"
    "2. Look at the choices behind the values: they are common ones, not advice.\n"
    "3. Create the ModerationPolicy that spec.guard names (`genaictl policy lint` looks at it), "
    "then `kubectl apply -f FILE`.",
    zh="起始清单：{title}。规则包 {version}。\n"
    "1. 替换所有 <…>；`genaictl check 文件` 会列出剩余项及其行号和处理方法。\n"
    "2. 核对各值后面的可选项：给出的是常见取值，不是建议。\n"
    "3. 创建 spec.guard 引用的 ModerationPolicy（可用 `genaictl policy lint` 检查），然后 "
    "`kubectl apply -f 文件`。",
)
AS_IT_IS: Final = Text(en="as it is: {words}", zh="按实际情况填写：{words}")
MEASURED: Final = Text(en="as it is; asked for: {words}", zh="按实际情况填写；要求：{words}")
ENTRY: Final = Text(en="one entry: {words}", zh="其中一项：{words}")
PUBLIC_NAME: Final = Text(en="public name of the service", zh="服务的公开名称")
IMAGE: Final = Text(
    en="image of the model server, pinned by digest", zh="模型服务镜像，用摘要固定版本"
)
OPERATOR: Final = Text(
    en="The operator creates and owns the pods; adopt: {port: 8000} leaves them to another one.",
    zh="由 operator 创建并管理 Pod；若由其他控制器创建，改为 adopt: {port: 8000}。",
)


@cache
def profiles() -> dict[str, Json]:
    text = (Path(__file__).parent / "profiles.yaml").read_text("utf-8")
    tree: dict[str, Json] = yaml.load(text, Loader=yaml.CSafeLoader)
    return tree


def title(profile: str) -> Text:
    return Text.of(profiles()[profile]["title"])


def manifest(profile: str, name: str, lang: Lang) -> str:
    """The commented YAML of a GenAIService."""
    page = Page()
    version = catalogue().version
    head = HEAD.format(title=title(profile).in_(lang), version=version).in_(lang)
    page.comment(head, 0)
    page.pair("apiVersion", names.API_VERSION, 0)
    page.pair("kind", names.KIND_SERVICE, 0)
    page.open("metadata", 0)
    page.pair("name", name, 1)
    page.open("spec", 0)
    page.pair("displayName", f"<{PUBLIC_NAME.in_(lang)}>", 1)
    page.open("workload", 1)
    page.comment(OPERATOR.in_(lang), 2)
    page.open("managed", 2)
    page.pair("replicas", 2, 3)
    page.pair("port", 8000, 3)
    page.open("template", 3)
    page.open("spec", 4)
    page.open("containers", 5)
    page.item("name", "model", 6)
    page.pair("image", f"<{IMAGE.in_(lang)}>", 7)
    page.open("guard", 1)
    page.pair("moderationPolicy", "default", 2)
    page.open("compliance", 1)
    tree = declaration(profile)
    for group, value in tree.items():
        page.comment("\n".join(_titles(group, lang)), 2)
        _put(page, group, value, 2, group, _Hints(lang, tree))
    return page.text()


def declaration(profile: str) -> MutableJson:
    """The complete declaration, changed as the profile says; still without placeholders."""
    change = profiles()[profile]
    tree: MutableJson = copy.deepcopy(
        dict(merge_patch(catalogue().complete, change.get("patch", {})))
    )
    for path, value in change.get("put", {}).items():
        put(tree, steps_of(path), copy.deepcopy(value))
    return tree


def _titles(group: str, lang: Lang) -> Iterator[str]:
    """The requirements that read the group: why somebody has to fill it in."""
    for compiled in catalogue().requirements:
        rule = compiled.requirement
        if any(_head(step.field) == group for step in rule.requires):
            yield f"{rule.id} {rule.title.in_(lang)}"


def _head(field: str) -> str:
    return field.partition(".")[0].removesuffix("[]")


def _put(page: Page, key: str, value: Any, depth: int, path: str, hints: "_Hints") -> None:
    """One field; `path` has `[]` for list items."""
    if isinstance(value, dict) and value:
        page.open(key, depth)
        for name, child in value.items():
            _put(page, name, child, depth + 1, f"{path}.{name}", hints)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        page.open(key, depth)
        for item in value:
            _put_item(page, item, depth + 1, f"{path}[]", hints)
    elif isinstance(value, list):
        page.pair(
            key, [hints.written(item, f"{path}[]") for item in value], depth, choices(f"{path}[]")
        )
    else:
        told = hints.written(value, path)
        page.pair(key, told, depth, "" if _open(told) else choices(path))


def _put_item(page: Page, item: Json, depth: int, path: str, hints: "_Hints") -> None:
    hints = hints.at(item)
    first = True
    for name, child in item.items():
        where = f"{path}.{name}"
        if first and not isinstance(child, dict | list):
            told = hints.written(child, where)
            page.item(name, told, depth, "" if _open(told) else choices(where))
        else:
            _put(page, name, child, depth + 1, where, hints)
        first = False


def _open(value: Any) -> bool:
    """Whether it is a placeholder, which names the choices itself."""
    return isinstance(value, str) and value.startswith("<")


def choices(path: str) -> str:
    """The values that the CRD knows for a field, as a comment; "" when it lists none."""
    node = node_at(f"spec.compliance.{path}") or {}
    listed = node.get("enum") or ()
    return " | ".join(map(str, listed)) if node.get("type") != "boolean" else "true | false"


class _Hints:
    """What stands in the place of a value: itself, or a placeholder that says what to write."""

    def __init__(self, lang: Lang, tree: Json, item: Json | None = None) -> None:
        self._lang, self._tree, self._item = lang, tree, item

    def at(self, item: Json) -> "_Hints":
        return _Hints(self._lang, self._tree, item)

    def written(self, value: Any, path: str) -> Any:
        node = node_at(f"spec.compliance.{path}") or {}
        name = path.removesuffix("[]").rpartition(".")[2]
        if COUNTS.intersection(path.split(".")):
            return 0
        reported = name in REPORTED
        if not reported and (not isinstance(value, str) or "enum" in node or name in KEPT):
            return value
        words = choices(path).replace(" | ", " / ") if reported else ""
        about = AS_IT_IS
        if not words:
            hint = self._expected(path.removesuffix("[]")) or self._expected(path)
            words = (hint or _meaning(node)).in_(self._lang)
            about = MEASURED if hint else AS_IT_IS
        if isinstance(value, str) and _DAY.fullmatch(value) and "YYYY" not in words:
            words += " (YYYY-MM-DD)" if self._lang is Lang.EN else "（YYYY-MM-DD）"
        if path.endswith("[]"):
            words = ENTRY.format(words=_LIST.sub("", words)).in_(self._lang)
        if reported:
            words = about.format(words=words).in_(self._lang)
        return f"<{_short(words.replace('<', '(').replace('>', ')'))}>"

    def _expected(self, path: str) -> Text | None:
        """What the first requirement that asks for the field expects of it here."""
        for compiled in catalogue().requirements:
            if not compiled.applies(self._tree):
                continue
            for step in compiled.steps:
                if step.step.field == path and self._meant(step):
                    return numbered(step.step.expects, catalogue().values)
        return None

    def _meant(self, step: CompiledStep) -> bool:
        return step.where is None or self._item is None or step.where(self._item)


_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_LIST: Final = re.compile(r"^a list (of|that holds) ")


def _short(words: str) -> str:
    """On one line; what is cut is cut between words, so that half an example looks like none."""
    line = " ".join(words.split())
    if len(line) <= WORDS:
        return line
    return f"{line[: WORDS - 1].rpartition(' ')[0] or line[: WORDS - 1]}…"


def _meaning(node: Json) -> Text:
    """What a field means, in the first sentence of its description."""
    words = described(node)
    first = re.split(r"; |(?<!Art)\. ", words.en, maxsplit=1)[0].rstrip(".")
    return Text(en=first, zh=words.zh)
