# SPDX-License-Identifier: Apache-2.0
"""`init`: from nothing to an allowed service by following what the tool says."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from genaiservice.api.jsontree import Json
from genaiservice.api.problem import Lang
from genaiservice.cli.commands.init import PROFILES
from genaiservice.cli.starting import declaration, manifest, profiles
from genaiservice.rules.cases import put, steps_of
from tests.unit.cli.run import DAY, genaictl

OURS = {
    "spec.displayName": "问答助手",
    "spec.workload.managed.template.spec.containers[0].image": "registry.example.cn/m@sha256:00",
}
"""What the invented organisation would answer beside its declarations."""


def at(tree: Any, path: str) -> Any:
    for step in steps_of(path):
        tree = tree[step]
    return tree


def asked(file: Path) -> list[Json]:
    ran = genaictl("check", str(file), "--as-of", DAY, "-o", "json")
    (row,) = json.loads(ran.out)["services"]
    remarks: list[Json] = row["remarks"]
    return remarks


@pytest.mark.parametrize("lang", list(Lang))
@pytest.mark.parametrize("profile", PROFILES)
def test_from_init_to_allowed_by_doing_only_what_check_asks_for(
    profile: str, lang: Lang, tmp_path: Path
) -> None:
    file = tmp_path / "service.yaml"
    begun = genaictl("init", "--profile", profile, "--name", "chat", "-f", str(file), lang=lang)
    assert begun.code == 0
    assert genaictl("check", str(file), "--as-of", DAY).code == 1
    answers = {"spec": {"compliance": declaration(profile)}}
    body = copy.deepcopy(yaml.safe_load(file.read_text("utf-8")))
    for remark in asked(file):
        assert remark["code"] == "placeholder", remark
        field = remark["field"]
        put(body, steps_of(field), OURS.get(field) or at(answers, field))
    file.write_text(yaml.safe_dump(body, allow_unicode=True), "utf-8")
    assert asked(file) == []
    assert genaictl("check", str(file), "--as-of", DAY).code == 0


@pytest.mark.parametrize("profile", PROFILES)
def test_every_placeholder_says_what_to_write_in_its_language(profile: str) -> None:
    for lang in Lang:
        tree = yaml.safe_load(manifest(profile, "chat", lang))
        hints = [text for text in texts(tree) if text.startswith("<")]
        assert len(hints) > 10
        assert all(len(hint) >= 4 and hint.endswith(">") for hint in hints)


def test_nothing_of_the_invented_organisation_is_left_in_a_manifest() -> None:
    for profile in PROFILES:
        text = manifest(profile, "chat", Lang.ZH)
        for invented in ("示例", "91110108", "example.com", "sha256:", "2026-0"):
            values = [one for one in texts(yaml.safe_load(text)) if not one.startswith("<")]
            assert not [one for one in values if invented in one]


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for child in value.values() for text in texts(child)]
    if isinstance(value, list):
        return [text for child in value for text in texts(child)]
    return [value] if isinstance(value, str) else []


def test_the_profiles_offered_are_those_that_exist() -> None:
    assert set(profiles()) == set(PROFILES)
    assert "choose" not in manifest("image", "pics", Lang.EN)


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("precious", "utf-8")
    ran = genaictl("init", "--profile", "image", "--name", "pics", "-f", str(file))
    assert ran.code == 2
    assert file.read_text("utf-8") == "precious"


@pytest.mark.parametrize("name", ["Chat", "1chat", "a" * 51, "chat_1", "聊天", "chat-"])
def test_a_name_that_the_cluster_would_refuse_is_refused_here(name: str) -> None:
    assert genaictl("init", "--profile", "image", "--name", name).code == 2


@pytest.mark.parametrize("given", [[], ["--name", "chat"], ["--profile", "image"]])
def test_without_a_terminal_nobody_is_asked(given: list[str]) -> None:
    ran = genaictl("init", *given)
    assert ran.code == 2
    assert "nobody can be asked" in ran.err
