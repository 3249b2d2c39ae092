# SPDX-License-Identifier: Apache-2.0
"""The process: what it imports, how it fails, what it needs of the place where it runs."""

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from genaiservice.cli import framing, helping
from genaiservice.cli.main import FAILED, VERBS, app
from tests.unit.cli.run import DAY, ROOT, genaictl

EXAMPLE = "examples/chat-managed/genaiservice.yaml"
DEAR = ("kubernetes", "aiohttp", "jsonschema", "rich", "pydantic", "kopf", "opentelemetry")


def process(code: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **env},  # noqa: TID251 - for a child process
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, encoding="utf-8",
    )  # fmt: skip


def called(*arguments: str, before: str = "") -> str:
    return (
        f"import sys\nfrom genaiservice.cli import main\n{before}\n"
        f"sys.argv = ['genaictl', *{list(arguments)!r}]\nmain.main()"
    )


def test_a_check_imports_nothing_that_it_does_not_need() -> None:
    code = f"""
import sys
from genaiservice.cli.main import app
try:
    app(["check", {EXAMPLE!r}, "--as-of", {DAY!r}])
except SystemExit as end:
    assert end.code in (0, 1), end.code
print([name for name in {DEAR!r} if name in sys.modules])
"""
    ran = process(code)
    assert ran.stdout.rstrip().endswith("[]"), ran.stdout + ran.stderr


def test_a_fault_of_our_own_ends_in_words_and_a_code_of_its_own() -> None:
    before = "main.app = lambda **_: 1 / 0"
    ran = process(called("check", EXAMPLE, before=before))
    assert ran.returncode == FAILED
    assert "ZeroDivisionError in" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "utf-8"])
def test_a_terminal_of_any_encoding_is_written_to(encoding: str) -> None:
    ran = process(called("check", "examples/minimal-refused"), PYTHONIOENCODING=encoding)
    assert "chat-draft" in ran.stdout
    assert "Traceback" not in ran.stderr
    assert ran.returncode == 1


