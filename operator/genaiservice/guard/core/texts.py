# SPDX-License-Identifier: Apache-2.0
"""The texts of one answer in dialects that name their texts one by one.

`part` and `rest` screen a text that comes in pieces, `whole` one that is there entirely, `scan`
every string of an object. Rule: a path names a text, the same way in pieces and whole, so that an
event which repeats a text shows it as its pieces were shown: masked, and labelled when it was.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from genaiservice.api.guard_config import LabelMode, Screening
from genaiservice.guard.core.answer import (
    DEPTH_LIMIT,
    KNOWN_KEYS,
    BadAnswerError,
    check_no_file,
    is_word,
)
from genaiservice.guard.core.effects import Action, Decision, Direction
from genaiservice.guard.core.field import Field, Path, clean, decision, field_of
from genaiservice.guard.core.label import Labeller
from genaiservice.guard.core.logprobs import faithful
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import Request

PATHS_LIMIT: Final = 4096
"""Most texts of one answer that come in pieces."""
KNOWN_LIMIT: Final = 512
"""Most whole texts whose result is remembered, since events repeat them."""
NOTED_LIMIT: Final = 20_000

IDENTIFIERS: Final = frozenset(
    {"id", "item_id", "call_id", "type", "role", "object", "status", "model", "created_at"}
    | {"stop_reason", "done_reason", "finish_reason", "tool_use_id", "response_id", "code"}
    | {"previous_response_id", "service_tier", "media_type", "obfuscation", "format"}
    | {"prompt_cache_key", "safety_identifier", "file_id", "container_id", "system_fingerprint"}
)
_OPAQUE: Final = frozenset({"signature", "encrypted_content", "encrypted_index", "data"})
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=_\-]*")
_KEYS: Final = KNOWN_KEYS | frozenset(
    {"item_id", "output_index", "content_index", "summary_index", "sequence_number", "delta"}
    | {"item", "part", "response", "output", "summary", "status", "model", "created_at", "usage"}
    | {"done", "done_reason", "content_block", "partial_json", "thinking", "signature", "input"}
    | {"stop_sequence", "obfuscation", "code", "param", "input_tokens", "output_tokens"}
    | {"total_tokens", "input_tokens_details", "output_tokens_details", "cached_tokens"}
    | {"error", "incomplete_details", "instructions", "metadata", "tools", "tool_choice", "user"}
    | {"temperature", "top_p", "truncation", "parallel_tool_calls", "properties", "parameters"}
    | {"description", "required", "strict", "store", "effort", "verbosity", "background"}
)
"""Names of the dialects; any other name may be the model's own word."""
_ESCAPED: Final = frozenset({"arguments", "partial_json"})

Visible = Callable[[dict[str, Any], str], bool]


