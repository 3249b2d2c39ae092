# SPDX-License-Identifier: Apache-2.0
"""`init`: from nothing to an allowed service by following what the tool says."""

import copy
import json
import re
from collections.abc import Iterator
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
TABLE = re.compile(r"(\.per(?:Risk|Aspect))\..*")
ROUNDS = 6
"""Of check and correction that somebody needs at most."""


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
    first = asked(file)
    # What only counts say is told once the rest of the requirement is there.
    assert {remark["code"] for remark in first} <= {"placeholder", "IM-04-2", "IM-04-3"}
    for _ in range(ROUNDS):
        for remark in asked(file):
            field = TABLE.sub(r"\1", remark["field"])  # one count short: the table is counted
            value = OURS[field] if field in OURS else at(answers, field)
            put(body, steps_of(field), value)
        file.write_text(yaml.safe_dump(body, allow_unicode=True), "utf-8")
    assert asked(file) == []
    assert genaictl("check", str(file), "--as-of", DAY).code == 0


CHOSEN = {
    *("apiOffered", "publicOpinionOrMobilization", "anthropomorphic", "biometricEditing"),
    *("propagation", "fileExport", "overseasOrigin", "required", "used", "disclosed", "enabled"),
    *("streamHoldbackTokens", "consecutiveHits", "dailyHits", "registrationRequired"),
    *("dailyMinutes", "breakReminderMinutes", "guardianOverride", "exitNeedsGuardian"),
    *("sensitive", "retentionDays", "rawPromptRetentionDays", "identifiableLogRetentionDays"),
    *("overseas", "responseWorkingDays", "minHeightPercentOfShortSide", "minReplicas"),
    *("availabilityTargetPercent", "rtoMinutes", "rpoMinutes", "importantUpdate"),
    *("trainInferIsolation", "stopWithinMs", "reportWithinHours", "ciiOperator"),
    *("tamperEvident", "feedbackWorkingDays", "ackHours", "regulatorChannelShown"),
    *("emergencyContactCollected", "reminderMinutes", "interactionExport", "interactionDelete"),
    *("sensitiveTraining", "replicas", "port"),
}
"""Settings and choices of a design, which `init` may offer with a common value."""


@pytest.mark.parametrize("profile", PROFILES)
def test_no_figure_of_an_example_is_left_to_be_declared(profile: str) -> None:
    tree = yaml.safe_load(manifest(profile, "chat", Lang.EN))
    figures = {name for name, value in leaves(tree) if isinstance(value, int | float) and value}
    assert figures <= CHOSEN, "a measured figure or a decision must be asked for (REPORTED)"
    texts_left = {name for name, value in leaves(tree) if value in ("Approved", "Pass")}
    assert texts_left == set()


def leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, child in tree.items():
            yield from leaves(child, key)
    elif isinstance(tree, list):
        for child in tree:
            yield from leaves(child, name)
    else:
        yield name, tree


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
