# SPDX-License-Identifier: Apache-2.0
"""OOXML: the block as the custom property `AIGC`, and in Word the label as first paragraph.

The seven fields stand there without the outer key. Rules: parts that are not ours are copied
unchanged; a package that unpacks to more than its limit is refused before it is unpacked.
"""

import re
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape

from genaiservice.guard.core.aigc import NAME
from genaiservice.guard.media.outcome import MediaRefused, Reason

CUSTOM: Final = "docProps/custom.xml"
TYPES: Final = "[Content_Types].xml"
LINKS: Final = "_rels/.rels"
WORD: Final = "word/document.xml"
MOST_BYTES: Final = 256 * 1024 * 1024
MOST_PARTS: Final = 10_000
KINDS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
FORMAT_ID: Final = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}"
_BASE: Final = "http://schemas.openxmlformats.org/officeDocument/2006"
PROPERTIES: Final = f"{_BASE}/custom-properties"
VALUES: Final = f"{_BASE}/docPropsVTypes"
LINK_TYPE: Final = f"{_BASE}/relationships/custom-properties"
CONTENT_TYPE: Final = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
W: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_EMPTY: Final = f'{_HEAD}<Properties xmlns="{PROPERTIES}" xmlns:vt="{VALUES}"></Properties>'


def read(data: bytes) -> list[str]:
    parts = _unpack(data)
    return _Custom(parts[CUSTOM]).texts if CUSTOM in parts else []


def write(data: bytes, fields: str) -> bytes:
    parts = _unpack(data)
    if CUSTOM not in parts:
        parts[CUSTOM] = _EMPTY.encode()
        override = f'<Override PartName="/{CUSTOM}" ContentType="{CONTENT_TYPE}"/>'
        parts[TYPES] = _before_end(parts[TYPES], b"Types", override)
        link = f'<Relationship Id="rIdAIGC" Type="{LINK_TYPE}" Target="{CUSTOM}"/>'
        parts[LINKS] = _before_end(parts[LINKS], b"Relationships", link)
    custom = parts[CUSTOM]
    for start, end in sorted(_Custom(custom).spans, reverse=True):
        custom = custom[:start] + custom[end:]
    number = max(_Custom(custom).numbers, default=1) + 1
    entry = (
        f'<property xmlns="{PROPERTIES}" fmtid="{FORMAT_ID}" pid="{number}" name="{NAME}">'
        f'<vt:lpwstr xmlns:vt="{VALUES}">{escape(fields)}</vt:lpwstr></property>'
    )
    parts[CUSTOM] = _before_end(custom, b"Properties", entry)
    return _pack(data, parts)


def with_label(data: bytes, label: str) -> bytes:
    """The label as first paragraph of a Word document, unless it already stands in one."""
    parts = _unpack(data)
    if WORD not in parts:
        raise MediaRefused(Reason.UNSUPPORTED, "XLSX and PPTX", "XLSX 与 PPTX")
    document = parts[WORD]
    paragraph = f'<w:p xmlns:w="{W}"><w:r><w:t>{escape(label)}</w:t></w:r></w:p>'.encode()
    at = _Body(document).start
    if at < 0:
        raise MediaRefused(Reason.UNREADABLE, "Word", "Word")
    if document.startswith(paragraph, at):
        return data
    parts[WORD] = document[:at] + paragraph + document[at:]
    return _pack(data, parts)


class _Reader:
    """Expat over one part: entities are refused, handlers know the byte they stand at."""

    def __init__(self, part: bytes) -> None:
        self.part = part
        self.parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self.open
        self.parser.EndElementHandler = self.shut
        self.parser.CharacterDataHandler = self.text
        try:
            self.parser.Parse(part, True)
        except (expat.ExpatError, ValueError) as error:
            raise MediaRefused(Reason.UNREADABLE, "OOXML", "OOXML") from error

    def _doctype(self, *_: object) -> None:
        raise ValueError("entities could grow without bound")

    def open(self, name: str, attributes: dict[str, str]) -> None:
        raise NotImplementedError

    def shut(self, name: str) -> None:
        pass

    def text(self, words: str) -> None:
        pass


class _Custom(_Reader):
    """The custom properties: texts and spans of ours, numbers of all."""

    def __init__(self, part: bytes) -> None:
        self.texts: list[str] = []
        self.spans: list[tuple[int, int]] = []
        self.numbers: list[int] = []
        self._start = -1
        self._words = ""
        super().__init__(part)

    def open(self, name: str, attributes: dict[str, str]) -> None:
        if name != f"{PROPERTIES} property":
            return
        if attributes.get("pid", "").isdecimal():
            self.numbers.append(int(attributes["pid"]))
        if attributes.get("name", "").upper() == NAME:
            self._start, self._words = self.parser.CurrentByteIndex, ""

    def shut(self, name: str) -> None:
        if name == f"{PROPERTIES} property" and self._start >= 0:
            end = self.part.index(b">", self.parser.CurrentByteIndex) + 1
            self.spans.append((self._start, end))
            self.texts.append(self._words.strip())
            self._start = -1

    def text(self, words: str) -> None:
        if self._start >= 0:
            self._words += words


class _Body(_Reader):
    """Where the body of a Word document begins."""

    def __init__(self, part: bytes) -> None:
        self.start = -1
        super().__init__(part)

    def open(self, name: str, attributes: dict[str, str]) -> None:
        if name == f"{W} body" and self.start < 0:
            self.start = self.part.index(b">", self.parser.CurrentByteIndex) + 1


def _before_end(part: bytes, element: bytes, entry: str) -> bytes:
    match = list(re.finditer(rb"</(?:[\w.-]+:)?%s\s*>" % element, part))
    if not match:
        raise MediaRefused(Reason.UNREADABLE, "OOXML", "OOXML")
    return part[: match[-1].start()] + entry.encode() + part[match[-1].start() :]


def _opened(data: bytes, use: Callable[[zipfile.ZipFile], dict[str, bytes]]) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(BytesIO(data)) as package:
            return use(package)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError) as error:
        raise MediaRefused(Reason.UNREADABLE, "ZIP", "ZIP") from error


def _unpack(data: bytes) -> dict[str, bytes]:
    def use(package: zipfile.ZipFile) -> dict[str, bytes]:
        entries = package.infolist()
        names = {entry.filename for entry in entries}
        if sum(entry.file_size for entry in entries) > MOST_BYTES or len(entries) > MOST_PARTS:
            raise MediaRefused(Reason.TOO_LARGE, "unpacked", "解压后")
        plain = all(entry.compress_type in KINDS for entry in entries)
        if len(names) != len(entries) or not {TYPES, LINKS} <= names or not plain:
            raise MediaRefused(Reason.UNREADABLE, "OOXML", "OOXML")
        return {entry.filename: _part(package, entry) for entry in entries}

    return _opened(data, use)


def _part(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """No more than the directory promised: a part that lies about its size is a bomb."""
    with package.open(entry) as part:
        body = part.read(entry.file_size + 1)
    if len(body) != entry.file_size:
        raise MediaRefused(Reason.UNREADABLE, "ZIP", "ZIP")
    return body


def _pack(original: bytes, parts: dict[str, bytes]) -> bytes:
    out = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(original)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package,
    ):
        known = {entry.filename: entry for entry in source.infolist()}
        for name, body in parts.items():
            entry = known.get(name) or zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, body)
    return out.getvalue()
