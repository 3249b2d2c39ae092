# SPDX-License-Identifier: Apache-2.0
"""The hash chain of the decision log: any line removed, changed or moved is found, and named.

A line is JSON with sorted keys. `hash` is the SHA-256 of the line without its `hash`; `prev` is
the `hash` of the line before, so each line vouches for all earlier ones of its process. The first
line of a process has `sequence` 0 and an empty `prev`; its `follows` is the `hash` of the last
line that the file held before, so that the chain goes on over restarts and rotated files.
The chain has no key: keep the newest `hash` elsewhere, and not even a rewritten log passes.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from genaiservice.api.fields import fault
from genaiservice.api.jsontree import Json
from genaiservice.api.problem import Problem, Text

MARK: Final = b'"sequence":'
"""Stands in each line of the log and in none of the guard's own messages."""

NEXT: Final = Text(
    en="take the log from its archive and find out who could write here",
    zh="请从归档中恢复日志，并查明谁能写入此处",
)


def line_hash(line: Json) -> str:
    return hashlib.sha256(orjson.dumps(line, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(slots=True, kw_only=True)
class Head:
    """What is known of the chain of one process; `ended` once it has said that it stops."""

    process: str
    first: int
    sequence: int
    hash: str
    place: str
    lines: int = 1
    ended: bool = False


@dataclass(slots=True)
class _Gap:
    """Lines of one process that were not seen yet, and between which places they belong."""

    process: str
    first: int
    last: int
    after: str
    before: str


@dataclass(slots=True)
class Verifier:
    """Takes the lines of a log, oldest first; the chains of several processes may be mixed."""

    begins_late: bool = False
    """Whether older files are known to have gone, so that chains may begin in the middle."""
    wanted: str = ""
    """A `hash` that must be there: the newest one of an earlier look."""
    heads: dict[str, Head] = field(default_factory=dict)
    _gaps: list[_Gap] = field(default_factory=list)
    _last: str = ""
    _found: bool = False

    def line(self, data: bytes, place: str) -> Iterator[Problem]:
        """What is wrong at this line."""
        try:
            line = orjson.loads(data)
            process, sequence = str(line["process"]), int(line["sequence"])
            prev, stated = str(line["prev"]), str(line.pop("hash"))
        except (ValueError, KeyError, TypeError, AttributeError):
            yield _unreadable(data, place)
            return
        if line_hash(line) != stated:
            yield _broken(
                place, f"was changed (sequence {sequence})", f"内容被改动（序号 {sequence}）"
            )
        self._found = self._found or stated == self.wanted
        head = self.heads.get(process)
        if head is None:
            yield from self._begin(line, process, sequence, prev, stated, place)
        elif sequence <= head.sequence:
            yield self._moved(head, sequence, place)
        else:
            if sequence > head.sequence + 1:
                gap = _Gap(process, head.sequence + 1, sequence - 1, head.place, place)
                self._gaps.append(gap)
            elif prev != head.hash:
                yield _broken(
                    place,
                    f"does not follow {head.place}: one of the two was replaced",
                    f"与 {head.place} 不衔接：两行之一被替换",
                )
            head.sequence, head.hash, head.place = sequence, stated, place
            head.lines += 1
        self.heads[process].ended = line.get("event") == "stop"
        self._last = stated

    def end(self) -> Iterator[Problem]:
        """What can be said only once every line was seen."""
        for gap in self._gaps:
            yield _missing(gap)
        if self.wanted and not self._found:
            yield _broken(
                self.wanted[:16],
                "the line with this hash is not here: the end of the log was removed or rewritten",
                "找不到具有该哈希的行：日志末尾被删除或改写",
            )

    def _begin(
        self, line: Json, process: str, sequence: int, prev: str, stated: str, place: str
    ) -> Iterator[Problem]:
        late = self.begins_late and not self.heads
        if not late and sequence > 0:
            self._gaps.append(_Gap(process, 0, sequence - 1, "", place))
        follows = str(line.get("follows", ""))
        if sequence == 0 and prev:
            yield _broken(place, "names a line before the first", "首行引用了更早的行")
        if follows and follows != self._last and not late:
            yield _broken(
                place,
                "the line before this start is not here: the end of the log before it was removed",
                "本次启动之前的那一行不在此处：此前日志的末尾被删除",
            )
        self.heads[process] = Head(
            process=process, first=sequence, sequence=sequence, hash=stated, place=place
        )

    def _moved(self, head: Head, sequence: int, place: str) -> Problem:
        for gap in self._gaps:
            if gap.process == head.process and gap.first <= sequence <= gap.last:
                self._gaps.remove(gap)
                if gap.first < sequence:
                    self._gaps.append(
                        _Gap(gap.process, gap.first, sequence - 1, gap.after, gap.before)
                    )
                if sequence < gap.last:
                    self._gaps.append(
                        _Gap(gap.process, sequence + 1, gap.last, gap.after, gap.before)
                    )
                where = gap.before
                return _broken(
                    place,
                    f"was moved (sequence {sequence}): it belongs before {where}",
                    f"被移动（序号 {sequence}）：应在 {where} 之前",
                )
        return _broken(
            place,
            f"stands here a second time (sequence {sequence})",
            f"重复出现（序号 {sequence}）",
        )


def verify(lines: Iterable[bytes], where: str) -> list[Problem]:
    """What is broken in one log that has all its lines."""
    verifier = Verifier()
    problems = [
        problem
        for number, data in enumerate(lines, 1)
        for problem in verifier.line(data, f"{where}:{number}")
    ]
    return [*problems, *verifier.end()]


def last_hash(lines: Iterable[bytes]) -> str:
    """The `hash` of the last whole line; empty when there is none."""
    found = ""
    for data in lines:
        try:
            line: Any = orjson.loads(data)
            found = str(line["hash"])
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _missing(gap: _Gap) -> Problem:
    many = f"{gap.first}" if gap.first == gap.last else f"{gap.first}-{gap.last}"
    after_en = f" between {gap.after} and here" if gap.after else " before it"
    after_zh = f"（位于 {gap.after} 与此行之间）" if gap.after else "（位于此行之前）"
    return _broken(
        gap.before,
        f"sequence {many} of process {gap.process[:8]} is missing{after_en}: removed",
        f"进程 {gap.process[:8]} 的序号 {many} 缺失{after_zh}：被删除",
    )


def _unreadable(data: bytes, place: str) -> Problem:
    if data.startswith(b"{") and not data.rstrip().endswith(b"}"):
        return _broken(
            place,
            "was cut off: the process ended while it wrote, or the end was removed",
            "不完整：进程在写入时终止，或行尾被删除",
        )
    return _broken(place, "is not a line of a decision log", "不是决策日志行")


def _broken(where: str, en: str, zh: str) -> Problem:
    return fault(where, Text(en=en, zh=zh), NEXT)
