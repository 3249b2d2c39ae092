# SPDX-License-Identifier: Apache-2.0
"""What every dialect's request is made of: texts that the model will read, and what it asks for.

Rule: what the model may read as text is screened, known or unknown field; identifiers, links
and media are not text. A request whose shape is wrong is refused. Pure data in, pure data out.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import orjson

from genaiservice.api.problem import Lang
from genaiservice.guard.core import jsonstrict
from genaiservice.guard.core.route import Dialect
from genaiservice.guard.core.unescape import unescape

_NOT_TEXT: Final = frozenset(
    {"role", "type", "id", "tool_call_id", "call_id", "url", "data", "file_data", "file_id"}
    | {"format", "detail", "image_url", "object", "encrypted_content", "signature", "status"}
    | {"media_type", "item_id", "tool_use_id"}
)
PASSAGES_LIMIT: Final = 32_768
"""Most texts of one request: messages, inputs, strings of tools."""
ENTRIES_LIMIT: Final = 8 * PASSAGES_LIMIT
"""Most keys and items of one request, in all."""
_HAN: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_LATIN: Final = re.compile("[A-Za-z]+")


class RefusedError(Exception):
    """The request goes nowhere: a reason of `errors.CATALOGUE` and the field at fault."""

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.where = where


@dataclass(slots=True)
class Leaf:
    """A string in a JSON tree: `holder[key]`."""

    holder: Any
    key: Any

    @property
    def text(self) -> str:
        return str(self.holder[self.key])

    @text.setter
    def text(self, value: str) -> None:
        self.holder[self.key] = value


@dataclass(slots=True)
class Passage:
    """One text of the prompt; its leaves (the parts of a message) are read without a gap."""

    name: str
    leaves: list[Leaf] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(leaf.text for leaf in self.leaves)

    @property
    def escaped(self) -> bool:
        """Whether the text is JSON itself, with escapes of its own."""
        return self.name.endswith("arguments")

    @property
    def meant(self) -> str:
        """The text as who reads it understands it."""
        return unescape(self.text) if self.escaped else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the rest of the exchange must know of a request; no text of it."""

    dialect: Dialect = Dialect.CHAT
    stream: bool = False
    model: str = ""
    choices: int = 1
    """How many choices the answer will have."""
    structured: bool = False
    """Whether a program reads the answer, so that a label in it would break the syntax."""
    language: Lang = Lang.ZH

    @property
    def chat(self) -> bool:
        return self.dialect is Dialect.CHAT


@dataclass(slots=True)
class Prompt:
    """A request as it came, with its texts in reach; dropped once it is forwarded."""

    asked: Request
    tree: dict[str, Any]
    passages: list[Passage]
    altered: bool = False
    """Whether the guard itself changed what is asked for."""

    def rendered(self) -> bytes:
        """The request as it stands, after masks were written into its passages."""
        return orjson.dumps(self.tree)


def gathered(passages: Iterable[Passage]) -> list[Passage]:
    """All of them; raises `RefusedError` for more than anybody asks with.

    Each costs a thousand times what its characters do: a body of the largest size could hold
    millions, for which the guard has neither memory nor time.
    """
    found = list(islice(passages, PASSAGES_LIMIT + 1))
    if len(found) > PASSAGES_LIMIT:
        raise RefusedError("request_too_many_texts")
    return found


def language(passages: list[Passage]) -> Lang:
    """By the script of the last text: a Chinese character weighs as much as a word."""
    sample = passages[-1].text[-2000:] if passages else ""
    han, latin = len(_HAN.findall(sample)), len(_LATIN.findall(sample))
    return Lang.ZH if han >= latin else Lang.EN


def read(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; raises `RefusedError`."""
    try:
        tree = jsonstrict.loads(body, ENTRIES_LIMIT)
    except jsonstrict.NotJsonError:
        raise RefusedError("request_not_json") from None
    except jsonstrict.TooManyError:
        raise RefusedError("request_too_many_texts") from None
    except jsonstrict.TooDeepError:
        raise RefusedError("request_too_deep") from None
    except jsonstrict.DuplicateKeyError:
        raise RefusedError("request_duplicate_key") from None
    if not isinstance(tree, dict):
        raise RefusedError("request_not_json")
    check(tree.get("model"), (str, type(None)), "model")
    check(tree.get("stream"), (bool, type(None)), "stream")
    return tree


def check(value: Any, kinds: type | tuple[type, ...], where: str) -> None:
    if not isinstance(value, kinds):
        raise RefusedError("request_invalid", where)


def refuse_unreadable(tree: dict[str, Any], *keys: str) -> None:
    """Token numbers and embeddings instead of text cannot be screened."""
    for key in keys:
        if tree.get(key) is not None:
            raise RefusedError("request_not_text", key)


def messages(listed: Any, name: str = "messages") -> Iterator[Passage]:
    """The texts of a list of messages; the parts of one content make one passage."""
    check(listed, list, name)
    if not listed:
        raise RefusedError("request_invalid", name)
    for at, message in enumerate(listed):
        where = f"{name}[{at}]"
        check(message, dict, where)
        check(message.get("role"), str, f"{where}.role")
        check(message.get("content"), (str, list, type(None)), f"{where}.content")
        check(message.get("tool_calls"), (list, type(None)), f"{where}.tool_calls")
        yield from message_texts(message, where)


def message_texts(message: dict[str, Any], where: str) -> Iterator[Passage]:
    for key, value in message.items():
        if key != "content":
            yield from texts({key: value}, where, holder=message)
    content = message.get("content")
    if isinstance(content, str):
        yield Passage(f"{where}.content", [Leaf(message, "content")])
    elif content:
        # The model's template writes the parts one after the other.
        found = [leaf for _, leaf in leaves(_parts(content, where), "")]
        yield Passage(f"{where}.content", found)


def _parts(parts: list[Any], where: str) -> list[Any]:
    for at, part in enumerate(parts):
        check(part, (dict, str), f"{where}.content[{at}]")
        if isinstance(part, dict):
            check(part.get("text"), (str, type(None)), f"{where}.content[{at}].text")
    return parts


def texts(tree: Any, where: str, *, holder: Any = None) -> Iterator[Passage]:
    """Each string of `tree` a passage; `holder` is the object whose own fields `tree` shows."""
    for name, leaf in leaves(tree, where):
        if holder is not None and leaf.holder is tree:
            leaf.holder = holder
        yield Passage(name, [leaf])


def leaves(tree: Any, where: str) -> Iterator[tuple[str, Leaf]]:
    if isinstance(tree, dict):
        # A document given as text says so by its type; other data are media.
        plain = tree.get("type") == "text"
        for key, value in tree.items():
            if key in _NOT_TEXT and isinstance(value, str) and not (plain and key == "data"):
                continue
            if key == "images" and _are_pictures(value):
                continue
            name = f"{where}.{key}" if where else key
            if isinstance(value, str):
                yield name, Leaf(tree, key)
            else:
                yield from leaves(value, name)
    elif isinstance(tree, list):
        for at, value in enumerate(tree):
            if isinstance(value, str):
                yield f"{where}[{at}]", Leaf(tree, at)
            else:
                yield from leaves(value, f"{where}[{at}]")


def _are_pictures(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def fields(tree: dict[str, Any], *keys: str) -> Iterator[Passage]:
    """The texts of these fields of a request."""
    for key in keys:
        if key in tree:
            yield from texts({key: tree[key]}, "", holder=tree)
