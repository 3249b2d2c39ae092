# SPDX-License-Identifier: Apache-2.0
"""The shape of an answer in OpenAI's dialect: which strings of a choice are text, and its state.

Rule: every string in a choice is text of the model and a stream of its own, known field or not,
except identifiers, and except logprobs and token numbers, which leave only with their text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from genaiservice.api.guard_config import LabelMode
from genaiservice.api.jsontree import Json, MutableJson
from genaiservice.guard.core.field import Field, Path, clean, field_of
from genaiservice.guard.core.label import Labeller
from genaiservice.guard.core.logprobs import SPELLED
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy

FIELDS_LIMIT: Final = 512
"""Most texts of one choice; a model that calls more tools at once is none."""
INDEX_LIMIT: Final = 4096
DEPTH_LIMIT: Final = 32

_IDENTIFIERS: Final = frozenset({"role", "type", "id", "call_id", "object", "format"})
_ASIDE: Final = frozenset({"finish_reason", "index", "logprobs", "token_ids", "stop_reason"})
KNOWN_KEYS: Final = (
    _IDENTIFIERS
    | _ASIDE
    | {"delta", "message", "text", "content", "reasoning_content", "reasoning", "refusal"}
    | {"tool_calls", "function", "function_call", "name", "arguments", "audio", "annotations"}
)
_TOP_KNOWN: Final = frozenset(
    {"id", "object", "created", "model", "system_fingerprint", "service_tier", "provider"}
    | {"choices", "usage", "obfuscation", "kv_transfer_params"}
)
_ENDS: Final = ("finish_reason", "stop_reason")
_WORD: Final = re.compile(r"[A-Za-z0-9_.:/@+\-]{0,256}")


class BadAnswerError(Exception):
    """The model's answer has no shape that can be screened."""

    reason = "upstream_garbage"


class FileInTextError(BadAnswerError):
    """A picture or a sound stands where text is due, where no label can be put into it."""

    reason = "media_in_text"


_BASE64_FILE: Final = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "SUQz", "T2dnU", "ZkxhQ")
"""What Base64 makes of the first bytes of PNG, JPEG, GIF, RIFF (WebP, WAV), ID3, Ogg, FLAC."""
_SHORTEST_FILE: Final = 48
_DATA_FILE: Final = re.compile(r"data:(?:image|audio|video)/[\w.+-]+(?:;[\w.=+-]+)*;base64,")


def check_no_file(value: str) -> None:
    """Raises `FileInTextError` for a picture or a sound that stands where text is due."""
    if value.startswith(_BASE64_FILE) and len(value) >= _SHORTEST_FILE:
        raise FileInTextError
    if value.startswith("data:") and _DATA_FILE.match(value):
        raise FileInTextError


@dataclass(slots=True)
class Text:
    """A string of a choice: `holder[key]`, and its path from the choice down."""

    holder: Any
    key: Any
    path: Path
    original: str

    @property
    def value(self) -> str:
        return str(self.holder[self.key])

    @property
    def altered(self) -> bool:
        return self.value != self.original

    def put(self, value: str) -> None:
        self.holder[self.key] = value


def texts(choice: dict[str, Any]) -> list[Text]:
    """The texts of a choice, empty ones too, in the order of the answer."""
    found: list[Text] = []
    for key, value in choice.items():
        if key not in _ASIDE:
            found += _walk(choice, key, value, (key,), DEPTH_LIMIT)
    return found


def _walk(holder: Any, key: Any, value: Any, path: Path, depth: int) -> Iterator[Text]:
    if isinstance(value, str):
        check_no_file(value)
        if key == "data" and "audio" in path:
            raise FileInTextError  # samples alone have no first bytes to know them by
        if key not in _IDENTIFIERS or not is_word(value):
            yield Text(holder, key, path, value)
    elif not depth:
        raise BadAnswerError
    elif isinstance(value, dict):
        for name, child in value.items():
            if name != "index" or type(child) is not int:
                yield from _walk(value, name, child, (*path, name), depth - 1)
    elif isinstance(value, list):
        for at, child in enumerate(value):
            index = child.get("index", at) if isinstance(child, dict) else at
            check_index(index)
            yield from _walk(value, at, child, (*path, index), depth - 1)


