# SPDX-License-Identifier: Apache-2.0
"""Server-sent events: one table, read whole, byte by byte, and with bytes that follow."""

import pytest

from genaiservice.guard.core.sse import EVENT_LIMIT, Event, EventLimitError, Parser, render

TABLE: dict[str, tuple[bytes, list[bytes | None]]] = {
    "line feeds": (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    "carriage returns and line feeds": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    "carriage returns": (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    "mixed ends": (b"data: a\r\n\ndata: b\n\r\ndata: c\n\r\r\n", [b"a", b"b", b"c"]),
    "several data lines": (b"data: a\ndata: b\n\n", [b"a\nb"]),
    "no blank after the colon": (b"data:a\n\n", [b"a"]),
    "only one blank is taken": (b"data:  a\n\n", [b" a"]),
    "empty data": (b"data:\n\ndata\n\n", [b"", b""]),
    "a comment": (b": hello\n\ndata: a\n\n", [None, b"a"]),
    "a comment in an event": (b": hello\ndata: a\n\n", [b"a"]),
    "other fields": (b"event: x\nid: 1\nretry: 5\ndata: a\n\n", [b"a"]),
    "a field that begins like data": (b"database: x\n\n", [None]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    "spare empty lines": (b"\n\n\ndata: a\n\n\n\n\r\ndata: b\n\n", [b"a", b"b"]),
    "a character of four bytes": ("data: 😀\n\n".encode(), ["😀".encode()]),
    "an event that never ends": (b"data: a\n\ndata: b\n", [b"a"]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize("case", TABLE)
def test_a_stream_gives_its_events(case: str) -> None:
    data, wanted = TABLE[case]
    assert [event.data for event in Parser().feed(data)] == wanted


@pytest.mark.parametrize("case", TABLE)
def test_byte_by_byte_gives_the_same_events(case: str) -> None:
    data, wanted = TABLE[case]
    parser = Parser()
    events = [event for at in range(len(data)) for event in parser.feed(data[at : at + 1])]
    assert [event.data for event in events] == wanted


@pytest.mark.parametrize("case", TABLE)
def test_cut_in_two_anywhere_gives_the_same_events(case: str) -> None:
    data, wanted = TABLE[case]
    for cut in range(len(data)):
        parser = Parser()
        events = parser.feed(data[:cut]) + parser.feed(data[cut:])
        assert [event.data for event in events] == wanted


def test_raw_bytes_are_those_of_the_event() -> None:
    data = b"id: 1\r\ndata: a\r\n\r\ndata: b\n\n"
    assert [event.raw for event in Parser().feed(data)] == [
        b"id: 1\r\ndata: a\r\n\r\n",
        b"data: b\n\n",
    ]


def test_idle_means_between_two_events() -> None:
    parser = Parser()
    assert not parser.idle
    parser.feed(b"data: a\n")
    assert not parser.idle
    parser.feed(b"\n")
    assert parser.idle


@pytest.mark.parametrize("size", [4_096, 262_144, EVENT_LIMIT // 2])
def test_an_event_beyond_the_limit_is_an_error_and_not_kept(size: int) -> None:
    parser = Parser()
    data = b"data: " + b"x" * EVENT_LIMIT
    for at in range(0, EVENT_LIMIT - size, size):
        assert parser.feed(data[at : at + size]) == []
    with pytest.raises(EventLimitError):
        parser.feed(data[at + size :])


def test_the_largest_event_passes() -> None:
    data = render(b"x" * (EVENT_LIMIT - 8))
    assert len(data) == EVENT_LIMIT
    assert len(Parser().feed(data)) == 1


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (b"data: a\n\n", True),
        (b"event: message\nid: 7\nretry: 10\ndata: a\n\n", True),
        (b": words\ndata: a\n\n", False),
        (b"event: two words\ndata: a\n\n", False),
        (b"other: x\ndata: a\n\n", False),
        ("id: 违禁\ndata: a\n\n".encode(), False),
    ],
)
def test_an_event_is_plain_when_no_text_hides_beside_its_data(raw: bytes, plain: bool) -> None:
    assert Event(raw, b"a").plain is plain
