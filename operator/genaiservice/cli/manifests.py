# SPDX-License-Identifier: Apache-2.0
"""Texts -> the objects of our kinds in them, each with the place of every field.

Other kinds are left alone: documents that do not name one of ours are not even parsed, so that a
chart's output or a folder with anything in it costs little. One broken document hides no other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from genaiservice.api import names
from genaiservice.api.jsontree import Json
from genaiservice.api.problem import EMPTY, Problem, Text
from genaiservice.cli.sources import Source, sources
from genaiservice.cli.yamltree import Place, TreeError, build, compose, field_of, locate

DOCUMENT_CHARACTERS: Final = 3 * 1024 * 1024
"""More than an API server takes in one request."""
_CLAIMS: Final = re.compile(
    rf"""^["']?apiVersion["']?:[ ]*["']?{re.escape(names.GROUP)}/""", re.MULTILINE
)
"""A document of our group: only there is a kind that we do not know worth a word."""
KINDS: Final = (names.KIND_SERVICE, names.KIND_PROFILE, names.KIND_POLICY)
_BREAK: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
LISTS: Final = ("List", f"{names.KIND_SERVICE}List")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One object of a file. `line` is that of its first field; `root` where it hangs in `node`."""

    file: str
    line: int
    body: Json
    node: Any = field(repr=False)
    shift: int = 0
    root: str = ""

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"

    def place(self, path: str) -> Place:
        """Line and column of a field path in the file; of its nearest parent when it is missing."""
        found = locate(self.node, f"{self.root}.{path}" if self.root else path)
        return Place(line=found.line + self.shift, column=found.column, exact=found.exact)


def read(paths: list[Path], kind: str = names.KIND_SERVICE) -> Iterator[Manifest | Problem]:
    """Every object of `kind` in files, folders and stdin, and every problem on the way."""
    for source in sources(paths):
        if isinstance(source, Problem):
            yield source
        else:
            yield from parse(source, kind)


def parse(source: Source, kind: str = names.KIND_SERVICE) -> Iterator[Manifest | Problem]:
    for shift, text in _documents(source.text):
        if kind not in text:
            if kind == names.KIND_SERVICE and _CLAIMS.search(text):
                yield from _misnamed(source.name, shift, text)
            continue
        if len(text) > DOCUMENT_CHARACTERS:
            yield _problem(source.name, shift + 1, 1, _LARGE)
            continue
        try:
            for node in compose(text):
                yield from _objects(source.name, shift, node, kind)
        except TreeError as error:
            yield _problem(source.name, shift + error.line, error.column, error.text)


def _documents(text: str) -> Iterator[tuple[int, str]]:
    """The documents of a stream with the number of lines before each.

    `---` at the start of a line ends a document wherever it stands, block texts included.
    """
    begin, line = 0, 0
    for found in _BREAK.finditer(text):
        if found.start() > begin:
            yield line, text[begin : found.start()]
        line += text.count("\n", begin, found.start())
        begin = found.start()
    if begin < len(text):
        yield line, text[begin:]


def _objects(file: str, shift: int, node: Any, kind: str) -> Iterator[Manifest]:
    wanted = field_of(node, "kind")
    if wanted == kind and _ours(field_of(node, "apiVersion"), kind):
        line = shift + node.start_mark.line + 1
        yield Manifest(file=file, line=line, body=build(node), node=node, shift=shift)
    elif wanted in LISTS:
        items = build(node).get("items")
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict) and _is(item, kind):
                root = f"items[{index}]"
                line = shift + locate(node, root).line
                yield Manifest(file=file, line=line, body=item, node=node, shift=shift, root=root)


def _misnamed(file: str, shift: int, text: str) -> Iterator[Problem]:
    """A kind of our group that does not exist, as `GenAiService`: not to be passed over."""
    found = re.search(r"^kind:[ ]*[\"']?([\w.-]*)", text, re.MULTILINE)
    kind = found[1] if found else ""
    if kind in (*KINDS, *LISTS):
        return
    line = text.count("\n", 0, found.start()) if found else 0
    from genaiservice.cli.wording import nearest

    meant = nearest(kind, list(KINDS)) or names.KIND_SERVICE
    yield Problem(
        where=f"{file}:{shift + line + 1}:1  kind",
        what=Text(
            en=f"{names.GROUP} has no kind {kind!r}", zh=f"{names.GROUP} 中没有类型 {kind!r}"
        ),
        why=Text(en="`kubectl apply` refuses it", zh="`kubectl apply` 会拒绝"),
        next=Text(en=f"write kind: {meant}", zh=f"请填写 kind: {meant}"),
    )


def _is(item: Json, kind: str) -> bool:
    return item.get("kind") == kind and _ours(item.get("apiVersion"), kind)


def _ours(version: Any, kind: str) -> bool:
    if kind == "ConfigMap":
        return bool(version == "v1")
    return isinstance(version, str) and version.startswith(f"{names.GROUP}/")


_LARGE: Final = Text(
    en="the document is larger than 3 MiB, more than an API server takes",
    zh="文档超过 3 MiB，API 服务器不会接受",
)


def _problem(file: str, line: int, column: int, what: Text) -> Problem:
    return Problem(
        where=f"{file}:{line}:{column}",
        what=what,
        why=EMPTY,
        next=Text(en="correct the place named here", zh="请更正此处所指的位置"),
    )
