# SPDX-License-Identifier: Apache-2.0
"""The element `TC260:AIGC` in an XMP packet: read, put in, taken out.

Rule: what others wrote into the packet stays byte for byte, and the namespace is only added to.
So the packet is not rebuilt from a tree: expat says at which byte our element stands.
"""

import re
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr, unescape

from genaiservice.guard.core.aigc import NAME, NAMESPACE, PREFIX
from genaiservice.guard.media.outcome import MediaRefused, Reason

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
LONGEST: Final = 4 * 1024 * 1024
_OURS: Final = f"{NAMESPACE} {NAME}"
_OPEN: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n<rdf:RDF xmlns:rdf="{RDF}">\n'
)
_CLOSE: Final = '</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'


class _Scan:
    """One pass over a packet: our texts, the spans they stand in, where RDF ends."""

    def __init__(self, packet: bytes) -> None:
        self.texts: list[str] = []
        self.spans: list[tuple[int, int]] = []
        self.end = -1
        self.about = ""
        self._packet = packet
        self._depth = 0
        self._start = 0
        self._words: list[str] = []
        self._prefixes: set[str] = set()
        parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace
        parser.StartElementHandler = self._open
        parser.EndElementHandler = self._shut
        parser.CharacterDataHandler = self._text
        self._parser = parser
        try:
            parser.Parse(packet, True)
        except (expat.ExpatError, ValueError) as error:
            raise MediaRefused(Reason.UNREADABLE, "XMP", "XMP") from error

    def _doctype(self, *_: object) -> None:
        raise ValueError("entities could grow without bound")

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if uri == NAMESPACE and prefix:
            self._prefixes.add(prefix)

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        at = self._parser.CurrentByteIndex
        if self._depth or name == _OURS:
            if not self._depth:
                self._start, self._words = at, []
            self._depth += 1
            return
        if name == f"{RDF} Description" and not self.about:
            self.about = attributes.get(f"{RDF} about", "")
        if _OURS in attributes:
            self._attribute(at)

    def _attribute(self, at: int) -> None:
        """The property in its short form, as an attribute of rdf:Description."""
        tag = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""").match(self._packet, at)
        names = b"|".join(re.escape(prefix.encode()) for prefix in self._prefixes)
        pattern = rb"""\s(?:%s):AIGC\s*=\s*("[^"]*"|'[^']*')""" % names
        for one in re.finditer(pattern, tag[0] if tag else b""):
            self.spans.append((at + one.start(), at + one.end()))
            self.texts.append(unescape(one[1][1:-1].decode(), _QUOTES))

    def _shut(self, name: str) -> None:
        at = self._parser.CurrentByteIndex
        if self._depth:
            self._depth -= 1
            if not self._depth:
                self.texts.append("".join(self._words).strip())
                self.spans.append((self._start, self._packet.index(b">", at) + 1))
        elif name == f"{RDF} RDF":
            # An element that closes itself has no place between its tags.
            self.end = at if self._packet[at : at + 2] == b"</" else -1

    def _text(self, words: str) -> None:
        if self._depth:
            self._words.append(words)


_QUOTES: Final = {"&quot;": '"', "&apos;": "'", "&#34;": '"', "&#39;": "'"}


def read(packet: bytes) -> list[str]:
    """The texts of every AIGC property; an unreadable packet raises MediaRefused."""
    return _Scan(_bounded(packet)).texts


def write(packet: bytes, text: str) -> bytes:
    """`packet` (b"" for none) with exactly one AIGC property."""
    clean = without(packet)
    if not clean:
        return (_OPEN + _property(text, "") + _CLOSE).encode()
    scan = _Scan(clean)
    if scan.end < 0:
        raise MediaRefused(Reason.UNREADABLE, "XMP without rdf:RDF", "XMP 缺少 rdf:RDF")
    return clean[: scan.end] + _property(text, scan.about).encode() + clean[scan.end :]


def without(packet: bytes) -> bytes:
    """`packet` less every AIGC property."""
    packet = _bounded(packet)
    if not packet:
        return b""
    for start, end in sorted(_Scan(packet).spans, reverse=True):
        packet = packet[:start] + packet[end:]
    return packet


def _property(text: str, about: str) -> str:
    return (
        f'<rdf:Description xmlns:rdf="{RDF}" rdf:about={quoteattr(about)} '
        f'xmlns:{PREFIX}="{NAMESPACE}">'
        f"<{PREFIX}:{NAME}>{escape(text)}</{PREFIX}:{NAME}></rdf:Description>\n"
    )


def _bounded(packet: bytes) -> bytes:
    if len(packet) > LONGEST:
        raise MediaRefused(Reason.TOO_LARGE, f"XMP of {len(packet)} bytes", f"XMP {len(packet)} B")
    return packet.rstrip(b"\0")
