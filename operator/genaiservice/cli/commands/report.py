# SPDX-License-Identifier: Apache-2.0
"""`genaictl report`: one service, duty by duty, for people who never open a terminal."""

import sys
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from genaiservice.api.problem import EMPTY, Lang, Problem, ProblemError, Text
from genaiservice.cli.options import (
    as_of_option,
    cluster_options,
    day,
    lang_option,
    shanghai_today,
    verb,
)

if TYPE_CHECKING:
    from genaiservice.cli.report.earlier import Earlier
    from genaiservice.cli.report.page import Page
    from genaiservice.cli.report.subject import Subject


class Format(StrEnum):
    HTML = "html"
    CSV = "csv"
    JSON = "json"


WHICH: Final = Problem(
    what=Text(en="no service was named", zh="未指定服务"),
    why=EMPTY,
    next=Text(
        en="give the NAME of a service in the cluster, or a file with -f",
        zh="请给出集群中服务的名称，或用 -f 指定文件",
    ),
)


@click.command("report")
@click.argument("name", required=False, default="")
@cluster_options
@click.option("--file", "-f", default="", metavar="FILE", help="Judge a file, without a cluster.")
@click.option(
    "--format",
    "form",
    type=click.Choice([one.value for one in Format]),
    default=Format.HTML.value,
    show_default=True,
)
@click.option(
    "--out", default="-", metavar="FILE", help="Where to write; default: standard output."
)
@click.option(
    "--since", default="", metavar="FILE", help="An earlier report (JSON) to compare with."
)
@lang_option
@as_of_option
def command(
    name: str,
    namespace: str,
    context: str,
    kubeconfig: str,
    file: str,
    form: str,
    out: str,
    since: str,
    lang: str | None,
    as_of: str,
) -> None:
    """Write a report on the service NAME in the cluster, or in a file (-f).

    HTML is ready to be printed, CSV opens in a spreadsheet, JSON can be compared with later.
    Exit code: 0 written, 2 bad input, 3 cluster unreachable; what was found is in the report.
    """
    from genaiservice.cli.kept import catalogue
    from genaiservice.cli.report.build import build
    from genaiservice.cli.services import in_cluster, of_object

    with verb(lang) as run:
        today = day(as_of)
        if file:
            subject = _of_file(file, name, namespace, today)
        elif name:
            subject = _of_cluster(name, kubeconfig, context, namespace)
        else:
            raise ProblemError(WHICH)
        before = _earlier(since, subject, today) if since else None
        known = of_object(subject.body) if file else in_cluster(subject.body, today)
        page = build(subject, catalogue(), known, today, shanghai_today(), before)
        _write(out, written(page, Format(form), run.lang))


def written(page: "Page", form: Format, lang: Lang) -> str:
    match form:
        case Format.HTML:
            from genaiservice.cli.report.html import as_html

            return as_html(page, lang)
        case Format.CSV:
            from genaiservice.cli.report.table import as_csv

            return as_csv(page, lang)
        case Format.JSON:
            from genaiservice.cli.report.document import as_json

            return as_json(page)


def _of_cluster(name: str, kubeconfig: str, context: str, namespace: str) -> "Subject":
    from genaiservice.cli.cluster import Cluster
    from genaiservice.cli.report.page import Origin
    from genaiservice.cli.report.subject import Subject

    cluster = Cluster(kubeconfig, context, namespace)
    body = cluster.service(name)
    return Subject(body=body, origin=Origin.CLUSTER, place=f"{cluster.namespace}/{name}")


def _of_file(file: str, name: str, namespace: str, today: date) -> "Subject":
    from genaiservice.cli.checking import check
    from genaiservice.cli.report.page import Origin
    from genaiservice.cli.report.subject import Subject

    manifest = _manifest(file, name, namespace)
    checked = check(manifest, today)
    # What a requirement or the kill switch says is in the verdict; here is what stands beside it.
    beside = [one for one in checked.remarks if one.finding is None and not _is_stop(one, checked)]
    return Subject(
        body=manifest.body,
        origin=Origin.FILE,
        place="" if file == "-" else Path(file).name,
        refused=tuple(_problem(one) for one in beside if one.weight.value in ("fault", "block")),
        remarks=tuple(_told(one) for one in beside if one.weight.value == "note"),
    )


def _is_stop(remark: Any, checked: Any) -> bool:
    stop = checked.verdict.suspension
    return stop is not None and remark.field == stop.finding


def _problem(remark: Any) -> Problem:
    return Problem(where=remark.field, what=remark.what, why=remark.why, next=remark.next)


def _told(remark: Any) -> Text:
    problem = _problem(remark)
    return Text(en=problem.render(Lang.EN), zh=problem.render(Lang.ZH))


def _manifest(file: str, name: str, namespace: str) -> Any:
    """The one service that is meant; raises ProblemError with the choice where it is not plain."""
    from genaiservice.cli.manifests import Manifest, read

    found = list(read([Path(file)]))
    services = [one for one in found if isinstance(one, Manifest)]
    meant = [one for one in services if _is_meant(one.body, name, namespace)]
    if len(meant) == 1:
        return meant[0]
    problems = [one for one in found if isinstance(one, Problem)]
    raise ProblemError(*(problems if problems and not meant else [_choose(file, services, meant)]))


def _is_meant(body: Any, name: str, namespace: str) -> bool:
    metadata = body.get("metadata")
    given = metadata if isinstance(metadata, dict) else {}
    return (not name or given.get("name") == name) and (
        not namespace or given.get("namespace") in (None, "", namespace)
    )


def _choose(file: str, services: list[Any], meant: list[Any]) -> Problem:
    metadata = [one.body.get("metadata") for one in (meant or services)]
    names = [str(one.get("name")) for one in metadata if isinstance(one, dict)]
    listed = ", ".join(sorted(set(names))[:20]) or "-"
    count = len(meant)
    return Problem(
        where=file,
        what=Text(
            en=f"{count} of the services in it are meant; a report is about one",
            zh=f"其中符合的服务有 {count} 个；一份报告只针对一个服务",
        ),
        why=Text(en=f"found: {listed}", zh=f"已找到：{listed}"),
        next=Text(
            en="name one: `genaictl report NAME -f FILE` (and its namespace with -n)",
            zh="请指定其一：`genaictl report 名称 -f 文件`（必要时用 -n 指定命名空间）",
        ),
    )


def _earlier(since: str, subject: "Subject", as_of: date) -> "Earlier":
    from genaiservice.cli.report.earlier import MAX_BYTES, read

    try:
        with Path(since).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProblemError(_unusable("--since", since, error)) from error
    service = (subject.text("metadata", "namespace"), subject.text("metadata", "name"))
    return read(data, since, *service, as_of)


def _write(out: str, text: str) -> None:
    """The whole report or none: a reader of `out` never sees half of one."""
    data = text.encode("utf-8", "replace")
    if out == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    target = Path(out)
    draft = target.with_name(f".{target.name}.part")
    try:
        draft.write_bytes(data)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ProblemError(_unusable("--out", out, error)) from error


def _unusable(option: str, name: str, error: OSError) -> Problem:
    cause = error.strerror or type(error).__name__
    return Problem(
        where=f"{option} {name}",
        what=Text(en=f"cannot be used: {cause}", zh=f"无法使用：{cause}"),
        why=EMPTY,
        next=Text(en="give another file", zh="请指定其他文件"),
    )