def foreign_keys(tree: Any) -> Iterator[str]:
    """Keys of objects that the dialect does not know: text could travel in them."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key in SPELLED:
                continue
            if key not in KNOWN_KEYS:
                yield key
            yield from foreign_keys(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from foreign_keys(value)


def nest(path: Path, value: str) -> dict[str, Any]:
    """The part of a choice that holds `value` at `path`; list items carry their index."""
    tree: Any = value
    for step in reversed(path):
        if isinstance(step, str):
            tree = {step: tree}
        else:
            tree = [{"index": step, **tree} if isinstance(tree, dict) else tree]
    return dict(tree)


def graft(tree: dict[str, Any], part: dict[str, Any]) -> None:
    """Puts `part` into `tree`: objects are joined, lists lengthened."""
    for key, value in part.items():
        if isinstance(tree.get(key), dict) and isinstance(value, dict):
            graft(tree[key], value)
        elif isinstance(tree.get(key), list) and isinstance(value, list):
            tree[key] += value
        else:
            tree[key] = value


def empty_choice(chat: bool, index: int) -> MutableJson:
    body: MutableJson = {"delta": {}} if chat else {"text": ""}
    return {"index": index, **body, "logprobs": None, "finish_reason": None}


def choices_of(tree: Json) -> list[MutableJson]:
    choices = tree.get("choices")
    if not isinstance(choices, list) or not all(isinstance(item, dict) for item in choices):
        raise BadAnswerError
    return choices


def sole_text(tree: Json) -> Text | None:
    """The one text of a chunk that holds nothing else of interest."""
    choices = choices_of(tree)
    if len(choices) != 1 or choices[0].get("finish_reason") is not None:
        return None
    if any(choices[0].get(key) is not None for key in SPELLED):
        return None
    found = [text for text in texts(choices[0]) if text.value]
    return found[0] if len(found) == 1 else None


def check_words(policy: Policy, options: Options, tree: Json) -> None:
    """What is neither of the dialect nor a text of a choice must be free of hits by itself."""
    words: list[str] = []
    for item in choices_of(tree):
        words += foreign_keys(item)
        for key in _ENDS:
            if not isinstance(item.get(key), str | int | None):
                raise BadAnswerError
            words += strings(item.get(key))
        check_index(item.get("index", 0))
    for key, value in tree.items():
        if key not in _TOP_KNOWN:
            words += strings({key: value})
        elif key != "choices":
            words += strings(value)
    if not all(is_word(word) or clean(policy, options.output, word) for word in words):
        raise BadAnswerError


def check_index(index: Any) -> int:
    if type(index) is not int or not 0 <= index < INDEX_LIMIT:
        raise BadAnswerError
    return index


def is_word(value: str) -> bool:
    """Whether a string is an identifier: random ones must not be taken for terms."""
    return _WORD.fullmatch(value) is not None


def strings(tree: Any) -> Iterator[str]:
    """Every string in a JSON tree, keys too."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from strings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from strings(value)


class Choice:
    """The state of one choice of an answer."""

    __slots__ = (
        "_labeller",
        "_options",
        "_policy",
        "blocked",
        "fields",
        "finished",
        "index",
        "refused",
        "spoke",
        "structured",
    )

    def __init__(
        self,
        policy: Policy,
        options: Options,
        index: int,
        label: LabelMode,
        *,
        structured: bool = False,
    ) -> None:
        self.structured = structured
        self._policy = policy
        self._options = options
        self._labeller = Labeller(label, options.label_text)
        self.index = index
        self.fields: dict[Path, Field] = {}
        self.finished = False
        self.blocked = False
        self.refused = False
        self.spoke = False
        """Whether visible text has left."""

    @property
    def over(self) -> bool:
        return self.finished or self.blocked

    @property
    def held(self) -> int:
        return sum(field.held for field in self.fields.values())

    @property
    def labelled(self) -> bool:
        return self._labeller.applied

    @property
    def steady(self) -> bool:
        """Whether nothing but screening will happen to the visible text until its end."""
        return self.spoke and self._labeller.settled

    def field(self, path: Path) -> Field:
        field = self.fields.get(path)
        if field is None:
            if len(self.fields) >= FIELDS_LIMIT:
                raise BadAnswerError
            escaped = path[-1] == "arguments" or (self.structured and is_visible(path))
            field = field_of(self._policy, self._options, path, escaped=escaped, choice=self.index)
            self.fields[path] = field
        return field

    def shown(self, path: Path, released: str) -> str:
        """What is shown of a released text: the visible one may gain a label."""
        if not is_visible(path):
            return released
        shown = self._labeller.feed(released)
        self.spoke = self.spoke or bool(shown)
        return shown

    def ended(self, path: Path, released: str) -> str:
        """The same for the last part of a text."""
        if not is_visible(path):
            return released
        shown = self._labeller.feed(released)
        if not self.blocked:
            shown += self._labeller.flush()
        self.spoke = self.spoke or bool(shown)
        return shown


def is_visible(path: Path) -> bool:
    """Whether people read this text as the answer itself: it is what carries the label."""
    return path in (("delta", "content"), ("message", "content"), ("text",))
