# SPDX-License-Identifier: Apache-2.0
"""Forms: the same parts and bytes at every cut, a text never apart from its bytes, faults told."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genaiservice.guard.core.multipart import (
    HEAD_LIMIT,
    PARTS_LIMIT,
    TEXT_LIMIT,
    BadFormError,
    Form,
    boundary,
)

TYPE = "multipart/form-data; boundary=x"
FILE = 'name="file"; filename="a.wav"'


def form(*parts: tuple[str, bytes], mark: bytes = b"x") -> bytes:
    made = [
        b"--%b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (mark, head.encode(), value)
        for head, value in parts
    ]
    return b"".join([*made, b"--%b--\r\n" % mark])


def read(content_type: str, pieces: list[bytes]) -> tuple[bytes, list[tuple[str, str]]]:
    """What goes on, and the texts; each text comes with its bytes, none of them before it."""
    reader, sent, texts = Form(content_type), bytearray(), []
    for piece in pieces:
        for data, text in reader.feed(piece):
            if text is not None:
                value = text.value.encode()
                assert value in data
                assert b'name="%b"' % text.name.encode() in data
                texts.append((text.name, text.value))
            sent += data
    return bytes(sent) + reader.end(), texts


def cuts(data: bytes, *places: int) -> list[bytes]:
    return [data[start:end] for start, end in pairwise((0, *sorted(places), len(data)))]


GOOD: dict[str, list[tuple[str, bytes]]] = {
    "a file alone": [(FILE, b"RIFF")],
    "a text before and one after the file": [
        ('name="model"', b"m"),
        (FILE, bytes(range(256))),
        ('name="prompt"', "违禁😀".encode()),
    ],
    "an empty file and an empty text": [(FILE, b""), ('name="prompt"', b"")],
    "a file that nearly holds the boundary": [
        (FILE, b"\r\n--\r\n-\r\n--y\r\n-x\r\r\n\r\n--"),
        ('name="prompt"', b"\r\n-"),
    ],
    "a list": [('name="include[]"', b"a"), ('name="include[]"', b"b"), (FILE, b"1")],
    "no part": [],
}


@pytest.mark.parametrize("case", GOOD)
def test_every_cut_gives_the_same_bytes_and_texts(case: str) -> None:
    body = form(*GOOD[case])
    texts = [
        (head.split('"')[1], value.decode()) for head, value in GOOD[case] if "filename" not in head
    ]
    assert read(TYPE, [body]) == (body, texts)
    assert read(TYPE, cuts(body, *range(len(body)))) == (body, texts)
    for at in range(len(body)):
        assert read(TYPE, cuts(body, at)) == (body, texts)


bytes_near_the_boundary = st.lists(
    st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n--", b"x", b"a", "违".encode(), b"\x00"]),
    max_size=12,
).map(b"".join)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), bytes_near_the_boundary), max_size=3),
    bytes_near_the_boundary,
    st.integers(0, 2**32),
)
def test_random_forms_at_random_cuts(
    texts: list[tuple[str, bytes]], sound: bytes, seed: int
) -> None:
    mark = b"==boundary=="
    parts = [(f'name="{name}"', value) for name, value in texts]
    parts.insert(len(parts) // 2, (FILE, sound))
    body = form(*parts, mark=mark)
    draw = random.Random(seed)  # noqa: S311 - cuts, no secret
    places = draw.sample(range(len(body) + 1), draw.randint(0, min(9, len(body))))
    wanted = [(name, value.decode()) for name, value in texts]
    content_type = f'multipart/form-data; boundary="{mark.decode()}"'
    assert read(content_type, cuts(body, *places)) == (body, wanted)


def test_bytes_of_a_file_go_on_at_once_but_for_a_possible_boundary() -> None:
    reader = Form(TYPE)
    begin = form((FILE, b"")).partition(b"\r\n--x--")[0]
    sent = b"".join(data for data, _ in reader.feed(begin))
    for number in range(100):
        sent += b"".join(data for data, _ in reader.feed(b"%03d" % number * 400))
        assert len(begin) + (number + 1) * 1200 - len(sent) < len(b"\r\n--x")


def test_no_byte_of_a_text_goes_on_before_the_text_is_whole() -> None:
    body = form(('name="prompt"', b"secret"), (FILE, b"1"))
    end = body.index(b"secret") + len(b"secret")
    reader = Form(TYPE)
    assert [piece for at in range(end) for piece in reader.feed(body[at : at + 1])] == []
    ((data, text),) = reader.feed(b"\r\n--x\r\n")
    assert text is not None
    assert (text.value, data) == ("secret", body[:end])


HEAD = b"--x\r\nContent-Disposition: form-data; "
BAD: dict[str, bytes] = {
    "nothing": b"",
    "no last boundary": form((FILE, b"1"))[: -len(b"--\r\n")],
    "text before the first part": b"hello\r\n" + form((FILE, b"1")),
    "text after the last part": form((FILE, b"1")) + b"hello",
    "a boundary with more behind it": b"--xy\r\n" + form((FILE, b"1")),
    "a part without a name": HEAD + b"\r\n\r\n1\r\n--x--\r\n",
    "a name with a line break": HEAD + b'name="a%0d"\r\n\r\n1\r\n--x--\r\n',
    "two dispositions": HEAD
    + b'name="a"\r\nContent-Disposition: form-data; name="b"\r\n\r\n1\r\n--x--\r\n',
    "a file under a text's name": form(('name="prompt"; filename="p.txt"', b"1")),
    "a coded part": HEAD
    + b'name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--x--\r\n',
    "a text that is no UTF-8": form(('name="a"', b"\xff")),
    "a head that is no UTF-8": HEAD + b'name="\xff"\r\n\r\n1\r\n--x--\r\n',
    "a text too long": form(('name="a"', b"1" * (TEXT_LIMIT + 1))),
    "a head too long": HEAD + b'name="a"\r\nX: ' + b"1" * HEAD_LIMIT,
    "an end too long": form((FILE, b"1")) + b"\r\n" * HEAD_LIMIT,
    "too many parts": form(*[('name="a[]"', b"1")] * (PARTS_LIMIT + 1)),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_what_could_be_read_in_two_ways_is_refused(case: str, step: int) -> None:
    body = BAD[case]
    with pytest.raises(BadFormError):
        read(TYPE, [body[at : at + step] for at in range(0, len(body), step)])


@pytest.mark.parametrize(
    ("content_type", "wanted"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
        ("multipart/mixed; boundary=x", None),
        ("multipart/form-data", None),
        ('multipart/form-data; boundary=""', None),
        ("multipart/form-data; boundary=" + "x" * 71, None),
        ('multipart/form-data; boundary="x "', None),
        ('multipart/form-data; boundary="违"', None),
    ],
)
def test_the_boundary_is_that_of_the_type(content_type: str, wanted: bytes | None) -> None:
    if wanted is None:
        with pytest.raises(BadFormError):
            boundary(content_type)
    else:
        assert boundary(content_type) == wanted
