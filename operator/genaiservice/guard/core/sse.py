# SPDX-License-Identifier: Apache-2.0
"""Server-sent events: bytes cut anywhere in, whole events out; and back.

Law: `Parser().feed(render(x))` gives `x`, whole or byte by byte. Lines end with LF, CR or CRLF
(mixed too), an empty line ends an event, a byte order mark at the start is skipped. An event
that was not ended by an empty line when the stream closes is no event. Knows nothing of JSON.
"""

import re
from dataclasses import dataclass
from typing import Final

EVENT_LIMIT: Final = 1_048_576
"""Most bytes of one event. A model's chunk has some hundred; more is no stream of chunks."""

_EOL: Final = rb"(?>\r\n|\n|\r)"
_BLANK: Final = re.compile(_EOL + _EOL)
_VOID: Final = re.compile(_EOL + rb"+")
_HARMLESS: Final = re.compile(rb"(?:event|id|retry):[ ]?[\w.\-]{0,128}\Z")
_BOM: Final = b"\xef\xbb\xbf"
DONE: Final = b"data: [DONE]\n\n"
KEEP_ALIVE: Final = b":\n\n"
"""A comment without words; between events it changes nothing."""


class EventLimitError(Exception):
    """An event grew beyond `EVENT_LIMIT`."""


@dataclass(slots=True)
class Event:
    """`raw` is the event as it came; `data` its data lines joined, None when it has none."""

    raw: bytes
    data: bytes | None

    @property
    def plain(self) -> bool:
        """Whether all lines beside the data are short words: no text hides in them."""
        return all(
            line.startswith(b"data:") or _HARMLESS.match(line)
            for line in self.raw.splitlines()
            if line
        )


class Parser:
    __slots__ = ("_buffer", "_scanned", "_started")

    def __init__(self) -> None:
        self._buffer = b""
        self._scanned = 0
        self._started = False

    @property
    def idle(self) -> bool:
        """Whether the last byte seen ended an event."""
        return self._started and not self._buffer

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes; raises `EventLimitError` for one without end."""
        buffer = self._buffer + data if self._buffer else data
        at = 0
        if not self._started:
            if len(buffer) < 3 and _BOM.startswith(buffer):
                self._buffer = buffer
                return []
            self._started = True
            at = 3 if buffer.startswith(_BOM) else 0
        events: list[Event] = []
        search = max(at, self._scanned)
        while True:
            void = _VOID.match(buffer, at)
            if void:  # a line end left over from a CR LF that was cut in two, or spare ones
                at = void.end()
                search = max(search, at)
            end = _BLANK.search(buffer, search)
            if end is None:
                break
            if end.end() - at > EVENT_LIMIT:
                raise EventLimitError
            raw = buffer[at : end.end()]
            events.append(Event(raw, _data(raw)))
            at = search = end.end()
        if len(buffer) - at > EVENT_LIMIT:
            raise EventLimitError
        self._buffer = buffer[at:] if at else buffer
        # The last three bytes may be the start of the two line ends.
        self._scanned = max(0, len(self._buffer) - 3)
        return events


def render(data: bytes) -> bytes:
    """One event with these data; a line feed in them starts a further data line."""
    return b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n"


def _data(raw: bytes) -> bytes | None:
    lines = [
        line[6:] if line.startswith(b"data: ") else line[5:]
        for line in raw.splitlines()
        if line.startswith(b"data:") or line == b"data"
    ]
    return b"\n".join(lines) if lines else None
