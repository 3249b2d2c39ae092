# SPDX-License-Identifier: Apache-2.0
"""The policy file: a compiled-down ModerationPolicy as the operator packs and the guard loads it.

One function computes its hash, so that status, annotation, log and guard mean the same bytes.
Unpacking is bounded: a few kilobytes of gzip may not become gigabytes in a sidecar.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping
from enum import StrEnum
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any, Final

from genaiservice.api import pattern
from genaiservice.api.fields import Fields, fault
from genaiservice.api.jsontree import Json
from genaiservice.api.problem import Problem, ProblemError, Text

VERSION: Final = 1
UNPACKED_BYTES: Final = 64 * 1024 * 1024
TERM_CHARACTERS: Final = 256
SHAPES: Final = 200
"""Most patterns, and most context rules, of a class; most expressions of a side of one."""
ANSWERS: Final = 50
"""Most prepared answers of a class."""
WITHIN: Final = 100
USUAL_WITHIN: Final = 20
"""Most characters between the two expressions of a context rule; so many when none are given."""
THRESHOLD: Final = 20
"""Highest threshold of a class."""
MASK: Final = "＊"
REFUSAL: Final = Text(en="This cannot be answered.", zh="该内容无法回答。")
NORMALISATIONS: Final[Mapping[str, bool]] = {
    "width": True,
    "case": True,
    "zeroWidth": True,
    "traditional": True,
    "separators": True,
    "words": True,
    "digits": False,
    "leet": False,
    "repeats": False,
}
"""The switches and whether each is on when nothing is said; the CRD has the same defaults."""
FORMS: Final = ("pinyin", "components")
"""Further forms of a class's terms, written out by the operator (switches of the same names)."""

RISK_CLASSES: Final = tuple(
    f"A{group}{letter}"
    for group, letters in (
        (1, "abcdefgh"),
        (2, "abcdefghi"),
        (3, "abcde"),
        (4, "abcdefg"),
        (5, "ab"),
    )
    for letter in letters
)
"""The 31 risks in five classes of Annex A of GB/T 45654-2025."""


class Action(StrEnum):
    """Block ends the answer with the refusal, Replace with a prepared answer of the class (代答);
    Mask replaces the term, Flag only records."""

    BLOCK = "Block"
    REPLACE = "Replace"
    MASK = "Mask"
    FLAG = "Flag"


_CANONICAL: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)


