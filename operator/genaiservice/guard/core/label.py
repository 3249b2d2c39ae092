# SPDX-License-Identifier: Apache-2.0
"""The explicit label of generated text (Art. 12; GB 45438): once, at the start or the end.

Rule: only text that people read is labelled. An answer that is tool calls only has none, and in
structured output (`response_format` JSON, guided decoding) a label would break the syntax that
the caller's program reads: there the duty stays with the program that shows it, and the
exchange records the exception. A label that the model wrote itself is not written again.
"""

from typing import Final

from genaiservice.api.guard_config import LabelMode

GAP: Final = "\n\n"
DEFAULT_LABEL: Final = "本内容由人工智能生成"


class Labeller:
    """Labels one text. `settled` once `feed` answers every further text as it is."""

    __slots__ = ("_mode", "_start", "_tail", "_text", "applied", "settled")

    def __init__(self, mode: LabelMode, text: str) -> None:
        self._mode = mode if text else LabelMode.OFF
        self._text = text
        self._start = ""  # the beginning of the answer while it may be the model's own label
        self._tail = ""
        self.applied = False
        self.settled = self._mode is LabelMode.OFF

    def feed(self, text: str) -> str:
        if self.settled or not text:
            return text
        if self._mode is LabelMode.SUFFIX:
            self._tail = (self._tail + text)[-2 * len(self._text) - 16 :]
            return text
        return self._prefix(self._start + text)

    def flush(self) -> str:
        """What follows the last text: a waiting beginning, or the label at the end."""
        if self._mode is LabelMode.SUFFIX and not self.settled:
            self.settled = True
            if not self._tail.strip():
                return ""
            self.applied = True
            own = self._tail.rstrip().endswith(self._text)
            return "" if own else GAP + self._text
        if self._start.strip():
            return self._prefix(self._start, final=True)
        start, self._start = self._start, ""
        return start

    def _prefix(self, start: str, *, final: bool = False) -> str:
        words = start.lstrip()
        self._start = ""
        if not words:
            return start  # blanks alone (before a tool call, say) are no text to label
        if len(words) < len(self._text) and self._text.startswith(words) and not final:
            self._start = start
            return ""
        self.applied = self.settled = True
        blanks = start[: len(start) - len(words)]
        return start if words.startswith(self._text) else blanks + self._text + GAP + words
