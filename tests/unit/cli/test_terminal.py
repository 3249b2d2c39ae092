# SPDX-License-Identifier: Apache-2.0
"""Lines for people: colour on terminals only and never alone, progress on long work only."""

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from genaiservice.api.problem import Lang, Text
from genaiservice.cli import terminal
from genaiservice.cli.terminal import Paper, counted, width
from tests.unit.cli.run import ROOT

TEXT = Text(en="words", zh="文字")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(out: io.StringIO) -> str:
    paper = Paper(Lang.EN, out)
    paper.line("✗ refused", "red")
    paper.pair(TEXT, TEXT)
    paper.head(TEXT)
    return out.getvalue()


def test_a_terminal_gets_colours_and_the_same_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = written(Terminal()), written(io.StringIO())
    assert "\x1b[31m" in coloured
    assert (
        re.sub("\x1b\\[[0-9]+m", "", coloured)
        == plain
        == "✗ refused\n    words: words\n    words:\n"
    )


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_can_be_declined(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    assert "\x1b" not in written(Terminal())


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\rb", "a\x00b", "a\u202eb", "a\ud800b", "a\x9bb"])
def test_no_value_moves_the_cursor_or_turns_the_text(text: str) -> None:
    out = io.StringIO()
    paper = Paper(Lang.ZH, out)
    paper.line(text)
    paper.pair("x", text)
    paper.table([(text, text)])
    assert all(sign.isprintable() for sign in out.getvalue().replace("\n", ""))


def test_a_table_lines_up_chinese_and_latin() -> None:
    out = io.StringIO()
    Paper(Lang.ZH, out).table([("合规", "x"), ("SRE", "y")])
    first, second = out.getvalue().rstrip("\n").split("\n")
    assert width(first) == width(second)


def test_progress_shows_on_a_terminal_when_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    out = Terminal()
    assert list(counted(range(3), Lang.ZH, out)) == [0, 1, 2]
    assert "已处理 3" in out.getvalue()
    assert out.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("out", [io.StringIO(), Terminal()])
def test_short_work_and_pipes_see_no_progress(
    out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.time, "monotonic", lambda: 0.0)
    assert list(counted(range(3), Lang.EN, out)) == [0, 1, 2]
    assert out.getvalue() == ""


def test_init_asks_who_sits_at_a_terminal() -> None:
    ours, theirs = pty.openpty()
    os.write(ours, b"5\nchat\n")
    ran = subprocess.run(
        [sys.executable, "-m", "genaiservice.cli.main", "init", "--lang", "zh"],
        stdin=theirs, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    for end in (ours, theirs):
        os.close(end)
    assert ran.returncode == 0, ran.stderr
    assert "服务类型" in ran.stderr
    assert "audience: InternalOnly" in ran.stdout
    assert "name: chat\n" in ran.stdout


def test_counting_passes_on_what_it_is_given_one_by_one() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise LookupError

    items = counted(source(), Lang.EN, io.StringIO())
    assert next(items) == 1
    with pytest.raises(LookupError):
        next(items)
