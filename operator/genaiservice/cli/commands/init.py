# SPDX-License-Identifier: Apache-2.0
"""`genaictl init`: a complete, commented manifest for a kind of service, with placeholders."""

import re
import sys
from pathlib import Path
from typing import Final

import click

from genaiservice.api.problem import EMPTY, Problem, ProblemError, Text
from genaiservice.cli.options import Verb, lang_option, verb

PROFILES: Final = ("chat-api", "self-trained", "fine-tuned", "image", "internal", "companion")
_NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?")
ASK_PROFILE: Final = Text(en="Which kind of service?", zh="服务类型？")
ASK_NAME: Final = Text(en="Name of the object (a-z, 0-9, -)?", zh="对象名称（a-z、0-9、-）？")
WRITTEN: Final = Text(
    en="{file} is written. Next: replace every <…>, then genaictl check {file}",
    zh="已写入 {file}。下一步：替换所有 <…>，然后运行 genaictl check {file}",
)


@click.command("init")
@click.option("--profile", type=click.Choice(PROFILES), help="Kind of service; asked when absent.")
@click.option("--name", default="", help="Name of the GenAIService; asked when absent.")
@click.option(
    "--file", "-f", default="-", help="Where to write; default: standard output.", metavar="FILE"
)
@lang_option
def command(profile: str | None, name: str, file: str, lang: str | None) -> None:
    """Write a complete, commented manifest; `check` then says what to replace.

    An existing file is never overwritten. Exit code: 0 written, 2 bad input.
    """
    with verb(lang) as run:
        profile = profile or _ask_profile(run)
        name = name or _ask_name(run)
        if not _NAME.fullmatch(name):
            raise ProblemError(_bad_name(name))
        from genaiservice.cli.starting import manifest

        text = manifest(profile, name, run.lang)
        if file == "-":
            sys.stdout.write(text)
            return
        _write(Path(file), text)
        run.talk.say(WRITTEN.format(file=file), "green")


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise ProblemError(_not_written(str(path), error.strerror or "error")) from error


def _ask_profile(run: Verb) -> str:
    _needs_terminal("--profile")
    from genaiservice.cli.starting import title

    for number, profile in enumerate(PROFILES, start=1):
        run.talk.line(f"{number}  {profile:<13} {title(profile).in_(run.lang)}")
    number = click.prompt(
        ASK_PROFILE.in_(run.lang), type=click.IntRange(1, len(PROFILES)), err=True
    )
    return PROFILES[number - 1]


def _ask_name(run: Verb) -> str:
    _needs_terminal("--name")
    return str(click.prompt(ASK_NAME.in_(run.lang), err=True))


def _needs_terminal(option: str) -> None:
    if not sys.stdin.isatty():
        raise ProblemError(
            Problem(
                where=option,
                what=Text(en="is missing, and nobody can be asked", zh="缺失，且无法询问"),
                why=EMPTY,
                next=Text(
                    en=f"give {option}; `genaictl init --help` lists the profiles",
                    zh=f"请提供 {option}；`genaictl init --help` 列出可选项",
                ),
            )
        )


def _bad_name(name: str) -> Problem:
    return Problem(
        where="--name",
        what=Text(en=f"{name[:60]!r} cannot name a service", zh=f"{name[:60]!r} 不能作为名称"),
        why=Text(en="it becomes a Service and a label", zh="名称将用作 Service 和标签"),
        next=Text(
            en="begin with a small letter, then a-z, 0-9 and -, at most 50 characters",
            zh="请以小写字母开头，只用 a-z、0-9 和 -，最多 50 个字符",
        ),
    )


def _not_written(path: str, cause: str) -> Problem:
    return Problem(
        where=path,
        what=Text(en=f"the file cannot be written: {cause}", zh=f"无法写入文件：{cause}"),
        why=EMPTY,
        next=Text(
            en="give a new file in a folder that exists; nothing is overwritten",
            zh="请提供已有目录中的新文件名；不会覆盖已有文件",
        ),
    )
