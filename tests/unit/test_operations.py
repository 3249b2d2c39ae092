# SPDX-License-Identifier: Apache-2.0
"""The alert rules of docs/*/operations.md name metrics, labels and ports that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from genaiservice.api import names

ROOT = Path(__file__).parents[2]
YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
NAME = re.compile(r"genai_(?:operator|guard)_\w+")
PACKAGE = ROOT / "operator" / "genaiservice"


def blocks(lang: str) -> tuple[Any, Any]:
    page = (ROOT / "docs" / lang / "operations.md").read_text("utf-8")
    *_, monitor, rules = map(yaml.safe_load, YAML.findall(page))
    return monitor, rules


def registered() -> set[str]:
    """Every name in the sources; the client library adds the suffixes of a sort of metric."""
    named = set()
    for source in PACKAGE.rglob("*.py"):
        named |= set(re.findall(r'"(genai_(?:operator|guard)_\w+)"', source.read_text("utf-8")))
    return named


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_alert_asks_for_metrics_that_exist(lang: str) -> None:
    _, rules = blocks(lang)
    asked = {
        name.removesuffix("_count")
        for group in rules["groups"]
        for rule in group["rules"]
        for name in NAME.findall(rule["expr"])
    }
    assert len(asked) >= 8
    assert asked <= registered()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_results_that_count_as_failed_are_results_of_a_pass(lang: str) -> None:
    page = (ROOT / "docs" / lang / "operations.md").read_text("utf-8")
    told = re.search(r'result=~"([^"]+)"', page)
    source = (PACKAGE / "control" / "engine" / "reconciler.py").read_text("utf-8")
    assert told is not None
    assert set(told[1].split("|")) <= set(re.findall(r'result(?:, writes)? = "(\w+)"', source))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_monitor_selects_the_port_and_the_label_of_guarded_pods(lang: str) -> None:
    monitor, _ = blocks(lang)
    spec = monitor["spec"]
    assert [one["port"] for one in spec["podMetricsEndpoints"]] == [names.GUARD_ADMIN_PORT_NAME]
    keys = [one["key"] for one in spec["selector"]["matchExpressions"]]
    assert keys == [names.LABEL_SERVICE]


def test_both_languages_give_the_same_rules() -> None:
    assert blocks("en") == blocks("zh")
