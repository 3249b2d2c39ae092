# SPDX-License-Identifier: Apache-2.0
"""The rule pack: reads and checks the catalogue once, and gives it a version and a digest.

A file that does not fit `_schema.yaml`, or names a check or a definition that does not exist, stops
the start: a rule that cannot be read must not silently judge nothing.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import jsonschema_rs
import yaml

from genaiservice.api.jsontree import Json
from genaiservice.rules.compile import CompiledRequirement, SchemaCompiler, compile_requirement
from genaiservice.rules.requirement import requirement_of
from genaiservice.rules.vocabulary import VOCABULARY

VERSION: Final = "2026.11.0"

Files = Mapping[str, bytes]


class CatalogueError(ValueError):
    """The rule pack itself is broken: our fault, never the user's."""


class _PlainLoader(yaml.SafeLoader):
    """YAML as JSON knows it: a day stays the text that the file shows."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the attribute that PyYAML reads
        key: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The requirements in the order of the articles, compiled; `complete` lacks nothing."""

    version: str
    digest: str
    requirements: tuple[CompiledRequirement, ...]
    complete: Json
    definitions: Json


@cache
def load_catalogue() -> Catalogue:
    """The catalogue that is shipped with this package."""
    folder = resources.files("genaiservice.rules") / "catalogue"
    files = {
        entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(".yaml")
    }
    return catalogue_of(files)


def catalogue_of(files: Files) -> Catalogue:
    """The catalogue in `files` (name -> content); raises CatalogueError with every fault."""
    trees = {name: parse_yaml(content) for name, content in files.items()}
    meta = jsonschema_rs.Draft202012Validator(trees["_schema.yaml"])
    definitions = trees["_definitions.yaml"]
    names = sorted((name for name in trees if not name.startswith("_")), key=_order)
    faults = [fault for name in names for fault in _faults(name, trees[name], meta)]
    if faults:
        raise CatalogueError("\n".join(faults))
    try:
        compiler = SchemaCompiler(definitions)
        requirements = tuple(
            compile_requirement(requirement_of(trees[name]), compiler) for name in names
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise CatalogueError(f"the rule pack cannot be compiled: {error}") from error
    return Catalogue(
        version=VERSION,
        digest=_digest(files),
        requirements=requirements,
        complete=trees["_complete.yaml"],
        definitions=definitions,
    )


def parse_yaml(content: bytes) -> Any:
    return yaml.load(content, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader without timestamps


def _faults(name: str, tree: Any, meta: jsonschema_rs.Draft202012Validator) -> Iterable[str]:
    for error in meta.iter_errors(tree):
        where = "/".join(str(part) for part in error.instance_path)
        yield f"{name}: {where or '(root)'}: {error.message}"
    if not isinstance(tree, Mapping) or not isinstance(tree.get("requires"), list):
        return
    if f"{tree.get('id')}.yaml" != name:
        yield f"{name}: id: the file must carry the name of its requirement"
    for index, step in enumerate(tree["requires"]):
        for check, arguments in (step.get("check") or {}).items():
            word = VOCABULARY.get(check)
            if word is None:
                known = ", ".join(sorted(VOCABULARY))
                yield f"{name}: requires/{index}/check: no check {check!r}; known: {known}"
            elif not set(arguments) <= set(word.arguments):
                yield f"{name}: requires/{index}/check: {check} takes {sorted(word.arguments)}"


def _order(name: str) -> tuple[bool, list[Any]]:
    """Interim Measures first, then by article and number: IM-12-9 before IM-12-10."""
    parts = re.findall(r"\d+", name)
    return not name.startswith("IM-"), [name.split("-")[0], *map(int, parts)]


def _digest(files: Files) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return f"sha256:{digest.hexdigest()}"
