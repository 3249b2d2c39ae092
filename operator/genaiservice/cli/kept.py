# SPDX-License-Identifier: Apache-2.0
"""Catalogue and CRDs, parsed once for each release and kept as JSON in the user's cache folder.

Parsing 100 YAML files is most of the time of a short command. The key is the digest of what was
parsed; a cache that cannot be read or written is no fault: then the files are parsed again.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from genaiservice.api import names
from genaiservice.api.jsontree import Json
from genaiservice.rules.pack import Catalogue, Files, catalogue_of, parse_yaml

_PACKAGE: Final = Path(__file__).parents[1]
_CRDS: Final = (_PACKAGE / "crds", _PACKAGE.parents[1] / "crds")
"""In an installation, and in a checkout."""
_WORDS: Final = Path(__file__).with_name("fields.zh.yaml")
_DOCUMENT: Final = {"title", "uri", "sha256"}
"""What a document has, wherever one is declared."""


@cache
def catalogue() -> Catalogue:
    """What `rules.pack.load_catalogue` gives, from the cache where there is one."""
    folder = resources.files("genaiservice.rules") / "catalogue"
    return catalogue_in(
        {
            entry.name: entry.read_bytes()
            for entry in folder.iterdir()
            if entry.name.endswith(".yaml")
        }
    )


def catalogue_in(files: Files) -> Catalogue:
    """The catalogue in these files; raises CatalogueError."""
    trees = _trees(files)
    return catalogue_of(files, parse=lambda name, _: trees[name])


@cache
def crds() -> Mapping[str, Json]:
    """The CRDs that this release ships, by kind."""
    trees = _trees(_shipped())
    return {tree["spec"]["names"]["kind"]: tree for tree in trees.values()}


@cache
def schemas() -> Mapping[str, Json]:
    """Their schemas, by kind; `x-zh` says what a field of a service means in Chinese."""
    trees = _trees(_shipped() | {_WORDS.name: _WORDS.read_bytes()})
    words = trees.pop(_WORDS.name)
    found = {
        tree["spec"]["names"]["kind"]: tree["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for tree in trees.values()
    }
    spec = found[names.KIND_SERVICE]["properties"]["spec"]
    _word(spec, "", {"fields": words["service"], "document": {}})
    _word(spec["properties"]["compliance"], "", words)
    return found


def _shipped() -> dict[str, bytes]:
    folder = next((place for place in _CRDS if place.is_dir()), None)
    if folder is None:
        raise FileNotFoundError("the CRDs are missing from the installation")
    return {path.name: path.read_bytes() for path in folder.glob("*.yaml")}


def _word(node: Any, path: str, words: Json) -> None:
    for name, child in node.get("properties", {}).items():
        below = f"{path}.{name}".removeprefix(".") + ("[]" if "items" in child else "")
        if meaning := words["fields"].get(below):
            child["x-zh"] = meaning
        inner = child.get("items", child)
        parts = inner.get("properties", {})
        if parts.keys() >= _DOCUMENT:
            for part in parts.keys() & words["document"].keys():
                parts[part]["x-zh"] = words["document"][part]
        else:
            _word(inner, below, words)


def _trees(files: Mapping[str, bytes]) -> dict[str, Any]:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    path = _folder() / f"{digest.hexdigest()}.json"
    with suppress(OSError, ValueError):
        trees = json.loads(path.read_bytes())
        if isinstance(trees, dict) and trees.keys() == files.keys():
            return trees
    trees = {name: parse_yaml(name, content) for name, content in files.items()}
    data = json.dumps(trees, ensure_ascii=False).encode()
    plain: dict[str, Any] = json.loads(data)  # aliases of YAML would be one object in many places
    if plain == trees:  # a key that is no text would be another one next time
        with suppress(OSError):
            _keep(path, data)
    return plain


def _folder() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")  # noqa: TID251 - where caches live
    base = Path(named) if named.startswith("/") else Path(os.path.expanduser("~/.cache"))  # noqa: PTH111 - never raises
    return base / "genaictl"


def _keep(path: Path, data: bytes) -> None:
    """Whole or not at all; older releases' files go, so that the folder stays small."""
    import tempfile  # dear, and needed once for each release

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    Path(file.name).replace(path)
    newest = sorted(path.parent.glob("*.json"), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in newest[_KEPT:]:
        old.unlink(missing_ok=True)


_KEPT: Final = 8
