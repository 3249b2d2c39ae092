# SPDX-License-Identifier: Apache-2.0
"""The house holds: import directions, purity of the pure rooms, no shadow over the stdlib."""

import ast
import operator
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "genaiservice"
PURE = ("api", "rules", "control/core", "guard/core")

IMPURE_MODULES = frozenset(
    {"aiohttp", "asyncio", "kopf", "kubernetes", "os", "random", "secrets", "socket", "time"}
)
IMPURE_CALLS = frozenset({"now", "utcnow", "today"})


def pure_modules() -> list[Path]:
    return [path for room in PURE for path in sorted((PACKAGE / room).rglob("*.py"))]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", pure_modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_pure_room_has_no_clock_no_loop_and_no_environment(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert not IMPURE_MODULES & set(imported(tree))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await), path
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in IMPURE_CALLS, f"{path}:{node.lineno} reads the clock"


def test_every_room_imports_only_in_the_direction_of_the_architecture() -> None:
    lint = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_kopf_decorators_stand_in_the_wiring_alone() -> None:
    users = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "kopf" in set(imported(ast.parse(path.read_text("utf-8"))))
    }
    assert users <= {"control/wiring.py", "control/process.py"}


def test_nothing_shadows_the_standard_library() -> None:
    assert operator.itemgetter(0)("x") == "x"
    assert [path.name for path in (ROOT / "operator").iterdir() if path.suffix == ".py"] == []


def test_most_modules_are_rooms_of_a_readable_size() -> None:
    sizes = {path: len(path.read_text("utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    large = {str(path.relative_to(PACKAGE)): size for path, size in sizes.items() if size > 400}
    assert large == {}, "name the second thing that such a module holds"
