# SPDX-License-Identifier: Apache-2.0
"""Patterns of a moderation policy: a small regular language, every match of bounded length.

Why a language of its own: what a stream may release is decided by what can still become a match,
and no engine in reach (`re`, RE2) answers that. So only what has an exact answer is read:
literals, `.`, `\\d`, `\\w`, classes, groups, `|`, `?` and counted repeats. `*`, `+`, anchors and
what looks around are refused with the reason. A pattern is held against the normalised text, from
which blanks and signs are gone: it may name letters, digits and characters only.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from genaiservice.api.problem import Problem, Text

MATCH_CHARACTERS: Final = 256
"""Longest match: so many characters may have to wait."""
PATTERN_CHARACTERS: Final = 512
SIZE_LIMIT: Final = 2048
"""Most places of one pattern, counted repeats written out."""
TOTAL_LIMIT: Final = 20_000
"""Most places of all patterns and context rules of a policy."""
LAST: Final = 0x10FFFF

Ranges: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of these ranges of code points."""

    ranges: Ranges
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    part: "Node"
    least: int
    most: int


Node: TypeAlias = Chars | Sequence | Choice | Repeat

ANY: Final = Chars(((0, LAST),))
_CLASSES: Final[dict[str, Ranges]] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (97, 122)),
}


class PatternError(ValueError):
    """`problem` says what is refused and why, without the pattern's words."""

    def __init__(self, what: Text, why: Text, next_step: Text, at: int | None = None) -> None:
        place, spot = ("", "") if at is None else (f" (at {at + 1})", f"（第 {at + 1} 个字符）")
        super().__init__(what.en + place)
        self.problem = Problem(
            what=Text(en=what.en + place, zh=what.zh + spot),
            why=why,
            next=next_step,
        )


def parse(pattern: str) -> Node:
    """The pattern as a tree; raises `PatternError` for one that is refused."""
    if len(pattern) > PATTERN_CHARACTERS:
        raise _refused("long")
    reader = _Reader(pattern)
    tree = reader.choice(0)
    if reader.at < len(pattern):
        raise _refused("syntax", reader.at)
    check(tree)
    return tree


def near(first: tuple[str, ...], second: tuple[str, ...], within: int) -> Node:
    """A context rule: one of `first` and one of `second` in any order, `within` apart at most."""
    one, other = (Choice(tuple(map(literal, words))) for words in (first, second))
    between = Repeat(ANY, 0, within)
    return Choice((Sequence((one, between, other)), Sequence((other, between, one))))


def literal(text: str) -> Node:
    return Sequence(tuple(Chars(((ord(char), ord(char)),)) for char in text))


def check(tree: Node) -> None:
    least, most, size = measure(tree)
    if most > MATCH_CHARACTERS:
        raise _refused("match")
    if size > SIZE_LIMIT:
        raise _refused("size")
    if least < 2:
        raise _refused("short")


def measure(node: Node) -> tuple[int, int, int]:
    """Length of the shortest and the longest match, and the number of places."""
    if isinstance(node, Chars):
        return 1, 1, 1
    if isinstance(node, Repeat):
        least, most, size = measure(node.part)
        return least * node.least, most * node.most, size * node.most
    parts = [measure(part) for part in node.parts]
    if not parts:
        return 0, 0, 0
    size = sum(part[2] for part in parts)
    if isinstance(node, Sequence):
        return sum(part[0] for part in parts), sum(part[1] for part in parts), size
    return min(part[0] for part in parts), max(part[1] for part in parts), size


