# SPDX-License-Identifier: Apache-2.0
"""Laws of the event parser: what is rendered is read again, whatever the cuts."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from genaiservice.guard.core.sse import Parser, render

LINES = st.lists(
    st.binary(max_size=30).filter(lambda line: not set(b"\r\n") & set(line)), min_size=1, max_size=3
).map(b"\n".join)
STREAMS = st.lists(LINES, max_size=6)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(marks)]


@given(
    STREAMS, st.lists(st.integers(0, 10_000), max_size=8), st.sampled_from([b"\n", b"\r\n", b"\r"])
)
def test_reading_what_was_rendered_gives_it_back(
    stream: list[bytes], places: list[int], end: bytes
) -> None:
    data = b"".join(map(render, stream)).replace(b"\n", end)
    parser = Parser()
    events = [event for part in cut(data, places) for event in parser.feed(part)]
    assert [event.data for event in events] == stream


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_any_bytes_cut_anywhere_give_the_same_events(data: bytes, places: list[int]) -> None:
    whole = [event.data for event in Parser().feed(data)]
    parser = Parser()
    parts = [event.data for part in cut(data, places) for event in parser.feed(part)]
    assert parts == whole


@given(
    st.lists(st.sampled_from([b"data: a", b":x", b"\n", b"\r", b"\r\n", b"id: 1"]), max_size=20),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_lines_ended_in_any_way_give_the_same_events(
    tokens: list[bytes], places: list[int]
) -> None:
    data = b"".join(tokens)
    whole = [event.data for event in Parser().feed(data)]
    parser = Parser()
    assert [event.data for part in cut(data, places) for event in parser.feed(part)] == whole
