# SPDX-License-Identifier: Apache-2.0
"""The process log on standard error: JSON lines in a pod, readable lines on a terminal.

A thread formats and writes, behind a bounded queue: whoever reads the log slowly must not stop a
stream. Lines that find the queue full are dropped and counted in a line of their own. An
exception is shown as its type and the places it passed, never with its message: messages of
parsers quote what they were given, and that may be a prompt.
"""

import atexit
import json
import logging
import sys
import threading
import traceback
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final

STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

QUEUE_LINES: Final = 10_000
CLOSE_SECONDS: Final = 2.0


def set_up(*, terminal: bool) -> None:
    target = logging.StreamHandler(sys.stderr)
    target.setFormatter(Lines() if terminal else JsonLines())
    handler = Background(target)
    atexit.register(handler.close)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.logThreads = logging.logProcesses = False
    # Exporters and the server report each failed try; the guard's metrics count them instead.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("aiohttp").setLevel(logging.ERROR)


class Background(logging.Handler):
    def __init__(self, target: logging.Handler, lines: int = QUEUE_LINES) -> None:
        super().__init__()
        self._target = target
        self._most = lines
        self._queue: deque[logging.LogRecord] = deque()
        self._wake = threading.Condition()
        self._dropped = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        with self._wake:
            if len(self._queue) >= self._most:
                self._dropped += 1
                return
            self._queue.append(record)
            self._wake.notify()

    def close(self) -> None:
        """Writes what is queued, for CLOSE_SECONDS at most."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(CLOSE_SECONDS)
        super().close()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._closing:
                    self._wake.wait()
                if not self._queue:
                    return
                record = self._queue.popleft()
                dropped, self._dropped = self._dropped, 0
            self._target.handle(record)
            if dropped:
                self._target.handle(
                    logging.LogRecord(
                        __name__,
                        logging.WARNING,
                        "",
                        0,
                        "log lines dropped: %d",
                        (dropped,),
                        None,
                    )
                )


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        return json.dumps(line, ensure_ascii=False, default=str)


class Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{key}={value}" for key, value in _extra(record).items())
        stamp = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        return f"{stamp} {record.levelname.lower():7} {record.getMessage()} {extra}".rstrip()


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    extra = {key: value for key, value in vars(record).items() if key not in STANDARD}
    if record.exc_info and record.exc_info[0] is not None:
        kind, _, trace = record.exc_info
        extra["error"] = kind.__name__
        extra["at"] = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(trace)]
    return extra
