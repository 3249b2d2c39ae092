# SPDX-License-Identifier: Apache-2.0
"""The examples stay admissible when years go by, if their ageing days are kept."""

from datetime import date
from pathlib import Path

import pytest

from genaiservice.rules.judge import judge
from genaiservice.rules.pack import load_catalogue
from hack.renewed import documents

EXAMPLES = Path(__file__).parents[3] / "examples"
COMPLETE = ("chat-managed", "adopt-vllm/completed", "adopt-kserve", "adopt-statefulset")


@pytest.mark.parametrize("example", COMPLETE)
@pytest.mark.parametrize("today", [date(2026, 11, 25), date(2027, 7, 1), date(2029, 2, 3)], ids=str)
def test_a_kept_example_is_allowed_on_any_day(example: str, today: date) -> None:
    services = [
        manifest
        for manifest in documents(EXAMPLES / example, today)
        if manifest["kind"] == "GenAIService"
    ]
    assert services
    for service in services:
        facts = {"service": {"name": service["metadata"]["name"], **service["spec"]}}
        verdict = judge(load_catalogue(), service["spec"]["compliance"], facts, today)
        assert verdict.allowed, verdict.blocking


def test_what_has_not_aged_stays_as_written() -> None:
    (service,) = (
        m
        for m in documents(EXAMPLES / "chat-managed", date(2026, 11, 25))
        if "compliance" in m["spec"]
    )
    assert service["spec"]["compliance"]["filings"][0]["lastCheckedOn"] == "2026-11-10"
