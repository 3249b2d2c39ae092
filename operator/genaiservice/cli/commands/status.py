# SPDX-License-Identifier: Apache-2.0
"""`genaictl status`: why a service in the cluster waits, who has to do what, and by when."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from genaiservice.api import names
from genaiservice.api.conditions import FAMILIES, MEANINGS, Reason
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Lang, ProblemError, Text
from genaiservice.cli import render
from genaiservice.cli.options import (
    ALLOWED,
    REFUSED,
    Exit,
    cluster_options,
    lang_option,
    output_option,
    verb,
)
from genaiservice.cli.terminal import Paper, width
from genaiservice.cli.titles import condition_name

if TYPE_CHECKING:
    from genaiservice.cli.cluster import Cluster

TITLE_WIDTH: Final = 18
WATCH_SECONDS: Final = 300
"""The server ends each watch after this; then it is opened again."""
NOT_JUDGED: Final = Text(
    en="not judged yet: is the operator running? (`genaictl doctor`)",
    zh="尚未核查：operator 是否在运行？（`genaictl doctor`）",
)
OUTDATED: Final = Text(
    en="the operator has not looked at the newest declaration yet",
    zh="operator 尚未处理最新的申报内容",
)
NO_WORK: Final = Text(en="nothing to do", zh="无待办事项")
BLOCKING: Final = Text(en="{n} blocking", zh="阻断 {n} 项")
IMPROVE: Final = Text(en="{n} to improve", zh="提示 {n} 项")
SEEN: Final = Text(en="what the operator sees", zh="运行情况")
DUTIES: Final = Text(en="duties", zh="各项义务")
CHANGE: Final = Text(
    en="the same declaration may be judged otherwise from {day} on",
    zh="自 {day} 起，同一申报的核查结论可能变化",
)


@click.command("status")
@click.argument("name")
@cluster_options
@lang_option
@output_option("text", "json")
@click.option("--watch", "-w", is_flag=True, help="Stay, and show every change.")
def command(
    name: str,
    namespace: str,
    context: str,
    kubeconfig: str,
    lang: str | None,
    output: str,
    watch: bool,
) -> None:
    """Show why the service NAME waits, who has to do what, and by when.

    Exit code: 0 allowed, 1 refused, 2 no such service, 3 cluster unreachable.
    """
    from genaiservice.cli.cluster import Cluster

    with verb(lang) as run:
        cluster = Cluster(kubeconfig, context, namespace)
        body = cluster.service(name)
        _put(run.paper, body, output)
        if watch:
            for changed in _changes(cluster, name, body):
                run.paper.line()
                _put(run.paper, changed, output)
                body = changed
        raise Exit(ALLOWED if allowed(body) else REFUSED)


def _put(paper: Paper, body: Json, output: str) -> None:
    if output == "json":
        sys.stdout.write(json.dumps(body.get("status", {}), ensure_ascii=False, indent=2) + "\n")
    else:
        show(paper, body)
    sys.stdout.flush()


def _changes(cluster: "Cluster", name: str, body: Json) -> Iterator[Json]:
    """The service whenever what is shown of it changes; ends when it is deleted."""
    from genaiservice.cli.cluster import OURS, Refused

    path = f"{OURS}/namespaces/{cluster.namespace}/{names.PLURAL_SERVICE}"
    query = {"fieldSelector": f"metadata.name={name}"}
    shown, version = _shown(body), str(lookup(body, "metadata", "resourceVersion"))
    while True:
        try:
            for event in cluster.watch(path, WATCH_SECONDS, resourceVersion=version, **query):
                body = event["object"]
                if event["type"] == "DELETED":
                    return
                if event["type"] == "ERROR":
                    break  # the place in the history is gone: read anew
                version = str(lookup(body, "metadata", "resourceVersion"))
                if (now := _shown(body)) != shown:
                    shown = now
                    yield body
        except Refused:
            pass
        try:
            body = cluster.service(name)
        except ProblemError:
            return
        version = str(lookup(body, "metadata", "resourceVersion"))
        if (now := _shown(body)) != shown:
            shown = now
            yield body


def _shown(body: Json) -> tuple[Any, Any]:
    return body.get("status"), lookup(body, "metadata", "generation")


def allowed(body: Json) -> bool:
    return lookup(body, "status", "rollout", "allowed", default=False) is True


def show(paper: Paper, body: Json) -> None:
    """A tree: the verdict, what is to be done by whom, what the operator sees, the duties."""
    name = f"{lookup(body, 'metadata', 'namespace')}/{lookup(body, 'metadata', 'name')}"
    status = lookup(body, "status", default={})
    render.headline(paper, name, allowed(body))
    if not status:
        paper.say(NOT_JUDGED, "yellow", indent=2)
        return
    if status.get("observedGeneration") != lookup(body, "metadata", "generation"):
        paper.say(OUTDATED, "yellow", indent=2)
    if why := _condition(status, "RolloutAllowed"):
        paper.line(Text.parted(str(why.get("message", ""))).in_(paper.lang), indent=2)
    render.overrides(paper, lookup(status, "rulePack", "overrides", default=[]))
    _work(paper, lookup(status, "findings", default=[]))
    rows = lookup(status, "conditions", default=[])
    families = {family.value for family in FAMILIES}
    paper.say(SEEN, "bold")
    _conditions(paper, [row for row in rows if row.get("type") not in families])
    paper.say(DUTIES, "bold")
    _conditions(paper, [row for row in rows if row.get("type") in families])
    if day := lookup(status, "rollout", "nextDeadline"):
        paper.say(CHANGE.format(day=str(day)[:10]), "dim")
    render.notice(paper, str(lookup(status, "rulePack", "version", default="?")))


def _condition(status: Json, kind: str) -> Json:
    rows = lookup(status, "conditions", default=[])
    return next((row for row in rows if row.get("type") == kind), {})


def _work(paper: Paper, rows: list[Json]) -> None:
    """What is open, by who has to act; the most urgent first."""
    if not rows:
        paper.say(NO_WORK, "green", indent=2)
        return
    owners: dict[str, list[Json]] = {}
    for row in rows:
        owners.setdefault(str(row.get("owner", "")), []).append(row)
    for owner, tasks in owners.items():
        blocking = sum(task.get("severity") == "block" for task in tasks)
        counts = [BLOCKING.format(n=blocking)] if blocking else []
        counts += [IMPROVE.format(n=len(tasks) - blocking)] if blocking < len(tasks) else []
        listed = render.bracketed([text.in_(paper.lang) for text in counts], paper.lang)
        paper.line(f"{render.owner(owner).in_(paper.lang)}{listed}", "bold")
        for index, task in enumerate(sorted(tasks, key=_urgency)):
            _task(paper, task, last=index == len(tasks) - 1)


def _urgency(task: Json) -> tuple[bool, str]:
    return task.get("severity") != "block", str(task.get("deadline") or "9999")


def _task(paper: Paper, task: Json, *, last: bool) -> None:
    lang = paper.lang
    blocks = task.get("severity") == "block"
    sign, style = ("✗", "red") if blocks else ("!", "yellow")
    weight = (render.BLOCK if blocks else render.WARN).in_(lang)
    about = render.bracketed([render.article(task.get("article", "?"), lang), weight], lang)
    due = f"  {render.BY.in_(lang)} {task['deadline']}" if task.get("deadline") else ""
    title = f"{task.get('id', '')}  {render.words(task, 'title', lang)}{about}{due}"
    paper.line(f"{'└─' if last else '├─'} {sign} {title}", style)
    stem = "   " if last else "│  "
    for label, key in ((render.WHAT, "message"), (render.NEXT, "remedy")):
        words = render.words(task, key, lang)
        if words:
            paper.line(f"{stem}     {label.in_(lang)}{render.colon(lang)}{words}")


def _named(row: Json, lang: Lang) -> str:
    """The type, as `kubectl` shows it; before it, for who does not read English, its title."""
    kind = str(row.get("type", ""))
    told = f"{kind:<28}"
    if lang is Lang.EN:
        return told
    title = condition_name(kind, lang)
    return f"{title}{' ' * (TITLE_WIDTH - width(title))} {told}"


def _conditions(paper: Paper, rows: list[Json]) -> None:
    """One line each. What a duty lacks is told by its findings, so there only the meaning of the
    reason stands; what the operator itself saw (pods, policy) stands in its message."""
    known = {reason.value for reason in Reason}
    families = {family.value for family in FAMILIES}
    for index, row in enumerate(rows):
        sign, style = render.SIGNS.get(str(row.get("status")), ("?", "yellow"))
        reason = str(row.get("reason", ""))
        told = Text.parted(str(row.get("message", ""))).in_(paper.lang)
        if row.get("type") in families and reason in known:
            told = MEANINGS[Reason(reason)].in_(paper.lang)
        branch = "└─" if index == len(rows) - 1 else "├─"
        paper.line(f"{branch} {sign} {_named(row, paper.lang)} {reason:<22} {told}", style)
