# SPDX-License-Identifier: Apache-2.0
"""Spans that a real OpenTelemetry Collector wrote (OTLP JSON lines), shown as a tree."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.tree import Tree

SHOWN = ("gen_ai.", "http.", "genaiservice.", "url.path", "error.type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    trace: str
    id: str
    parent: str
    name: str
    service: str
    milliseconds: float
    attributes: dict[str, str]


def read(path: Path) -> list[Span]:
    """Every span in the collector's file; a line that is still being written is left for later."""
    spans: list[Span] = []
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            try:
                spans += _spans(json.loads(line))
            except json.JSONDecodeError:
                continue
    return spans


def _spans(document: dict[str, Any]) -> Iterator[Span]:
    for resource in document.get("resourceSpans", []):
        service = _attributes(resource.get("resource", {})).get("service.name", "")
        for scope in resource.get("scopeSpans", []):
            for span in scope.get("spans", []):
                took = int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])
                yield Span(
                    trace=span["traceId"],
                    id=span["spanId"],
                    parent=span.get("parentSpanId", ""),
                    name=span["name"],
                    service=service,
                    milliseconds=took / 1e6,
                    attributes=_attributes(span),
                )


def _attributes(holder: dict[str, Any]) -> dict[str, str]:
    found = {}
    for pair in holder.get("attributes", []):
        value = pair["value"]
        if "arrayValue" in value:
            inner = [next(iter(v.values())) for v in value["arrayValue"].get("values", [])]
            found[pair["key"]] = ", ".join(map(str, inner))
        else:
            found[pair["key"]] = str(next(iter(value.values()), ""))
    return found


def tree(spans: list[Span], trace: str) -> Tree:
    """The spans of one trace under their parents; a parent outside the trace is the root."""
    mine = [span for span in spans if span.trace == trace]
    known = {span.id for span in mine}
    root = Tree(f"trace {trace}")

    def grow(branch: Tree, parent: str) -> None:
        for span in mine:
            if span.parent == parent:
                grow(branch.add(_label(span)), span.id)

    for parent in sorted({span.parent for span in mine if span.parent not in known}):
        grow(root, parent)
    return root


def _label(span: Span) -> str:
    shown = [
        f"  {key}={value}"
        for key, value in sorted(span.attributes.items())
        if key.startswith(SHOWN)
    ]
    return "\n".join((f"{span.service}: {span.name}  {span.milliseconds:.1f} ms", *shown))
