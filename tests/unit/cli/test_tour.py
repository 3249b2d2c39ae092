# SPDX-License-Identifier: Apache-2.0
"""What the tours show of commands that need no cluster is what these commands print."""

from pathlib import Path

import pytest

from tests.tour import CATALOGUE, TOURS, replayed, same, stricter
from tests.unit.cli.run import ROOT, genaictl


@pytest.mark.parametrize("lang", list(TOURS))
def test_the_tour_shows_what_the_commands_print(
    lang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "mistakes.yaml").symlink_to(ROOT / "tests" / "golden" / "cli" / "faults.yaml")
    (tmp_path / "rules-now").symlink_to(CATALOGUE)
    stricter(tmp_path / "rules-next")
    monkeypatch.chdir(tmp_path)

    def run(arguments: list[str]) -> str:
        ran = genaictl(*arguments, lang=lang)
        return ran.out + ran.err

    page = TOURS[lang].read_text("utf-8")
    now = replayed(page, run, cluster=False)
    if request.config.getoption("--update-golden", default=False):
        TOURS[lang].write_text(now, "utf-8")
        page = now
    assert same(page, now)
