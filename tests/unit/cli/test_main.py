# SPDX-License-Identifier: Apache-2.0
"""The process: what it imports, how it fails, what it needs of the place where it runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from genaiservice.cli import helping
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
