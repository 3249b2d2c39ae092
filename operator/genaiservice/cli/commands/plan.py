# SPDX-License-Identifier: Apache-2.0
"""`genaictl plan`: what would change in verdict and cluster if a manifest were applied.

The plan is the operator's own (`control.core.plan`) on what it would see then; nothing is written.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from genaiservice import __version__
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.api.problem import Problem, ProblemError, Text
from genaiservice.cli import render
from genaiservice.cli.options import (
    ALLOWED,
    REFUSED,
    Exit,
    as_of_option,
    cluster_options,
    day,
    lang_option,
    output_option,
    shanghai_now,
    verb,
)
from genaiservice.cli.terminal import Paper

if TYPE_CHECKING:
    from genaiservice.cli.cluster import Cluster
    from genaiservice.cli.manifests import Manifest
    from genaiservice.control.core.steps import Plan

IMAGE: Final = f"genaiservice:{__version__}"
NOW: Final = Text(en="now", zh="当前")
THEN: Final = Text(en="then", zh="应用后")
NOT_THERE: Final = Text(en="does not exist", zh="不存在")
SOLVED: Final = Text(en="solved", zh="解决")
NEW: Final = Text(en="new", zh="新增")
OPEN: Final = Text(en="open", zh="未解决")
OBJECTS: Final = Text(en="objects", zh="对象变化")
NOTHING: Final = Text(en="nothing would be written", zh="不会写入任何内容")
RECHECK: Final = Text(en="the operator looks again at", zh="operator 下次复核时间")
_ACTS: Final = {
    "create": ("+", "green", Text(en="create", zh="创建")),
    "change": ("~", "yellow", Text(en="change", zh="更改")),
    "delete": ("-", "red", Text(en="delete", zh="删除")),
    "stop": ("■", "red", Text(en="tell to refuse traffic", zh="通知拒绝流量")),
    "stamp": ("~", "yellow", Text(en="annotate", zh="更新注解")),
    "lift": ("▶", "green", Text(en="lift the gate", zh="解除门控")),
    "evict": ("-", "red", Text(en="evict", zh="驱逐")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`before`: status as it stands, {} when the service is new. `acts`: (what, object)."""

    title: str
    before: Json
    status: Json
    acts: tuple[tuple[str, str], ...]
    recheck: str

    @property
    def allowed(self) -> bool:
        return lookup(self.status, "rollout", "allowed") is True


@click.command("plan")
@click.option("--file", "-f", "files", multiple=True, required=True, help="File, folder or -.")
@click.option("--offline", is_flag=True, help="Against an empty namespace, without a cluster.")
@click.option("--guard-image", default="", help="Default: the one of the running guards.")
@cluster_options
@lang_option
@output_option("text", "json")
@as_of_option
def command(
    files: tuple[str, ...],
    offline: bool,
    guard_image: str,
    namespace: str,
    context: str,
    kubeconfig: str,
    lang: str | None,
    output: str,
    as_of: str,
) -> None:
    """Show what applying the manifests would change in verdict and objects.

    Exit code: 0 allowed, 1 refused, 2 bad input, 3 cluster unreachable.
    """
    from genaiservice.cli.cluster import Cluster

    with verb(lang) as run:
        paths = [Path(file) for file in files]
        manifests = _readable(paths)
        cluster = None if offline else Cluster(kubeconfig, context, namespace)
        now = _moment(day(as_of))
        outcomes = [_outcome(one, cluster, paths, guard_image, now) for one in manifests]
        if output == "json":
            tree = [_as_json(outcome) for outcome in outcomes]
            sys.stdout.write(json.dumps(tree, ensure_ascii=False, indent=2) + "\n")
        else:
            for outcome in outcomes:
                show(run.paper, outcome)
        raise Exit(ALLOWED if all(outcome.allowed for outcome in outcomes) else REFUSED)


def _readable(paths: list[Path]) -> "list[Manifest]":
    """The services in the files; raises ProblemError for what could not be applied as it is."""
    from genaiservice.cli.manifests import read
    from genaiservice.cli.schema import faults
    from genaiservice.cli.services import NOTHING_FOUND

    found: list[Manifest] = []
    problems: list[Problem] = []
    for one in read(paths):
        if isinstance(one, Problem):
            problems.append(one)
            continue
        found.append(one)
        problems += (_placed(one, fault.problem) for fault in faults(one.body))
    if not found and not problems:
        problems = [NOTHING_FOUND]
    if problems:
        raise ProblemError(*problems)
    return found


