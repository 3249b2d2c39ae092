# SPDX-License-Identifier: Apache-2.0
"""The directive's file: absent serves, unreadable suspends, every change is told once."""

from pathlib import Path

import pytest

from genaiservice.api import directive
from genaiservice.api.directive import Directive, Mode
from genaiservice.api.problem import Text
from genaiservice.guard.directive import FILE_BYTES, DirectiveWatch, read

STOP = Directive(mode=Mode.SUSPEND, reason="FilingRevoked", message=Text(en="Stop.", zh="停。"))


def test_an_absent_file_serves(tmp_path: Path) -> None:
    assert read(tmp_path / "none" / "directive") == directive.SERVE


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", directive.SERVE),
        (b"\n", directive.SERVE),
        (directive.render(STOP).encode(), STOP),
        (b"{", directive.UNREADABLE),
        (b'{"mode": "Maybe"}', directive.UNREADABLE),
        (b"\xff\xfe", directive.UNREADABLE),
        (b" " * (FILE_BYTES + 1), directive.UNREADABLE),
    ],
)
def test_what_a_file_means(tmp_path: Path, data: bytes, expected: Directive) -> None:
    path = tmp_path / "directive"
    path.write_bytes(data)
    assert read(path) == expected


def test_a_folder_in_its_place_suspends(tmp_path: Path) -> None:
    assert read(tmp_path) == directive.UNREADABLE


def test_each_change_is_told_once(tmp_path: Path) -> None:
    told: list[Mode] = []
    path = tmp_path / "directive"
    watch = DirectiveWatch(path, lambda found: told.append(found.mode))
    for text in ("", directive.render(STOP), directive.render(STOP), "", ""):
        path.write_text(text)
        watch.refresh()
    assert told == [Mode.SUSPEND, Mode.SERVE]
