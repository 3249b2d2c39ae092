# SPDX-License-Identifier: Apache-2.0
"""How the operator logs: one JSON object a line in a pod, a readable line on a terminal.

Rule: the message is fixed words, what varies stands in fields (`extra=`). Values are names,
numbers and what the API server said; never a declaration, a term, a header or a key.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

import orjson

_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
QUIET: Final = ("kopf", "aiohttp", "asyncio", "opentelemetry")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": stamp,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class Readable(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{record.levelname.lower():7} {record.getMessage()} {fields}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: value
        for name, value in record.__dict__.items()
        if name not in _STANDARD
        and not name.startswith("_")
        and isinstance(value, str | int | float)
    }


def set_up(form: str, level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else Readable())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # Libraries speak when something is wrong; kopf would write a line for every object.
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
