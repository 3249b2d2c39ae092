# SPDX-License-Identifier: Apache-2.0
"""Forms (`multipart/form-data`): bytes cut anywhere in, their texts out; files are not kept.

Rule: a part without a file name is a text and must be UTF-8 of a bounded length; what stands
before the first and after the last part must be empty, so that no reader finds a text elsewhere.
"""

import re
from dataclasses import dataclass
from email.message import Message
from typing import Final

TEXT_LIMIT: Final = 65_536
HEAD_LIMIT: Final = 16_384
PARTS_LIMIT: Final = 64
FILES: Final = frozenset({"file", "file[]"})
_NAME: Final = re.compile(r"[\w.\-\[\]]{1,128}")


class BadFormError(Exception):
    """The form cannot be read in one way only."""


@dataclass(slots=True)
class FormText:
    name: str
    value: str


def boundary(content_type: str) -> bytes:
    """The boundary that a `Content-Type` names; raises `BadFormError`."""
    head = Message()
    head["Content-Type"] = content_type
    found = head.get_param("boundary")
    if head.get_content_type() != "multipart/form-data" or not isinstance(found, str):
        raise BadFormError
    if not found.isascii() or not 1 <= len(found) <= 70 or found != found.strip():
        raise BadFormError
    return found.encode("ascii")


class Form:
    """`feed` for each read, then `end`; both answer bytes that may go on, in order.

    The bytes of a text come with it, so that they wait until it was screened; those of a file go
    on at once. The last boundary comes from `end`: without it no reader takes the form for whole.
    """

    def __init__(self, content_type: str, files: frozenset[str] = FILES) -> None:
        """`files`: names of the parts that may be files."""
        self._files = files
        self._mark = b"\r\n--" + boundary(content_type)
        self._buffer = b"\r\n"  # so that the first boundary looks like the others
        self._before = len(self._buffer)
        self._raw = bytearray()
        self._pieces: list[tuple[bytes, FormText | None]] = []
        self._state = "before"
        self._name = ""
        self._file = False
        self._value = bytearray()
        self._parts = 0

    def feed(self, data: bytes) -> list[tuple[bytes, FormText | None]]:
        self._buffer += data
        while self._step():
            pass
        pieces, self._pieces = self._pieces, []
        return pieces

    def end(self) -> bytes:
        if self._state != "after" or self._buffer.strip(b"\r\n"):
            raise BadFormError
        self._take(len(self._buffer))
        return bytes(self._raw)

    def _take(self, size: int) -> bytes:
        """Reads `size` bytes; they wait in `_raw` until they may go on."""
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        self._raw += data
        if self._before and len(self._raw) >= self._before:
            del self._raw[: self._before]
            self._before = 0
        return data

    def _pass(self, text: FormText | None = None) -> None:
        if self._raw:
            self._pieces.append((bytes(self._raw), text))
            self._raw.clear()

    def _step(self) -> bool:
        """Reads on by one piece of the form's syntax; False when more bytes are needed."""
        if self._state == "after":
            if len(self._buffer) > HEAD_LIMIT:
                raise BadFormError
            return False
        if self._state == "mark":
            return self._after_mark()
        if self._state == "head":
            return self._head()
        at = self._buffer.find(self._mark)
        if at < 0:
            # The last bytes may be the beginning of a boundary.
            self._content(self._take(max(0, len(self._buffer) - len(self._mark) + 1)))
            return False
        self._content(self._take(at))
        if self._state == "part" and not self._file:
            self._close_part()
        self._take(len(self._mark))
        self._state = "mark"
        return True

    def _after_mark(self) -> bool:
        if len(self._buffer) < 2:
            return False
        sign = self._take(2)
        if sign not in (b"\r\n", b"--"):
            raise BadFormError
        self._state = "head" if sign == b"\r\n" else "after"
        return True

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise BadFormError
            return False
        self._read_head(self._take(end + 4)[:-4])
        self._state = "part"
        return True

    def _read_head(self, head: bytes) -> None:
        self._parts += 1
        if self._parts > PARTS_LIMIT:
            raise BadFormError
        part = Message()
        try:
            for line in head.decode().split("\r\n"):
                field, _, value = line.partition(":")
                part[field.strip()] = value.strip()
        except (UnicodeDecodeError, ValueError):
            raise BadFormError from None
        if len(part.get_all("Content-Disposition", [])) != 1:
            raise BadFormError
        name = part.get_param("name", header="Content-Disposition")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise BadFormError
        if part.get("Content-Transfer-Encoding", "binary").lower() not in ("binary", "8bit"):
            raise BadFormError
        self._name = name
        self._file = part.get_param("filename", header="Content-Disposition") is not None
        if self._file and name not in self._files:
            raise BadFormError  # a text could stand in a file that its reader takes for one
        self._value.clear()

    def _content(self, data: bytes) -> None:
        if self._state == "before":
            if data.strip(b"\r\n"):
                raise BadFormError
        elif self._file:
            self._pass()
        else:
            self._value += data
            if len(self._value) > TEXT_LIMIT:
                raise BadFormError

    def _close_part(self) -> None:
        try:
            self._pass(FormText(self._name, self._value.decode()))
        except UnicodeDecodeError:
            raise BadFormError from None
