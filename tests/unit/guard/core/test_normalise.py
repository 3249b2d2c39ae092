# SPDX-License-Identifier: Apache-2.0
"""Normalisation: one table of disguises, the switches, the way back, the bound."""

import dataclasses
import unicodedata

import pytest

from genaiservice.guard.core.normalise import PART, TABLE_LIMIT, Normaliser, Switches

FULL = Normaliser(Switches())

DISGUISES = {
    "plain": ("违禁", "违禁"),
    "full width": ("ｆｏｒｂｉｄ１２", "forbid12"),
    "circled and ligatures": ("①ﬁ㈱", "1fi株"),
    "case": ("ForBID ẞ", "forbidss"),
    "zero width": ("违\u200b禁\u2060\ufeff", "违禁"),
    "soft hyphen": ("for\u00adbid", "forbid"),
    "Hangul filler": ("违\u3164禁", "违禁"),
    "combining marks": ("f\u0301o\u0336rbid", "forbid"),
    "accents": ("fórbid", "forbid"),
    "variation selector": ("违\ufe0f禁", "违禁"),
    "traditional": ("違禁樣本", "违禁样本"),
    "blanks": ("违 禁\u3000样\t本\n", "违禁样本"),
    "signs": ("违-禁·样*本。", "违禁样本"),
    "emoji": ("违😀禁👍🏽样1️⃣", "违禁样1"),
    "private use": ("违\ue000禁", "违禁"),
    "compatibility ideograph": ("\uf900", "岂"),
    "beyond the basic plane": ("\U00020000", "\U00020000"),
}


@pytest.mark.parametrize("case", DISGUISES)
def test_a_disguise_becomes_the_plain_form(case: str) -> None:
    text, plain = DISGUISES[case]
    assert FULL.normalise(text) == plain


SWITCHES = {
    "width": ("ｆ", "ｆ"),
    "case": ("F", "F"),
    "zero_width": ("a\u200b", "a\u200b"),
    "traditional": ("違", "違"),
    "separators": ("a-b c", "a-b c"),
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_switch_turns_one_thing_off(switch: str) -> None:
    text, left = SWITCHES[switch]
    off = dataclasses.replace(Switches(), **{switch: False})
    assert Normaliser(off).normalise(text) == left
    assert FULL.normalise(text) != left


def test_many_texts_at_once_are_each_by_itself() -> None:
    texts = ["ﬁ x", "", "违 禁", "\U0010ffff"]
    for some in (texts, texts[:3], [], texts[:3] * PART):
        assert FULL.normalise_all(some) == [FULL.normalise(text) for text in some]


def test_with_all_switches_off_nothing_changes() -> None:
    none = Normaliser(Switches(**{field.name: False for field in dataclasses.fields(Switches)}))
    text = "Ｆ违 \u200b違\u0301😀"
    assert none.normalise(text) == text


def test_normalising_twice_changes_nothing_for_any_character() -> None:
    for code in range(0, 0x30000, 7):
        if unicodedata.category(chr(code)) != "Cs":
            once = FULL.normalise(chr(code))
            assert FULL.normalise(once) == once, hex(code)


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("违禁", [0, 1, 2]),
        ("违\u200b禁", [0, 1, 1, 2]),
        ("ﬁx", [0, 2, 3]),
        (" 违", [0, 0, 1]),
        ("", [0]),
    ],
)
def test_the_offsets_lead_back_to_the_original(text: str, starts: list[int]) -> None:
    assert list(FULL.starts(text, FULL.normalise(text))) == starts


def test_equal_lengths_do_not_hide_a_shift() -> None:
    text = "ﬁ\u200b"
    assert len(FULL.normalise(text)) == len(text)
    assert list(FULL.starts(text, FULL.normalise(text))) == [0, 2, 2]


def test_the_table_stays_bounded_whatever_comes() -> None:
    own = Normaliser(Switches())
    every = "".join(chr(code) for code in range(0x20000) if not 0xD800 <= code < 0xE000)
    assert own.normalise(every) == own.normalise(every)
    assert len(own.table) <= TABLE_LIMIT
