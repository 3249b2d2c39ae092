# SPDX-License-Identifier: Apache-2.0
"""The decision log: one JSON line per decision, written beside the stream and never in it.

The queue is bounded and a thread does the writing, so a slow disk delays no client. When a line
cannot be written or the queue is full, `failure` says so until every line is out again; the guard
then refuses new requests, because a decision without record is worse than a refusal. Decisions
that a full queue lost are counted in a line of their own, so that the log itself tells of them.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from genaiservice.api.problem import Lang, Problem, Text
from genaiservice.api.recording_config import DEFAULT, Recording
from genaiservice.guard.chain import Chain
from genaiservice.guard.core.effects import Decision
from genaiservice.guard.logfile import LogFile

QUEUE_LINES: Final = 10_000
RETRY_SECONDS: Final = 0.5
BATCH_LINES: Final = 256

log = logging.getLogger(__name__)

Copy = Callable[[bytes], None]
"""Takes whole lines that are on disk; must neither block nor raise."""


class DecisionLog:
    def __init__(
        self,
        path: Path | None,
        *,
        process: str,
        service: str,
        now: Callable[[], datetime],
        lines: int = QUEUE_LINES,
        settings: Recording = DEFAULT,
        copy: Copy | None = None,
    ) -> None:
        self._path = path
        self._file = LogFile(path, settings)
        self._copy = copy
        self._service = service
        self._now = now
        self._most = lines
        self._chain = Chain(process)
        self._queue: deque[bytes] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._failure: str | None = None
        self._dropped = self._untold = 0
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)

    def start(self) -> None:
        follows = self._file.last()
        self._thread.start()
        more = {"follows": follows} if follows else {}
        self._enqueue({"event": "start", "service": self._service, **more})

    @property
    def failure(self) -> Problem | None:
        """Why decisions cannot be recorded now; None while they can."""
        reason = self._failure
        if reason is None:
            return None
        target = str(self._path) if self._path else "stdout"
        return Problem(
            where="decisionLog",
            what=Text(
                en=f"cannot be written: {target} ({reason})",
                zh=f"无法写入：{target}（{reason}）",
            ),
            why=Text(
                en="a decision must be recorded, so requests are refused meanwhile",
                zh="每个决策都须留存记录，在此期间拒绝请求",
            ),
            next=Text(
                en="free the disk or mend the permissions; the guard goes on by itself",
                zh="请释放磁盘空间或修正权限；恢复后护栏自动继续",
            ),
        )

    @property
    def dropped(self) -> int:
        """Decisions lost because the queue was full."""
        return self._dropped

    def write(self, decision: Decision, *, trace: str, request: str) -> None:
        """Queues one decision; never blocks."""
        self._enqueue(
            {
                "event": "decision",
                "trace": trace,
                "request": request,
                "direction": decision.direction.value,
                "action": decision.action.value,
                "policy": decision.policy,
                "reason": decision.reason,
                "risk": decision.risk,
                "rule": decision.rule,
                "start": decision.start,
                "end": decision.end,
                "choice": decision.choice,
                "field": decision.field,
                "length": decision.length,
            }
        )

    def note(self, event: str, **facts: str | int) -> None:
        """Queues a line about the guard itself: a policy loaded, a directive, the end."""
        self._enqueue({"event": event, **facts})

    def close(self, timeout: float) -> bool:
        """Writes what is queued and ends; whether everything was written in time."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self._queue and self._failure is None

    def _enqueue(self, entry: dict[str, str | int]) -> None:
        with self._wake:
            if len(self._queue) >= self._most:
                self._dropped += 1
                self._untold += 1
                self._fail("queue full")
                return
            if self._untold:
                lost, self._untold = self._untold, 0
                self._queue.append(self._chain.link({"event": "lost", "lines": lost}, self._now()))
            self._queue.append(self._chain.link(entry, self._now()))
            self._wake.notify()

    def _fail(self, reason: str) -> None:
        """Once for each time that it begins: the thread tries again twice a second."""
        begins, self._failure = self._failure is None, reason
        if begins and (problem := self.failure) is not None:
            log.error(
                "decisions cannot be recorded; every request is refused until they are",
                extra={
                    "problem": problem.render(Lang.EN),
                    "problem_zh": problem.render(Lang.ZH),
                },
            )

    def _next_batch(self) -> bytes:
        """Waits for lines; empty when it is time to sync, or to end."""
        with self._wake:
            while not self._queue and not self._closing:
                if not self._wake.wait(self._file.sync_due):
                    break
            return b"".join(
                self._queue.popleft() for _ in range(min(BATCH_LINES, len(self._queue)))
            )

    def _run(self) -> None:
        batch = rest = b""
        while True:
            if not rest:
                batch = rest = self._next_batch()
            if not rest and self._closing:
                break
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
                if self._copy is not None and batch:
                    self._copy(batch)
                batch = b""
                self._file.written()
            except OSError as error:
                # The part already written stays; the rest of the line follows when it can.
                self._fail(error.strerror or type(error).__name__)
                if self._closing:
                    break
                self._file.forget()
                time.sleep(RETRY_SECONDS)
            else:
                if self._failure is not None and not self._queue:
                    self._failure = None
                    log.info("decisions are recorded again")
        try:
            self._file.close()
        except OSError as error:
            self._failure = error.strerror or type(error).__name__
