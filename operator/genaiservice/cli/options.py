# SPDX-License-Identifier: Apache-2.0
"""What the verbs share on the command line: options, exit codes, the day, and how a verb fails."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final, TypeVar

import click

from genaiservice.api.problem import Lang, Problem, ProblemError, Text
from genaiservice.cli import render
from genaiservice.cli.language import from_environment
from genaiservice.cli.terminal import Paper

ALLOWED: Final = 0
REFUSED: Final = 1
BAD_INPUT: Final = 2
UNREACHABLE: Final = 3

F = TypeVar("F", bound=Callable[..., Any])


def lang_option(command: F) -> F:
    return click.option(
        "--lang",
        type=click.Choice([lang.value for lang in Lang]),
        help="Default: the locale (LANG).",
    )(command)


def as_of_option(command: F) -> F:
    return click.option(
        "--as-of",
        metavar="DAY",
        default="",
        help="Judge as of this day (YYYY-MM-DD, Asia/Shanghai); default: today.",
    )(command)


def output_option(*formats: str) -> Callable[[F], F]:
    return click.option(
        "--output", "-o", type=click.Choice(formats), default=formats[0], show_default=True
    )


def cluster_options(command: F) -> F:
    """`--namespace`, `--context` and `--kubeconfig`, as kubectl has them."""
    for option in (
        click.option("--namespace", "-n", default="", help="Default: that of the context."),
        click.option("--context", default="", help="Context of the kubeconfig."),
        click.option(
            "--kubeconfig", envvar="KUBECONFIG", default="", help="Default: ~/.kube/config."
        ),
    ):
        command = option(command)
    return command


def shanghai_now() -> datetime:
    """Duties fall due by the calendar of mainland China, wherever the person sits."""
    zone = timezone(timedelta(hours=8), "Asia/Shanghai")
    return datetime.now(zone)  # noqa: TID251 - the CLI is an edge


def shanghai_today() -> date:
    return shanghai_now().date()


def day(as_of: str) -> date:
    """The day of `--as-of`, today when it is empty; raises ProblemError."""
    if not as_of:
        return shanghai_today()
    try:
        return date.fromisoformat(as_of)
    except ValueError:
        raise ProblemError(
            Problem(
                where="--as-of",
                what=Text(en=f"{as_of!r} is no day", zh=f"{as_of!r} 不是日期"),
                why=Text(en="", zh=""),
                next=Text(en="write a day like 2026-11-25", zh="请填写如 2026-11-25 的日期"),
            )
        ) from None


class Exit(click.exceptions.Exit):
    """Ends a verb with an exit code."""


class Verb:
    """One run of a verb: its language, where it writes and complains."""

    def __init__(self, lang: str | None) -> None:
        self.lang = from_environment(lang)
        self.paper = Paper(self.lang)
        self.talk = Paper(self.lang, sys.stderr)


@contextmanager
def verb(lang: str | None) -> Iterator[Verb]:
    """Turns what a verb raises into words and an exit code."""
    run = Verb(lang)
    try:
        yield run
    except ProblemError as error:
        render.problems(run.talk, error.problems)
        code = UNREACHABLE if isinstance(error, Unreachable) else BAD_INPUT
        raise Exit(code) from error


class Unreachable(ProblemError):
    """The cluster did not answer, or would not let us in."""
