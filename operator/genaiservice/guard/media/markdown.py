# SPDX-License-Identifier: Apache-2.0
"""Markdown: the block as the YAML front matter key `AIGC`, the explicit label as first line.

Rule: the author's front matter stays as it was written; only our key is taken out and put in.
"""

import json
import re
from typing import Any, Final

import yaml

from genaiservice.guard.core.aigc import KEYS, NAME
from genaiservice.guard.media.outcome import MediaRefused, Reason

_FRONT: Final = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_KEY: Final = re.compile(
    rf"""^(?:{NAME}|"{NAME}"|'{NAME}')[ \t]*:.*\n(?:[ \t].*\n|\n)*""", re.MULTILINE
)
LONGEST_FRONT: Final = 256 * 1024


def read(data: bytes) -> list[str]:
    front, _ = _split(_text(data))
    return [_raw(value) for value in _values(front)]


def write(data: bytes, text: str) -> bytes:
    front, body = _split(_text(data))
    fields = json.loads(text)[NAME]
    # In quotes: a number or a date would not stay a text.
    lines = [f"{NAME}:\n", *(f"  {key}: {json.dumps(fields[key])}\n" for key in KEYS)]
    return ("---\n" + _KEY.sub("", front) + "".join(lines) + "---\n" + body).encode()


def with_label(data: bytes, label: str) -> bytes:
    """The label as a paragraph before the text, unless it already stands there."""
    text = _text(data)
    front, body = _split(text)
    if body.lstrip().startswith(label):
        return data
    head = text[: len(text) - len(body)] if front or text != body else ""
    return (head + label + "\n\n" + body).encode()


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise MediaRefused(Reason.UNREADABLE, "UTF-8", "UTF-8") from error


def _split(text: str) -> tuple[str, str]:
    match = _FRONT.match(text[:LONGEST_FRONT])
    return (match[1], text[match.end() :]) if match else ("", text)


def _values(front: str) -> list[Any]:
    """Values of every key AIGC; YAML readers take the last of two, so both are counted."""
    try:
        node = yaml.compose(front, yaml.SafeLoader)
        if node is None:
            return []
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(front)):
            raise MediaRefused(Reason.UNREADABLE, "YAML aliases", "YAML 别名")
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        return [yaml.safe_load(yaml.serialize(value)) for key, value in pairs if key.value == NAME]
    except (yaml.YAMLError, RecursionError, AttributeError) as error:
        raise MediaRefused(Reason.UNREADABLE, "YAML", "YAML") from error


def _raw(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps({NAME: value}, ensure_ascii=False, default=str)
