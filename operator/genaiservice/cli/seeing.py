# SPDX-License-Identifier: Apache-2.0
"""One look at a cluster and what came of it: fine, missing with a remedy, or not to be seen.

What may not be read is unknown, never fine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from genaiservice.api.jsontree import Json
from genaiservice.api.problem import EMPTY, ProblemError, Text
from genaiservice.cli.cluster import Cluster, NotFound


class State(StrEnum):
    FINE = "fine"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One prerequisite: what was looked for, what was seen, and what to do when it is missing."""

    subject: Text
    state: State
    detail: Text = EMPTY
    remedy: Text = EMPTY


INSTALL: Final = Text(
    en="install or upgrade the chart: helm upgrade --install genai charts/genaiservice-operator "
    "-n genai-system --create-namespace",
    zh="安装或升级 chart：helm upgrade --install genai charts/genaiservice-operator "
    "-n genai-system --create-namespace",
)
UPGRADE: Final = Text(
    en="upgrade the cluster to Kubernetes 1.36 or later",
    zh="请将集群升级到 Kubernetes 1.36 或更高版本",
)
ASK_RIGHTS: Final = Text(
    en="ask a cluster administrator to run `genaictl doctor`",
    zh="请由集群管理员运行 `genaictl doctor`",
)


def looked(
    cluster: Cluster,
    subject: Text,
    path: str,
    judged: Callable[[Json], tuple[State, Text]],
    remedy: Text = INSTALL,
    absent: Text | None = None,
) -> Seen:
    """`absent`: the remedy where nothing is there, when that is another one."""
    try:
        state, detail = judged(cluster.get(path))
    except NotFound:
        missing = Text(en="does not exist", zh="不存在")
        return Seen(subject=subject, state=State.MISSING, detail=missing, remedy=absent or remedy)
    except ProblemError as error:
        return unknown(subject, error)
    fine = state is State.FINE
    return Seen(subject=subject, state=state, detail=detail, remedy=EMPTY if fine else remedy)


def unknown(subject: Text, error: ProblemError) -> Seen:
    said = error.problems[0].what
    return Seen(subject=subject, state=State.UNKNOWN, detail=said, remedy=ASK_RIGHTS)


def same(text: str) -> Text:
    return Text(en=text, zh=text)
