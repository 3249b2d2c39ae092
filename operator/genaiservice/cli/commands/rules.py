# SPDX-License-Identifier: Apache-2.0
"""`genaictl rules diff`: which services another rule pack would judge otherwise."""

import json
import sys
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
    as_of_option,
    cluster_options,
    day,
    lang_option,
    output_option,
    verb,
)
from genaiservice.cli.terminal import counted

if TYPE_CHECKING:
    from genaiservice.cli.services import Service
    from genaiservice.rules.diff import Declared


@click.group("rules")
def command() -> None:
    """Look at rule packs."""


@command.command("diff")
@click.argument("old")
@click.argument("new", required=False, default="")
@click.option("--file", "-f", "files", multiple=True, metavar="FILE", help="File, folder or -.")
@click.option("--all-namespaces", "-A", is_flag=True, help="Of the cluster: every namespace.")
@cluster_options
@lang_option
@output_option("text", "json")
@as_of_option
def difference(
    old: str,
    new: str,
    files: tuple[str, ...],
    all_namespaces: bool,
    namespace: str,
    context: str,
    kubeconfig: str,
    lang: str | None,
    output: str,
    as_of: str,
) -> None:
    """Say which services the rule pack NEW judges otherwise than OLD.

    A rule pack is a folder of requirement files, a checkout, or the wheel of a release; without NEW
    it is the one of this release. Services are those in FILEs (-f) or, without any, of the cluster.
    Exit code: 0 no service loses its gate, 1 one does, 2 bad input, 3 cluster unreachable.
    """
    from genaiservice.cli.formats import difference as written
    from genaiservice.cli.kept import catalogue
    from genaiservice.cli.packs import pack
    from genaiservice.cli.services import of_cluster, of_files
    from genaiservice.rules.diff import diff

    with verb(lang) as run:
        today = day(as_of)
        before, after = pack(old), pack(new) if new else catalogue()
        problems: list[Problem] = []
        services = (
            of_files([Path(file) for file in files], problems)
            if files
            else of_cluster(kubeconfig, context, namespace, today, everywhere=all_namespaces)
        )
        declared = [_declared(one) for one in counted(services, run.lang)]
        found = diff(before, after, declared, today)
        told = written.Told(found=found, old=before, new=after, judged=len(declared), today=today)
        if output == "json":
            sys.stdout.write(json.dumps(written.as_json(told), ensure_ascii=False, indent=2) + "\n")
        else:
            written.show(run.paper, told)
        render.problems(run.talk, problems)
        raise Exit(BAD_INPUT if problems else REFUSED if told.refused else ALLOWED)


def _declared(service: "Service") -> "Declared":
    from genaiservice.rules.diff import Declared

    return Declared(name=service.title, declaration=service.declaration, facts=service.facts)
