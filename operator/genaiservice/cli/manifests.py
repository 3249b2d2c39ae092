# SPDX-License-Identifier: Apache-2.0
"""YAML files, folders and standard input -> GenAIService objects with the place they stand at.

Bounded: size, depth of nesting and aliases, so that a hostile file ends in a message.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from genaiservice.api import names
from genaiservice.api.jsontree import Json
from genaiservice.api.problem import Problem, ProblemError, Text

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
STDIN = Path("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One document. `where` is `file:line` of its first line."""

    where: str
    body: Json


class _Loader(yaml.CSafeLoader):
    """Safe YAML, where a key that stands twice is an error, not a guess."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if isinstance(name, str) and name in seen:
                raise _fault(key.start_mark, f"the key {name!r} twice", f"重复的键 {name!r}")
            seen.add(name if isinstance(name, str) else repr(name))
        return super().construct_mapping(node, deep)


# Dates stay text: they are judged as text, and JSON has no dates.
_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _check_shape(text: str) -> None:
    """Refuses aliases (they multiply) and deep nesting before anything is built."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _fault(event.start_mark, "an alias (*name)", "YAML 别名（*name）")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _fault(event.start_mark, "deeper nesting than 64", "嵌套超过 64 层")


def _fault(mark: Any, en: str, zh: str) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=f"{en}|{zh}", problem_mark=mark)


def read(paths: list[Path]) -> list[Manifest]:
    """Every GenAIService in `paths` (files, folders, `-`); other kinds are left alone.

    Raises ProblemError with everything that could not be read.
    """
    manifests: list[Manifest] = []
    problems: list[Problem] = []
    for path in paths:
        for source in _sources(path):
            try:
                manifests += _parse(source, _content(source))
            except ProblemError as error:
                problems += error.problems
    if problems:
        raise ProblemError(*problems)
    return manifests


def _sources(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(p for p in path.rglob("*") if p.suffix in (".yaml", ".yml", ".json"))
    else:
        yield path


def _content(path: Path) -> str:
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProblemError(_unreadable(path, error.strerror or "error")) from error
    if len(data) > MAX_BYTES:
        raise ProblemError(_unreadable(path, "larger than 16 MiB"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProblemError(
            _unreadable(path, f"not UTF-8 (byte {error.start}); save the file as UTF-8")
        ) from error


def _unreadable(path: Path, cause: str) -> Problem:
    return Problem(
        what=Text(en=f"the file cannot be read: {cause}", zh=f"无法读取文件：{cause}"),
        why=Text(en="", zh=""),
        next=Text(en="give a readable YAML file or folder", zh="请提供可读的 YAML 文件或目录"),
        where=str(path),
    )


def _parse(path: Path, text: str) -> list[Manifest]:
    found = []
    try:
        _check_shape(text)
        loader = _Loader(text)
        try:
            while loader.check_node():
                node: Any = loader.get_node()
                body = loader.construct_document(node)
                if _is_service(body):
                    line = node.start_mark.line + 1
                    found.append(Manifest(where=f"{path}:{line}", body=body))
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProblemError(_syntax(path, error)) from error
    return found


def _is_service(body: Any) -> bool:
    return (
        isinstance(body, dict)
        and body.get("kind") == names.KIND_SERVICE
        and str(body.get("apiVersion", "")).startswith(f"{names.GROUP}/")
    )


def _syntax(path: Path, error: Exception) -> Problem:
    mark = getattr(error, "problem_mark", None)
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    said = str(getattr(error, "problem", None) or "invalid value")
    en, _, zh = said.partition("|")
    return Problem(
        what=Text(en=f"not usable YAML: {en}", zh=f"YAML 无法使用：{zh or en}"),
        why=Text(en="", zh=""),
        next=Text(en="correct the line named here", zh="请更正此处所指的行"),
        where=where,
    )
