# SPDX-License-Identifier: Apache-2.0
"""JSON that means one thing: what a second look at the keys costs."""

import tracemalloc

import pytest

from genaiservice.guard.core import jsonstrict


def most(data: bytes) -> int:
    tracemalloc.start()
    try:
        jsonstrict.loads(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("item", [b"{}", b"[]", b'{"a":1}'])
def test_the_slow_reader_does_not_double_the_memory(item: bytes) -> None:
    """A body of the largest size takes 350 MB as it is, and the guard has 512 MiB."""
    items = b",".join([item] * 20_000)
    quick, slow = (b'{"x"%b:[%b]}' % (blank, items) for blank in (b"", b" "))
    assert most(slow) < 1.3 * most(quick)
