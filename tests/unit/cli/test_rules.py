# SPDX-License-Identifier: Apache-2.0
"""`rules diff`: where rule packs may lie, what is told of them, and of which services."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tour import CATALOGUE, stricter
from tests.unit.cli.run import DAY, Ran, complete, genaictl

CHAT = "examples/chat-managed"
REFUSED = "examples/minimal-refused"


@pytest.fixture(autouse=True)
def kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packs of a test do not push the release's own out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def pack(folder: Path, *, without: tuple[str, ...] = (), version: str = "2026.11.0") -> Path:
    """The rule pack of this release with another version and without some files."""
    shutil.copytree(CATALOGUE, folder)
    for name in without:
        (folder / name).unlink()
    (folder / "_pack.yaml").write_text(f'version: "{version}"\n')
    return folder


def diff(*arguments: str | Path, lang: str = "en", stdin: str = "") -> Ran:
    return genaictl("rules", "diff", *map(str, arguments), "--as-of", DAY, lang=lang, stdin=stdin)


def told(*arguments: str | Path) -> Any:
    return json.loads(diff(*arguments, "-o", "json").out)


def test_the_pack_of_this_release_changes_nothing() -> None:
    ran = diff(CATALOGUE, "-f", "examples")
    assert ran.code == 0
    assert "both rule packs ask the same" in ran.out
    assert "0 of 7 services" in ran.out


def test_a_service_that_loses_its_gate_is_named_and_ends_in_one(tmp_path: Path) -> None:
    new = stricter(tmp_path / "new")
    tree = told(CATALOGUE, new, "-f", CHAT, "-f", REFUSED)
    assert (tree["judged"], tree["refused"]) == (2, 1)
    assert tree["old"]["version"] != tree["new"]["version"]
    first, *_ = tree["services"]
    assert (first["name"], first["allowed"]) == ("chat", {"before": True, "after": False})
    (finding,) = first["findings"]
    assert (finding["id"], finding["before"]["result"]) == ("IM-04-3", "Pass")
    assert finding["after"]["result"] == "Fail"
    assert [row["kind"] for row in tree["rules"]] == ["number"]
    ran = diff(CATALOGUE, new, "-f", CHAT)
    assert ran.code == 1
    assert "chat: rollout allowed → rollout refused" in ran.out
    assert diff(new, CATALOGUE, "-f", CHAT).code == 0, "a gate that opens refuses nobody"


def test_another_finding_alone_closes_nothing(tmp_path: Path) -> None:
    old = pack(tmp_path / "old", without=("IM-14-3.yaml",))
    ran = diff(old, "-f", REFUSED)
    assert ran.code == 0
    assert "IM-14-3" in ran.out
    assert "rollout refused, as before" in ran.out
    chinese = diff(old, "-f", REFUSED, lang="zh").out
    assert "无需处理 → 阻断" in chinese
    gone = diff(CATALOGUE, old, "-f", REFUSED)
    assert "blocks → nothing to mend" in gone.out


@pytest.mark.parametrize("inside", ["", "genaiservice/rules/catalogue/"])
def test_a_wheel_or_a_folder_that_holds_one_is_a_pack(inside: str, tmp_path: Path) -> None:
    old = pack(tmp_path / inside / "old" if not inside else tmp_path / inside)
    wheel = tmp_path / "genaiservice.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for one in old.iterdir():
            file.write(one, f"{inside}{one.name}")
    for place in (wheel, tmp_path if inside else old):
        assert told(place, "-f", CHAT)["old"]["version"] == "2026.11.0"


def test_services_come_from_standard_input_too(tmp_path: Path) -> None:
    ran = diff(pack(tmp_path / "old"), "-f", "-", stdin=complete())
    assert ran.code == 0
    assert "0 of 1 services" in ran.out


BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)
)
BROKEN = [
    pytest.param({"IM-15-1.yaml": BOMB}, "IM-15-1.yaml", id="bomb of aliases"),
    pytest.param({"IM-15-1.yaml": "a: &a [*a]\n"}, "IM-15-1.yaml", id="endless"),
    pytest.param({"_pack.yaml": "version: 7\n"}, "_pack.yaml", id="no version"),
    pytest.param({"_pack.yaml": "- 1\n"}, "_pack.yaml", id="version is a list"),
    pytest.param({"_schema.yaml": "type: 3\n"}, "cannot read", id="no schema"),
    pytest.param({"_definitions.yaml": "7\n"}, "cannot read", id="no definitions"),
    pytest.param({"_limits.yaml": "a: b\n"}, "_limits.yaml", id="no limits"),
    pytest.param({"IM-15-1.yaml": "[\n"}, "IM-15-1.yaml", id="no YAML"),
    pytest.param({"IM-15-1.yaml": "id: IM-15-1\n"}, "IM-15-1.yaml", id="no requirement"),
    pytest.param({"IM-15-1.yaml": "#" * 1024 * 1024 + "#"}, "larger", id="large"),
]


@pytest.mark.parametrize(("files", "words"), BROKEN)
def test_a_pack_that_is_none_is_bad_input(files: Any, words: str, tmp_path: Path) -> None:
    others = [one.name for one in CATALOGUE.glob("[IA]*.yaml") if one.name != "IM-15-1.yaml"]
    old = pack(tmp_path / "old", without=tuple(others))
    for name, content in files.items():
        (old / name).write_text(content)
    ran = diff(old, "-f", CHAT)
    assert ran.code == 2
    assert words in ran.err
    assert "Give the folder of a rule pack" in ran.err


@pytest.mark.parametrize("place", ["nowhere", "docs", "README.md"])
def test_a_place_without_a_pack_is_bad_input(place: str) -> None:
    ran = diff(place, "-f", CHAT)
    assert ran.code == 2
    assert place in ran.err


def test_no_service_is_bad_input() -> None:
    assert diff(CATALOGUE, "-f", "docs").code == 2


def test_a_broken_file_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("kind: GenAIService\na: [\n")
    (tmp_path / "whole.yaml").write_text(complete())
    ran = diff(CATALOGUE, "-f", tmp_path)
    assert ran.code == 2
    assert "of 1 services" in ran.out


def test_a_cluster_that_is_not_there_says_so(tmp_path: Path) -> None:
    assert diff(CATALOGUE, "--kubeconfig", tmp_path / "none").code == 3


def test_the_version_of_a_pack_is_in_its_changelog() -> None:
    version = yaml.safe_load((CATALOGUE / "_pack.yaml").read_text())["version"]
    changelog = (CATALOGUE.parent / "CHANGELOG.md").read_text("utf-8")
    headings = [line for line in changelog.splitlines() if line == f"## {version}"]
    assert len(headings) == 2, "once in each language"
