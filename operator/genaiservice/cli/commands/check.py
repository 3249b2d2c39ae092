# SPDX-License-Identifier: Apache-2.0
"""`genaictl check`: the operator's verdict on files, without a cluster."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console

from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Lang, Problem, ProblemError, Text
from genaiservice.cli import render
from genaiservice.cli.manifests import Manifest, read
from genaiservice.cli.schema import faults
from genaiservice.control.core.facts import facts
from genaiservice.control.core.observed import Observed
from genaiservice.control.core.status import findings
from genaiservice.rules.judge import judge
from genaiservice.rules.pack import Catalogue, load_catalogue

NOTHING_FOUND = Problem(
    what=Text(en="no GenAIService found", zh="未找到 GenAIService"),
    why=Text(en="there is nothing to judge", zh="没有可核查的内容"),
    next=Text(
        en="give a file or folder that holds one, or `-` for standard input",
        zh="请提供包含 GenAIService 的文件或目录，或用 `-` 表示标准输入",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found for one manifest. `faults`: what the API server would refuse."""

    where: str
    name: str
    faults: tuple[Problem, ...]
    allowed: bool
    rule_pack: str
    findings: tuple[Json, ...]

    def as_json(self) -> Json:
        return {
            "where": self.where,
            "name": self.name,
            "allowed": self.allowed,
            "rulePack": self.rule_pack,
            "faults": [
                {"where": p.where, "what": p.what.as_json(), "next": p.next.as_json()}
                for p in self.faults
            ],
            "findings": list(self.findings),
        }


def check(paths: list[Path], today: date) -> list[Checked]:
    """Judges every GenAIService in `paths`; raises ProblemError when one cannot be read."""
    catalogue = load_catalogue()
    manifests = read(paths)
    if not manifests:
        raise ProblemError(NOTHING_FOUND)
    return [_checked(catalogue, manifest, today) for manifest in manifests]


def _checked(catalogue: Catalogue, manifest: Manifest, today: date) -> Checked:
    body = manifest.body
    known = facts(Observed(service=body))
    verdict = judge(catalogue, lookup(body, "spec", "compliance", default={}), known, today)
    refused = tuple(faults(body))
    return Checked(
        where=manifest.where,
        name=str(lookup(body, "metadata", "name", default="")),
        faults=refused,
        allowed=verdict.allowed and not refused,
        rule_pack=verdict.rule_pack,
        findings=tuple(findings(verdict.findings)),
    )


def show(console: Console, rows: list[Checked], lang: Lang) -> None:
    for row in rows:
        render.headline(console, f"{row.name} ({row.where})", row.allowed, lang)
        render.problems(console, row.faults, lang)
        render.findings(console, row.findings, lang)
        render.notice(console, row.rule_pack, lang)
