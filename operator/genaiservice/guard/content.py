# SPDX-License-Identifier: Apache-2.0
"""Content codings of the model's answer, undone before screening.

The guard asks for `identity`; a model server that compresses all the same is understood when it
uses gzip, deflate or brotli. Anything else, or a coding in a coding, cannot be screened and is
refused.
"""

import zlib
from collections.abc import Iterator
from typing import Any, Final, Protocol

PART_BYTES: Final = 256 * 1024


class UnreadableContentError(Exception):
    """The body is in a form that cannot be screened."""


class Decoder(Protocol):
    """Bytes of a coded body in, cut anywhere; its plain bytes out, at most `PART_BYTES` a part."""

    @property
    def whole(self) -> bool: ...

    def decode(self, data: bytes) -> Iterator[bytes]: ...


class Inflater:
    """A bounded inflater: no call makes more than `PART_BYTES` at once."""

    def __init__(self, window: int) -> None:
        self._stream = zlib.decompressobj(wbits=window)

    @property
    def whole(self) -> bool:
        return self._stream.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                part = self._stream.decompress(data, PART_BYTES)
                if part:
                    yield part
                data = self._stream.unconsumed_tail
        except zlib.error as error:
            raise UnreadableContentError from error


class Brotli:
    """The same for brotli; its library is loaded when a model server first needs it."""

    def __init__(self) -> None:
        import brotli

        self._stream: Any = brotli.Decompressor()
        self._error: type[Exception] = brotli.error

    @property
    def whole(self) -> bool:
        return bool(self._stream.is_finished())

    def decode(self, data: bytes) -> Iterator[bytes]:
        try:
            while True:
                # The library may overrun the limit that it is given, but not double it.
                part = self._stream.process(data, output_buffer_limit=PART_BYTES // 2)
                if not part:
                    return
                yield part
                if self._stream.is_finished():
                    return
                data = b""
        except self._error as error:
            raise UnreadableContentError from error


def decoder_for(coding: bytes) -> Decoder | None:
    """How to read a body of this `Content-Encoding`; None when it is plain."""
    match coding.strip().lower():
        case b"" | b"identity":
            return None
        case b"gzip" | b"x-gzip":
            return Inflater(zlib.MAX_WBITS | 16)
        case b"deflate":
            return Inflater(zlib.MAX_WBITS)
        case b"br":
            return Brotli()
        case _:
            raise UnreadableContentError
