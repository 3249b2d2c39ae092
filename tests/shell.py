# SPDX-License-Identifier: Apache-2.0
"""One bash through a whole page: `sh` blocks are run, `console` blocks run and rewritten."""

import re
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

BLOCK = re.compile(r"```(sh|console|console cluster)\n(.*?)```", re.DOTALL)


class Shell:
    """State stays between commands, as in a reader's terminal; ends with its children."""

    def __init__(self, folder: Path, path: str, ports: Mapping[int, int], **env: str) -> None:
        """`ports`: as the page writes them -> as they are here."""
        self._env = env
        self._ports = {str(shown): str(real) for shown, real in ports.items()}
        self._folder, self._path = folder, path

    def __enter__(self) -> Self:
        env = {"PATH": self._path, "HOME": str(self._folder), "LANG": "C.UTF-8", **self._env}
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=self._folder, env=env, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write("kill $(jobs -p) 2>/dev/null; wait; exit\n")
        self._bash.stdin.close()
        self._bash.stdout.read()
        self._bash.stdout.close()
        self._bash.wait(30)

    def run(self, command: str) -> str:
        """What it prints, with the page's ports; the command must succeed."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        mark = f"end-{uuid.uuid4().hex}"
        self._bash.stdin.write(f"{self._told(command)}\necho; echo {mark} $?\n")
        printed = ""
        for line in self._bash.stdout:
            if line.startswith(mark):
                assert line.split()[1] == "0", f"{command}\n{printed}"
                break
            printed += line
        else:
            raise AssertionError(f"the shell ended: {command}\n{printed}")
        return self._shown(printed.removesuffix("\n"))

    def _told(self, text: str) -> str:
        for shown, real in self._ports.items():
            text = re.sub(rf"\b{shown}\b", real, text)
        return text

    def _shown(self, text: str) -> str:
        for shown, real in self._ports.items():
            text = re.sub(rf"\b{real}\b", shown, text)
        return text

    def replayed(self, page: str, *, cluster: bool = False) -> str:
        """The page as its commands write it now; blocks of the other sort stay as they are."""

        def block(found: re.Match[str]) -> str:
            kind, text = found[1], found[2]
            if (kind == "console cluster") is not cluster:
                return found[0]
            if kind == "sh":
                self.run(text.rstrip("\n"))
                return found[0]
            commands = [line for line in text.split("\n") if line.startswith("$ ")]
            shown = ""
            for line in commands:
                printed = self.run(line[2:]).strip("\n")
                shown += f"{line}\n{printed}\n" if printed else f"{line}\n"
            return f"```{kind}\n{shown}```"

        return BLOCK.sub(block, page)
