# SPDX-License-Identifier: Apache-2.0
"""Escapes of JSON inside a text: what they mean is kept, in pieces too."""

import json
from contextlib import suppress
from random import Random

import pytest

from genaiservice.guard.core.unescape import Unescaper, unescape

TABLE = {
    "plain": ("今天", "今天"),
    "escaped characters": (r"\u8fdd\u7981", "违禁"),
    "letters": (r"\u0041\u0062", "Ab"),
    "a pair": (r"\ud83d\ude00!", "😀!"),
    "an escaped backslash": (r"\\u8fdd", r"\\u8fdd"),
    "two backslashes and an escape": (r"\\\u8fdd", r"\\违"),
    "other escapes stay": (r"\n\"\/", r"\n\"\/"),
    "a quote stays escaped": (r"\u0022\u005c\u000a", r"\u0022\u005c\u000a"),
    "half a pair stays": (r"\ud83d!\ude00", r"\ud83d!\ude00"),
    "no escape at all": (r"\u12", r"\u12"),
    "a backslash at the end": ("a\\", "a\\"),
}


@pytest.mark.parametrize("case", TABLE)
def test_an_escape_becomes_what_it_means_whole_and_in_pieces(case: str) -> None:
    text, meant = TABLE[case]
    assert unescape(text) == meant
    own = Unescaper()
    assert "".join([*(own.feed(char) for char in text), own.flush()]) == meant


def test_the_reading_program_reads_the_same_and_little_waits() -> None:
    draw = Random(7)  # noqa: S311 - makes cases
    parts = ["违", r"\u8fdd", r"\\", r"\n", r"\u", "u", "\\", r"\ud83d", r"\ude00", "8f", "a"]
    for _ in range(3000):
        text = "".join(draw.choice(parts) for _ in range(draw.randint(0, 6)))
        own, out, at = Unescaper(), "", 0
        while at < len(text):
            step = draw.choice((1, 2, 3, 9))
            out += own.feed(text[at : at + step])
            at += step
            assert own.held <= 11
        out += own.flush()
        assert out == unescape(text)
        with suppress(ValueError):
            assert json.loads(f'"{out}"') == json.loads(f'"{text}"')
