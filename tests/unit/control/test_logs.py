# SPDX-License-Identifier: Apache-2.0
import json
import logging
import sys

from genaiservice.control.logs import JsonLines, Readable


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("genaiservice.x", logging.INFO, "f.py", 1, message, (), None)
    made.__dict__.update(fields)
    return made


def test_a_line_is_one_json_object_with_its_fields() -> None:
    line = json.loads(JsonLines().format(record("reconciled", service="shop/chat", writes=2)))
    assert line["message"] == "reconciled"
    assert line["level"] == "info"
    assert (line["service"], line["writes"]) == ("shop/chat", 2)
    assert line["time"].endswith("+00:00")


def test_a_field_that_is_no_plain_value_does_not_reach_the_log() -> None:
    line = json.loads(JsonLines().format(record("reconciled", declaration={"uscc": "9111"})))
    assert "declaration" not in line


def test_a_line_break_in_a_field_stays_in_its_line() -> None:
    assert "\n" not in JsonLines().format(record("refused", cause="one\ntwo"))


def test_a_traceback_is_kept() -> None:
    try:
        raise ValueError("cause")
    except ValueError:
        failed = record("reconcile failed", exc_info=sys.exc_info())
    assert "ValueError: cause" in json.loads(JsonLines().format(failed))["trace"]
    assert "ValueError: cause" in Readable().format(failed)


def test_a_terminal_gets_a_readable_line() -> None:
    assert Readable().format(record("leading", identity="a")) == "info    leading identity=a"
