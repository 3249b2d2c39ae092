# SPDX-License-Identifier: Apache-2.0
"""The services that a verb looks at, of files or of a cluster, each with what is known of it.

Of a file that is what the object itself shows. Of the cluster it is also what the operator wrote
down there of pods and pages, but only for today: of another day nobody knows them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from genaiservice.api import names
from genaiservice.api.declared import compliance
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Problem, Text
from genaiservice.cli.kept import catalogue
from genaiservice.cli.options import shanghai_now
from genaiservice.control.core.facts import facts, shown
from genaiservice.control.core.observed import Observed
from genaiservice.rules.judge import judge
from genaiservice.rules.verdict import Verdict

NOTHING_FOUND: Final = Problem(
    what=Text(en="no GenAIService found", zh="未找到 GenAIService"),
    why=Text(en="there is nothing to judge", zh="没有可核查的内容"),
    next=Text(
        en="give a file or folder that holds one, or `-` for standard input; "
        "`genaictl init` writes one",
        zh="请提供包含 GenAIService 的文件或目录，或用 `-` 表示标准输入；可用 `genaictl init` 生成",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    body: Json
    facts: Json

    @property
    def title(self) -> str:
        name = str(lookup(self.body, "metadata", "name", default="?"))
        space = lookup(self.body, "metadata", "namespace", default="")
        return f"{space}/{name}" if space else name

    @property
    def declaration(self) -> Json:
        return compliance(lookup(self.body, "spec"))

    def judged(self, today: date) -> Verdict:
        return judge(catalogue(), self.declaration, self.facts, today)


def of_files(paths: list[Path], problems: list[Problem]) -> Iterator[Service]:
    """Every service in the files; what cannot be read is added to `problems`."""
    from genaiservice.cli.manifests import read

    found = False
    for one in read(paths):
        if isinstance(one, Problem):
            problems.append(one)
        else:
            found = True
            yield Service(body=one.body, facts=of_object(one.body))
    if not found and not problems:
        problems.append(NOTHING_FOUND)


def of_cluster(
    kubeconfig: str, context: str, namespace: str, today: date, *, everywhere: bool
) -> Iterator[Service]:
    from genaiservice.cli.cluster import OURS, Cluster

    cluster = Cluster(kubeconfig, context, namespace)
    where = "" if everywhere else f"/namespaces/{cluster.namespace}"
    for body in cluster.all_of(f"{OURS}{where}/{names.PLURAL_SERVICE}"):
        yield Service(body=body, facts=in_cluster(body, today))


def of_object(body: Json) -> Json:
    """What the object itself shows."""
    return facts(Observed(service=body))


def in_cluster(body: Json, today: date) -> Json:
    """And what its status shows of cluster and pages, where that is of today."""
    now = shanghai_now()
    return shown(body, now) if now.date() == today else of_object(body)
