# SPDX-License-Identifier: Apache-2.0
"""`plan --offline`: what an apply to an empty namespace would lead to."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.run import ROOT, complete, genaictl


def planned(*files: str) -> tuple[int, list[dict[str, Any]]]:
    arguments = [part for file in files for part in ("-f", file)]
    ran = genaictl("plan", "--offline", *arguments, "-o", "json")
    return ran.code, json.loads(ran.out)


@pytest.fixture
def allowed(tmp_path: Path) -> str:
    """A folder with a service that lacks nothing, and its policy."""
    (tmp_path / "service.yaml").write_text(complete(), "utf-8")
    policy = (ROOT / "examples/chat-managed/policy.yaml").read_text("utf-8")
    (tmp_path / "policy.yaml").write_text(policy, "utf-8")
    return str(tmp_path)


def test_an_allowed_service_would_get_all_its_objects(allowed: str) -> None:
    code, (row,) = planned(allowed)
    made = {one["object"].split()[0] for one in row["acts"]}
    assert code == 0
    assert {one["act"] for one in row["acts"]} == {"create"}
    assert made == {
        "GuardProfile", "ConfigMap", "ControllerRevision", "NetworkPolicy", "Service",
        "Deployment", "PodDisruptionBudget",
    }  # fmt: skip


def test_a_refused_service_would_get_no_workload() -> None:
    code, (row,) = planned("examples/minimal-refused")
    assert code == 1
    assert {one["object"].split()[0] for one in row["acts"]} == {"GuardProfile", "ConfigMap"}
    assert row["statusAfter"]["findings"]


def test_a_policy_that_is_not_among_the_files_holds_the_service(allowed: str) -> None:
    code, (row,) = planned(f"{allowed}/service.yaml")
    (condition,) = [
        one for one in row["statusAfter"]["conditions"] if one["type"] == "ModerationPolicyReady"
    ]
    assert code == 1
    assert condition["reason"] == "PolicyNotFound"


def test_what_could_not_be_applied_is_bad_input_with_its_place(tmp_path: Path) -> None:
    text = (ROOT / "examples/chat-managed/genaiservice.yaml").read_text("utf-8")
    file = tmp_path / "s.yaml"
    file.write_text(text.replace("guard:", "gard:"), "utf-8")
    ran = genaictl("plan", "--offline", "-f", str(file))
    assert ran.code == 2
    assert "Did you mean guard?" in ran.err
    assert f"{file}:" in ran.err


@pytest.mark.parametrize("file", ["docs", "no-such-file.yaml"])
def test_nothing_to_apply_is_bad_input(file: str) -> None:
    assert genaictl("plan", "--offline", "-f", file).code == 2


def test_both_languages_show_the_same_acts(allowed: str) -> None:
    outs = [
        genaictl("plan", "--offline", "-f", allowed, "--lang", lang).out for lang in ("en", "zh")
    ]
    assert all(out.count("  + ") == 7 for out in outs)