class Texts:
    """Once `blocked`, nothing of the model's may leave any more."""

    def __init__(self, policy: Policy, options: Options, request: Request) -> None:
        self._policy = policy
        self._options = options
        self._mode = options.output
        self._structured = request.structured
        self._label = LabelMode.OFF if request.structured else options.label
        self._label_text = options.label_text
        self._labeller = Labeller(self._label, options.label_text)
        self._fields: dict[Path, Field] = {}
        self._ended: set[Path] = set()
        self._known: dict[tuple[bool, str], str] = {}
        self._words: set[str] = set()
        self._noted: set[tuple[str, str, int, int]] = set()
        self.label_path: Path | None = None
        """The text that carries the label, once one does."""
        self.decisions: list[Decision] = []
        self.blocked = False
        self.spoke = False
        """Whether visible text has left."""
        self.masked = False
        if self._label is not options.label:
            self.decide(Action.LABEL, "structured_output")

    @property
    def open(self) -> list[Path]:
        """The texts whose end has not come."""
        return list(self._fields)

    def held(self, path: Path) -> int:
        field = self._fields.get(path)
        return field.held if field else 0

    # A text in pieces.

    def part(self, path: Path, text: str, *, visible: bool = False) -> str:
        """What may leave of the text at `path` now that `text` came."""
        if self.blocked:
            return ""
        field = self._fields.get(path)
        if field is None:
            field = self._begin(path, visible=visible)
        out = field.feed(text)
        if field.hits:
            self._note(field)
        return self._shown(path, out) if visible else out

    def rest(self, path: Path, *, visible: bool = False) -> str:
        """The text at `path` is complete: what waited leaves."""
        field = self._fields.pop(path, None)
        if field is None or self.blocked:
            return ""
        self._ended.add(path)
        out = field.flush()
        if field.hits:
            self._note(field)
        if visible:
            out = self._shown(path, out)
            if self.label_path == path and not self.blocked:
                out += self._labeller.flush()
                self.spoke = self.spoke or bool(out)
        return out

    def _begin(self, path: Path, *, visible: bool) -> Field:
        if path in self._ended or len(self._fields) + len(self._ended) >= PATHS_LIMIT:
            raise BadAnswerError
        field = self._fields[path] = self._field(path, visible=visible)
        return field

    def _field(self, path: Path, *, visible: bool, whole: bool = False) -> Field:
        escaped = path[-1] in _ESCAPED or (self._structured and visible)
        return field_of(self._policy, self._options, path, escaped=escaped, whole=whole)

    def _shown(self, path: Path, out: str) -> str:
        if self.label_path is None or self.label_path == path:
            if out.strip():
                self.label_path = path
            out = self._labeller.feed(out)
        self.spoke = self.spoke or bool(out)
        return out

    # A whole text.

    def whole(self, path: Path, text: str, *, visible: bool = False) -> str:
        if self.blocked:
            return ""
        escaped = path[-1] in _ESCAPED or (self._structured and visible)
        out = self._known.get((escaped, text))
        if out is None:
            field = self._field(path, visible=visible, whole=True)
            out = field.whole(text, self._options.between)
            if field.hits:
                self._note(field)
            if len(self._known) < KNOWN_LIMIT:
                self._known[escaped, text] = out
        if not visible or self.blocked:
            return "" if self.blocked else out
        if self.label_path is None or self.label_path == path:
            labeller = Labeller(self._label, self._label_text)
            if out.strip():
                self.label_path = path
            out = labeller.feed(out) + labeller.flush()
        self.spoke = self.spoke or bool(out)
        return out

    def scan(
        self, tree: Any, path: Path = (), *, visible: Visible | None = None, depth: int = 0
    ) -> bool:
        """Screens every string of `tree` in place, keys too; answers whether one changed."""
        if depth > DEPTH_LIMIT:
            raise BadAnswerError
        changed = False
        items = list(tree.items() if isinstance(tree, dict) else enumerate(tree))
        for key, value in items:
            if isinstance(key, str) and key not in _KEYS:
                self.word(key)
            if key == "logprobs" and isinstance(tree, dict):
                continue
            if isinstance(value, str):
                changed |= self._string(tree, key, value, path, visible)
            elif isinstance(value, dict | list) and value:
                changed |= self.scan(value, (*path, key), visible=visible, depth=depth + 1)
        if isinstance(tree, dict) and tree.get("logprobs"):
            changed |= self.spelled(tree, str(tree.get("text") or ""), alone=not changed)
        return changed

    def _string(self, tree: Any, key: Any, value: str, path: Path, visible: Visible | None) -> bool:
        if key in IDENTIFIERS and is_word(value):
            return False
        check_no_file(value)
        if key in _OPAQUE and _BASE64.fullmatch(value):
            return False
        shown = visible is not None and isinstance(tree, dict) and visible(tree, key)
        out = self.whole((*path, key), value, visible=shown)
        if out == value:
            return False
        tree[key] = out
        return True

    def spelled(self, tree: dict[str, Any], text: str, *, alone: bool) -> bool:
        """Keeps the logprobs of `tree` only when they tell no more than `text`, which left whole.

        They stay as they are where nothing is altered anyway.
        """
        if self._mode is not Screening.BLOCK or self._policy.enforced is None:
            return False
        content = {"content": tree["logprobs"]}
        if alone and faithful(content, text, lambda token: clean(self._policy, self._mode, token)):
            return False
        tree["logprobs"] = []
        return True

    def word(self, value: str) -> None:
        """A name that no mask may alter: clean, or the answer cannot be read."""
        if value in self._words:
            return
        if not clean(self._policy, self._mode, value):
            raise BadAnswerError
        if len(self._words) < KNOWN_LIMIT:
            self._words.add(value)

    # Records.

    def finish(self) -> None:
        """The answer is complete: says when it carries no label."""
        if self._label is not LabelMode.OFF and self.label_path is None and not self.blocked:
            self.decide(Action.LABEL, "no_visible_text")

    def decide(self, action: Action, reason: str) -> None:
        self.decisions.append(
            Decision(
                direction=Direction.OUTPUT, action=action, policy=self._policy.hash, reason=reason
            )
        )

    def _note(self, field: Field) -> None:
        """Records what was found; once, also when events repeat the text."""
        for hit in field.hits:
            place = (field.name, hit.rule.id, hit.start, hit.end)
            if place in self._noted:
                continue
            if len(self._noted) >= NOTED_LIMIT:
                raise BadAnswerError
            self._noted.add(place)
            found = decision(self._policy, self._mode, Direction.OUTPUT, hit, field)
            self.decisions.append(found)
            self.masked = self.masked or found.action is Action.MASK
        field.hits.clear()
        self.blocked = self.blocked or field.blocked
