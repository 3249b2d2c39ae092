# SPDX-License-Identifier: Apache-2.0
"""`genaictl deadlines`: what expires next in all services, who has to act; also as iCalendar."""

import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from genaiservice.api.problem import Lang, Problem, Text
from genaiservice.cli import render
from genaiservice.cli.options import (
    ALLOWED,
    BAD_INPUT,
    Exit,
    as_of_option,
    cluster_options,
    day,
    lang_option,
    output_option,
    shanghai_now,
    verb,
)
from genaiservice.cli.terminal import Paper, counted

if TYPE_CHECKING:
    from genaiservice.cli.duedates import DueDate

OVERDUE: Final = Text(en="{n} days over", zh="已逾期 {n} 天")
TODAY: Final = Text(en="today", zh="今天")
LEFT: Final = Text(en="{n} days left", zh="剩 {n} 天")
NONE: Final = Text(en="no deadline in sight", zh="暂无期限事项")
OPEN: Final = Text(en="open", zh="未解决")
LAST_DAY: Final = Text(en="last day", zh="最后一日")
NAME: Final = Text(en="Deadlines of GenAIServices", zh="生成式人工智能服务期限提醒")


@click.command("deadlines")
@click.argument("files", nargs=-1, metavar="[FILE...]")
@click.option("--all-namespaces", "-A", is_flag=True, help="Of the cluster: every namespace.")
@click.option("--within", type=click.IntRange(min=0), help="Only the next N days.", metavar="N")
@cluster_options
@lang_option
@output_option("text", "json", "ical")
@as_of_option
def command(
    files: tuple[str, ...],
    all_namespaces: bool,
    within: int | None,
    namespace: str,
    context: str,
    kubeconfig: str,
    lang: str | None,
    output: str,
    as_of: str,
) -> None:
    """List what expires next, of the services in FILEs or, without any, of the cluster.

    Exit code: 0 listed, 2 bad input, 3 cluster unreachable.
    """
    from genaiservice.cli.duedates import due_dates
    from genaiservice.cli.services import of_cluster, of_files

    with verb(lang) as run:
        today = day(as_of)
        problems: list[Problem] = []
        found = (
            of_files([Path(file) for file in files], problems)
            if files
            else of_cluster(kubeconfig, context, namespace, today, everywhere=all_namespaces)
        )
        rows = [row for one in counted(found, run.lang) for row in due_dates(one, today)]
        if within is not None:
            rows = [row for row in rows if row.days_left(today) <= within]
        rows.sort(key=lambda row: (row.day, row.service, row.id))
        _put(run.paper, rows, output, today)
        render.problems(run.talk, problems)
        raise Exit(BAD_INPUT if problems else ALLOWED)


def _put(paper: Paper, rows: "list[DueDate]", output: str, today: date) -> None:
    if output == "json":
        tree = [row.as_json(today) for row in rows]
        sys.stdout.write(json.dumps(tree, ensure_ascii=False, indent=2) + "\n")
    elif output == "ical":
        sys.stdout.write(_calendar(rows, paper.lang))
    else:
        _show(paper, rows, today)


def _show(paper: Paper, rows: "list[DueDate]", today: date) -> None:
    if not rows:
        paper.say(NONE)
        return
    lang = paper.lang
    paper.table(
        (
            "✗" if row.open else "!" if row.days_left(today) <= 30 else "·",
            row.day.isoformat(),
            _left(row.days_left(today), lang),
            (OPEN if row.open else LAST_DAY).in_(lang),
            row.service,
            f"{row.id} {row.title.in_(lang)}",
            render.owner(row.owner).in_(lang),
        )
        for row in rows
    )


def _left(days: int, lang: Lang) -> str:
    if days < 0:
        return OVERDUE.format(n=-days).in_(lang)
    return (LEFT.format(n=days) if days else TODAY).in_(lang)


def _calendar(rows: "list[DueDate]", lang: Lang) -> str:
    from genaiservice.cli import calendar

    events = [
        calendar.Event(
            key=f"{row.service} {row.id}",
            day=row.day,
            summary=f"{row.service}: {row.title.in_(lang)} ({row.id})",
            description=_description(row, lang),
        )
        for row in rows
    ]
    return calendar.render(events, shanghai_now(), NAME.in_(lang))


def _description(row: "DueDate", lang: Lang) -> str:
    told = row.remedy if row.open else LAST_DAY
    who = f"{render.WHO.in_(lang)}{render.colon(lang)}{render.owner(row.owner).in_(lang)}"
    return f"{render.article(row.article, lang)}\n{told.in_(lang)}\n{who}"
