# SPDX-License-Identifier: Apache-2.0
"""`genaictl label inspect`: the AIGC metadata that files carry, read and held against Annex E.

Rule: it says what stands in a file and what is wrong with it, never that a file is genuine.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from genaiservice.api import provider_code
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

if TYPE_CHECKING:
    from genaiservice.guard.media.outcome import Found

NONE: Final = Text(en="no AIGC label", zh="没有 AIGC 标识")
SEVERAL: Final = Text(
    en="{n} AIGC labels; a file may keep one only (GB 45438-2025 6.1)",
    zh="有 {n} 个 AIGC 标识；每个文件只能保留一个（GB 45438-2025 6.1）",
)
STANDINGS: Final = {
    "Ours": Text(en="label of this producer", zh="本服务提供者的标识"),
    "Foreign": Text(en="sound label of another producer", zh="其他服务提供者的有效标识"),
    "Sound": Text(en="label in the form of Annex E", zh="符合附录 E 格式的标识"),
    "Broken": Text(en="broken label", zh="不合格的标识"),
}
BAD_CODE: Final = Problem(
    where="--producer",
    what=Text(en="is no code of a producer", zh="不是生成服务提供者编码"),
    why=Text(en="TC260-PG-20252A", zh="TC260-PG-20252A"),
    next=Text(
        en="write 27 characters with 1 at position 23 (spec.compliance.provider.aigcProviderCode)",
        zh="请填写 27 位、第 23 位为 1 的编码（spec.compliance.provider.aigcProviderCode）",
    ),
)


@click.group("label")
def command() -> None:
    """Look at labels of generated content."""


@command.command("inspect")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option("--producer", default="", metavar="CODE", help="Our provider code of 27 characters.")
@lang_option
@output_option("text", "json")
def inspect(files: tuple[Path, ...], producer: str, lang: str | None, output: str) -> None:
    """Read the AIGC metadata of pictures, sound, video and documents, and check it.

    Exit code: 0 each file has exactly one sound label (with --producer: ours), 1 one has not,
    2 a file could not be read.
    """
    with verb(lang) as run:
        if producer and not provider_code.is_producer_code(producer):
            raise ProblemError(BAD_CODE)
        rows: list[dict[str, Any]] = []
        codes = [_one(run, path, producer, rows if output == "json" else None) for path in files]
        if output == "json":
            click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        raise Exit(max(codes))


def _one(run: Verb, path: Path, producer: str, rows: list[dict[str, Any]] | None) -> int:
    from genaiservice.guard.media import label, sniff

    try:
        with path.open("rb") as stream:
            kind = sniff.guess(stream.read(64), path.suffix)
        carrier, found = label.inspect(path, kind, producer)
    except (ProblemError, OSError) as error:
        problems = error.problems if isinstance(error, ProblemError) else (_unread(error),)
        render.problems(run.talk, [_at(problem, str(path)) for problem in problems])
        return BAD_INPUT
    good = len(found) == 1 and found[0].standing.value in ({"Ours"} if producer else {"Sound"})
    if rows is not None:
        rows.append(_row(path, carrier.value, found))
    else:
        _show(run, path, carrier.value, found, good)
    return ALLOWED if good else REFUSED


def _show(run: Verb, path: Path, carrier: str, found: "tuple[Found, ...]", good: bool) -> None:
    sign, style = ("✓", "green") if good else ("✗", "red")
    what = NONE if not found else STANDINGS[found[0].standing.value]
    if len(found) > 1:
        what = SEVERAL.format(n=len(found))
    run.paper.line(f"{sign} {path} ({carrier}): {what.in_(run.lang)}", style)
    for one in found:
        if len(found) > 1:
            run.paper.line(STANDINGS[one.standing.value].in_(run.lang), indent=4)
        run.paper.line(one.raw[:2000], indent=4)
        for problem in one.problems:
            run.paper.line(problem.render(run.lang), indent=4)


def _row(path: Path, carrier: str, found: "tuple[Found, ...]") -> dict[str, Any]:
    blocks = [
        {
            "standing": one.standing.value,
            "raw": one.raw,
            "problems": [
                {
                    "field": problem.where,
                    "what": problem.what.as_json(),
                    "why": problem.why.as_json(),
                    "next": problem.next.as_json(),
                }
                for problem in one.problems
            ],
        }
        for one in found
    ]
    return {"file": str(path), "carrier": carrier, "blocks": blocks}


def _at(problem: Problem, where: str) -> Problem:
    return Problem(where=where, what=problem.what, why=problem.why, next=problem.next)


def _unread(error: OSError) -> Problem:
    return Problem(
        what=Text(en="cannot be opened", zh="无法打开"),
        why=Text(en=error.strerror or "", zh=error.strerror or ""),
        next=Text(en="check name and rights", zh="请检查文件名与权限"),
    )
