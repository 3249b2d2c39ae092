# SPDX-License-Identifier: Apache-2.0
"""The rule pack: reads and checks the catalogue once, and gives it a version and a digest.

A file that does not fit `_schema.yaml`, or names a check or a definition that does not exist, stops
the start: a rule that cannot be read must not silently judge nothing.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Formatter
from typing import Any, Final, TypeAlias

import jsonschema_rs
import yaml

from genaiservice.api.jsontree import Json, lookup
from genaiservice.rules.compile import CompiledRequirement, SchemaCompiler, compile_requirement
from genaiservice.rules.limits import NAMED, Limits, limits_of, values_of
from genaiservice.rules.paths import Filter
from genaiservice.rules.requirement import requirement_of
from genaiservice.rules.vocabulary import VOCABULARY
from genaiservice.rules.whole import all_of
from genaiservice.rules.wording import PLACEHOLDERS

Files: TypeAlias = Mapping[str, bytes]
_SHARED: Final = (
    "_pack.yaml",
    "_schema.yaml",
    "_definitions.yaml",
    "_complete.yaml",
    "_facts.yaml",
    "_limits.yaml",
)
_VERSION: Final = re.compile(r"20\d\d\.(?:[1-9]|1[0-2])\.\d{1,4}")


class CatalogueError(ValueError):
    """The rule pack itself is broken: our fault, never the user's."""


_SAFE = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
# YAML as JSON knows it: a day stays the text that the file shows.
_PLAIN: Any = type(
    "PlainLoader",
    (_SAFE,),
    {
        "yaml_implicit_resolvers": {
            key: [pair for pair in resolvers if pair[0] != "tag:yaml.org,2002:timestamp"]
            for key, resolvers in _SAFE.yaml_implicit_resolvers.items()
        }
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The requirements in the order of the articles, compiled; `complete` lacks nothing."""

    version: str
    digest: str
    requirements: tuple[CompiledRequirement, ...]
    complete: Json
    definitions: Json
    limits: Limits
    whole: Filter
    """Whether every requirement's `whole` holds where the requirement applies."""
    values: Mapping[str, float]
    """The number of each limit as the rule pack has it."""


@cache
def load_catalogue() -> Catalogue:
    """The catalogue that is shipped with this package."""
    folder = resources.files("genaiservice.rules") / "catalogue"
    files = {
        entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(".yaml")
    }
    return catalogue_of(files)


def catalogue_of(files: Files, *, parse: Callable[[str, bytes], Any] | None = None) -> Catalogue:
    """The catalogue in `files` (name -> content); raises CatalogueError with every fault.

    `parse` stands in for `parse_yaml` where the trees of these very files were kept.
    """
    parsed = parse or parse_yaml
    trees = {name: parsed(name, content) for name, content in files.items()}
    absent = [name for name in _SHARED if name not in trees]
    if absent:
        raise CatalogueError(f"the rule pack lacks {', '.join(absent)}")
    meta = jsonschema_rs.Draft202012Validator(trees["_schema.yaml"])
    names = sorted((name for name in trees if not name.startswith("_")), key=_order)
    faults = [fault for name in names for fault in _faults(name, trees[name], meta)]
    if faults:
        raise CatalogueError("\n".join(faults))
    version = _version(trees["_pack.yaml"])
    limits = _limits(trees["_limits.yaml"])
    compiler = SchemaCompiler(trees["_definitions.yaml"])
    requirements = tuple(_compiled(name, trees[name], compiler) for name in names)
    unknown = [
        f"{compiled.requirement.id}: no limit {name!r} in _limits.yaml"
        for compiled in requirements
        for name in sorted((compiled.limits | _told(compiled)) - set(limits))
    ]
    if unknown:
        raise CatalogueError("\n".join(unknown))
    return Catalogue(
        version=version,
        digest=_digest(files),
        requirements=requirements,
        complete=trees["_complete.yaml"],
        definitions=trees["_definitions.yaml"],
        limits=limits,
        values=values_of(limits, ()),
        whole=compiler(all_of(compiled.requirement for compiled in requirements)),
    )


def _told(compiled: CompiledRequirement) -> set[str]:
    """The limits whose numbers stand in what the steps expect."""
    texts = (step.expects for step in compiled.requirement.steps)
    return {name for text in texts for told in (text.en, text.zh) for name in NAMED.findall(told)}


def _version(tree: Any) -> str:
    version = lookup(tree, "version")
    if not isinstance(version, str) or _VERSION.fullmatch(version) is None:
        raise CatalogueError("_pack.yaml: version: year.month.number is expected, as text")
    return version


def _limits(tree: Json) -> Limits:
    try:
        return limits_of(tree)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CatalogueError(f"_limits.yaml: {error}") from error


def parse_yaml(name: str, content: bytes) -> Any:
    try:
        return yaml.load(content, Loader=_PLAIN)  # noqa: S506 - safe, without timestamps
    except yaml.YAMLError as error:
        raise CatalogueError(f"{name}: not YAML: {error}") from error


def _compiled(name: str, tree: Json, compiler: SchemaCompiler) -> CompiledRequirement:
    try:
        return compile_requirement(requirement_of(tree), compiler)
    except (ValueError, KeyError, TypeError, jsonschema_rs.ReferencingError) as error:
        raise CatalogueError(f"{name}: cannot be compiled: {error}") from error


def _faults(name: str, tree: Any, meta: jsonschema_rs.Draft202012Validator) -> Iterator[str]:
    broken = False
    for error in meta.iter_errors(tree):
        broken = True
        where = "/".join(str(part) for part in error.instance_path)
        yield f"{name}: {where or '(root)'}: {error.message}"
    if broken:
        return
    if f"{tree['id']}.yaml" != name:
        yield f"{name}: id: the file must carry the name of its requirement"
    yield from (f"{name}: remedy: {fault}" for fault in _unknown_words(tree["remedy"]))
    for index, step in enumerate(tree.get("verify", ())):
        for fault in _step_faults(step, facts=True):
            yield f"{name}: verify/{index}: {fault}"
    judged = False
    for index, step in enumerate(tree["requires"]):
        judged = judged or "suspends" not in step
        if judged and "suspends" in step:
            yield f"{name}: requires/{index}: a step that suspends must stand before the others"
        for fault in _step_faults(step, facts=False):
            yield f"{name}: requires/{index}: {fault}"


def _step_faults(step: Json, *, facts: bool) -> Iterator[str]:
    for check, arguments in step.get("check", {}).items():
        word = VOCABULARY.get(check)
        if word is None:
            yield f"no check {check!r}; known: {', '.join(sorted(VOCABULARY))}"
        elif not set(word.arguments) - word.may_lack <= set(arguments) <= set(word.arguments):
            yield f"{check} takes {sorted(word.arguments)}, not {sorted(arguments)}"
        elif word.facts != facts:
            yield f"{check} belongs under {'verify' if word.facts else 'requires'}"
    for text in ("message", "remedy"):
        yield from (f"{text}: {fault}" for fault in _unknown_words(step.get(text, {})))


def _unknown_words(text: Mapping[str, str]) -> Iterator[str]:
    """Placeholders that no message fills: they would fail when a person needs the message."""
    for template in text.values():
        try:
            names = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
        except ValueError as error:
            yield f"{error} in {template!r}"
        else:
            for unknown in sorted(names - PLACEHOLDERS):
                yield f"{{{unknown}}} is none of {sorted(PLACEHOLDERS)}"


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