class _Patient(json.JSONDecoder):
    """Reads value by value, so that other threads may run; the usual reader is one long call."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.scan_once = py_make_scanner(self)


def canonical(policy: Json) -> bytes:
    """Sorted keys, no blanks, UTF-8: equal policies have equal bytes."""
    return _CANONICAL.encode(policy).encode()


def digest(policy: Json) -> str:
    """`sha256:<hex>` of the canonical bytes, which are never there as a whole."""
    found = hashlib.sha256()
    for piece in _CANONICAL.iterencode(policy):
        found.update(piece.encode())
    return f"sha256:{found.hexdigest()}"


def pack(policy: Json) -> bytes:
    """Gzip of the canonical bytes, without a time stamp: equal policies, equal files."""
    return gzip.compress(canonical(policy), compresslevel=9, mtime=0)


def unpack(data: bytes, where: str, *, packed: bool) -> dict[str, Any]:
    """The checked policy in `data`; raises ProblemError with every fault."""
    text = _inflate(data, where) if packed else data
    if len(text) > UNPACKED_BYTES:
        raise ProblemError(_too_large(where))
    try:
        tree = json.loads(text, cls=_Patient)
    except (ValueError, RecursionError):
        raise ProblemError(
            fault(
                where,
                Text(en="is not JSON in UTF-8", zh="不是 UTF-8 编码的 JSON"),
                Text(en="write the file anew, whole", zh="请重新完整写入该文件"),
            )
        ) from None
    if problems := check(tree, where):
        raise ProblemError(*problems)
    policy: dict[str, Any] = tree
    return policy


def check(tree: Any, where: str = "") -> tuple[Problem, ...]:
    """What is wrong with the form of a policy; empty when it can be used."""
    problems: list[Problem] = []
    root = Fields(tree, where, problems)
    if root.value("version", VERSION) != VERSION:
        root.report(
            "version",
            Text(en="is not a version that this guard reads", zh="不是本护栏支持的版本"),
            Text(en=f"write {VERSION}, or update the guard", zh=f"请填写 {VERSION}，或升级护栏"),
        )
    root.text("name", "default", most=253)
    root.text("mask", MASK, most=8)
    refusal = root.child("refusal")
    refusal.text("en", REFUSAL.en, most=1024)
    refusal.text("zh", REFUSAL.zh, most=1024)
    refusal.end()
    root.texts("allow", most=1_000_000)
    switches = root.child("normalisation")
    for name, usual in NORMALISATIONS.items():
        switches.boolean(name, usual)
    switches.end()
    _check_classes(root)
    root.end()
    return tuple(problems)


def completed(policy: Json) -> dict[str, Any]:
    """A checked policy with every default written out, as the guard compiles it.

    The hash is that of the policy as it was written, never of this.
    """
    return {
        "version": VERSION,
        "name": "default",
        "mask": MASK,
        "allow": [],
        **policy,
        "refusal": REFUSAL.as_json() | policy.get("refusal", {}),
        "normalisation": {**NORMALISATIONS} | policy.get("normalisation", {}),
        "classes": {
            risk: {"action": Action.BLOCK.value, "terms": [], **part}
            for risk, part in policy.get("classes", {}).items()
        },
    }


def _check_classes(root: Fields) -> None:
    classes = root.value("classes", {})
    read = root.child("classes")
    size = 0
    for name in classes if isinstance(classes, dict) else ():
        if name not in RISK_CLASSES:
            continue  # `end` reports it, with the likely name
        entry = read.child(name)
        action = entry.choice("action", Action.BLOCK)
        _check_answers(entry, action)
        _check_threshold(entry, action)
        terms = entry.texts("terms", most=10_000_000)
        long = [index for index, term in enumerate(terms) if not 0 < len(term) <= TERM_CHARACTERS]
        for index in long[:20]:
            entry.report(
                f"terms[{index}]",
                Text(en=f"has {len(terms[index])} characters", zh=f"共 {len(terms[index])} 个字符"),
                Text(
                    en=f"keep a term to 1 to {TERM_CHARACTERS} characters",
                    zh=f"词条长度应为 1 到 {TERM_CHARACTERS} 个字符",
                ),
            )
        for form in FORMS:
            entry.texts(form, most=10_000_000)
        size += _check_shapes(entry)
        entry.end()
    if size > pattern.TOTAL_LIMIT:
        read.report(
            "patterns",
            Text(en="are too large together", zh="合计过大"),
            Text(en="lower counts, or drop patterns and contexts", zh="请减小次数或删减表达式"),
            Text(
                en=f"at most {pattern.TOTAL_LIMIT} places", zh=f"最多 {pattern.TOTAL_LIMIT} 个位置"
            ),
        )
    read.end(also=RISK_CLASSES)


def _check_answers(entry: Fields, action: Action) -> None:
    answers = entry.children("answers", most=ANSWERS)
    for answer in answers:
        answer.text("en", most=1024)
        answer.text("zh", most=1024)
        answer.end()
    if action is Action.REPLACE and not answers:
        entry.report(
            "answers",
            Text(en="is empty", zh="为空"),
            Text(
                en="add a prepared answer for this class, or choose Block",
                zh="请为该类别补充代答内容，或改用 Block",
            ),
            Text(en="the action Replace says one of them", zh="Replace（代答）须有可用的答复"),
        )


def _check_threshold(entry: Fields, action: Action) -> None:
    """From which hit of one text on the class blocks; earlier ones are recorded only."""
    threshold = entry.integer("threshold", 1, least=1, most=THRESHOLD)
    if threshold > 1 and action not in (Action.BLOCK, Action.REPLACE):
        entry.report(
            "threshold",
            Text(en=f"is set, but the action is {action}", zh=f"已设置，但处置方式为 {action}"),
            Text(
                en="leave the threshold out, or choose Block or Replace",
                zh="请删去阈值，或改用 Block、Replace",
            ),
            Text(
                en="only a class that ends the answer can wait for a second hit",
                zh="只有会终止回答的类别才能累计命中次数",
            ),
        )


def _check_shapes(entry: Fields) -> int:
    """Patterns and context rules of a class; answers how large they are together."""
    size = 0
    for index, written in enumerate(entry.texts("patterns", most=SHAPES)):
        try:
            size += pattern.measure(pattern.parse(written))[2]
        except pattern.PatternError as error:
            one = error.problem
            entry.report(f"patterns[{index}]", one.what, one.next, one.why)
    for context in entry.children("contexts", most=SHAPES):
        first, second = (context.texts(key, most=SHAPES) for key in ("first", "second"))
        within = context.integer("within", USUAL_WITHIN, least=0, most=WITHIN)
        for key, some in (("first", first), ("second", second)):
            if not some or not all(map(_is_word, some)):
                context.report(
                    key,
                    Text(en="needs expressions of 1 to 64 characters", zh="须为 1 至 64 字的词语"),
                    Text(
                        en="write at least one, each with a letter, digit or Chinese character",
                        zh="请至少填写一个，每个须含字母、数字或汉字",
                    ),
                )
                break
        else:
            size += pattern.measure(pattern.near(first, second, within))[2]
        context.end()
    return size


def _is_word(text: str) -> bool:
    return len(text) <= 64 and any(map(str.isalnum, text))


def _inflate(data: bytes, where: str) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = stream.decompress(data, UNPACKED_BYTES + 1)
    except zlib.error:
        text = b""
    if len(text) > UNPACKED_BYTES:
        raise ProblemError(_too_large(where))
    if not stream.eof or stream.unused_data:
        raise ProblemError(
            fault(
                where,
                Text(en="is not one whole gzip stream", zh="不是完整的 gzip 数据"),
                Text(
                    en="pack the file anew; a plain JSON file must not end in .gz",
                    zh="请重新打包；未压缩的 JSON 文件名不应以 .gz 结尾",
                ),
            )
        )
    return text


def _too_large(where: str) -> Problem:
    mebibytes = UNPACKED_BYTES // 1024**2
    return fault(
        where,
        Text(
            en=f"holds more than {mebibytes} MiB when unpacked",
            zh=f"解压后超过 {mebibytes} MiB",
        ),
        Text(en="split or shorten the term lists", zh="请拆分或精简词库"),
        Text(en="a sidecar must not run out of memory", zh="边车不得耗尽内存"),
    )
