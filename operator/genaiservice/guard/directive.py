# SPDX-License-Identifier: Apache-2.0
"""The directive in force: read from the pod's downward-API file, five times a second.

The file has at most a few hundred bytes, so reading it is cheaper than any cleverness about
whether it changed. Absent means Serve; what cannot be read or understood suspends.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from genaiservice.api import directive
from genaiservice.api.directive import Directive, Mode

POLL_SECONDS: Final = 0.2
FILE_BYTES: Final = 64 * 1024

log = logging.getLogger(__name__)


class DirectiveWatch:
    def __init__(self, path: Path, changed: Callable[[Directive], None]) -> None:
        self._path = path
        self._changed = changed
        self.current = directive.SERVE

    def refresh(self) -> None:
        found = read(self._path)
        if found == self.current:
            return
        self.current = found
        log.warning("directive changed", extra={"mode": found.mode.value, "reason": found.reason})
        self._changed(found)

    @property
    def suspended(self) -> bool:
        return self.current.mode is Mode.SUSPEND

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self.refresh()


def read(path: Path) -> Directive:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return directive.SERVE
    except OSError:
        return directive.UNREADABLE
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return directive.UNREADABLE
    return directive.UNREADABLE if len(data) > FILE_BYTES else directive.parse(text)
