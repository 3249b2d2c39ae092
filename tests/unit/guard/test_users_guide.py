# SPDX-License-Identifier: Apache-2.0
"""The guide of users says what the guard does: its example parses, its codes are all there."""

import json
import re
from pathlib import Path

import pytest
import yaml

from genaiservice.api import guard_config
from genaiservice.control.core import guard_users
from genaiservice.guard.core.denials import DENIALS

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_guide_of_users_holds(lang: str) -> None:
    text = (DOCS / lang / "guide" / "users.md").read_text("utf-8")
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    tree = {"upstream": {"url": "http://127.0.0.1:1"}, "policyFile": "p", **json.loads(example[1])}
    assert guard_config.parse(tree).users is not None
    for code, (status, _) in DENIALS.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| {status} |"))
        assert f"`{code}`" in line


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_example_of_a_service_becomes_what_the_guard_takes(lang: str) -> None:
    text = (DOCS / lang / "guide" / "users.md").read_text("utf-8")
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert example is not None
    spec = yaml.safe_load(example[1])["spec"]
    users = guard_config.parse(
        {
            "upstream": {"url": "http://127.0.0.1:1"},
            "policyFile": "p",
            "users": guard_users.users_tree(spec),
        }
    ).users
    assert users is not None
    assert guard_users.band_policies(spec) == ("teens",)
    assert [one.content_policy for one in users.minors.bands] == ["teens", "teens"]