def _placed(manifest: "Manifest", problem: Problem) -> Problem:
    place = manifest.place(problem.where)
    where = f"{manifest.file}:{place.line}:{place.column} {problem.where}"
    return Problem(what=problem.what, why=problem.why, next=problem.next, where=where)


def _moment(day: date) -> datetime:
    """This time of the day that was chosen."""
    now = shanghai_now()
    return datetime.combine(day, now.timetz())


def _outcome(
    manifest: "Manifest",
    cluster: "Cluster | None",
    paths: list[Path],
    image: str,
    now: datetime,
) -> Outcome:
    from genaiservice.cli import observing
    from genaiservice.cli.services import Service, in_cluster, of_object
    from genaiservice.control.core.plan import PlanSettings, plan

    faults: list[Problem] = []
    if cluster is None:
        observed, faults = observing.offline(manifest.body, paths)
    else:
        observed = observing.live(cluster, manifest.body)
    if faults:
        raise ProblemError(*faults)
    standing = lookup(observed.profile, "spec", "container", "image", default="")
    body = observed.service
    known = of_object(body) if cluster is None else in_cluster(body, now.date())
    made = plan(
        observed,
        Service(body=body, facts=known).judged(now.date()),
        now,
        PlanSettings(guard_image=image or standing or IMAGE),
    )
    before = lookup(observed.service, "status", default={})
    return Outcome(
        title=f"{observed.namespace}/{observed.name}",
        before=before,
        status=made.status if made.status is not None else before,
        acts=tuple(_acts(made, observed)),
        recheck=made.recheck_at.astimezone(now.tzinfo).isoformat() if made.recheck_at else "",
    )


def _acts(made: "Plan", observed: Any) -> Iterable[tuple[str, str]]:
    for patch in made.close:
        yield "stop", f"Pod {patch.pod.name}"
    if made.profile is not None:
        yield ("change" if observed.profile else "create"), f"GuardProfile {observed.name}"
    for one in made.apply:
        kind, name = one["kind"], one["metadata"]["name"]
        yield ("change" if observed.child(kind, name) else "create"), f"{kind} {name}"
    for patch in made.stamp:
        yield "stamp", f"Pod {patch.pod.name}"
    for ref in made.delete:
        yield "delete", f"{ref.kind} {ref.name}"
    for pod in made.lift:
        yield "lift", f"Pod {pod.name}"
    for pod in made.evict:
        yield "evict", f"Pod {pod.name}"


def show(paper: Paper, outcome: Outcome) -> None:
    lang = paper.lang
    render.headline(paper, outcome.title, outcome.allowed)
    before = _words(outcome.before) if outcome.before else NOT_THERE
    paper.pair(NOW, before, indent=2)
    paper.pair(THEN, _words(outcome.status), indent=2)
    render.overrides(paper, lookup(outcome.status, "rulePack", "overrides", default=[]))
    old, new = _open(outcome.before), _open(outcome.status)
    colon = render.colon(lang)
    for label, ids, sign, style in (
        (SOLVED, old.keys() - new.keys(), "✓", "green"),
        (NEW, new.keys() - old.keys(), "✗", "red"),
        (OPEN, new.keys() & old.keys(), "·", "dim"),
    ):
        for one in [key for key in {**old, **new} if key in ids]:
            row = new.get(one) or old[one]
            title = render.words(row, "title", lang)
            paper.line(f"{sign} {label.in_(lang)}{colon}{one}  {title}", style, indent=4)
    if outcome.acts:
        paper.head(OBJECTS, indent=2)
    else:
        paper.pair(OBJECTS, NOTHING, indent=2)
    for act, what in outcome.acts:
        sign, style, word = _ACTS[act]
        paper.line(f"{sign} {word.in_(lang)}  {what}", style, indent=4)
    paper.pair(RECHECK, outcome.recheck, indent=2)
    paper.line()


def _words(status: Json) -> Text:
    for row in lookup(status, "conditions", default=[]):
        if row.get("type") == "RolloutAllowed":
            return Text.parted(str(row.get("message", "")))
    allowed = lookup(status, "rollout", "allowed") is True
    return render.ALLOWED if allowed else render.REFUSED


def _open(status: Json) -> dict[str, Json]:
    return {str(row.get("id")): row for row in lookup(status, "findings", default=[])}


def _as_json(outcome: Outcome) -> MutableJson:
    return {
        "service": outcome.title,
        "allowed": outcome.allowed,
        "statusBefore": outcome.before,
        "statusAfter": outcome.status,
        "acts": [{"act": act, "object": what} for act, what in outcome.acts],
        "recheckAt": outcome.recheck or None,
    }
