# SPDX-License-Identifier: Apache-2.0
"""`genaictl log verify`: whether a decision log of the guard is whole, and which line is not.

Rule: it names every line that was removed, changed, moved or repeated. A log without a key can be
rewritten from its beginning; `--head` with the hash of an earlier look finds that as well.
"""

import itertools
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import click

from genaiservice.api.decision_chain import MARK, Head, Verifier
from genaiservice.api.fields import fault
from genaiservice.api.problem import Problem, ProblemError, Text
from genaiservice.cli import render
from genaiservice.cli.options import (
    ALLOWED,
    BAD_INPUT,
    REFUSED,
    Exit,
    Verb,
    lang_option,
    output_option,
    verb,
)

SHOWN: Final = 50
LINE_BYTES: Final = 1024 * 1024
ROTATED: Final = re.compile(r"(?P<base>.+)\.(?P<number>[0-9]{6,})")
WHOLE: Final = Text(en="whole: {n} lines", zh="完整：{n} 行")
NOT_WHOLE: Final = Text(
    en="not whole: {n} faults in {lines} lines", zh="不完整：{lines} 行中有 {n} 处异常"
)
EMPTY: Final = Text(en="holds no line of a decision log", zh="没有决策日志行")
CHAIN: Final = Text(
    en="process {process}: sequence {first}-{last}, {end}, head {hash}",
    zh="进程 {process}：序号 {first}-{last}，{end}，链首哈希 {hash}",
)
ENDED: Final = Text(en="ended in order", zh="正常结束")
OPEN: Final = Text(en="no end (still running, or killed)", zh="无结束行（仍在运行或被强制终止）")
LATE: Final = Text(
    en="older files are not here (rotated away): begins at sequence {first}",
    zh="更早的文件不在此处（已轮转清除）：从序号 {first} 开始",
)


@click.group("log")
def command() -> None:
    """Look at decision logs of the guard."""


@command.command("verify")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option(
    "--head", default="", metavar="HASH", help="A head of an earlier look: must be there."
)
@lang_option
@output_option("text", "json")
def verify(files: tuple[Path, ...], head: str, lang: str | None, output: str) -> None:
    """Check the hash chain: finds each removed, changed, moved or repeated line.

    Give a log with its rotated files in any order (decisions.log*); "-" is standard input, as in
    `kubectl logs POD -c genai-guard | genaictl log verify -`, where other output is skipped.

    Exit code: 0 whole, 1 not whole, 2 a file cannot be read or is no decision log.
    """
    with verb(lang) as run:
        logs: dict[str, list[Path]] = {}
        for path in files:
            found = ROTATED.fullmatch(str(path))
            logs.setdefault(found["base"] if found else str(path), []).append(path)
        rows: list[dict[str, Any]] = []
        codes = [
            _one(run, base, sorted(set(paths), key=_age), head, rows if output == "json" else None)
            for base, paths in logs.items()
        ]
        if output == "json":
            click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        raise Exit(max(codes))


def _age(path: Path) -> float:
    """Rotated files by their number, the file that is still written last."""
    found = ROTATED.fullmatch(str(path))
    return int(found["number"]) if found else math.inf


def _one(
    run: Verb, base: str, paths: list[Path], head: str, rows: list[dict[str, Any]] | None
) -> int:
    verifier = Verifier(begins_late=1 < _age(paths[0]) < math.inf, wanted=head.lower())
    problems: list[Problem] = []
    lines = faults = 0
    try:
        for path in paths:
            for number, data in _lines(path):
                lines += 1
                for problem in verifier.line(data, f"{path}:{number}"):
                    faults += 1
                    problems += [problem] if len(problems) < SHOWN else []
    except OSError as error:
        render.problems(run.talk, [_unread(base, error)])
        return BAD_INPUT
    at_end = [*_gaps(base, paths), *verifier.end()]
    faults += len(at_end)
    problems += at_end[:SHOWN]
    if not verifier.heads:
        raise ProblemError(
            fault(
                base,
                EMPTY,
                Text(en="name the guard's decisionLog", zh="请指定护栏的 decisionLog 文件"),
            )
        )
    if rows is not None:
        rows.append(_row(base, lines, faults, problems, verifier.heads))
    else:
        _show(run, base, lines, faults, problems, verifier)
    return REFUSED if faults else ALLOWED


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    if str(path) == "-":
        mixed = enumerate(_split(sys.stdin.buffer), 1)
        yield from ((number, data) for number, data in mixed if MARK in data)
        return
    with path.open("rb") as file:
        yield from ((number, data) for number, data in enumerate(_split(file), 1) if data != b"\n")


def _split(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.readline(LINE_BYTES):
        yield data


def _gaps(base: str, paths: list[Path]) -> Iterator[Problem]:
    """Rotated files that are missing between two that are here."""
    numbers = [int(age) for path in paths if (age := _age(path)) != math.inf]
    for before, after in itertools.pairwise(numbers):
        if after != before + 1:
            yield fault(
                f"{base}.{before + 1:06d}",
                Text(en="is missing between two rotated files", zh="在两个轮转文件之间缺失"),
                Text(en="give all files of the log", zh="请给出该日志的全部文件"),
            )


def _show(
    run: Verb, base: str, lines: int, faults: int, problems: list[Problem], verifier: Verifier
) -> None:
    told = NOT_WHOLE.format(n=faults, lines=lines) if faults else WHOLE.format(n=lines)
    sign, style = ("✗", "red") if faults else ("✓", "green")
    run.paper.line(f"{sign} {base}: {told.in_(run.lang)}", style)
    for problem in problems:
        run.paper.line(problem.render(run.lang), indent=4)
    for number, one in enumerate(verifier.heads.values()):
        if verifier.begins_late and not number:
            run.paper.line(LATE.format(first=one.first).in_(run.lang), indent=2)
        chain = CHAIN.format(
            process=one.process[:8],
            first=one.first,
            last=one.sequence,
            end=(ENDED if one.ended else OPEN).in_(run.lang),
            hash=one.hash,
        )
        run.paper.line(chain.in_(run.lang), indent=2)


def _row(
    base: str, lines: int, faults: int, problems: list[Problem], heads: dict[str, Head]
) -> dict[str, Any]:
    return {
        "log": base,
        "whole": not faults,
        "lines": lines,
        "faults": faults,
        "problems": [
            {"where": it.where, "what": it.what.as_json(), "next": it.next.as_json()}
            for it in problems
        ],
        "chains": [
            {
                "process": head.process,
                "first": head.first,
                "last": head.sequence,
                "head": head.hash,
                "ended": head.ended,
            }
            for head in heads.values()
        ],
    }


def _unread(base: str, error: OSError) -> Problem:
    reason = error.strerror or type(error).__name__
    return Problem(
        where=str(error.filename or base),
        what=Text(en="cannot be read", zh="无法读取"),
        why=Text(en=reason, zh=reason),
        next=Text(en="check name and rights", zh="请检查文件名与权限"),
    )
