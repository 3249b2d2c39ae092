# SPDX-License-Identifier: Apache-2.0
"""A streamed answer: the model's bytes in, effects out, event by event.

Safety: an event leaves as the bytes it came in only when each text in it was screened and left
whole; an altered one is rendered anew; one that cannot be read ends the stream. A choice that
met a Block says the refusal, ends with `content_filter`, and is dropped from what follows; when
no other choice is open the model is cut off at once.
"""

from contextlib import suppress
from typing import Any, Final

import orjson

from genaiservice.api.directive import Directive
from genaiservice.api.guard_config import LabelMode, Screening
from genaiservice.api.jsontree import Json, MutableJson
from genaiservice.guard.core import errors, jsonstrict, openai
from genaiservice.guard.core.answer import (
    BadAnswerError,
    Choice,
    Text,
    check_index,
    check_words,
    choices_of,
    empty_choice,
    graft,
    is_visible,
    nest,
    sole_text,
    texts,
)
from genaiservice.guard.core.effects import (
    Action,
    CloseUpstream,
    Decision,
    Direction,
    Effect,
    End,
    Record,
    Send,
)
from genaiservice.guard.core.field import clean, decision
from genaiservice.guard.core.label import GAP
from genaiservice.guard.core.live import UNREADABLE, reason_of
from genaiservice.guard.core.logprobs import drop_numbers
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import Request
from genaiservice.guard.core.screener import ScreeningLimitError
from genaiservice.guard.core.spelling import leave_with_text, wait_with_text
from genaiservice.guard.core.sse import DONE, KEEP_ALIVE, Event, Parser, render
from genaiservice.guard.core.template import Template, gap

TEMPLATES_LIMIT: Final = 16
TRIES_LIMIT: Final = 64
"""Streams whose every chunk differs in more than its text are not asked for ever."""
_HEAD: Final = ("id", "object", "created", "model", "system_fingerprint")


