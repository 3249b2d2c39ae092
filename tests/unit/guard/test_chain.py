# SPDX-License-Identifier: Apache-2.0
"""The decision log's chain: whole logs verify, and every way to tamper is found."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genaiservice.api.decision_chain import Verifier, last_hash, line_hash, verify
from genaiservice.guard.chain import Chain

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
    (problem,) = verify(log, "log")
    assert problem.where == "log:3"
    assert "sequence 1" in problem.what.en
    assert "belongs before log:2" in problem.what.en


def test_it_is_said_which_lines_were_removed() -> None:
    log = lines(9)
    del log[3:6]
    (problem,) = verify(log, "log")
    assert problem.where == "log:4"
    assert "sequence 3-5" in problem.what.en
    assert "between log:3 and here" in problem.what.en


def test_a_repeated_line_is_found() -> None:
    log = lines()
    log.insert(3, log[1])
    assert [problem.where for problem in verify(log, "log")] == ["log:4"]


def test_a_line_that_was_changed_with_its_own_hash_breaks_the_next() -> None:
    log = lines()
    line = orjson.loads(log[1])
    del line["hash"]
    line["rule"] = "A1a:9"
    line["hash"] = line_hash(line)
    log[1] = orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    assert [problem.where for problem in verify(log, "log")] == ["log:3"]


def test_an_end_that_was_removed_is_found_by_the_next_start_and_by_a_known_head() -> None:
    first, known = lines(), last_hash(lines())
    follows = Chain("q").link({"event": "start", "follows": known}, NOW)
    assert verify([*first, follows], "log") == []
    assert [problem.where for problem in verify([*first[:-1], follows], "log")] == ["log:4"]
    verifier = Verifier(wanted=known)
    assert not [it for data in first[:-1] for it in verifier.line(data, "log")]
    assert len([*verifier.end()]) == 1


@settings(max_examples=300)
@given(st.data())
def test_no_tampering_by_chance_goes_unseen(data: st.DataObject) -> None:
    log = lines(8)
    known = last_hash(log)
    where = data.draw(st.integers(0, 7))
    match data.draw(st.sampled_from(["remove", "change", "move", "repeat", "cut"])):
        case "remove":
            del log[where]
        case "change":
            at = data.draw(st.integers(0, len(log[where]) - 2))
            byte = data.draw(st.integers(32, 126).filter(lambda it: it != log[where][at]))
            log[where] = log[where][:at] + bytes([byte]) + log[where][at + 1 :]
        case "move":
            line = log.pop(where)
            log.insert(data.draw(st.integers(0, 7).filter(lambda it: it != where)), line)
        case "repeat":
            log.insert(data.draw(st.integers(0, 8)), log[where])
        case "cut":
            log[where] = log[where][: data.draw(st.integers(1, len(log[where]) - 2))]
    verifier = Verifier(wanted=known)
    found = [
        problem
        for number, line in enumerate(log, 1)
        for problem in verifier.line(line, f"log:{number}")
    ]
    assert [*found, *verifier.end()]


def test_a_line_of_another_kind_is_found() -> None:
    problems = verify([*lines(), b"hello\n", b"{}\n"], "log")
    assert [problem.where for problem in problems] == ["log:5", "log:6"]
