# SPDX-License-Identifier: Apache-2.0
"""`genaictl log verify`: whole logs pass, a broken one is named with its line, in two languages."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from genaiservice.cli.main import app
from genaiservice.guard.chain import Chain

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def lines(count: int = 6) -> list[bytes]:
    chain = Chain("0123456789ab")
    middle = [chain.link({"event": "decision", "rule": f"A1a:{at}"}, NOW) for at in range(count)]
    return [*middle, chain.link({"event": "stop"}, NOW)]


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(app, ["log", "verify", "--lang", "en", *arguments], input=stdin)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "decisions.log"
    path.write_bytes(b"".join(lines()))
    return path


def test_a_whole_log_gives_0_and_tells_its_head(log: Path) -> None:
    result = run(str(log))
    assert result.exit_code == 0, result.output
    assert "whole: 7 lines" in result.output
    head = json.loads(lines()[-1])["hash"]
    assert f"ended in order, head {head}" in result.output
    assert run(str(log), "--head", head).exit_code == 0


@pytest.mark.parametrize(
    ("tamper", "where", "what"),
    [
        (lambda it: [*it[:2], *it[3:]], ":3:", "sequence 2 of process 01234567 is missing"),
        (lambda it: [*it[:2], it[2].replace(b"A1a", b"A1b"), *it[3:]], ":3:", "was changed"),
        (lambda it: [it[0], it[2], it[1], *it[3:]], ":3:", "was moved (sequence 1)"),
        (lambda it: [*it, it[3]], ":8:", "a second time (sequence 3)"),
        (lambda it: it[1:], ":1:", "sequence 0 of process 01234567 is missing before it"),
        (lambda it: [*it[:3], it[3][:40]], ":4:", "was cut off"),
        (lambda it: [*it, b"hello\n"], ":8:", "is not a line of a decision log"),
    ],
)
def test_a_broken_log_gives_1_and_names_the_line(
    log: Path, tamper: object, where: str, what: str
) -> None:
    assert callable(tamper)
    log.write_bytes(b"".join(tamper(lines())))
    result = run(str(log))
    assert result.exit_code == 1
    assert any(where in line and what in line for line in result.output.splitlines())
    chinese = run(str(log), "--lang", "zh")
    assert chinese.exit_code == 1
    assert "不完整" in chinese.output


def test_an_end_that_was_removed_is_found_with_the_head_of_an_earlier_look(log: Path) -> None:
    head = json.loads(lines()[-1])["hash"]
    log.write_bytes(b"".join(lines()[:-1]))
    assert run(str(log)).exit_code == 0
    result = run(str(log), "--head", head)
    assert result.exit_code == 1
    assert "the end of the log was removed or rewritten" in result.output


def test_rotated_files_are_put_in_order(tmp_path: Path) -> None:
    made = lines()
    parts = {"d.log.000001": made[:2], "d.log.000002": made[2:4], "d.log": made[4:]}
    for name, part in parts.items():
        (tmp_path / name).write_bytes(b"".join(part))
    paths = {name: str(tmp_path / name) for name in parts}
    assert run(paths["d.log"], paths["d.log.000002"], paths["d.log.000001"]).exit_code == 0
    late = run(paths["d.log"], paths["d.log.000002"])
    assert late.exit_code == 0
    assert "older files are not here" in late.output
    missing = run(paths["d.log"], paths["d.log.000001"])
    assert missing.exit_code == 1
    assert "sequence 2-3" in missing.output
    assert run(paths["d.log"]).exit_code == 1


def test_other_output_on_standard_input_is_skipped() -> None:
    mixed = b'{"level": "info", "message": "listening"}\n'.join(lines())
    assert run("-", stdin=mixed).exit_code == 0
    assert run("-", stdin=mixed.replace(b"A1a:3", b"A1a:4")).exit_code == 1


def test_json_holds_the_same(log: Path) -> None:
    log.write_bytes(b"".join(lines()[1:]))
    (row,) = json.loads(run(str(log), "-o", "json").stdout)
    assert (row["whole"], row["lines"], row["faults"]) == (False, 6, 1)
    assert row["problems"][0]["where"] == f"{log}:1"
    assert row["chains"][0]["last"] == 6


@pytest.mark.parametrize("content", [None, b"", b"hello\n"])
def test_what_is_no_log_gives_2(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x"
    if content is not None:
        path.write_bytes(content)
    assert run(str(path)).exit_code == 2
