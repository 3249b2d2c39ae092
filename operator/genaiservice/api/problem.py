# SPDX-License-Identifier: Apache-2.0
"""What a person is told when something is wrong: what, why, what to do next, in two languages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Lang(StrEnum):
    EN = "en"
    ZH = "zh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One sentence in English and in Chinese."""

    en: str
    zh: str

    def in_(self, lang: Lang) -> str:
        return self.zh if lang is Lang.ZH else self.en

    def as_json(self) -> dict[str, str]:
        return {"en": self.en, "zh": self.zh}

    def format(self, **values: object) -> "Text":
        return Text(en=self.en.format(**values), zh=self.zh.format(**values))

    def joined(self) -> str:
        """Where both languages stand in one message (conditions, Events, refusals)."""
        return f"{self.zh}{BAR}{self.en}"

    @staticmethod
    def parted(message: str) -> "Text":
        """What `joined` made; a message of one language is both."""
        zh, _, en = message.partition(BAR)
        return Text(en=en or zh, zh=zh)

    @staticmethod
    def of(tree: Mapping[str, str]) -> "Text":
        return Text(en=tree["en"], zh=tree["zh"])


BAR: Final = " | "
EMPTY = Text(en="", zh="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """`what` is wrong, `why` it matters (article, rule, limit), what to do `next`, and `where`.

    `where` is a field path (`spec.guard.port`), an object (`ModerationPolicy/default`) or a
    file with its line (`terms.txt:12`).
    """

    what: Text
    why: Text
    next: Text
    where: str = ""

    def joined(self) -> str:
        return Text(en=self.render(Lang.EN), zh=self.render(Lang.ZH)).joined()

    def render(self, lang: Lang) -> str:
        where = f"{self.where}: " if self.where else ""
        stop = "。" if lang is Lang.ZH else ". "
        parts = (self.what.in_(lang), _begun(self.why.in_(lang)), _begun(self.next.in_(lang)))
        return (where + stop.join(part.rstrip("。. ") for part in parts if part) + stop).rstrip()


def _begun(sentence: str) -> str:
    """With a capital where a plain word begins it; a path or a command stays as it is typed."""
    return sentence[:1].upper() + sentence[1:] if _PLAIN.match(sentence) else sentence


_PLAIN: Final = re.compile(r"(?!kubectl|genaictl)[a-z]+[ ,;:]")


class ProblemError(Exception):
    """Problems found at an edge (settings, a file, a request), all of them at once."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(problem.render(Lang.EN) for problem in problems))
        self.problems = problems