def test_a_reader_that_has_seen_enough_is_no_fault() -> None:
    script = f"{sys.executable} -m genaiservice.cli.main explain 17 | head -1"
    ran = subprocess.run(
        ["sh", "-c", script],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.stderr == ""


@pytest.mark.parametrize("verb", [*VERBS, "version"])
def test_every_verb_explains_itself(verb: str) -> None:
    ran = genaictl(verb, "--help")
    assert ran.code == 0
    assert "Usage: genaictl" in ran.out
    assert verb in genaictl("--help").out


def every_command(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    for name, one in getattr(command, "commands", {}).items():
        yield from every_command(one, f"{path} {name}")


def test_help_has_chinese_words_for_every_verb_and_option() -> None:
    context = click.Context(app)
    told = {
        path: one
        for verb in app.list_commands(context)
        for path, one in every_command(app.get_command(context, verb) or app, verb)
    }
    assert set(told) == set(helping.VERBS)
    helps = {getattr(one, "help", None) for verb in told.values() for one in verb.params}
    assert helps - {None} == set(helping.OPTIONS)


def test_help_is_in_the_language_of_the_reader() -> None:
    assert "核查清单" in genaictl("check", "--help", lang="zh_CN.UTF-8").out
    assert "按该日核查" in genaictl("rules", "diff", "--help", lang="zh").out
    listed = genaictl("--help", lang="zh").out
    assert helping.ABOUT in listed
    assert "列出接下来的期限" in listed
    assert "Judge manifests" in genaictl("check", "--help", lang="en").out


@pytest.mark.parametrize(
    "arguments", [["chek"], ["check"], ["check", "x", "--output", "pdf"], ["--nope"]]
)
def test_a_command_that_is_none_is_bad_input(arguments: list[str]) -> None:
    assert genaictl(*arguments).code == 2


FAULTS = [
    ([], "Commands:", "命令:"),
    (
        ["chek"],
        "No such command 'chek'.",
        "没有命令 'chek'。",
    ),
    (["--nope"], "No such option '--nope'.", "没有选项 '--nope'。"),
    (["check", "x", "--outptu", "a"], "Did you mean '--output'?", "是否指 '--output'？"),
    (["check"], "Missing argument 'FILE...'.", "缺少参数 'FILE...'."),
    (["check", "x", "--as-of"], "requires an argument.", "选项 '--as-of' 须带一个值。"),
    (
        ["check", "x", "-o", "pdf"],
        "'pdf' is not one of",
        "'--output' / '-o' 的值无效：'pdf' 不在可选值",
    ),
    (["policy", "pack", "x"], "Missing option '--to'.", "缺少选项 '--to'."),
    (["policy", "pack", "x", "--to", "/"], "is a directory.", "'/' 是目录。"),
    (["policy", "test", "x"], "give --text TEXT", "请给出 --text TEXT"),
    (["deadlines", "--within", "soon"], "is not a valid integer", "'soon' 不是整数。"),
    (["deadlines", "--within", "-1"], "is not in the range x>=0.", "-1 超出范围 x>=0。"),
    (["doctor", "x", "y"], "unexpected extra arguments (x y)", "多余的参数（x y）"),
    (["completion"], "Choose from:", "可选值："),
    (["status", "a", "--all=3"], "No such option '--all'", "没有选项 '--all'"),
    (["status", "a", "--watch=3"], "does not take a value.", "选项 '--watch' 不带值。"),
]


@pytest.mark.parametrize(("arguments", "english", "chinese"), FAULTS)
def test_what_is_wrong_with_a_command_is_told_in_the_language_of_the_reader(
    arguments: list[str], english: str, chinese: str
) -> None:
    for lang, wanted, other in (("en", english, chinese), ("zh_CN.UTF-8", chinese, english)):
        ran = genaictl(*arguments, lang=lang)
        assert ran.code == 2
        assert wanted in ran.err
        assert other not in ran.err
        assert ("Usage:" if lang != "en" else "用法:") not in ran.err


@pytest.mark.parametrize("asked", [["--lang", "zh"], ["--lang=zh"]])
def test_the_language_that_is_asked_for_holds_for_help_and_faults_too(asked: list[str]) -> None:
    told = genaictl("check", "--help", *asked, lang="en").out
    assert told == genaictl("check", "--help", lang="zh").out
    assert "缺少参数" in genaictl("check", *asked, lang="en").err
    assert "Missing argument" in genaictl("check", "--lang", "en", lang="zh").err
    assert "Invalid value" in genaictl("check", "x", "--lang", "fr", lang="en").err
    assert "'--lang' 的值无效" in genaictl("check", "x", "--lang", "fr", lang="zh").err
    assert "文件" not in genaictl("check", "--", "x", *asked, lang="en").err
    for arguments in (["explain", "17"], ["check", "--help"]):
        before, after = genaictl(*asked, *arguments).out, genaictl(*arguments, *asked).out
        assert before == after
        assert before != genaictl(*arguments).out


def test_chinese_help_has_no_english_sentence() -> None:
    paths = [[], *(path.split() for path in helping.VERBS)]
    code = f"""
from click.testing import CliRunner
from genaiservice.cli.main import app
for path in {paths!r}:
    print(CliRunner().invoke(app, [*path, "--help"], prog_name="genaictl").stdout)
"""
    told = process(code, LC_ALL="zh_CN.UTF-8", PYTHONIOENCODING="utf-8").stdout
    assert told.count("显示本帮助。") == len(paths)
    assert "Usage:" not in told
    assert not re.search(r"[a-z]+ [a-z]+ [a-z]+", re.sub(r"genaictl[ a-z]*", "", told)), told


def test_every_word_of_a_frame_is_one_that_click_says() -> None:
    trees = [ast.parse(inspect.getsource(module)) for module in framing.MODULES]
    said = {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(framing.WORDS) <= said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_learns_to_complete(shell: str) -> None:
    ran = genaictl("completion", shell)
    assert ran.code == 0
    assert "_GENAICTL_COMPLETE" in ran.out


def test_completion_knows_the_verbs() -> None:
    code = called()
    env = {"_GENAICTL_COMPLETE": "bash_complete", "COMP_WORDS": "genaictl dead", "COMP_CWORD": "1"}
    assert "deadlines" in process(code, **env).stdout


def test_the_version_names_the_rule_pack() -> None:
    assert "rule pack" in genaictl("version").out


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"IM-02-1.yaml": 5}'])
def test_a_broken_cache_is_read_anew(content: bytes, tmp_path: Path) -> None:
    run = called("explain", "15")
    assert process(run, XDG_CACHE_HOME=str(tmp_path)).returncode == 0
    kept = sorted((tmp_path / "genaictl").glob("*.json"))
    assert kept
    sound = [path.read_bytes() for path in kept]
    for path in kept:
        path.write_bytes(content)
    ran = process(run, XDG_CACHE_HOME=str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert [path.read_bytes() for path in kept] == sound


@pytest.mark.parametrize("place", ["/proc/nowhere", "relative", ""])
def test_a_cache_that_cannot_be_written_is_no_fault(place: str, tmp_path: Path) -> None:
    run = called("explain", "15")
    assert process(run, XDG_CACHE_HOME=place, HOME=str(tmp_path)).returncode == 0


def test_the_application_is_what_the_scripts_start() -> None:
    assert app.name == "app"
