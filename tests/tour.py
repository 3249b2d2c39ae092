# SPDX-License-Identifier: Apache-2.0
"""The tours in docs/: console blocks with commands and what they print, run again and compared."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOURS = {lang: ROOT / "docs" / lang / "guide" / "genaictl.md" for lang in ("en", "zh")}
BLOCK = re.compile(r"```console( cluster)?\n(.*?)```", re.DOTALL)
_CHANGING = re.compile(r"rule pack [\d.]+|规则包 [\d.]+")


def replayed(text: str, run: Callable[[list[str]], str], *, cluster: bool) -> str:
    """The page as its commands write it now; blocks of the other sort stay as they are."""

    def block(found: re.Match[str]) -> str:
        if bool(found[1]) is not cluster:
            return found[0]
        commands = [line for line in found[2].split("\n") if line.startswith("$ ")]
        shown = "".join(f"{line}\n{_output(line[2:], run)}" for line in commands)
        return f"```console{found[1] or ''}\n{shown}```"

    return BLOCK.sub(block, text)


def _output(command: str, run: Callable[[list[str]], str]) -> str:
    """What `genaictl … | head -N` prints."""
    line, _, head = command.partition(" | head -")
    printed = run(shlex.split(line)[1:]).split("\n")
    printed = printed[: int(head)] if head else printed
    return "".join(f"{one}\n" for one in "\n".join(printed).rstrip("\n").split("\n") if printed[0])


def same(page: str, other: str) -> bool:
    """Whether two pages are equal but for the version of the rule pack."""
    return _CHANGING.sub("PACK", page) == _CHANGING.sub("PACK", other)
