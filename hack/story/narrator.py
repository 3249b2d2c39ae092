# SPDX-License-Identifier: Apache-2.0
"""Tells the story: headings, commands, their output, times; in English or Chinese."""

import time

from rich.console import Console
from rich.rule import Rule

from genaiservice.api.problem import Lang, Text


class Narrator:
    """Prints for one reader; `took` values are wall time, shown and never judged."""

    def __init__(self, lang: Lang) -> None:
        self.lang = lang
        self.console = Console(soft_wrap=True, highlight=False)
        self._step = 0
        self._begun = time.monotonic()

    def step(self, en: str, zh: str) -> None:
        self._step += 1
        self.console.print()
        title = Text(en=en, zh=zh).in_(self.lang)
        self.console.print(Rule(f"[bold]{self._step}. {title}", align="left"))

    def say(self, en: str, zh: str) -> None:
        self.console.print(Text(en=en, zh=zh).in_(self.lang), style="italic", markup=False)

    def command(self, *words: str) -> None:
        self.console.print("$ " + " ".join(words), style="bold cyan", markup=False)

    def output(self, text: str) -> None:
        if text.strip():
            self.console.print(text.rstrip(), markup=False)

    def fact(self, en: str, zh: str) -> None:
        self.console.print("→ " + Text(en=en, zh=zh).in_(self.lang), style="green", markup=False)

    def elapsed(self) -> float:
        return time.monotonic() - self._begun
