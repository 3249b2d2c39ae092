# SPDX-License-Identifier: Apache-2.0
"""Copies of the decision log at a real OpenTelemetry Collector: each line as it stands on disk."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genaiservice.api import decision_chain
from hack.collector import Collector
from tests.guard_process import CANARY, TERM, Guard, Raw, chat
from tests.upstream import Upstream, streaming
from tests.wait import eventually

pytestmark = pytest.mark.integration

SERVICE = {"namespace": "shop", "name": "copied"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(streaming("今天", CANARY, TERM)) as server:
        yield server


def guarded(folder: Path, upstream: Upstream, endpoint: str) -> Guard:
    return Guard(
        folder,
        upstream.url,
        telemetry={"otlpEndpoint": endpoint, "sampleRatio": 0},
        record={"otlp": True},
        service=SERVICE,
    )


def ask(guard: Guard, text: str) -> None:
    with Raw(guard) as raw:
        raw.post("/v1/chat/completions", chat(text), "Connection: close")
        raw.to_end()


def received(file: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Resource attributes and record of each log that came from this test's service."""
    found = []
    for line in file.read_text().splitlines() if file.exists() else []:
        for resource in json.loads(line).get("resourceLogs", []):
            where = attributes(resource["resource"])
            for scope in resource["scopeLogs"]:
                found += [(where, record) for record in scope["logRecords"]]
    return [(where, record) for where, record in found if where["service.name"] == "copied"]


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in holder["attributes"]}


def test_every_line_arrives_as_it_stands_and_the_chain_holds_over_a_restart(
    upstream: Upstream, collector: Collector, tmp_path: Path
) -> None:
    for prompt in (f"{CANARY} {TERM}", CANARY):
        with guarded(tmp_path, upstream, collector.endpoint) as guard:
            ask(guard, prompt)
            eventually(lambda: len(guard.decisions()) >= 1)
        assert guard.process.returncode == 0
    log = tmp_path / "decisions.log"
    lines = log.read_text().splitlines()

    def arrived() -> bool:
        assert [record["body"]["stringValue"] for _, record in received(collector.file)] == lines
        return True

    eventually(arrived)
    records = [record for _, record in received(collector.file)]
    copies = [record["body"]["stringValue"].encode() for record in records]
    assert decision_chain.verify(copies, "received") == []
    blocks = [record for record in records if record["eventName"] == "genaiservice.decision"]
    assert {attributes(record)["genaiservice.action"] for record in blocks} == {"Block"}
    assert {attributes(record)["genaiservice.direction"] for record in blocks} == {
        "input",
        "output",
    }
    assert {where["service.namespace"] for where, _ in received(collector.file)} == {"shop"}
    for word in (CANARY, TERM):
        assert word not in collector.file.read_text()


def test_a_receiver_that_is_down_costs_copies_and_neither_a_request_nor_a_line(
    upstream: Upstream, tmp_path: Path
) -> None:
    with guarded(tmp_path, upstream, "http://127.0.0.1:9") as guard:
        for _ in range(3):
            ask(guard, TERM)
        eventually(lambda: len(guard.decisions()) == 3)
        assert guard.readiness()["ready"]
        guard.terminate()
        assert guard.process.wait(15) == 0
    lines = (tmp_path / "decisions.log").read_bytes().splitlines()
    assert decision_chain.verify(lines, "log") == []
    assert "Traceback" not in guard.log()
