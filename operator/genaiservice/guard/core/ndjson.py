# SPDX-License-Identifier: Apache-2.0
"""Streams of one JSON object a line: bytes cut anywhere in, whole lines out."""

from genaiservice.guard.core.sse import EVENT_LIMIT, Event, EventLimitError


class Lines:
    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def idle(self) -> bool:
        """Whether the last byte seen ended a line."""
        return not self._buffer

    def feed(self, data: bytes) -> list[Event]:
        """The lines that `data` completes; raises `EventLimitError` for one without end."""
        *lines, rest = (self._buffer + data).split(b"\n")
        if max(map(len, (*lines, rest))) > EVENT_LIMIT:
            raise EventLimitError
        self._buffer = rest
        return [Event(line + b"\n", line) for line in lines if line.strip()]
