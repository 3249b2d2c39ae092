# SPDX-License-Identifier: Apache-2.0
"""Normalisation: one form for the many disguises of a character.

Rule: it works character by character, without context. So a stream normalised in pieces is the
whole normalised, the offset map is a sum of lengths, and one lazily filled `str.translate` table
is all the state. What makes it safe to match by: terms pass the same table as texts.

Each switch and what it may match too much (an allow list mends single cases):
`width`       compatibility forms (ｆ, ①, ㈱, ﬁ) become plain ones; ½ becomes 12.
`case`        Unicode case folding; a Latin name equals the common noun.
`zeroWidth`   format characters, joiners, variation selectors and combining marks vanish;
              with `width` accents go too (é = e).
`traditional` traditional characters become simplified ones, each by itself (乾 = 干).
`separators`  blanks, punctuation, symbols, emoji vanish, so words of a text run together;
              for letters and digits `words` mends that.
`words`       terms of letters or digits are met as words only; it takes nothing away, and what
              it misses is in `guard.core.words`.
`digits`      Chinese numerals become digits (off unless wished): 十之八九 then holds 89.
`leet`        signs and digits become the Latin letters that they stand for (off unless wished):
              455 and a$$ are then one word, and what a digit follows (`ass4`) is none.
`repeats`     repeated characters (off unless wished) are seen through by `guard.core.repeats`;
              nothing is taken away here.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Final

TABLE_LIMIT: Final = 65_536
"""Most entries a table keeps; characters beyond are computed each time (memory stays bounded)."""
PART: Final = 4096
"""Most terms that one call handles."""

_BETWEEN: Final = "\U0010ffff"
"""Stands between texts that are normalised together; no character of any text."""
_HANGUL_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")
_BLANKS: Final = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85")


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    width: bool = True
    case: bool = True
    zero_width: bool = True
    traditional: bool = True
    separators: bool = True
    words: bool = True
    digits: bool = False
    leet: bool = False
    repeats: bool = False


_NUMERALS: Final = dict(
    zip("〇零一壹弌二贰弍三叁弎四肆五伍六陆七柒八捌九玖", "00111222333445566778899", strict=True)
)
_LEET: Final = dict(zip("0134578@$", "oieastbas", strict=True))
"""The common readings, one each; terms are read the same way. Not `!`: it ends sentences."""


class Table(dict[int, int | str]):
    """Code point -> what it normalises to, for `str.translate`; filled as characters are met."""

    __slots__ = ("_further", "_switches")

    def __init__(self, switches: Switches) -> None:
        super().__init__()
        self._switches = switches
        leet = _LEET if switches.leet else {}
        numerals = _NUMERALS if switches.digits else {}
        self._further = leet | {sign: leet.get(one, one) for sign, one in numerals.items()}

    def __missing__(self, code: int) -> int | str:
        piece = self._piece(chr(code))
        value: int | str = ord(piece) if len(piece) == 1 else piece
        if value == code:
            value = code  # shares the key's own object
        if len(self) < TABLE_LIMIT:
            self[code] = value
        return value

    def _piece(self, char: str) -> str:
        parts = unicodedata.normalize("NFKD", char) if self._switches.width else char
        if self._switches.case:
            parts = parts.casefold()
            if self._switches.width:  # folding may bring compatibility forms back (ͅ, ẞ)
                parts = unicodedata.normalize("NFKD", parts)
        if self._switches.traditional:
            parts = "".join(map(simplified, parts))
        parts = "".join(self._further.get(part, part) for part in parts)
        return "".join(part for part in parts if not self._vanishes(part))

    def _vanishes(self, char: str) -> bool:
        category = unicodedata.category(char)
        if category in ("Cf", "Mn", "Me") or char in _HANGUL_FILLERS:
            return self._switches.zero_width
        if category == "Cc":
            switches = self._switches
            return switches.separators if char in _BLANKS else switches.zero_width
        # Unassigned and private characters count as symbols: new emoji, invisible glyphs.
        return self._switches.separators and category[0] in "ZPSC"


@lru_cache(maxsize=4096)
def gap_of(char: str) -> int:
    """What a character that vanished leaves: 0 nothing, 1 a sign's gap, 2 a blank's."""
    category = unicodedata.category(char)
    if char in _BLANKS or category[0] == "Z":
        return 2
    if category in ("Cf", "Mn", "Me", "Cc") or char in _HANGUL_FILLERS:
        return 0
    return 1


class Normaliser:
    """`normalise` for matching, `lengths`/`starts` for the way back to original offsets."""

    __slots__ = ("repeats", "table", "words")

    def __init__(self, switches: Switches) -> None:
        self.words = switches.words
        self.repeats = switches.repeats
        self.table = Table(switches)

    def normalise(self, text: str) -> str:
        return text.translate(self.table)

    def normalise_all(self, texts: Sequence[str]) -> list[str]:
        """The same for many texts, `PART` at a time: each part is one call, in which no other
        thread moves."""
        found: list[str] = []
        for start in range(0, len(texts), PART):
            found += self._joined(texts[start : start + PART])
        return found

    def _joined(self, texts: Sequence[str]) -> list[str]:
        table = self.table
        table[ord(_BETWEEN)] = ord(_BETWEEN)
        try:
            found = _BETWEEN.join(texts).translate(table).split(_BETWEEN)
        finally:
            del table[ord(_BETWEEN)]
        return found if len(found) == len(texts) else [text.translate(table) for text in texts]

    def starts(self, text: str, normal: str) -> range | list[int]:
        """For each character of `text` (and its end) the offset of its piece in `normal`.

        Equal strings map one to one: a piece never holds a character that itself vanishes.
        """
        if normal == text:
            return range(len(text) + 1)
        table, at, starts = self.table, 0, [0]
        for char in text:
            value = table[ord(char)]
            at += len(value) if isinstance(value, str) else 1
            starts.append(at)
        return starts


def simplified(char: str) -> str:
    """By OpenCC's dictionary of characters; of several readings the first, as OpenCC does."""
    old, new = _traditional_to_simplified()
    place = bisect_left(old, char)
    return new[place] if old[place : place + 1] == char else char


@cache
def _traditional_to_simplified() -> tuple[str, str]:
    """As two strings: a dictionary of strings would stay in memory with a megabyte."""
    source = resources.files("opencc").joinpath("dictionary", "TSCharacters.txt")
    pairs = (line.split("\t") for line in source.read_text("utf-8").splitlines() if "\t" in line)
    found = dict(_chain_free((old, new.split(" ")[0]) for old, new in pairs))
    return "".join(sorted(found)), "".join(found[old] for old in sorted(found))


def _chain_free(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Follows a simplified form that is itself a key, so that normalising twice changes nothing."""
    table = {old: new for old, new in pairs if len(old) == 1 and len(new) == 1}
    for old, new in table.items():
        seen = {old}
        while new in table and new not in seen and table[new] != new:
            seen.add(new)
            new = table[new]
        yield old, new
