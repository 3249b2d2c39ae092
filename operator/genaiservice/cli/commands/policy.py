# SPDX-License-Identifier: Apache-2.0
"""`genaictl policy`: look at term lists and moderation policies, try a text on them; offline."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from genaiservice.api.jsontree import MutableJson
from genaiservice.api.problem import Problem, ProblemError, Text
from genaiservice.cli import render
from genaiservice.cli.language import from_environment
from genaiservice.cli.options import (
    ALLOWED,
    BAD_INPUT,
    REFUSED,
    Exit,
    lang_option,
    output_option,
    verb,
)
from genaiservice.cli.terminal import Paper

if TYPE_CHECKING:
    from genaiservice.cli.moderation import Count, Loaded
    from genaiservice.cli.screening import Screened

TEXT_BYTES: Final = 1024 * 1024
NO_TEXT: Final = Text(
    en="give --text TEXT, or - to read the text from standard input",
    zh="请给出 --text TEXT，或以 - 表示从标准输入读取",
)
USABLE: Final = Text(en="{n} terms, usable", zh="共 {n} 个词条，可以使用")
UNUSABLE: Final = Text(en="cannot be used", zh="无法使用")
BASIS: Final = Text(
    en="Numbers of GB/T 45654-2025 (basis: standard): {total} terms in all, {a1} for each risk of "
    "A1, {a2} for each of A2",
    zh="GB/T 45654-2025 的数量要求（依据：标准）：总数 {total}，A1 每类 {a1}，A2 每类 {a2}",
)
TOTAL: Final = Text(en="in all", zh="总数")
SHORT: Final = Text(en="{n} missing", zh="缺 {n}")
ENOUGH: Final = Text(en="enough", zh="满足")
NO_NUMBER: Final = Text(en="no number named", zh="未规定数量")
NOTES: Final = Text(en="notes", zh="备注")
BLOCKED: Final = Text(en="blocked", zh="阻断")
PASSES: Final = Text(en="passes", zh="放行")
THROUGH: Final = Text(en="seen through: {names}", zh="识破：{names}")
LEAVES: Final = Text(en="the reader sees", zh="用户看到")
ACTIONS: Final = {
    "Block": ("✗", "red", Text(en="block", zh="阻断")),
    "Mask": ("~", "yellow", Text(en="mask", zh="遮盖")),
    "Flag": ("·", "cyan", Text(en="flag", zh="仅记录")),
}


@click.group("policy")
def command() -> None:
    """Look at moderation policies and term lists, without a cluster."""


@command.command("lint")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@lang_option
@output_option("text", "json")
def lint(files: tuple[str, ...], lang: str | None, output: str) -> None:
    """Look for faults in policies and term lists, and count terms by risk.

    FILE: manifests of ModerationPolicy with their ConfigMaps, or lists with one term a line.
    Exit code: 0 fine, 1 fewer terms than the standard names, 2 unusable.
    """
    with verb(lang) as run:
        loaded, problems = _load(files)
        if output == "json":
            sys.stdout.write(json.dumps(_json(loaded), ensure_ascii=False, indent=2) + "\n")
        else:
            for one in loaded:
                _show(run.paper, one)
        render.problems(run.talk, problems)
        if problems or not all(one.usable for one in loaded):
            raise Exit(BAD_INPUT)
        raise Exit(REFUSED if any(map(_short, loaded)) else ALLOWED)


@command.command("test")
@click.argument("files", nargs=-1, required=True, metavar="FILE... [-]")
@click.option("--text", help="The text to try; without it, - among the files reads it from stdin.")
@lang_option
@output_option("text", "json")
def test(files: tuple[str, ...], text: str | None, lang: str | None, output: str) -> None:
    """Say what the guard would do with a text, and why.

    The text goes nowhere: it is screened here, by the guard's own matcher.
    Exit code: 0 passes (perhaps masked), 1 blocked, 2 bad input.
    """
    with verb(lang) as run:
        tried = _text(text, from_stdin="-" in files)
        loaded, problems = _load(tuple(file for file in files if file != "-"))
        problems += [fault for one in loaded for fault in _faults(one)]
        if problems:
            raise ProblemError(*problems)
        from genaiservice.cli.screening import screen

        results = [(one, screen(one.resolved, tried, run.lang.value)) for one in loaded]
        if output == "json":
            tree = [_screened(one, result) for one, result in results]
            sys.stdout.write(json.dumps(tree, ensure_ascii=False, indent=2) + "\n")
        else:
            for one, result in results:
                _result(run.paper, one, result)
        raise Exit(REFUSED if any(result.blocked for _, result in results) else ALLOWED)


@command.command("pack")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--to", required=True, metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="What to write: policy.json.gz, or policy.json to read it; replaced at once.",
)  # fmt: skip
@lang_option
def pack(files: tuple[str, ...], to: Path, lang: str | None) -> None:
    """Write the policy file of a guard that runs without the operator.

    FILE: as for lint, one policy in all. A running guard loads the new file by itself.
    Exit code: 0 written, 2 unusable (what stands at --to stays).
    """
    with verb(lang) as run:
        loaded, problems = _load(files)
        problems += [fault for one in loaded for fault in _faults(one)]
        from genaiservice.cli.packing import write

        told = write(loaded, problems, to)
        run.paper.line(f"✓ {to}: {told.in_(run.lang)}", "green")


def _load(files: tuple[str, ...]) -> "tuple[list[Loaded], list[Problem]]":
    from genaiservice.cli import moderation

    loaded: list[Loaded] = []
    problems: list[Problem] = []
    for one in moderation.load([Path(file) for file in files]):
        if isinstance(one, Problem):
            problems.append(one)
        else:
            loaded.append(one)
    if not loaded and not problems:
        problems.append(moderation.NOTHING_FOUND)
    return loaded, problems


def _text(text: str | None, *, from_stdin: bool) -> str:
    if text is not None:
        return text
    if not from_stdin:
        raise click.UsageError(NO_TEXT.in_(from_environment(None)))
    data = sys.stdin.buffer.read(TEXT_BYTES + 1)
    try:
        if len(data) > TEXT_BYTES:
            raise ValueError
        return data.decode("utf-8")
    except ValueError:
        raise ProblemError(
            Problem(
                where="<stdin>",
                what=Text(en="no UTF-8 text of at most 1 MiB", zh="不是 1 MiB 以内的 UTF-8 文本"),
                why=Text(en="", zh=""),
                next=Text(en="give a shorter text in UTF-8", zh="请提供较短的 UTF-8 文本"),
            )
        ) from None


def _faults(one: "Loaded") -> tuple[Problem, ...]:
    return (*one.problems, *one.resolved.problems)


def _short(one: "Loaded") -> bool:
    from genaiservice.cli.moderation import counts

    return not one.plain and any(row.short for row in counts(one))


def _show(paper: Paper, one: "Loaded") -> None:
    from genaiservice.cli.moderation import LEAST, counts
    from genaiservice.cli.moderation import TOTAL as WANTED

    sign, style = ("✓", "green") if one.usable else ("✗", "red")
    told = USABLE.format(n=one.resolved.terms) if one.usable else UNUSABLE
    paper.line(f"{sign} {one.name} ({one.where}): {told.in_(paper.lang)}", style)
    for fault in _faults(one):
        paper.line(f"✗ {fault.render(paper.lang)}", "red", indent=2)
    if one.resolved.notes:
        paper.pair(NOTES, str(len(one.resolved.notes)), indent=2)
    for note in one.resolved.notes:
        paper.line(f"· {note.render(paper.lang)}", "dim", indent=4)
    if one.usable:
        paper.say(BASIS.format(total=WANTED, a1=LEAST["A1"], a2=LEAST["A2"]), indent=2)
        paper.table((_row(paper, row) for row in counts(one) if row.wanted or row.found), indent=4)
    paper.line()


def _row(paper: Paper, row: "Count") -> tuple[str, ...]:
    sign = "!" if row.short else "✓" if row.wanted else " "
    told = (
        SHORT.format(n=row.wanted - row.found) if row.short else ENOUGH if row.wanted else NO_NUMBER
    )
    wanted = f"/ {row.wanted}" if row.wanted else ""
    return (sign, row.risk or TOTAL.in_(paper.lang), str(row.found), wanted, told.in_(paper.lang))


def _result(paper: Paper, one: "Loaded", result: "Screened") -> None:
    sign, style, word = ("✗", "red", BLOCKED) if result.blocked else ("✓", "green", PASSES)
    paper.line(f"{sign} {one.name}: {word.in_(paper.lang)}", style)
    for met in result.met:
        mark, colour, action = ACTIONS[met.action]
        place = f"{met.start}-{met.end}"
        told = THROUGH.format(names=", ".join(met.through)).in_(paper.lang) if met.through else ""
        row = (action.in_(paper.lang), met.risk, place, met.text, told)
        paper.line(f"{mark} {'  '.join(filter(None, row))}", colour, 4)
    paper.pair(LEAVES, result.leaves)
    paper.line()


def _json(loaded: "list[Loaded]") -> list[MutableJson]:
    from genaiservice.cli.moderation import counts

    return [
        {
            "where": one.where,
            "name": one.name,
            "usable": one.usable,
            "terms": one.resolved.terms,
            "hash": one.resolved.hash,
            "problems": [_problem(fault) for fault in _faults(one)],
            "notes": [_problem(note) for note in one.resolved.notes],
            "counts": [
                {"risk": row.risk or "total", "found": row.found, "wanted": row.wanted or None}
                for row in counts(one)
            ],
            "basis": "standard",
        }
        for one in loaded
    ]


def _problem(problem: Problem) -> MutableJson:
    return {
        "where": problem.where,
        "what": problem.what.as_json(),
        "why": problem.why.as_json(),
        "next": problem.next.as_json(),
    }


def _screened(one: "Loaded", result: "Screened") -> MutableJson:
    return {
        "policy": one.name,
        "blocked": result.blocked,
        "leaves": result.leaves,
        "met": [
            {
                "risk": met.risk,
                "action": met.action,
                "start": met.start,
                "end": met.end,
                "through": list(met.through),
            }
            for met in result.met
        ],
    }
