# SPDX-License-Identifier: Apache-2.0
"""The writing end of the decision log's hash chain; `api.decision_chain` says what a line holds.

Pure: time and identity are arguments.
"""

from datetime import datetime
from typing import Any

import orjson

from genaiservice.api.decision_chain import line_hash
from genaiservice.api.jsontree import Json


class Chain:
    def __init__(self, process: str) -> None:
        self._process = process
        self._sequence = 0
        self._prev = ""

    def link(self, entry: Json, now: datetime) -> bytes:
        """The next line, with its line feed."""
        line: dict[str, Any] = {
            **entry,
            "time": now.isoformat(timespec="microseconds"),
            "process": self._process,
            "sequence": self._sequence,
            "prev": self._prev,
        }
        self._prev = line["hash"] = line_hash(line)
        self._sequence += 1
        return orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
