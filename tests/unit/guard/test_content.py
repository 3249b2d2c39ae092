# SPDX-License-Identifier: Apache-2.0
"""Content codings: gzip, deflate and brotli are undone at any cut, the rest is refused."""

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest

from genaiservice.guard.content import PART_BYTES, UnreadableContentError, decoder_for

TEXT = "流式回答。".encode() * 400


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        (b"gzip", gzip.compress(TEXT, mtime=0)),
        (b" Deflate ", zlib.compress(TEXT)),
        (b"br", brotli.compress(TEXT)),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_compressed_body_is_undone_at_any_cut(coding: bytes, data: bytes, step: int) -> None:
    decoder = decoder_for(coding)
    assert decoder is not None
    parts = [
        part for at in range(0, len(data), step) for part in decoder.decode(data[at : at + step])
    ]
    assert b"".join(parts) == TEXT
    assert decoder.whole


def test_a_cut_body_is_not_whole() -> None:
    decoder = decoder_for(b"gzip")
    assert decoder is not None
    list(decoder.decode(gzip.compress(TEXT, mtime=0)[:-4]))
    assert not decoder.whole


@pytest.mark.parametrize(
    ("coding", "compress"), [(b"gzip", gzip.compress), (b"br", brotli.compress)]
)
def test_no_part_is_larger_than_the_bound(
    coding: bytes, compress: Callable[[bytes], bytes]
) -> None:
    decoder = decoder_for(coding)
    assert decoder is not None
    parts = list(decoder.decode(compress(b"x" * 5_000_000)))
    assert sum(map(len, parts)) == 5_000_000
    assert max(map(len, parts)) <= PART_BYTES


@pytest.mark.parametrize("coding", [b"", b"identity"])
def test_a_plain_body_needs_no_decoder(coding: bytes) -> None:
    assert decoder_for(coding) is None


@pytest.mark.parametrize("coding", [b"compress", b"zstd", b"gzip, gzip"])
def test_what_cannot_be_read_is_refused(coding: bytes) -> None:
    with pytest.raises(UnreadableContentError):
        decoder_for(coding)


@pytest.mark.parametrize("coding", [b"gzip", b"br"])
def test_garbage_is_refused(coding: bytes) -> None:
    decoder = decoder_for(coding)
    assert decoder is not None
    with pytest.raises(UnreadableContentError):
        list(decoder.decode(b"no gzip at all"))
