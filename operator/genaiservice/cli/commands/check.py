# SPDX-License-Identifier: Apache-2.0
"""`genaictl check`: the operator's verdict on files, without a cluster."""

import sys
from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genaiservice.api.problem import Problem
from genaiservice.cli import render
from genaiservice.cli.options import (
    ALLOWED,
    BAD_INPUT,
    REFUSED,
    Exit,
    Verb,
    as_of_option,
    day,
    lang_option,
    output_option,
    verb,
)
from genaiservice.cli.terminal import counted

if TYPE_CHECKING:
    from genaiservice.cli.checking import Checked


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@lang_option
@output_option(*(one.value for one in Format))
@as_of_option
def command(files: tuple[str, ...], lang: str | None, output: str, as_of: str) -> None:
    """Judge manifests without a cluster: what the operator would say, and what to do.

    FILE: YAML or JSON files, folders, or - for standard input (the output of helm template or
    kustomize build). Exit code: 0 allowed, 1 refused, 2 bad input.
    """
    with verb(lang) as run:
        today = day(as_of)
        rows, problems = _shown(run, [Path(file) for file in files], today, Format(output))
        if not rows and not problems:
            from genaiservice.cli.services import NOTHING_FOUND

            problems = [NOTHING_FOUND]
        render.problems(run.talk, problems)
        raise Exit(exit_code(rows, problems))


def exit_code(rows: Iterable["Checked"], problems: Iterable[Problem]) -> int:
    checked = list(rows)
    if list(problems) or not all(row.usable for row in checked):
        return BAD_INPUT
    return ALLOWED if all(row.allowed for row in checked) else REFUSED


def judged(files: list[Path], today: date) -> Iterator["Checked | Problem"]:
    """Every GenAIService in the files as checked, and every problem on the way, in order."""
    from genaiservice.cli import many
    from genaiservice.cli.checking import Checked, repeated
    from genaiservice.cli.sources import sources

    # Problems pass by `repeated`, which looks at services only; both keep their order.
    def rows() -> Iterator[Checked]:
        for one in many.judged(sources(files), today):
            if isinstance(one, Problem):
                waiting.append(one)
            else:
                yield one

    waiting: list[Problem] = []
    for row in repeated(rows()):
        while waiting:
            yield waiting.pop(0)
        yield row
    yield from waiting


def _shown(
    run: Verb, files: list[Path], today: date, output: Format
) -> tuple[list["Checked"], list[Problem]]:
    from genaiservice.cli.formats import text

    rows: list[Checked] = []
    problems: list[Problem] = []
    for one in counted(judged(files, today), run.lang):
        if isinstance(one, Problem):
            problems.append(one)
            continue
        rows.append(one)
        if output is Format.TEXT:
            text.show(run.paper, one)
            run.paper.line()
    if output is Format.TEXT:
        if rows:
            run.paper.say(render.NOTICE.format(version=rows[0].verdict.rule_pack), "dim")
    else:
        sys.stdout.write(_machine(rows, problems, today, output, run) + "\n")
    return rows, problems


def _machine(
    rows: list["Checked"], problems: list[Problem], today: date, output: Format, run: Verb
) -> str:
    from genaiservice.cli.formats import machine

    match output:
        case Format.SARIF:
            return machine.as_sarif(rows, problems, run.lang)
        case Format.JUNIT:
            return machine.as_junit(rows, problems, run.lang)
        case _:
            return machine.as_json(rows, problems, today)
