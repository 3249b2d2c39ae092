# SPDX-License-Identifier: Apache-2.0
"""The policy in force: loaded at start, replaced whole when its file changes.

Reading and compiling happen on a thread; the stream only ever sees one reference change. A new
file that cannot be used leaves the old policy in force and says so until it is mended. Before the
first usable policy there is none, and the guard refuses everything.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from genaiservice.api import policy_file
from genaiservice.api.fields import fault
from genaiservice.api.jsontree import MutableJson
from genaiservice.api.problem import Lang, Problem, ProblemError, Text
from genaiservice.guard.core.normalise import PART
from genaiservice.guard.core.policy import Policy, compile_policy
from genaiservice.guard.heap import give_back

POLL_SECONDS: Final = 0.5
PACKED_BYTES: Final = policy_file.UNPACKED_BYTES

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int]
Outcome = Callable[[str], None]
"""Told "loaded" or "failed" for every attempt."""


class PolicyStore:
    def __init__(self, path: Path, outcome: Outcome) -> None:
        self._path = path
        self._outcome = outcome
        self._stamp: Stamp | None = None
        self.current: Policy | None = None
        self.problems: tuple[Problem, ...] = ()

    def start(self) -> None:
        """The first load, before anything is served: on this thread, whose heap then uses again
        what compiling leaves free."""
        if self._changed():
            self._take(self._attempt())

    async def refresh(self) -> None:
        """Loads the file if it is another one than last time."""
        if self._changed():
            self._take(await asyncio.to_thread(self._attempt))
            await asyncio.to_thread(give_back)  # what loading took, and the policy that ended

    def _changed(self) -> bool:
        stamp = _stamp(self._path)
        if stamp == self._stamp and (stamp is not None or self.problems):
            return False
        self._stamp = stamp
        return True

    def _attempt(self) -> Policy | tuple[Problem, ...]:
        try:
            return load(self._path, self.current)
        except ProblemError as error:
            return error.problems
        except Exception as error:
            # A fault of ours must not take the policy in force away, nor the process down.
            log.error("policy not compiled", exc_info=error)
            return (_unexpected(self._path, error),)

    def _take(self, found: Policy | tuple[Problem, ...]) -> None:
        if isinstance(found, tuple):
            self._keep(found)
            return
        if found is not self.current:
            log.info(
                "policy loaded",
                extra={"policy": found.name, "hash": found.hash, "terms": found.terms},
            )
        self.current, self.problems = found, ()
        self._outcome("loaded")

    async def watch(self) -> None:
        # Polling follows symbolic links, so the kubelet's swap of `..data` is seen like an edit.
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.refresh()

    def _keep(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        self._outcome("failed")
        for problem in problems[:20]:
            log.error(
                "policy not usable; the one in force stays"
                if self.current
                else "policy not usable; every request is refused until it is",
                extra={
                    "problem": problem.render(Lang.EN),
                    "problem_zh": problem.render(Lang.ZH),
                    "in_force": self.current.hash if self.current else "",
                },
            )


def load(path: Path, current: Policy | None = None) -> Policy:
    """The compiled policy in the file at `path`; `current` itself when that is the same one."""
    tree = policy_file.unpack(_read(path), path.name, packed=path.suffix == ".gz")
    digest = policy_file.digest(tree)
    if current is not None and current.hash == digest:
        return current
    try:
        return compile_policy(policy_file.completed(tree), digest)
    finally:
        _let_go(tree)


def _let_go(tree: MutableJson) -> None:
    """Frees the lists part by part; all of them in one call would keep every stream waiting."""
    for part in tree.get("classes", {}).values():
        for found in part.values():
            while isinstance(found, list) and found:
                del found[-PART:]


def _unexpected(path: Path, error: Exception) -> Problem:
    return fault(
        str(path),
        Text(
            en=f"could not be compiled ({type(error).__name__})",
            zh=f"无法编译（{type(error).__name__}）",
        ),
        Text(
            en="report this with the log line that names the place",
            zh="请连同指明位置的日志行一并报告",
        ),
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(PACKED_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ProblemError(
            fault(
                str(path),
                Text(en=f"cannot be read ({reason})", zh=f"无法读取（{reason}）"),
                Text(
                    en="put the policy file where policyFile says",
                    zh="请将策略文件放到 policyFile 指定的位置",
                ),
            )
        ) from error
    return data


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size)
