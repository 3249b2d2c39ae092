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
_NAME: Final = re.compile(r"[\w.\-\[\]]{1,128}")

_FILES: Final = frozenset({"file", "file[]"})


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
    """`feed` for each read, then `end`; `texts` grows as parts become complete."""

    def __init__(self, content_type: str) -> None:
        self._mark = b"\r\n--" + boundary(content_type)
        self._buffer = b"\r\n"  # so that the first boundary looks like the others
        self._state = "before"
        self._name = ""
        self._file = False
        self._value = bytearray()
        self._parts = 0
        self.texts: list[FormText] = []

    def feed(self, data: bytes) -> None:
        self._buffer += data
        while self._step():
            pass

    def end(self) -> None:
        if self._state != "after" or self._buffer.strip(b"\r\n"):
            raise BadFormError

    def _step(self) -> bool:
        """Reads on by one piece of the form's syntax; False when more bytes are needed."""
        if self._state == "after":
            return False
        if self._state == "mark":
            return self._after_mark()
        if self._state == "head":
            return self._head()
        at = self._buffer.find(self._mark)
        if at < 0:
            # The last bytes may be the beginning of a boundary.
            keep = len(self._mark) - 1
            self._content(self._buffer[:-keep])
            self._buffer = self._buffer[-keep:]
            return False
        self._content(self._buffer[:at])
        self._buffer = self._buffer[at + len(self._mark) :]
        if self._state == "part":
            self._close_part()
        self._state = "mark"
        return True

    def _after_mark(self) -> bool:
        if len(self._buffer) < 2:
            return False
        sign, self._buffer = self._buffer[:2], self._buffer[2:]
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
        self._read_head(self._buffer[:end])
        self._buffer = self._buffer[end + 4 :]
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
        if self._file and name not in _FILES:
            raise BadFormError  # a text could stand in a file that its reader takes for one
        self._value.clear()

    def _content(self, data: bytes) -> None:
        if self._state == "before":
            if data.strip(b"\r\n"):
                raise BadFormError
        elif not self._file:
            self._value += data
            if len(self._value) > TEXT_LIMIT:
                raise BadFormError

    def _close_part(self) -> None:
        if self._file:
            return
        try:
            self.texts.append(FormText(self._name, self._value.decode()))
        except UnicodeDecodeError:
            raise BadFormError from None
