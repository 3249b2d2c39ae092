# SPDX-License-Identifier: Apache-2.0
"""The tours in docs/: console blocks with commands and what they print, run again and compared."""

import re
import shlex
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOURS = {lang: ROOT / "docs" / lang / "guide" / "genaictl.md" for lang in ("en", "zh")}
CATALOGUE = Path(str(resources.files("genaiservice.rules") / "catalogue"))
BLOCK = re.compile(r"```console( cluster)?\n(.*?)```", re.DOTALL)
_CHANGING = re.compile(
    r"rule pack [\d.]+|规则包 [\d.]+|sha256:[0-9a-f]{64}|Revision chat-[0-9a-f]+"
)


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
    """Whether two pages are equal but for the version of the rule pack and hashes."""
    return _CHANGING.sub("…", page) == _CHANGING.sub("…", other)


def stricter(folder: Path) -> Path:
    """This release's rule pack as a later one might be: with one number raised."""
    shutil.copytree(CATALOGUE, folder)
    limits = folder / "_limits.yaml"
    text = limits.read_text("utf-8")
    raised = text.replace("value: 2000,", "value: 5000,", 1)
    assert raised != text
    limits.write_text(raised, "utf-8")
    (folder / "_pack.yaml").write_text('version: "2027.1.0"\n', "utf-8")
    return folder
