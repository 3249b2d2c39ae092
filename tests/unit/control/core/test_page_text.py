# SPDX-License-Identifier: Apache-2.0
"""What a page says: text between tags, targets of links, every Chinese encoding, in linear time."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genaiservice.control.core.page_text import decoded, found, visible
from genaiservice.rules.pages import Kind, Needle, Wanted, pages_of

LIMIT = Needle(name="timeLimit", groups=(("10个工作日",),))
PAGE = Wanted(field="complaints.url", url="https://chat.example.com/", needles=(LIMIT,))


def needle(text: str) -> Wanted:
    return Wanted(
        field="x", url="https://a.example/", needles=(Needle(name="it", groups=((text,),)),)
    )


@pytest.mark.parametrize(
    "html",
    [
        "<p>10个工作日</p>",
        "<p>１０ 个\n工作日</p>",
        "<p><b>10</b><span> 个工</span>作日</p>",
        "<p>10&nbsp;个&#24037;&#x4f5c;日</p>",
        "<p>10\u200b个\ufeff工作日</p>",
        "<p title='>'>10个工作日",
        "a < b 10个工作日",
        "<script>if (a<b) {}</script>10个工作日",
        "<!-- <b> -->10个工作日",
        "<!DOCTYPE html><br/>10个<br>工作日</html",
    ],
)
def test_text_is_found_as_people_read_it(html: str) -> None:
    assert found(PAGE, html.encode(), "", whole=True, markup=True) == {"timeLimit": True}


@pytest.mark.parametrize(
    "html",
    [
        "<script>10个工作日</script>",
        "<style>10个工作日</style >",
        "<SCRIPT>10个工作日",
        "<!-- 10个工作日 -->",
        "<!-- 10个工作日",
        "<template>10个工作日</template>",
        "<p data-x='10个工作日'>",
        "",
    ],
)
def test_what_nobody_sees_is_not_found(html: str) -> None:
    assert found(PAGE, html.encode(), "", whole=True, markup=True) == {"timeLimit": False}


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://beian.cac.gov.cn/#/index">x</a>', "https://beian.cac.gov.cn/#/index"),
        ("<a class=x href=https://beian.cac.gov.cn/?a=1&amp;b=2>", "https://beian.cac.gov.cn/?a=1&b=2"),
        ("<A HREF = 'mailto:a@b.cn'>", "a@b.cn"),
        ("<a href='mailto:%E6%8A%95%E8%AF%89@b.cn'>", "投诉@b.cn"),
        ('<a href="tel:4008100000">', "4008100000"),
        ("网信算备1101010000000000000<b>01</b>号", "网信算备110101000000000000001号"),
    ],
)  # fmt: skip
def test_links_and_numbers_are_found(html: str, text: str) -> None:
    assert found(needle(text), html.encode(), "", whole=True, markup=True) == {"it": True}


@pytest.mark.parametrize(
    ("html", "there"),
    [
        ("<p>电话 400-123-4567</p><p>10 个工作日</p>", True),
        ("电话 400-123-4567\n10个工作日", True),
        ("<b>10</b>个<br>工作日", True),
        ("十个工作日", True),
        ("110个工作日", False),
        ("1 10个工作日", False),
        ("二十个工作日", False),
    ],
)
def test_a_number_ends_with_its_line_and_not_within_it(html: str, there: bool) -> None:
    declaration = {"complaints": {"url": "https://a.cn/", "feedbackWorkingDays": 10}}
    (wanted,) = pages_of(declaration)
    answers = found(wanted, html.encode(), "", whole=True, markup=True)
    assert answers["timeLimit"] is there


def test_plain_text_has_no_tags() -> None:
    body = "a <b 10个工作日> c".encode()
    assert found(PAGE, body, "", whole=True, markup=False) == {"timeLimit": True}


def test_of_a_part_only_what_is_there_is_said() -> None:
    assert found(PAGE, b"", "", whole=False, markup=True) == {}
    body = "10个工作日".encode()
    assert found(PAGE, body, "", whole=False, markup=True) == {"timeLimit": True}


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("十个".encode("gbk"), "", "十个"),
        ("十个".encode("gbk"), "GB2312", "十个"),
        ("〇㐀𠀀".encode("gb18030"), "gbk", "〇㐀𠀀"),
        (b"<meta charset=gbk>" + "十个".encode("gbk"), "", "<meta charset=gbk>十个"),
        (b"<meta charset=gbk>" + "十个".encode(), "", "<meta charset=gbk>十个"),
        ("十个".encode(), "latin-1-of-mars", "十个"),
        ("十个".encode(), "zip", "十个"),
        ("十个".encode(), "\x00", "十个"),
        ("\ufeff十个".encode(), "gbk", "十个"),
        ("\ufeff十个".encode("utf-16-le"), "", "十个"),
        ("十个".encode()[:-1], "utf-8", "十"),
        (b"\xff\xff\xff\xff", "", "\ufffd\ufffd\ufffd\ufffd"),
    ],
)
def test_the_encoding_is_that_of_the_bytes(body: bytes, charset: str, text: str) -> None:
    assert decoded(body, charset) == text


@pytest.mark.parametrize(
    "piece",
    ["<", "<a ", "<!--", "<script>", "</script", "<a href='", "&#", "&#1", "<a href=x ", "<!",
     "<?", '<p "', "href=", "&amp;"],
)  # fmt: skip
def test_a_hostile_page_takes_no_longer_than_its_size_allows(piece: str) -> None:
    body = (piece * (2 * 1024 * 1024 // len(piece))).encode()
    before = time.process_time()
    found(PAGE, body, "", whole=True, markup=True)
    assert time.process_time() - before < 10.0  # quadratic work would take hours


def test_an_entity_of_five_thousand_digits_is_text() -> None:
    assert "".join(visible("&#" + "1" * 5000 + ";")).startswith("&#1")


@given(st.binary(max_size=200), st.text(max_size=10))
@example(b"\x00\x00", "UTF16")
def test_any_bytes_of_any_encoding_have_an_answer(body: bytes, charset: str) -> None:
    for kind in Kind:
        wanted = Wanted(field="x", url="https://a.example/", kind=kind, needles=(LIMIT,))
        answers = found(wanted, body, charset, whole=True, markup=True)
        assert set(answers.values()) <= {True, False}
