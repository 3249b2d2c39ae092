# SPDX-License-Identifier: Apache-2.0
"""Paths and standard input -> texts, with every unreadable one named and none left out.

Bounded by size; an encoding that is not UTF-8 is recognised where it can be and named, never
guessed: a number read in a wrong encoding would be judged as another number.
"""

import codecs
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from genaiservice.api.problem import Problem, Text

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_FILES: Final = 100_000
STDIN: Final = Path("-")
SUFFIXES: Final = (".yaml", ".yml", ".json")
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A text and the name under which messages speak of it."""

    name: str
    text: str


def sources(paths: list[Path]) -> Iterator[Source | Problem]:
    """Each file below `paths` once, in the order given; a folder's files by name."""
    seen: set[Path] = set()
    for path in paths:
        try:
            files = _files(path)
        except (OSError, ValueError) as error:  # no rights, or a name that no file can have
            yield unreadable(str(path), _cause(error))
            continue
        if len(files) > MAX_FILES:
            yield unreadable(str(path), _MANY)
            continue
        for file in files:
            real = file.absolute()
            if file == STDIN or real not in seen:
                seen.add(real)
                yield read(file)


def _files(path: Path) -> list[Path]:
    if path == STDIN or not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
    return [file for file in found if file.is_file()]


def read(path: Path) -> Source | Problem:
    name = "<stdin>" if path == STDIN else str(path)
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        return unreadable(name, _cause(error))
    if len(data) > MAX_BYTES:
        return unreadable(name, _LARGE)
    return decode(data, name)


def decode(data: bytes, name: str) -> Source | Problem:
    """The text of UTF-8 bytes, or what the bytes seem to be instead."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _wrong_encoding(data, name, data.count(b"\n", 0, error.start) + 1)
    if "\0" in text:
        return _wrong_encoding(data, name, text.count("\n", 0, text.index("\0")) + 1)
    return Source(name=name, text=text)


def _wrong_encoding(data: bytes, name: str, line: int) -> Problem:
    seems = _guess(data)
    shown = seems.upper() if seems else ""
    return Problem(
        where=f"{name}:{line}",
        what=Text(
            en=f"the file is not UTF-8; it looks like {shown}"
            if seems
            else "the file is not UTF-8",
            zh=f"文件不是 UTF-8，疑似 {shown}" if seems else "文件不是 UTF-8",
        ),
        why=Text(en="Kubernetes reads UTF-8 only", zh="Kubernetes 只接受 UTF-8"),
        next=Text(
            en=f"save it as UTF-8: iconv -f {seems} -t utf-8 FILE" if seems else "save it as UTF-8",
            zh=f"请转换为 UTF-8：iconv -f {seems} -t utf-8 文件" if seems else "请另存为 UTF-8",
        ),
    )


def _guess(data: bytes) -> str:
    """UTF-16 and UTF-32 by mark or by their zero bytes, GBK (GB 18030) when it decodes to words."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    head = data[:4096]
    if head.count(0) > len(head) // 4:
        return "utf-16le" if head[1:2] == b"\0" else "utf-16be"
    if 0 in head:
        return ""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    chinese = sum("\u4e00" <= sign <= "\u9fff" for sign in text)
    strange = sum(ord(sign) > 127 for sign in text)
    return "gb18030" if strange and chinese * 2 >= strange else ""


_LARGE: Final = Text(
    en=f"the file is larger than {MAX_BYTES // 1024**2} MiB",
    zh=f"文件超过 {MAX_BYTES // 1024**2} MiB",
)


_MANY: Final = Text(
    en=f"the folder holds more than {MAX_FILES} files", zh=f"目录超过 {MAX_FILES} 个文件"
)


_CHINESE: Final[dict[type[Exception], str]] = {
    FileNotFoundError: "文件不存在",
    PermissionError: "没有权限",
    IsADirectoryError: "这是目录",
}


def _cause(error: Exception) -> Text:
    said = getattr(error, "strerror", None) or "not a usable path"
    known = _CHINESE.get(type(error), said)
    return Text(en=f"the file cannot be read: {said}", zh=f"无法读取文件：{known}")


def unreadable(name: str, what: Text) -> Problem:
    return Problem(
        where=name,
        what=what,
        why=Text(en="", zh=""),
        next=Text(
            en="give a readable YAML file, a folder, or - for stdin",
            zh="请提供可读的 YAML 文件、目录，或用 - 表示标准输入",
        ),
    )
