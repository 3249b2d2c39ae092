# SPDX-License-Identifier: Apache-2.0
"""Term lists: the table of bad input, and what a good list gives."""

import gzip
import time

import pytest

from genaiservice.api.problem import Lang, ProblemError
from genaiservice.api.terms import LIST_BYTES, SHOWN, decode, parse_terms

BAD = {
    "not UTF-8": ("好词\n坏词\n".encode() + "坏词".encode("gb18030"), "l:3", "iconv"),
    "empty": (b"", "l", "no term"),
    "only comments and blanks": ("# 说明\n\n   \n".encode(), "l", "no term"),
    "larger than 8 MiB": (b"ab\n" * (LIST_BYTES // 3 + 1), "l", "8 MiB"),
    "a term of one character": ("好词\n坏\n".encode(), "l:2", "fewer than two"),
    "a term of signs": (b"ok\nC++\n", "l:2", "fewer than two"),
    "a term of 257 characters": ("好词\n".encode() + b"x" * 257, "l:2", "257 characters"),
    "a list in one line without breaks": (b"word," * 200, "l:1", "lines of their own"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_unusable_list_says_where_what_and_what_to_do(case: str) -> None:
    data, where, words = BAD[case]
    found = parse_terms(data, "l")
    assert found.terms == ()
    assert found.problems[0].where == where
    rendered = found.problems[0].render(Lang.EN)
    assert words in rendered
    assert found.problems[0].render(Lang.ZH)
    assert "坏" not in rendered


GOOD = {
    "line feeds": ("违禁\n样本\n".encode(), ("违禁", "样本")),
    "carriage returns, blanks, comments": (
        "# 词表\r\n 违禁 \r\n\r\n#x\r\n样本".encode(),
        ("违禁", "样本"),
    ),
    "byte order mark": ("\ufeff违禁\n".encode(), ("违禁",)),
    "a blank inside": (b"two words\n", ("two words",)),
    "256 characters": (b"x" * 256, ("x" * 256,)),
    "a sign inside": ("A+级".encode(), ("A+级",)),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_usable_list_gives_its_terms_in_order(case: str) -> None:
    data, terms = GOOD[case]
    found = parse_terms(data, "l")
    assert (found.terms, found.problems, found.notes) == (terms, (), ())


def test_a_duplicate_counts_once_and_is_noted() -> None:
    found = parse_terms("违禁\n样本\n违禁\n".encode(), "l")
    assert found.terms == ("违禁", "样本")
    assert [(note.where, "line 1" in note.what.en) for note in found.notes] == [("l:3", True)]


def test_a_term_that_contains_another_is_noted() -> None:
    found = parse_terms("违禁样本\n禁样\n".encode(), "l")
    assert found.terms == ("违禁样本", "禁样")
    assert [(note.where, "line 2" in note.what.en) for note in found.notes] == [("l:1", True)]


def test_many_problems_are_counted_not_listed() -> None:
    found = parse_terms(b"x\n" * 500, "l")
    assert len(found.problems) == SHOWN + 1
    assert "480 more" in found.problems[-1].what.en


def test_a_list_of_five_megabytes_is_read_in_seconds() -> None:
    data = "".join(f"词条{number:06d}违禁样本内容\n" for number in range(165_000)).encode()
    assert len(data) > 5_000_000
    before = time.process_time()
    found = parse_terms(data, "l")
    assert len(found.terms) == 165_000
    assert not found.problems
    assert time.process_time() - before < 10


def test_gzip_is_unpacked_and_plain_left_alone() -> None:
    assert decode(gzip.compress("违禁".encode()), "gzip").decode() == "违禁"
    assert decode(b"plain", "plain") == b"plain"


PACKED = {
    "not gzip": (b"plain text", "gzip", "not a complete gzip"),
    "cut off": (gzip.compress(b"x" * 1000)[:-9], "gzip", "not a complete gzip"),
    "damaged": (gzip.compress(b"abc" * 400)[:15] + b"\xff" * 20, "gzip", "not a complete gzip"),
    "a bomb": (gzip.compress(b"\0" * (LIST_BYTES * 2)), "gzip", "8 MiB"),
    "another encoding": (b"x", "zstd", "plain or gzip"),
}


@pytest.mark.parametrize("case", PACKED)
def test_what_cannot_be_unpacked_is_a_problem_not_a_traceback(case: str) -> None:
    data, encoding, words = PACKED[case]
    with pytest.raises(ProblemError, match=words):
        decode(data, encoding)
