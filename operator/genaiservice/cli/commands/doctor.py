# SPDX-License-Identifier: Apache-2.0
"""`genaictl doctor`: what the cluster lacks for the gate to hold, each with a remedy."""

import json
import sys
from typing import Final

import click

from genaiservice.api.problem import Text
from genaiservice.cli import render
from genaiservice.cli.options import (
    ALLOWED,
    REFUSED,
    Exit,
    cluster_options,
    lang_option,
    output_option,
    shanghai_now,
    verb,
)

HEALTHY: Final = Text(en="everything that was looked for is there", zh="检查项全部具备")
LACKING: Final = Text(en="{n} of {all} are missing", zh="{all} 项中缺少 {n} 项")
UNSEEN: Final = Text(en="{n} could not be looked at", zh="{n} 项无法检查")
SIGNS: Final = {"fine": ("✓", "green"), "missing": ("✗", "red"), "unknown": ("?", "yellow")}


@click.command("doctor")
@click.option("--operator-namespace", default="genai-system", show_default=True)
@cluster_options
@lang_option
@output_option("text", "json")
def command(
    operator_namespace: str,
    namespace: str,
    context: str,
    kubeconfig: str,
    lang: str | None,
    output: str,
) -> None:
    """Look whether the cluster has what the gate needs.

    Exit code: 0 all there, 1 something is missing, 3 cluster unreachable.
    """
    from genaiservice.cli.cluster import Cluster
    from genaiservice.cli.prerequisites import examine
    from genaiservice.cli.seeing import State

    with verb(lang) as run:
        cluster = Cluster(kubeconfig, context, namespace)
        seen = []
        for one in examine(cluster, operator_namespace, shanghai_now()):
            seen.append(one)
            if output == "text":
                sign, style = SIGNS[one.state.value]
                run.paper.line(f"{sign} {one.subject.in_(run.lang)}", style)
                run.paper.pair(Text(en="seen", zh="现状"), one.detail)
                run.paper.pair(render.NEXT, one.remedy)
        missing = sum(one.state is State.MISSING for one in seen)
        unseen = sum(one.state is State.UNKNOWN for one in seen)
        if output == "json":
            tree = [
                {
                    "subject": one.subject.as_json(),
                    "state": one.state.value,
                    "detail": one.detail.as_json(),
                    "next": one.remedy.as_json(),
                }
                for one in seen
            ]
            sys.stdout.write(json.dumps(tree, ensure_ascii=False, indent=2) + "\n")
        else:
            run.paper.line()
            told = LACKING.format(n=missing, all=len(seen)) if missing else HEALTHY
            run.paper.say(told, "red" if missing else "green")
            if unseen:
                run.paper.say(UNSEEN.format(n=unseen), "yellow")
        raise Exit(REFUSED if missing or unseen else ALLOWED)
