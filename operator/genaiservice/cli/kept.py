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

from genaiservice.api.jsontree import Json
from genaiservice.rules.pack import Catalogue, Files, catalogue_of, parse_yaml

_PACKAGE: Final = Path(__file__).parents[1]
_CRDS: Final = (_PACKAGE / "crds", _PACKAGE.parents[1] / "crds")
"""In an installation, and in a checkout."""


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
    folder = next((place for place in _CRDS if place.is_dir()), None)
    if folder is None:
        raise FileNotFoundError("the CRDs are missing from the installation")
    files = {path.name: path.read_bytes() for path in folder.glob("*.yaml")}
    return {tree["spec"]["names"]["kind"]: tree for tree in _trees(files).values()}


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
    if json.loads(data) == trees:  # a key that is no text would be another one next time
        with suppress(OSError):
            _keep(path, data)
    return trees


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
