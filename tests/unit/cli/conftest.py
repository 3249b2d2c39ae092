# SPDX-License-Identifier: Apache-2.0
"""`--update-golden` writes the golden files of the CLI anew; look at the diff before keeping."""

from collections.abc import Callable
from contextlib import suppress
from importlib import resources
from pathlib import Path

import pytest

from genaiservice.cli import services, starting, subjects
from genaiservice.rules.pack import catalogue_of
from tests.unit.cli.run import GOLDEN, ROOT


def pytest_addoption(parser: pytest.Parser) -> None:
    with suppress(ValueError):  # another folder of golden files may have it already
        parser.addoption("--update-golden", action="store_true", help="write golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Holds a text against tests/golden/cli/NAME."""
    update = request.config.getoption("--update-golden", default=False)

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        assert text == path.read_text("utf-8"), f"{path.relative_to(ROOT)} differs"

    return check


SMALL = ("IM-09-4.yaml", "IM-13-1.yaml", "IM-15-1.yaml")


@pytest.fixture
def small_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three requirements only: golden files show the form, and hold when rules are added."""
    folder = resources.files("genaiservice.rules") / "catalogue"
    files = {
        entry.name: entry.read_bytes()
        for entry in folder.iterdir()
        if entry.name in SMALL or entry.name.startswith("_")
    }
    pack = catalogue_of(files)
    for module in (services, subjects, starting):
        monkeypatch.setattr(module, "catalogue", lambda: pack)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    cache: Path = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
