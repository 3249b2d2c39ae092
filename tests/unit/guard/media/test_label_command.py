# SPDX-License-Identifier: Apache-2.0
"""`genaictl label inspect`: what it says of a file, and with which exit code it ends."""

import json
from pathlib import Path

import pytest

from genaiservice.guard.core import aigc
from genaiservice.guard.media import wav as waves
from tests.unit.cli.run import genaictl
from tests.unit.guard.media.samples import OTHERS, OURS, docx, labelled, picture, wav


def kept(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


def theirs(text: str = "") -> bytes:
    return waves.write(wav(0.1), text or aigc.render(aigc.build(OTHERS, "7")))


@pytest.mark.parametrize(
    ("data", "code", "alone", "says"),
    [
        pytest.param(labelled(wav(0.1), "audio/wav").data, 0, 0, "✓", id="ours"),
        pytest.param(theirs(), 1, 0, "another producer", id="foreign"),
        pytest.param(theirs('{"AIGC":{"Label":"AIGC"}}'), 1, 1, "AIGC.Label", id="broken"),
        pytest.param(wav(0.1), 1, 1, "no AIGC label", id="none"),
        pytest.param(b"RIFF", 2, 2, "cannot be labelled", id="no sound"),
    ],
)
def test_each_kind_of_file_has_its_words_and_exit_code(
    data: bytes, code: int, alone: int, says: str, tmp_path: Path
) -> None:
    path = kept(tmp_path, "a.wav", data)
    ran = genaictl("label", "inspect", path, "--producer", OURS)
    assert (ran.code, says in ran.out + ran.err) == (code, True)
    assert genaictl("label", "inspect", path).code == alone
    chinese = genaictl("label", "inspect", path, "--lang", "zh")
    assert "标识" in chinese.out + chinese.err


def test_the_name_of_a_file_does_not_say_what_it_is(tmp_path: Path) -> None:
    path = kept(tmp_path, "a.wav", labelled(picture("image/png"), "image/png").data)
    assert "(PNG)" in genaictl("label", "inspect", path).out


def test_the_worst_of_several_files_decides_and_all_are_shown(tmp_path: Path) -> None:
    good = kept(tmp_path, "a.wav", labelled(wav(0.1), "audio/wav").data)
    bare = kept(tmp_path, "b.docx", docx())
    ran = genaictl("label", "inspect", good, bare, str(tmp_path / "absent"), "-o", "json")
    assert ran.code == 2
    assert [row["carrier"] for row in json.loads(ran.out)] == ["WAV", "OOXML"]
    assert json.loads(ran.out)[0]["blocks"][0]["standing"] == "Sound"
    assert "absent" in ran.err


def test_a_code_that_names_no_producer_is_refused(tmp_path: Path) -> None:
    ran = genaictl("label", "inspect", kept(tmp_path, "a.wav", wav(0.1)), "--producer", OTHERS[:-1])
    assert ran.code == 2
    assert "27" in ran.err
