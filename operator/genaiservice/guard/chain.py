# SPDX-License-Identifier: Apache-2.0
"""The hash chain of the decision log: any line removed, changed or moved is found again.

A line is JSON with sorted keys. `hash` is the SHA-256 of the line without its `hash`; `prev` is
the `hash` of the line before, so each line vouches for all earlier ones of its process. The first
line of a process has `sequence` 0 and an empty `prev`. Pure: time and identity are arguments.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from genaiservice.api.fields import fault
from genaiservice.api.jsontree import Json
from genaiservice.api.problem import Problem, Text


class Chain:
    def __init__(self, process: str) -> None:
        self._process = process
        self._sequence = 0
        self._prev = ""

    def link(self, entry: Json, now: datetime) -> bytes:
        """The next line, with its line feed."""
        line: dict[str, Any] = {
            **entry,
            "time": now.isoformat(timespec="microseconds"),
            "process": self._process,
            "sequence": self._sequence,
            "prev": self._prev,
        }
        self._prev = line["hash"] = _hash(line)
        self._sequence += 1
        return orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def verify(lines: Iterable[bytes], where: str) -> list[Problem]:
    """What is broken in a log; the chains of several processes may be interleaved."""
    problems: list[Problem] = []
    heads: dict[str, tuple[int, str]] = {}
    for number, data in enumerate(lines, 1):
        place = f"{where}:{number}"
        try:
            line = orjson.loads(data)
            process, sequence = str(line["process"]), int(line["sequence"])
            prev, stated = str(line["prev"]), str(line.pop("hash"))
        except (ValueError, KeyError, TypeError):
            problems.append(_broken(place, "is not a line of a decision log", "不是决策日志行"))
            continue
        if _hash(line) != stated:
            problems.append(_broken(place, "was changed", "内容被改动"))
        if heads.get(process, (-1, "")) != (sequence - 1, prev):
            problems.append(
                _broken(
                    place,
                    "does not follow the line before it: a line was removed or moved",
                    "与前一行不衔接：有行被删除或移动",
                )
            )
        heads[process] = (sequence, stated)
    return problems


def _hash(line: Json) -> str:
    return hashlib.sha256(orjson.dumps(line, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _broken(where: str, en: str, zh: str) -> Problem:
    return fault(
        where,
        Text(en=en, zh=zh),
        Text(
            en="take the log from its archive and find out who could write here",
            zh="请从归档中恢复日志，并查明谁能写入此处",
        ),
    )
