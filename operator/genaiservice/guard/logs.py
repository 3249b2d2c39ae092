# SPDX-License-Identifier: Apache-2.0
"""The process log on standard error: JSON lines in a pod, readable lines on a terminal.

An exception is shown as its type and the places it passed, never with its message: messages of
parsers quote what they were given, and that may be a prompt.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final

STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def set_up(*, terminal: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines() if terminal else JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Exporters and the server report each failed try; the guard's metrics count them instead.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("aiohttp").setLevel(logging.ERROR)


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
