# SPDX-License-Identifier: Apache-2.0
"""The process log: no message of an exception, no waiting, nothing lost unsaid."""

import json
import logging
import sys
import threading

from genaiservice.guard.logs import Background, JsonLines, Lines


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "guard", **extra})
    made.levelno = logging.INFO
    return made


def test_a_line_is_json_with_the_extra_facts() -> None:
    line = json.loads(JsonLines().format(record("policy loaded", terms=3)))
    assert line["message"] == "policy loaded"
    assert line["terms"] == 3
    assert line["level"] == "info"


def test_an_exception_is_shown_by_type_and_place_without_its_message() -> None:
    try:
        raise ValueError("the prompt of a user")
    except ValueError:
        made = record("exchange failed", exc_info=sys.exc_info())
    for formatter in (JsonLines(), Lines()):
        line = formatter.format(made)
        assert "ValueError" in line
        assert "test_logs.py:" in line
        assert "prompt of a user" not in line


class Slow(logging.Handler):
    """A target that stands still until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.started = threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.started.set()
        assert self.go.wait(10)
        self.lines.append(record.getMessage())


def test_a_slow_reader_stops_nobody_and_dropped_lines_are_counted() -> None:
    slow = Slow()
    log = Background(slow, lines=3)
    log.emit(record("first"))
    assert slow.started.wait(5)
    for number in range(10):
        log.emit(record(f"more {number}"))
    slow.go.set()
    log.close()
    assert slow.lines == [
        "first",
        "more 0",
        "log lines dropped: 7",
        "more 1",
        "more 2",
    ]
