# SPDX-License-Identifier: Apache-2.0
"""Moderation policies and plain term lists in files, resolved as the operator resolves them.

A policy's ConfigMaps are looked for in the same files. A plain list (`.txt`, `.lst`, or one packed
with gzip) is taken as a policy of one source. No message of a problem quotes a term.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from genaiservice.api import names
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.policy_file import RISK_CLASSES
from genaiservice.api.problem import EMPTY, Problem, Text
from genaiservice.api.terms import LIST_BYTES
from genaiservice.cli.manifests import Manifest, read
from genaiservice.cli.schema import faults
from genaiservice.cli.sources import MAX_BYTES, unreadable
from genaiservice.control.core.observed import Observed, policy_config_maps
from genaiservice.control.core.policy import Resolved, resolve

LISTS: Final = (".txt", ".lst", ".gz")
NO_CLASS: Final = "A1a"
"""Where the terms of a plain list are put; a list does not say what risk it is about."""

TOTAL: Final = 10_000
LEAST: Final = {"A1": 200, "A2": 100}
"""GB/T 45654-2025, annex A and the sizes of a keyword library: in all, and for each risk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One policy: where it stands, what it resolves to, what is wrong with its form."""

    where: str
    name: str
    plain: bool
    resolved: Resolved
    problems: tuple[Problem, ...]

    @property
    def usable(self) -> bool:
        return self.resolved.ready and not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Terms of a risk class beside the number of the standard; `wanted` 0: it names none."""

    risk: str
    found: int
    wanted: int

    @property
    def short(self) -> bool:
        return self.found < self.wanted


def load(paths: list[Path]) -> Iterator[Loaded | Problem]:
    lists = [path for path in paths if path.suffix.lower() in LISTS and not path.is_dir()]
    rest = [path for path in paths if path not in lists]
    yield from (_list(path) for path in lists)
    if not rest:
        return
    maps: dict[str, Json] = {}
    for one in read(rest, "ConfigMap"):
        if isinstance(one, Manifest):  # a problem shows up again below, or concerns other kinds
            maps[str(lookup(one.body, "metadata", "name"))] = one.body
    for one in read(rest, names.KIND_POLICY):
        yield _manifest(one, maps) if isinstance(one, Manifest) else one


def _manifest(manifest: Manifest, maps: Mapping[str, Json]) -> Loaded:
    problems = []
    for fault in faults(manifest.body, names.KIND_POLICY):
        place = manifest.place(fault.field)
        where = f"{manifest.file}:{place.line}:{place.column} {fault.field}"
        one = fault.problem
        problems.append(Problem(where=where, what=one.what, why=one.why, next=one.next))
    name = str(lookup(manifest.body, "metadata", "name", default=""))
    wanted = policy_config_maps(manifest.body)
    return Loaded(
        where=manifest.where,
        name=name,
        plain=False,
        resolved=_resolved(manifest.body, name, {one: maps.get(one) for one in wanted}),
        problems=tuple(problems),
    )


def _list(path: Path) -> Loaded | Problem:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        said = error.strerror or "error"
        return unreadable(
            str(path), Text(en=f"the file cannot be read: {said}", zh=f"无法读取文件：{said}")
        )
    if len(data) > LIST_BYTES:
        return unreadable(str(path), Text(en="larger than 8 MiB", zh="超过 8 MiB"))
    import base64

    packed = "gzip" if path.suffix.lower() == ".gz" else "plain"
    source = {"name": "list", "key": "terms", "encoding": packed}
    policy = {
        "metadata": {"name": path.name},
        "spec": {"sources": [{"name": "list", "riskClass": NO_CLASS, "configMap": source}]},
    }
    content = {"binaryData": {"terms": base64.b64encode(data).decode()}}
    resolved = _resolved(policy, path.name, {"list": content})
    resolved = replace(
        resolved,
        problems=tuple(_of_file(path, one) for one in resolved.problems),
        notes=tuple(_of_file(path, one) for one in resolved.notes),
    )
    return Loaded(where=str(path), name=path.name, plain=True, resolved=resolved, problems=())


def _of_file(path: Path, problem: Problem) -> Problem:
    """The operator's words speak of a ConfigMap; here it is a file, the line stays."""
    line = problem.where.removeprefix("ConfigMap/list terms")
    return replace(problem, where=f"{path}{line}")


def _resolved(policy: Json, name: str, maps: Mapping[str, Json | None]) -> Resolved:
    service = {"spec": {"guard": {"moderationPolicy": name}}}
    return resolve(Observed(service=service, policy=policy, config_maps=maps))


def counts(loaded: Loaded) -> list[Count]:
    """Found and wanted for every risk of the standard, and in all."""
    by_class = loaded.resolved.by_class
    rows = [
        Count(risk=risk, found=by_class.get(risk, 0), wanted=LEAST.get(risk[:2], 0))
        for risk in RISK_CLASSES
    ]
    total = Count(risk="", found=loaded.resolved.terms, wanted=TOTAL)
    return [total] if loaded.plain else [*rows, total]


NOTHING_FOUND: Final = Problem(
    what=Text(en="no ModerationPolicy and no term list found", zh="未找到 ModerationPolicy 或词表"),
    why=EMPTY,
    next=Text(
        en="give manifests, or lists with one term a line (.txt, .lst, .gz)",
        zh="请提供清单文件，或每行一个词条的词表（.txt、.lst、.gz）",
    ),
)