class Stream:
    """`feed` for each read, `close` at the end; after `finished` both answer nothing."""

    def __init__(self, policy: Policy, options: Options, request: Request) -> None:
        self._policy = policy
        self._options = options
        self._request = request
        self._parser = Parser()
        self._choices: dict[int, Choice] = {}
        self._head: dict[str, Any] = {}
        self._templates: list[Template] = []
        self._tries = TRIES_LIMIT
        self._out: list[bytes] = []
        self._decisions: list[Decision] = []
        self._close = False
        self._label = options.label
        if request.structured and options.label is not LabelMode.OFF:
            self._label = LabelMode.OFF
            self._decide(Action.LABEL, "structured_output")
        self.finished = False

    @property
    def held(self) -> int:
        """How many characters wait, since they may still become part of a hit."""
        return sum(choice.held for choice in self._choices.values())

    # What the exchange calls.

    def feed(self, data: bytes) -> list[Effect]:
        if self.finished:
            return []
        try:
            rest = self._by_templates(data) if self._templates and self._parser.idle else data
            if rest:
                self._by_parser(rest)
        except UNREADABLE as error:
            self._break_off(reason_of(error))
        if self._close and not self.finished and self._nothing_open():
            self._end(DONE)
        return self._effects()

    def close(self, reason: str | None) -> list[Effect]:
        """The model's stream ended; orderly without a reason."""
        if self.finished:
            return []
        if reason is None and self._parser.idle and self._nothing_open():
            self._end(DONE)  # only the [DONE] is missing
        else:
            self._break_off(reason or "upstream_broke_off")
        return self._effects()

    def suspend(self, directive: Directive) -> list[Effect]:
        """Ends the stream at once: what waits is dropped."""
        if self.finished:
            return []
        self._decide(Action.SUSPEND, directive.reason or "Suspended")
        return self._cut(errors.suspended(directive))

    def refuse(self, words: str) -> list[Effect]:
        for index in {*range(self._request.choices), *self._choices}:
            choice = self._state(index)
            if not choice.over:
                choice.blocked = True
                self._refuse(choice, words)
        self._end(DONE)
        return self._effects()

    def fail(self, reason: str) -> list[Effect]:
        return self._cut(errors.body(reason))

    def _cut(self, error: bytes) -> list[Effect]:
        self._close = True
        self._end(openai.closing(error))
        return self._effects()

    # Events.

    def _by_templates(self, data: bytes) -> bytes:
        """Takes the events at the start of `data` that fit a template; answers the rest."""
        at, size = 0, len(data)
        while at < size:
            end = data.find(b"\n\n", at) + 2
            if end < 2:
                break
            if not self._by_template(data if end - at == size else data[at:end]):
                break
            at = end
        return data[at:] if at else data

    def _by_template(self, raw: bytes) -> bool:
        for template in self._templates:
            text = template.text(raw)
            if text is not None:
                break
        else:
            return False
        if template.choice.over:
            return False
        released = template.feed(text)
        if released == text:
            self._out.append(raw)
        elif released or template.counts(raw):
            self._out.append(template.render(raw, released))
        if template.hits:
            self._drain(template.choice)
            if template.choice.blocked:
                self._refuse(template.choice)
        return True

    def _by_parser(self, data: bytes) -> None:
        for event in self._parser.feed(data):
            if event.data is None:
                self._out.append(KEEP_ALIVE)  # a comment's words are not screened: they stay here
            elif event.data == b"[DONE]":
                self._flush_all()
                self._end(DONE)
            elif not (self._templates and self._by_template(event.raw)):
                self._object(event, event.data)
            if self.finished:
                return

    def _object(self, event: Event, data: bytes) -> None:
        tree = jsonstrict.loads(data)
        if not isinstance(tree, dict):
            raise BadAnswerError
        if tree.get("error"):
            self._break_off("upstream_error")
            return
        check_words(self._policy, self._options, tree)
        items = choices_of(tree)
        if not self._head:
            self._head = {key: tree[key] for key in _HEAD if key in tree}
        sole = sole_text(tree)
        value = sole.value if sole else ""
        tails: list[Json] = []
        results = [self._choice(item, tails) for item in items]
        if tails:
            self._say(*tails)
        kept = [item for item, (stays, _) in zip(items, results, strict=True) if stays]
        altered = any(changed for _, changed in results)
        if altered:
            if kept or tree.get("usage"):
                self._out.append(render(orjson.dumps({**tree, "choices": kept})))
        else:
            self._out.append(event.raw if event.plain else render(data))
        if sole and len(kept) == 1:
            self._learn(event.raw, tree, sole, value)
        for item in items:
            choice = self._choices[item.get("index", 0)]
            if choice.blocked and not choice.refused:
                self._refuse(choice)

    # Choices.

    def _choice(self, item: MutableJson, tails: list[Json]) -> tuple[bool, bool]:
        """Screens one choice of a chunk in place: whether it stays, whether it was altered."""
        choice = self._state(item.get("index", 0))
        if choice.over:
            return False, True
        found = texts(item)
        wholes = [self._text(choice, text) for text in found]  # each one, so no `all` over it
        whole = all(wholes)
        spelled = self._enforces and wait_with_text(choice, item, found, self._is_clean)
        ends = item.get("finish_reason") is not None
        if ends and not choice.blocked:
            self._finish(choice, found, tails)
        if self._enforces:
            spelled |= leave_with_text(choice, item)
            spelled |= drop_numbers(item, whole=whole and choice.held == 0)
        altered = spelled or any(text.altered for text in found)
        if choice.blocked:
            item["finish_reason"] = None
            return any(text.value for text in found), True
        choice.finished = ends
        return True, altered

    def _state(self, index: Any) -> Choice:
        check_index(index)
        choice = self._choices.get(index)
        if choice is None:
            choice = Choice(
                self._policy,
                self._options,
                index,
                self._label,
                structured=self._request.structured,
            )
            self._choices[index] = choice
        return choice

    def _text(self, choice: Choice, text: Text) -> bool:
        """Screens one text in place; answers whether it leaves whole, a label aside."""
        value = text.value
        if choice.blocked:
            text.put("")
            return False
        if not value:
            return True
        field = choice.field(text.path)
        out = field.feed(value)
        if text.key == "name" and "arguments" in text.holder:
            out += field.flush()  # the arguments begin: the name is complete
        whole = out == value and not field.held
        if field.hits:
            self._drain(choice)
        text.put(choice.shown(text.path, out))
        return whole

    @property
    def _enforces(self) -> bool:
        return self._options.output is Screening.BLOCK and self._policy.enforced is not None

    def _is_clean(self, text: str) -> bool:
        return clean(self._policy, self._options.output, text)

    def _finish(self, choice: Choice, found: list[Text], tails: list[Json]) -> None:
        """The choice ends: what waited is decided, and leaves in or before its last chunk."""
        present = {text.path: text for text in found}
        tail = dict(empty_choice(self._request.chat, choice.index))
        waits = False
        for path, field in list(choice.fields.items()):
            rest = choice.ended(path, field.flush())
            if field.hits:
                self._drain(choice)
            if rest and path in present:
                present[path].put(present[path].value + rest)
            elif rest:
                graft(tail, nest(path, rest))
                waits = True
            if choice.blocked:
                break
        if waits:
            tails.append(tail)
        if not choice.blocked and self._label is not LabelMode.OFF and not choice.labelled:
            self._decide(Action.LABEL, "no_visible_text", choice.index)

    def _flush_all(self) -> None:
        for choice in list(self._choices.values()):
            if not choice.over:
                tails: list[Json] = []
                self._finish(choice, [], tails)
                if tails:
                    self._say(*tails)
                if choice.blocked:
                    self._refuse(choice)

    def _drain(self, choice: Choice) -> None:
        """Records what was found in the texts of a choice."""
        for field in choice.fields.values():
            for hit in field.hits:
                self._decisions.append(
                    decision(
                        self._policy,
                        self._options.output,
                        Direction.OUTPUT,
                        hit,
                        field,
                        choice.index,
                    )
                )
            field.keep_masks()
            field.hits.clear()
            choice.blocked = choice.blocked or field.blocked

    def _refuse(self, choice: Choice, words: str | None = None) -> None:
        choice.refused = self._close = True
        chat, index = self._request.chat, choice.index
        words = words or self._policy.words(self._decisions, self._request.language, index)
        apart = choice.spoke and not self._request.structured
        said = GAP + words if apart else words
        self._say(openai.said_choice(self._request, index, said, role=not choice.spoke))
        self._say(openai.filtered_choice(chat, index))

    # Ends.

    def _nothing_open(self) -> bool:
        over = sum(choice.over for choice in self._choices.values())
        return over >= max(self._request.choices, len(self._choices))

    def _break_off(self, reason: str) -> None:
        """The model's answer cannot go on: what is clean leaves, then an error says why."""
        with suppress(ScreeningLimitError):
            self._flush_all()
        self._decide(Action.ERROR, reason)
        self._close = True
        self._end(openai.closing(errors.body(reason)))

    def _end(self, last: bytes) -> None:
        self._out.append(last)
        self.finished = True

    def _say(self, *choices: Json) -> None:
        self._out.append(render(orjson.dumps({**self._head, "choices": choices})))

    def _decide(self, action: Action, reason: str, choice: int = 0) -> None:
        self._decisions.append(
            Decision(
                direction=Direction.OUTPUT,
                action=action,
                policy=self._policy.hash,
                reason=reason,
                choice=choice,
            )
        )

    def _effects(self) -> list[Effect]:
        out = self._out
        effects: list[Effect] = []
        if out:
            effects.append(Send(out[0] if len(out) == 1 else b"".join(out)))
            self._out = []
        if self._decisions:
            effects += map(Record, self._decisions)
            self._decisions = []
        if self.finished:
            effects.append(End())
            if self._close:
                effects.append(CloseUpstream())
        return effects

    def _learn(self, raw: bytes, tree: MutableJson, text: Text, value: str) -> None:
        """Remembers the shape of a chunk whose only changing part is one text."""
        choice = self._choices[tree["choices"][0].get("index", 0)]
        if not self._tries or len(self._templates) >= TEMPLATES_LIMIT or choice.over:
            return
        if is_visible(text.path) and not choice.steady:
            return
        self._tries -= 1
        shown = text.value
        text.put(value)
        sides = gap(raw, tree, text)
        text.put(shown)
        if sides:
            self._templates.append(Template(*sides, choice, choice.field(text.path)))
