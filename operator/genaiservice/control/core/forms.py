# SPDX-License-Identifier: Apache-2.0
"""Further forms of Chinese terms, made when a policy is rendered: pinyin, and characters in parts.

The guard only gets longer lists: it loads no dictionary. Both are off unless wished.
`pinyin`      toneless syllables with a gap between them: min gan ci, so `minganci` and `min-gan-ci`
              are met too, as words; one reading a term, the one that its words have.
`components`  one character or all in parts (氵去轮, 氵去车仑); up to three in every combination.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Final

from genaiservice.control.core.components import COMPONENTS

CHARACTERS: Final = 20
"""Longest term that gets further forms."""
LETTERS: Final = 5
"""Shortest pinyin form: shorter ones are words of other languages too often."""
COMBINED: Final = 3
"""Most characters of a term of which every combination is written out."""
_PHRASE: Final = 8
"""Longest phrase that is looked up for its reading."""


def pinyin(terms: Iterable[str]) -> Iterator[str]:
    """The syllables of every term that is Chinese from end to end."""
    from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

    for term in terms:
        if 2 <= len(term) <= CHARACTERS and all(ord(char) in PINYIN_DICT for char in term):
            said = " ".join(_syllables(term, PHRASES_DICT))
            if len(said.replace(" ", "")) >= LETTERS:
                yield said
                if "v" in said:  # 绿: lv, and lu where no ü is at hand
                    yield said.replace("v", "u")


def _syllables(term: str, phrases: Mapping[str, object]) -> Iterator[str]:
    """By the longest phrases from the left: 银行 is yin hang, 行人 is xing ren."""
    at = 0
    while at < len(term):
        sizes = range(min(_PHRASE, len(term) - at), 1, -1)
        size = next((size for size in sizes if term[at : at + size] in phrases), 1)
        yield from _read(term[at : at + size])
        at += size


@lru_cache(maxsize=65_536)
def _read(phrase: str) -> tuple[str, ...]:
    from pypinyin import lazy_pinyin

    return tuple(lazy_pinyin(phrase))


def components(terms: Iterable[str]) -> Iterator[str]:
    """Every term with one character, several or all in parts."""
    for term in terms:
        places = [at for at, char in enumerate(term) if char in COMPONENTS]
        if not places or len(term) > CHARACTERS:
            continue
        if len(places) <= COMBINED:
            some = [
                {at for at, chosen in zip(places, choice, strict=True) if chosen}
                for choice in product((False, True), repeat=len(places))
            ]
        else:
            some = [*({at} for at in places), set(places)]
        for split in filter(None, some):
            yield "".join(COMPONENTS[char] if at in split else char for at, char in enumerate(term))


FORMS: Final[Mapping[str, Callable[[Iterable[str]], Iterator[str]]]] = {
    "pinyin": pinyin,
    "components": components,
}
