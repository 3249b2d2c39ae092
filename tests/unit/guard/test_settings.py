# SPDX-License-Identifier: Apache-2.0
"""The settings file: paths beside it, and what a person reads when it is at fault."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from genaiservice.api.problem import ProblemError
from genaiservice.guard import settings


def write(path: Path, **more: object) -> Path:
    path.write_text(json.dumps({"upstream": {"url": "http://m:1"}, "policyFile": "p.json", **more}))
    return path


def test_relative_names_are_beside_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    loaded = settings.load(write(tmp_path / "g.json", directiveFile="/run/directive"))
    assert loaded.policy_file == tmp_path / "p.json"
    assert loaded.directive_file == Path("/run/directive")
    assert loaded.decision_log is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"upstream":\n {,', "g.json:2:3: is not JSON in UTF-8 (Expecting property name"),
        (b"", "g.json:1:1: is not JSON in UTF-8 (Expecting value)"),
        (b'{"upstream": {"url": "http://m:1", "url": "http://n:1"}}', "the field 'url' twice"),
        (b"\xff", "is not JSON in UTF-8"),
        (b" " * (settings.FILE_BYTES + 1), "larger than 1 MiB"),
    ],
)
def test_a_file_at_fault_is_explained(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "g.json").write_bytes(data)
    with pytest.raises(ProblemError) as caught:
        settings.load(tmp_path / "g.json")
    assert says in str(caught.value)


def test_the_process_ends_with_two_and_every_fault_in_both_languages(tmp_path: Path) -> None:
    path = write(tmp_path / "g.json", listen={"port": "x"}, telemetery={})
    run = subprocess.run(
        [sys.executable, "-m", "genaiservice", "guard", "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 2
    assert run.stdout == ""
    for words in ("listen.port", "did you mean telemetry?", "是否想写 telemetry", "整数"):
        assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="cannot be read"):
        settings.load(tmp_path / "none.json")
