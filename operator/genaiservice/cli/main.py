# SPDX-License-Identifier: Apache-2.0
"""`genaictl` (also `kubectl genai`): arguments, language and exit codes; one module a verb.

Exit codes: 0 allowed, 1 refused, 2 bad input or usage, 3 cluster unreachable.
Standard output carries the result, standard error the talk.
"""

import json
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from genaiservice import __version__
from genaiservice.api.problem import Lang, Problem, ProblemError
from genaiservice.cli import render
from genaiservice.cli.language import from_environment

ALLOWED, REFUSED, BAD_INPUT, UNREACHABLE = 0, 1, 2, 3

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Look at GenAIServices: check files offline, see why a service waits.",
)


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"


LangOption = Annotated[
    Lang | None, typer.Option("--lang", help="en or zh; default: the locale (LANG).")
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="text or json.")]


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, soft_wrap=True, highlight=False)


def _fail(problems: tuple[Problem, ...], lang: Lang, code: int) -> typer.Exit:
    render.problems(_console(stderr=True), problems, lang)
    return typer.Exit(code)


def _shanghai_today() -> date:
    # Duties fall due by the calendar of mainland China, wherever the person sits.
    return datetime.now(ZoneInfo("Asia/Shanghai")).date()  # noqa: TID251 - the CLI is an edge


def _date(value: str) -> date:
    return date.fromisoformat(value)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="YAML files, folders, or - for stdin.")],
    lang: LangOption = None,
    output: OutputOption = Output.TEXT,
    as_of: Annotated[
        str | None, typer.Option(help="Judge as of this day (YYYY-MM-DD, Asia/Shanghai).")
    ] = None,
) -> None:
    """Judge manifests without a cluster: what the operator would say, and what to do."""
    from genaiservice.cli.commands import check as verb

    language = from_environment(lang)
    try:
        today = _date(as_of) if as_of else _shanghai_today()
    except ValueError as error:
        raise typer.BadParameter("--as-of wants a day like 2026-11-25") from error
    try:
        rows = verb.check(files, today)
    except ProblemError as error:
        raise _fail(error.problems, language, BAD_INPUT) from error
    if output is Output.JSON:
        typer.echo(json.dumps([row.as_json() for row in rows], ensure_ascii=False, indent=2))
    else:
        verb.show(_console(), rows, language)
    if any(row.faults for row in rows):
        raise typer.Exit(BAD_INPUT)
    raise typer.Exit(ALLOWED if all(row.allowed for row in rows) else REFUSED)


@app.command()
def status(
    name: Annotated[str, typer.Argument(help="Name of the GenAIService.")],
    namespace: Annotated[str | None, typer.Option("--namespace", "-n")] = None,
    kubeconfig: Annotated[str | None, typer.Option(envvar="KUBECONFIG")] = None,
    lang: LangOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show why a service waits, what is open, and who has to act."""
    from genaiservice.cli import cluster
    from genaiservice.cli.commands import status as verb

    language = from_environment(lang)
    try:
        body = cluster.service(name, namespace, kubeconfig)
    except ProblemError as error:
        raise _fail(error.problems, language, BAD_INPUT) from error
    except cluster.Unreachable as error:
        typer.echo(f"✗ cluster unreachable / 无法连接集群: {error}", err=True)
        raise typer.Exit(UNREACHABLE) from error
    if output is Output.JSON:
        typer.echo(json.dumps(body.get("status", {}), ensure_ascii=False, indent=2))
    else:
        verb.show(_console(), body, language)
    raise typer.Exit(ALLOWED if verb.allowed(body) else REFUSED)


@app.command()
def explain(
    subject: Annotated[str, typer.Argument(help="A requirement (IM-17-1) or an article (17).")],
    lang: LangOption = None,
) -> None:
    """Say what a requirement or an article asks for and what to declare."""
    from genaiservice.cli.commands import explain as verb

    language = from_environment(lang)
    try:
        found = verb.explain(subject)
    except ProblemError as error:
        raise _fail(error.problems, language, BAD_INPUT) from error
    verb.show(_console(), found, language)


@app.command()
def version() -> None:
    """Version of the tool and of the rule pack."""
    from genaiservice.rules.pack import load_catalogue

    catalogue = load_catalogue()
    typer.echo(f"genaictl {__version__}, rule pack {catalogue.version} ({catalogue.digest[:12]})")


def main() -> None:
    app()


if __name__ == "__main__":
    main()
