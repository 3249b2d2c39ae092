# SPDX-License-Identifier: Apache-2.0
"""A rule pack from where somebody keeps one: a folder of its files, a checkout, or a wheel.

Bounded, and read as foreign data: what cannot be a rule pack is named, and nothing of it is run.
"""

import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final

from genaiservice.api.problem import EMPTY, Problem, ProblemError, Text
from genaiservice.cli.kept import catalogue_in
from genaiservice.cli.yamltree import TreeError, build, compose
from genaiservice.rules.pack import Catalogue, CatalogueError

MARK: Final = "_schema.yaml"
"""A rule pack has this file."""
INSIDE: Final = ("", "genaiservice/rules/catalogue", "operator/genaiservice/rules/catalogue")
"""Where the pack lies in what was named: itself, an installation or wheel, a checkout."""
MOST_FILES: Final = 2_000
MOST_BYTES: Final = 1024 * 1024
"""Of one file."""
FAULTS: Final = 5

NO_PACK: Final = Text(en="no rule pack was found in it", zh="其中没有规则包")
TOO_LARGE: Final = Text(
    en="it is larger than any rule pack: {most} files of 1 MiB are read",
    zh="超出规则包的规模：最多读取 {most} 个文件，每个 1 MiB",
)
BROKEN: Final = Text(
    en="this release cannot read the rule pack: {said}", zh="本版本无法读取该规则包：{said}"
)
UNREADABLE: Final = Text(en="cannot be read: {said}", zh="无法读取：{said}")
GIVE: Final = Text(
    en="give the folder of a rule pack (rules/catalogue), a checkout, or the wheel of a release",
    zh="请给出规则包目录（rules/catalogue）、源码目录或发行版的 wheel 文件",
)


def pack(place: str) -> Catalogue:
    """The rule pack at `place`; raises ProblemError."""
    path = Path(place)
    try:
        files = dict(_in_folder(path) if path.is_dir() else _in_wheel(path))
    except zipfile.BadZipFile as error:
        raise ProblemError(_problem(place, NO_PACK)) from error
    except (OSError, ValueError, RuntimeError, zlib.error) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        raise ProblemError(_problem(place, UNREADABLE.format(said=said))) from error
    if not files:
        raise ProblemError(_problem(place, NO_PACK))
    if len(files) > MOST_FILES or any(len(content) > MOST_BYTES for content in files.values()):
        raise ProblemError(_problem(place, TOO_LARGE.format(most=MOST_FILES)))
    try:
        for name, content in files.items():
            _bounded(name, content)
        return catalogue_in(files)
    except CatalogueError as error:
        said = "; ".join(str(error).splitlines()[:FAULTS])
        raise ProblemError(_problem(place, BROKEN.format(said=said))) from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        # A pack of another release, or of somebody else: its files may have any shape.
        said = type(error).__name__
        raise ProblemError(_problem(place, BROKEN.format(said=said))) from error


def _in_folder(path: Path) -> Iterator[tuple[str, bytes]]:
    folder = next((path / one for one in INSIDE if (path / one / MARK).is_file()), None)
    if folder is None:
        return
    for file in islice(sorted(folder.glob("*.yaml")), MOST_FILES + 1):
        with file.open("rb") as opened:
            yield file.name, opened.read(MOST_BYTES + 1)


def _in_wheel(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as wheel:
        held = [PurePosixPath(name) for name in wheel.namelist()]
        folder = next((name.parent for name in held if name.name == MARK), None)
        rules = (name for name in held if name.parent == folder and name.suffix == ".yaml")
        for name in islice(rules, MOST_FILES + 1):
            with wheel.open(str(name)) as opened:
                yield name.name, opened.read(MOST_BYTES + 1)


def _bounded(name: str, content: bytes) -> None:
    """Raises CatalogueError for what would grow beyond all bounds once its aliases are written
    out; the rest is for the catalogue to judge."""
    try:
        for root in compose(content.decode("utf-8")):
            build(root)
    except TreeError as error:
        raise CatalogueError(f"{name}:{error.line}:{error.column}: {error.text.en}") from error


def _problem(place: str, what: Text) -> Problem:
    return Problem(where=place, what=what, why=EMPTY, next=GIVE)
