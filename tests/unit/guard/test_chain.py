# SPDX-License-Identifier: Apache-2.0
"""The decision log's chain: whole logs verify, and every way to tamper is found."""

from datetime import UTC, datetime

import pytest

from genaiservice.guard.chain import Chain, verify

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def lines(count: int = 4, process: str = "p") -> list[bytes]:
    chain = Chain(process)
    return [chain.link({"event": "decision", "rule": f"A1a:{at}"}, NOW) for at in range(count)]


def test_an_untouched_log_has_no_problem() -> None:
    assert verify(lines(), "log") == []


def test_the_chains_of_two_processes_may_be_interleaved() -> None:
    mixed = [line for pair in zip(lines(), lines(process="q"), strict=True) for line in pair]
    assert verify(mixed, "log") == []


def test_each_line_ends_with_a_line_feed_and_nothing_else_has_one() -> None:
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines())


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_removed_line_is_found(at: int) -> None:
    log = lines()
    del log[at]
    assert verify(log, "log")[0].where == f"log:{at + 1}"


def test_a_changed_value_is_found_at_its_line() -> None:
    log = lines()
    log[2] = log[2].replace(b"A1a:2", b"A1a:9")
    assert [problem.where for problem in verify(log, "log")] == ["log:3"]


def test_swapped_lines_are_found() -> None:
    log = lines()
    log[1], log[2] = log[2], log[1]
    assert {problem.where for problem in verify(log, "log")} >= {"log:2", "log:3"}


def test_a_line_of_another_kind_is_found() -> None:
    problems = verify([*lines(), b"hello\n", b"{}\n"], "log")
    assert [problem.where for problem in problems] == ["log:5", "log:6"]
