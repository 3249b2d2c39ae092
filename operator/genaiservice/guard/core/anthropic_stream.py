# SPDX-License-Identifier: Apache-2.0
"""Anthropic's event stream: each content block is a text of its own.

What waits in a block leaves in one more delta before the block stops. A Block closes the open
blocks, says the refusal in a block of its own, and ends the message for the reason `refusal`.
Events, deltas and orders that are not known here end the stream: text could travel in them.
"""

from typing import Any, Final

from genaiservice.guard.core import anthropic
from genaiservice.guard.core.answer import BadAnswerError, check_index
from genaiservice.guard.core.field import Path
from genaiservice.guard.core.label import GAP
from genaiservice.guard.core.live import Live
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import Request
from genaiservice.guard.core.sse import Event, Parser, render

_STEPS: Final = {
    "message_start": "_start",
    "content_block_start": "_block_start",
    "content_block_delta": "_delta",
    "content_block_stop": "_block_stop",
    "message_delta": "_message_delta",
    "message_stop": "_stop",
    "ping": "_whole",
    "error": "_failed",
}
_PIECES: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}
"""Deltas of a text that comes in pieces, and where the piece stands."""
_DELTAS: Final = {key: delta for delta, key in _PIECES.items()}
_WHOLE_DELTAS: Final = frozenset({"signature_delta", "citations_delta"})


class AnthropicStream(Live):
    def __init__(self, policy: Policy, options: Options, request: Request) -> None:
        super().__init__(policy, options, request, Parser())
        self._begun = False
        self._ending = False
        self._open: list[int] = []
        self._next = 0

    def _event(self, event: Event, tree: dict[str, Any]) -> None:
        step = _STEPS.get(str(tree.get("type")))
        if step is None or not (self._begun or step in ("_start", "_whole", "_failed")):
            raise BadAnswerError
        getattr(self, step)(event, tree)

    def _put(self, event: Event, tree: dict[str, Any], *, changed: bool) -> None:
        if self._texts.blocked:
            return
        if not changed and event.plain:
            self._out.append(event.raw)
        elif changed:
            self._out.append(anthropic.named(tree))
        else:
            self._out.append(b"event: %b\n" % tree["type"].encode() + render(event.data or b""))

    # Events.

    def _whole(self, event: Event, tree: dict[str, Any]) -> None:
        self._put(event, tree, changed=self._texts.scan(tree, ("event",)))

    def _failed(self, event: Event, tree: dict[str, Any]) -> None:
        self._break_off("upstream_error")

    def _start(self, event: Event, tree: dict[str, Any]) -> None:
        message = tree.get("message")
        if self._begun or not isinstance(message, dict) or message.get("content"):
            raise BadAnswerError
        self._begun = True
        self._whole(event, tree)

    def _block_start(self, event: Event, tree: dict[str, Any]) -> None:
        index, block = check_index(tree.get("index")), tree.get("content_block")
        if index < self._next or not isinstance(block, dict) or self._ending:
            raise BadAnswerError
        self._next = index + 1
        self._open.append(index)
        path: Path = ("content", index)
        begun = {key: block.pop(key) for key in ("text", "thinking") if key in block}
        changed = self._texts.scan(tree, path)
        for key, text in begun.items():
            if not isinstance(text, str):
                raise BadAnswerError
            block[key] = self._part(index, key, text) if text else text
            changed = changed or block[key] != text
        self._put(event, tree, changed=changed)

    def _part(self, index: int, key: str, text: str) -> str:
        return self._texts.part(("content", index, key), text, visible=key == "text")

    def _delta(self, event: Event, tree: dict[str, Any]) -> None:
        index, delta = check_index(tree.get("index")), tree.get("delta")
        if not isinstance(delta, dict) or index not in self._open:
            raise BadAnswerError
        kind = delta.get("type")
        key = _PIECES.get(str(kind))
        if key is None:
            if str(kind) not in _WHOLE_DELTAS:
                raise BadAnswerError
            self._put(event, tree, changed=self._texts.scan(tree, ("content", index)))
            return
        text = delta.pop(key, None)
        if not isinstance(text, str):
            raise BadAnswerError
        changed = self._texts.scan(tree, ("content", index))
        out = self._part(index, key, text) if text else ""
        delta[key] = out
        if self._texts.blocked:
            if out:
                self._out.append(anthropic.piece(index, {"type": kind, key: out}))
        elif out or not text:
            self._put(event, tree, changed=changed or out != text)

    def _block_stop(self, event: Event, tree: dict[str, Any]) -> None:
        index = check_index(tree.get("index"))
        if index not in self._open:
            raise BadAnswerError
        changed = self._texts.scan(tree, ("event",))
        self._rest(index)
        if not self._texts.blocked:
            self._open.remove(index)
        self._put(event, tree, changed=changed)

    def _rest(self, index: int) -> None:
        """What waits in a block leaves."""
        for path in self._texts.open:
            if path[1] == index:
                key = str(path[2])
                rest = self._texts.rest(path, visible=key == "text")
                if rest:
                    self._out.append(anthropic.piece(index, {"type": _DELTAS[key], key: rest}))

    def _message_delta(self, event: Event, tree: dict[str, Any]) -> None:
        self._close_blocks()
        changed = self._texts.scan(tree, ("event",))
        if not self._texts.blocked and not self._ending:
            self._ending = True
            self._texts.finish()
        self._put(event, tree, changed=changed)

    def _stop(self, event: Event, tree: dict[str, Any]) -> None:
        self._close_blocks()
        self._put(event, tree, changed=self._texts.scan(tree, ("event",)))
        self.finished = not self._texts.blocked

    # Ends.

    def _close_blocks(self) -> None:
        self._flush()
        if self._texts.blocked:
            return
        for index in self._open:
            self._out.append(anthropic.named({"type": "content_block_stop", "index": index}))
        self._open.clear()

    def _flush(self) -> None:
        for index in self._open:
            self._rest(index)

    def _refuse(self, words: str) -> None:
        if not self._begun:
            self._out.append(anthropic.start(self._request, "msg_guard"))
        for index in self._open:
            self._out.append(anthropic.named({"type": "content_block_stop", "index": index}))
        said = GAP + words if self._texts.spoke else words
        self._out.append(anthropic.closing(self._request, said, self._next))

    def _error(self, body: bytes) -> bytes:
        return b"event: error\n" + render(anthropic.error(body))

    def _ends_well(self) -> bool:
        if self._ending:
            self._out.append(anthropic.named({"type": "message_stop"}))
            self.finished = True
        return self._ending
