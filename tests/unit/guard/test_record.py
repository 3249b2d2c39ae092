# SPDX-License-Identifier: Apache-2.0
"""Recording: lines reach the file in order; a disk that fails is told and caught up with."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genaiservice.api.decision_chain import verify
from genaiservice.api.problem import Lang
from genaiservice.guard.core.effects import Action, Decision, Direction
from genaiservice.guard.record import DecisionLog
from tests.wait import eventually

DECISION = Decision(
    direction=Direction.OUTPUT,
    action=Action.BLOCK,
    policy="sha256:0",
    reason="term",
    risk="A1a",
    rule="A1a:0",
    start=3,
    end=7,
)


def decision_log(path: Path, lines: int = 100) -> DecisionLog:
    return DecisionLog(
        path,
        process="p",
        service="shop/chat",
        now=lambda: datetime(2026, 11, 25, tzinfo=UTC),
        lines=lines,
    )


def test_decisions_are_written_in_order_and_chained(tmp_path: Path) -> None:
    log = decision_log(tmp_path / "log")
    log.start()
    for number in range(50):
        log.write(DECISION, trace=f"t{number}", request="r")
    assert log.close(5)
    lines = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    assert verify(lines, "log") == []
    read = [json.loads(line) for line in lines]
    assert read[0]["event"] == "start"
    assert [line["trace"] for line in read[1:]] == [f"t{number}" for number in range(50)]
    assert read[1]["rule"] == "A1a:0"


def test_a_clock_that_jumps_breaks_no_chain(tmp_path: Path) -> None:
    days = iter((25, 1, 30, 2))
    log = DecisionLog(
        tmp_path / "log",
        process="p",
        service="shop/chat",
        now=lambda: datetime(2026, 11, next(days), tzinfo=UTC),
    )
    log.start()
    for _ in range(3):
        log.write(DECISION, trace="t", request="r")
    assert log.close(5)
    lines = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    assert verify(lines, "log") == []
    assert [json.loads(line)["sequence"] for line in lines] == [0, 1, 2, 3]


def test_a_log_that_cannot_be_opened_fails_and_recovers_without_a_lost_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "later"
    log = decision_log(folder / "log")
    log.start()
    eventually(lambda: log.failure is not None)
    assert log.failure is not None
    said = log.failure.render(Lang.EN)
    assert "cannot be written" in said
    log.write(DECISION, trace="t", request="r")
    folder.mkdir()
    eventually(lambda: log.failure is None)
    assert log.close(5)
    lines = (folder / "log").read_bytes().splitlines(keepends=True)
    assert verify(lines, "log") == []
    assert len(lines) == 2
    first, last = caplog.records
    assert (first.levelname, vars(first)["problem"]) == ("ERROR", said)
    assert last.getMessage() == "decisions are recorded again"


def test_a_full_queue_fails_instead_of_blocking(tmp_path: Path) -> None:
    log = decision_log(tmp_path / "no" / "log", lines=3)
    log.start()
    for _ in range(20):
        log.write(DECISION, trace="t", request="r")
    assert log.dropped > 0
    assert log.failure is not None
    assert not log.close(2)
