# SPDX-License-Identifier: Apache-2.0
"""`detectors` and `detectorWindow` in the guard's configuration: who is asked beside the terms.

Rule: a detector fails closed. `failOpen` lets texts pass without its opinion for a while that has a
beginning, an end within seven days, and a reason; each part is a fault when it is missing.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from genaiservice.api.fields import MISSING, Fields
from genaiservice.api.policy_file import RISK_CLASSES
from genaiservice.api.problem import Text

MOST_DETECTORS: Final = 8
MOST_CATEGORIES: Final = 128
OPEN_DAYS: Final = 7
OTHER: Final = "other"
"""The category of what a detector flags without one that is listed."""
NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
PLACE: Final = "{text}"


class Kind(StrEnum):
    """Moderation: `POST …/moderations` as OpenAI's API. GuardModel: `POST …/chat/completions`."""

    MODERATION = "Moderation"
    GUARD_MODEL = "GuardModel"


class Side(StrEnum):
    INPUT = "Input"
    OUTPUT = "Output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """`threshold`: the score from which on it counts; without one the detector's own yes counts."""

    name: str
    risk_class: str
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailOpen:
    """From `since` until `until` (date-times with zone) a text passes without an opinion."""

    since: str
    until: str
    reason: str

    def holds(self, now: datetime) -> bool:
        return moment(self.since) <= now < moment(self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """`url` is the base (`…/v1`). `api_key_file` holds the bearer token, None sends none. `ca_file`
    holds the only authority that is trusted, None means those of the system.

    A guard model answers `safe_answer`, or `unsafe_answer` and then names of categories.
    """

    name: str
    kind: Kind
    url: str
    categories: tuple[Category, ...]
    model: str = ""
    apply_to: tuple[Side, ...] = tuple(Side)
    ignored_categories: tuple[str, ...] = ()
    other_risk_class: str = "A1a"
    template: str = PLACE
    safe_answer: str = "safe"
    unsafe_answer: str = "unsafe"
    api_key_file: str | None = None
    ca_file: str | None = None
    timeout_seconds: float = 2
    concurrent_requests: int = 32
    fail_open: FailOpen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorWindow:
    """A window of an answer is asked about when it has so many characters or is so old."""

    characters: int = 200
    seconds: float = 1


USUAL_WINDOW: Final = DetectorWindow()


def moment(value: str) -> datetime:
    """A date-time with its zone; raises ValueError for anything else."""
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("no zone")
    return found


def read_window(read: Fields) -> DetectorWindow:
    window = DetectorWindow(
        characters=read.integer("characters", 200, least=1, most=4000),
        seconds=read.number("seconds", 1, least=0.05, most=30),
    )
    read.end()
    return window


def read_detectors(root: Fields) -> tuple[Detector, ...]:
    detectors = tuple(_detector(entry) for entry in root.children("detectors", most=MOST_DETECTORS))
    names = [detector.name for detector in detectors]
    for index, name in enumerate(names):
        if name in names[:index]:
            root.report(
                f"detectors[{index}].name",
                Text(en=f"{name!r} stands there twice", zh=f"“{name}”重复"),
                Text(en="give each detector its own name", zh="请为每个检测器取不同的名称"),
            )
    return detectors


def _detector(read: Fields) -> Detector:
    detector = Detector(
        name=read.text("name", most=63),
        kind=read.choice("kind", Kind.MODERATION),
        url=read.text("url", most=2048).rstrip("/"),
        model=read.text("model", "", most=256),
        apply_to=_sides(read),
        categories=tuple(
            _category(entry) for entry in read.children("categories", most=MOST_CATEGORIES)
        ),
        ignored_categories=read.texts("ignoredCategories", most=MOST_CATEGORIES),
        other_risk_class=_risk_class(read, "otherRiskClass", "A1a"),
        template=read.text("template", PLACE, most=8192),
        safe_answer=read.text("safeAnswer", "safe", most=128),
        unsafe_answer=read.text("unsafeAnswer", "unsafe", most=128),
        api_key_file=_optional(read, "apiKeyFile"),
        ca_file=_optional(read, "caFile"),
        timeout_seconds=read.number("timeoutSeconds", 2, least=0.05, most=30),
        concurrent_requests=read.integer("concurrentRequests", 32, least=1, most=1024),
        fail_open=_fail_open(read),
    )
    read.end()
    _check(read, detector)
    return detector


def _optional(read: Fields, key: str) -> str | None:
    return None if read.value(key, None) is None else read.text(key)


def _sides(read: Fields) -> tuple[Side, ...]:
    words = (
        read.texts("applyTo", most=2) if read.value("applyTo", None) is not None else tuple(Side)
    )
    known = [side for side in Side if side.value in words]
    if not known or len(known) != len(set(words)):
        read.report(
            "applyTo",
            Text(en="is not a list of sides", zh="不是有效的列表"),
            Text(en="write Input, Output or both", zh="请填写 Input、Output 或两者"),
        )
    return tuple(known)


def _category(read: Fields) -> Category:
    given = read.value("threshold", None)
    category = Category(
        name=read.text("name", most=128),
        risk_class=_risk_class(read, "riskClass", MISSING),
        threshold=None if given is None else read.number("threshold", 0.5, least=0, most=1),
    )
    read.end()
    return category


def _risk_class(read: Fields, key: str, default: str) -> str:
    value = read.text(key, default, most=8)
    if value and value not in RISK_CLASSES:
        read.report(
            key,
            Text(en=f"{value!r} is no risk class", zh=f"“{value}”不是风险类别"),
            Text(
                en=f"write a class of GB/T 45654 Annex A, {RISK_CLASSES[0]} to {RISK_CLASSES[-1]}",
                zh=f"请填写 GB/T 45654 附录 A 的类别，{RISK_CLASSES[0]} 至 {RISK_CLASSES[-1]}",
            ),
        )
    return value


def _fail_open(read: Fields) -> FailOpen | None:
    if read.value("failOpen", None) is None:
        return None
    inner = read.child("failOpen")
    found = FailOpen(
        since=inner.text("since", most=40),
        until=inner.text("until", most=40),
        reason=inner.text("reason", most=512),
    )
    inner.end()
    try:
        lasts = moment(found.until) - moment(found.since)
    except ValueError:
        lasts = timedelta(0)
    if timedelta(0) < lasts <= timedelta(days=OPEN_DAYS):
        return found
    inner.report(
        "until",
        Text(
            en=f"is not within {OPEN_DAYS} days after since",
            zh=f"不在 since 之后 {OPEN_DAYS} 天之内",
        ),
        Text(
            en="write two date-times with their zone, such as 2026-12-01T00:00:00Z",
            zh="请填写两个带时区的时间，例如 2026-12-01T00:00:00Z",
        ),
        Text(
            en="what passes unjudged must end by itself (Art. 14)",
            zh="未经检测即放行的状态须自行终止（《暂行办法》第十四条）",
        ),
    )
    return None


def _check(read: Fields, detector: Detector) -> None:
    if NAME.fullmatch(detector.name) is None:
        read.report(
            "name",
            Text(en="is no name of a detector", zh="不是有效的名称"),
            Text(
                en="write lower-case letters, digits and hyphens", zh="请使用小写字母、数字与连字符"
            ),
        )
    if detector.kind is Kind.GUARD_MODEL and not detector.model:
        read.report(
            "model",
            Text(en="is missing", zh="缺失"),
            Text(en="name the guard model to ask", zh="请填写要询问的护栏模型"),
        )
    if detector.template.count(PLACE) != 1:
        read.report(
            "template",
            Text(en=f"does not hold {PLACE} once", zh=f"未恰好包含一次 {PLACE}"),
            Text(en="say where the text to judge stands", zh="请标明待判断文本的位置"),
        )
    _check_answers(read, detector)
    _check_categories(read, detector)


def _check_answers(read: Fields, detector: Detector) -> None:
    for key, answer in (
        ("safeAnswer", detector.safe_answer),
        ("unsafeAnswer", detector.unsafe_answer),
    ):
        if not _folded(answer):
            read.report(
                key,
                Text(en="is blank", zh="为空白"),
                Text(en="write what the guard model answers", zh="请填写护栏模型的回答"),
                Text(en="a model that says nothing gives no opinion", zh="模型不作回答即没有意见"),
            )
    if _folded(detector.safe_answer) == _folded(detector.unsafe_answer):
        read.report(
            "unsafeAnswer",
            Text(en="is the same as safeAnswer", zh="与 safeAnswer 相同"),
            Text(en="write two different answers", zh="请填写两个不同的答案"),
        )


def _check_categories(read: Fields, detector: Detector) -> None:
    names = [category.name for category in detector.categories]
    ignored = {*detector.ignored_categories}
    if detector.kind is Kind.GUARD_MODEL:  # its words count in any case
        names, ignored = [*map(_folded, names)], {*map(_folded, ignored)}
    if ignored.intersection(names) or len(set(names)) != len(names):
        read.report(
            "categories",
            Text(en="name a category twice", zh="存在重复的类别"),
            Text(
                en="list each once, here or in ignoredCategories",
                zh="每个类别只在 categories 或 ignoredCategories 中列出一次",
            ),
        )
    if detector.kind is Kind.GUARD_MODEL and any(
        one.threshold is not None for one in detector.categories
    ):
        read.report(
            "categories",
            Text(en="hold a threshold", zh="含有 threshold"),
            Text(en="remove it: a guard model gives no scores", zh="请删除：护栏模型不给出分数"),
        )


def _folded(answer: str) -> str:
    return " ".join(answer.split()).casefold()