DEPTH_LIMIT: Final = 20


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self.at = 0

    def _peek(self) -> str:
        return self._pattern[self.at : self.at + 1]

    def _take(self, wanted: str = "") -> str:
        char = self._peek()
        if not char or (wanted and char != wanted):
            raise _refused("syntax", self.at)
        self.at += 1
        return char

    def choice(self, depth: int) -> Node:
        if depth > DEPTH_LIMIT:
            raise _refused("size", self.at)
        parts = [self._sequence(depth)]
        while self._peek() == "|":
            self.at += 1
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._counted(self._atom(depth)))
        return Sequence(tuple(parts))

    def _counted(self, part: Node) -> Node:
        sign = self._peek()
        if sign in ("*", "+") and sign:
            raise _refused("unbounded", self.at)
        if sign not in ("?", "{") or not sign:
            return part
        begin = self.at
        self.at += 1
        least, most = (0, 1) if sign == "?" else self._bounds(begin)
        if self._peek() == "?":
            self.at += 1  # lazy or not: every match counts
        if self._peek() in ("?", "{", "*", "+") and self._peek():
            raise _refused("syntax", self.at)
        return Repeat(part, least, most)

    def _bounds(self, begin: int) -> tuple[int, int]:
        end = self._pattern.find("}", self.at)
        least, comma, most = self._pattern[self.at : max(end, 0)].partition(",")
        numbers = [least, most] if comma else [least]
        if comma and least.isdecimal() and not most and end > 0:
            raise _refused("unbounded", begin)
        if not all(number.isascii() and number.isdecimal() for number in numbers):
            raise _refused("syntax", begin)
        low, high = int(numbers[0][:6]), int(numbers[-1][:6])
        if not low <= high or high < 1:
            raise _refused("syntax", begin)
        if high > MATCH_CHARACTERS:
            raise _refused("match", begin)
        self.at = end + 1
        return low, high

    def _atom(self, depth: int) -> Node:
        char = self._take()
        if char == "(":
            if self._peek() == "?":
                self.at += 1
                if self._peek() != ":":
                    raise _refused("around", self.at - 2)
                self.at += 1
            inner = self.choice(depth + 1)
            self._take(")")
            return inner
        if char == "[":
            return self._class()
        if char == ".":
            return ANY
        if char in "^$":
            raise _refused("around", self.at - 1)
        if char == "\\":
            return self._escape()
        return Chars((self._single(char),))

    def _escape(self) -> Chars:
        char = self._take()
        if char in _CLASSES:
            return Chars(_CLASSES[char])
        if char in "bBAzZ":
            raise _refused("around", self.at - 2)
        raise _refused("sign" if not char.isalnum() or char == "s" else "syntax", self.at - 2)

    def _single(self, char: str) -> tuple[int, int]:
        if not char.isalnum():
            raise _refused("syntax" if char in "]{}*+?" else "sign", self.at - 1)
        return ord(char), ord(char)

    def _class(self) -> Chars:
        negated = self._peek() == "^"
        self.at += negated
        ranges: list[tuple[int, int]] = []
        while self._peek() != "]" or not ranges:
            char = self._take()
            if char == "\\":
                ranges += self._escape().ranges
                continue
            low, high = self._single(char)
            if self._peek() == "-":
                self.at += 1
                high = self._single(self._take())[1]
            if high < low:
                raise _refused("syntax", self.at - 1)
            ranges.append((low, high))
        self.at += 1
        return Chars(tuple(sorted(ranges)), negated)


_REASONS: Final[dict[str, tuple[Text, Text, Text]]] = {
    "unbounded": (
        Text(en="the pattern repeats without end", zh="该表达式含无上限的重复"),
        Text(
            en="text waits as long as it may become part of a match: a length must be known",
            zh="可能成为命中内容的文字须等待，因此必须有长度上限",
        ),
        Text(
            en="write a counted repeat such as {1,20} instead of * or +",
            zh="请将 * 或 + 改为有上限的次数，例如 {1,20}",
        ),
    ),
    "match": (
        Text(
            en=f"the pattern matches more than {MATCH_CHARACTERS} characters",
            zh=f"该表达式可匹配超过 {MATCH_CHARACTERS} 个字符",
        ),
        Text(en="so many would have to wait", zh="等待的文字会过长"),
        Text(en="lower the counts", zh="请减小重复次数"),
    ),
    "size": (
        Text(en="the pattern is too large when written out", zh="该表达式展开后过大"),
        Text(
            en=f"at most {SIZE_LIMIT} places and {DEPTH_LIMIT} levels are kept",
            zh=f"最多 {SIZE_LIMIT} 个位置、{DEPTH_LIMIT} 层嵌套",
        ),
        Text(en="lower the counts or split it", zh="请减小重复次数或拆分"),
    ),
    "long": (
        Text(
            en=f"the pattern is longer than {PATTERN_CHARACTERS} characters",
            zh=f"该表达式超过 {PATTERN_CHARACTERS} 个字符",
        ),
        Text(en="patterns are read whole", zh="表达式须整体读入"),
        Text(en="split it", zh="请拆分"),
    ),
    "short": (
        Text(en="the pattern matches a single character or none", zh="该表达式可匹配不足两个字符"),
        Text(en="it would stop ordinary text", zh="会误拦正常文本"),
        Text(en="make every match two characters or more", zh="请使每个匹配至少有两个字符"),
    ),
    "around": (
        Text(
            en="the pattern looks at what stands around a match, or names a group",
            zh="该表达式使用了锚点、环视或命名组",
        ),
        Text(
            en="in a stream neither begin nor end is known; word boundaries are a switch",
            zh="流式文本的首尾未知；单词边界由开关控制",
        ),
        Text(
            en="leave it out; set normalisation.words for word boundaries",
            zh="请删去；单词边界请使用 normalisation.words",
        ),
    ),
    "sign": (
        Text(en="the pattern names a blank or a sign", zh="该表达式含有空白或符号"),
        Text(
            en="normalisation takes them out of the text before patterns are tried",
            zh="归一化会先去除空白与符号，再匹配表达式",
        ),
        Text(
            en="leave it out: digits with blanks between them match without them",
            zh="请删去：中间有空白的数字同样可以匹配",
        ),
    ),
    "syntax": (
        Text(en="the pattern cannot be read", zh="该表达式无法解析"),
        Text(
            en="known are characters, ., \\d, \\w, [classes], (groups), |, ? and {counts}",
            zh="支持：文字、.、\\d、\\w、[字符集]、(分组)、|、? 与 {次数}",
        ),
        Text(en="correct it at this place", zh="请在此处更正"),
    ),
}


def _refused(reason: str, at: int | None = None) -> PatternError:
    return PatternError(*_REASONS[reason], at)
