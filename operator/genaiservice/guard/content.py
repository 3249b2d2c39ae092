# SPDX-License-Identifier: Apache-2.0
"""Content codings of the model's answer, undone before screening.

The guard asks for `identity`; a model server that compresses all the same is understood when it
uses gzip or deflate. Anything else, or a coding in a coding, cannot be screened and is refused.
"""

import zlib
from collections.abc import Iterator
from typing import Final

PART_BYTES: Final = 256 * 1024


class UnreadableContentError(Exception):
    """The body is in a form that cannot be screened."""


class Decoder:
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


def decoder_for(coding: bytes) -> Decoder | None:
    """How to read a body of this `Content-Encoding`; None when it is plain."""
    match coding.strip().lower():
        case b"" | b"identity":
            return None
        case b"gzip" | b"x-gzip":
            return Decoder(zlib.MAX_WBITS | 16)
        case b"deflate":
            return Decoder(zlib.MAX_WBITS)
        case _:
            raise UnreadableContentError
