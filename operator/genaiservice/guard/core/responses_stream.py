# SPDX-License-Identifier: Apache-2.0
"""The event stream of `/v1/responses`: each text of each output item is a stream of its own.

Events that repeat a text (`….done`, the item, the whole response) are screened again and show it
as its pieces were shown. What waits leaves in one more delta before the event that completes its
text. A Block closes what is open, says the refusal in a message of its own, and ends with
`response.incomplete`. An unknown event type ends the stream: text could travel in it.
"""

from typing import Any, Final

import orjson

from genaiservice.guard.core import responses
from genaiservice.guard.core.answer import BadAnswerError, check_index, graft
from genaiservice.guard.core.field import Path
from genaiservice.guard.core.label import GAP
from genaiservice.guard.core.live import Live
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.request import Request
from genaiservice.guard.core.sse import Event, Parser, render

_TEXTS: Final = {
    "response.output_text": ("content", "text"),
    "response.refusal": ("content", "refusal"),
    "response.reasoning_text": ("content", "text"),
    "response.reasoning_summary_text": ("summary", "text"),
    "response.function_call_arguments": ("", "arguments"),
    "response.mcp_call_arguments": ("", "arguments"),
    "response.custom_tool_call_input": ("", "input"),
    "response.code_interpreter_call_code": ("", "code"),
}
"""`….delta` brings a piece and `….done` the whole of the text at this place of an output item."""
_ITEMS: Final = frozenset({"response.output_item.added", "response.output_item.done"})
_PARTS: Final = {
    "response.content_part.added": "content",
    "response.content_part.done": "content",
    "response.reasoning_part.added": "content",
    "response.reasoning_part.done": "content",
    "response.reasoning_summary_part.added": "summary",
    "response.reasoning_summary_part.done": "summary",
}
_RESPONSES: Final = frozenset({"response.created", "response.queued", "response.in_progress"})
_LAST: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_TOOLS: Final = ("web_search", "file_search", "code_interpreter", "image_generation", "mcp")
_STATES: Final = ("in_progress", "searching", "interpreting", "generating", "completed", "failed")
_HARMLESS: Final = frozenset(
    {"response.output_text.annotation.added", "keepalive", "response.keepalive", "ping"}
    | {f"response.{tool}_call.{state}" for tool in _TOOLS for state in _STATES}
    | {f"response.mcp_list_tools.{state}" for state in _STATES}
)
"""Events without a text in pieces; their strings are screened as whole texts all the same."""


class ResponsesStream(Live):
    def __init__(self, policy: Policy, options: Options, request: Request) -> None:
        super().__init__(policy, options, request, Parser())
        self._begun: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._open: set[int] = set()
        self._said: dict[Path, list[str]] = {}
        """What was shown of the texts of items that are not complete."""
        self._deltas: dict[Path, dict[str, Any]] = {}
        """The last delta of each open text, for the one that brings its rest."""
        self._places: dict[str, int] = {}
        self._number = 0
        self._kept = 0

    def _event(self, event: Event, tree: dict[str, Any]) -> None:
        kind = tree.get("type")
        if kind == "error" or (kind is None and tree.get("error")):
            self._break_off("upstream_error")
            return
        if not isinstance(kind, str):
            raise BadAnswerError
        number = tree.get("sequence_number")
        self._number = number if type(number) is int else self._number + 1
        base, _, last = kind.rpartition(".")
        if kind in _RESPONSES:
            self._response(event, tree)
        elif not self._begun:
            raise BadAnswerError
        elif base in _TEXTS and last == "delta":
            self._delta(event, tree, base)
        elif base in _TEXTS and last == "done":
            self._done(event, tree, base)
        elif kind in _ITEMS:
            self._item(event, tree)
        elif kind in _PARTS:
            self._part(event, tree, _PARTS[kind])
        elif kind in _LAST:
            self._last(event, tree)
        elif kind in _HARMLESS:
            self._put(event, tree, changed=self._texts.scan(tree, ("event",)))
        else:
            raise BadAnswerError

    def _put(self, event: Event, tree: dict[str, Any], *, changed: bool) -> None:
        if self._texts.blocked:
            return
        if not changed and event.plain:
            self._out.append(event.raw)
        elif changed:
            self._out.append(responses.named(tree))
        else:
            self._out.append(render(event.data or b""))

    def _output(self, tree: dict[str, Any]) -> int:
        """The place of the item that an event speaks of; some servers name it by its id only."""
        if "output_index" in tree:
            return check_index(tree["output_index"])
        return check_index(self._places.setdefault(str(tree.get("item_id")), len(self._places)))

    # Texts in pieces.

    def _path(self, tree: dict[str, Any], base: str) -> Path:
        output = self._output(tree)
        listed, key = _TEXTS[base]
        if not listed:
            return ("output", output, key)
        at = check_index(tree.get("summary_index" if listed == "summary" else "content_index", 0))
        return ("output", output, listed, at, key)

    def _delta(self, event: Event, tree: dict[str, Any], base: str) -> None:
        path, text = self._path(tree, base), tree.pop("delta", None)
        if not isinstance(text, str):
            raise BadAnswerError
        changed = self._texts.scan({k: v for k, v in tree.items() if k != "logprobs"}, ("event",))
        if changed:
            raise BadAnswerError  # beside its piece a delta has identifiers only
        visible = base == "response.output_text"
        out = self._texts.part(path, text, visible=visible) if text else ""
        tree["delta"] = out
        whole = out == text and not self._texts.held(path)
        if tree.get("logprobs"):
            changed = self._texts.spelled(tree, text, alone=whole)
        if self._texts.blocked:
            if out:
                self._out.append(responses.named({**tree, "logprobs": []} if visible else tree))
            self._note(path, out)
            return
        self._deltas[path] = tree
        self._note(path, out)
        if out or not text:
            self._put(event, tree, changed=changed or out != text)

    def _note(self, path: Path, out: str) -> None:
        if out:
            self._keep(len(out))
            self._said.setdefault(path, []).append(out)

    def _keep(self, size: int) -> None:
        """Bounds what is kept for the end of the response."""
        self._kept += size
        if self._kept > self._options.answer_bytes:
            raise BadAnswerError

    def _rest(self, path: Path, number: int | None = None) -> None:
        """What waits in a text leaves in one more delta."""
        delta = self._deltas.pop(path, None)
        rest = self._texts.rest(path, visible=_visible(delta))
        self._note(path, rest)
        if rest and delta is not None:
            more = {**delta, "delta": rest, "sequence_number": number or self._number}
            if "logprobs" in more:
                more["logprobs"] = []
            self._out.append(responses.named(more))

    def _rests(self, prefix: Path) -> None:
        for path in self._texts.open:
            if path[: len(prefix)] == prefix:
                self._rest(path)

    # Events that repeat or frame texts.

    def _done(self, event: Event, tree: dict[str, Any], base: str) -> None:
        path = self._path(tree, base)
        self._rest(path)
        text = tree.get(_TEXTS[base][1])
        out = text
        if isinstance(text, str) and text:
            visible = base == "response.output_text"
            out = self._texts.whole(path, text, visible=visible)
        elif text is not None and text != "":
            raise BadAnswerError
        key = _TEXTS[base][1]
        changed = self._texts.scan(
            {k: v for k, v in tree.items() if k not in (key, "logprobs")}, ("event",)
        )
        if changed:
            raise BadAnswerError
        if tree.get("logprobs"):
            changed = self._texts.spelled(tree, str(text or ""), alone=out == text)
        changed = changed or out != text
        if key in tree:
            tree[key] = out
        self._put(event, tree, changed=changed)

    def _part(self, event: Event, tree: dict[str, Any], listed: str) -> None:
        output = self._output(tree)
        at = check_index(tree.get("summary_index" if listed == "summary" else "content_index", 0))
        path: Path = ("output", output, listed, at)
        if str(tree["type"]).endswith("done"):
            self._rests(path)
        part = tree.pop("part", None)
        if not isinstance(part, dict):
            raise BadAnswerError
        changed = self._texts.scan(tree, ("event",))
        tree["part"] = part
        changed |= self._texts.scan(part, path, visible=responses.is_visible)
        self._put(event, tree, changed=changed)

    def _item(self, event: Event, tree: dict[str, Any]) -> None:
        item = tree.pop("item", None)
        if not isinstance(item, dict):
            raise BadAnswerError
        output = self._output({**tree, "item_id": item.get("id")})
        responses.refuse_pictures([item])
        done = tree["type"] == "response.output_item.done"
        if done:
            self._rests(("output", output))
        changed = self._texts.scan(tree, ("event",))
        tree["item"] = item
        changed |= self._texts.scan(item, ("output", output), visible=responses.is_visible)
        self._put(event, tree, changed=changed)
        if self._texts.blocked:
            return
        self._keep(len(event.raw))
        self._items[output] = item
        if not done:
            self._open.add(output)
            return
        self._open.discard(output)
        for path in [path for path in self._said if path[1] == output]:
            del self._said[path]

    def _response(self, event: Event, tree: dict[str, Any]) -> None:
        response = tree.get("response")
        if not isinstance(response, dict) or response.get("output"):
            raise BadAnswerError
        changed = self._texts.scan(tree, ("event",))
        self._begun = self._begun or response
        self._put(event, tree, changed=changed)

    def _last(self, event: Event, tree: dict[str, Any]) -> None:
        response = tree.pop("response", None)
        if not isinstance(response, dict):
            raise BadAnswerError
        responses.refuse_pictures(response.get("output") or [])
        self._rests(("output",))
        changed = self._texts.scan(tree, ("event",))
        tree["response"] = response
        changed |= self._texts.scan(response, (), visible=responses.is_visible)
        if self._texts.blocked:
            return
        self._texts.finish()
        self._put(event, tree, changed=changed)
        self.finished = True

    # Ends.

    def _flush(self) -> None:
        self._rests(("output",))

    def _refuse(self, words: str) -> None:
        request, number = self._request, self._number
        if not self._begun:
            self._begun = responses.response(request, "resp_guard", 0, [])
            begun = {**self._begun, "status": "in_progress", "incomplete_details": None}
            created = {"type": "response.created", "sequence_number": 0, "response": begun}
            self._out.append(responses.named(created))
        for output in sorted(self._open):
            number += 1
            self._out.append(
                responses.named(
                    {
                        "type": "response.output_item.done",
                        "output_index": output,
                        "item": self._cut_off(output),
                        "sequence_number": number,
                    }
                )
            )
        apart = self._texts.spoke and not request.structured
        said = GAP + words if apart else words
        index = max(self._items, default=-1) + 1
        item = self._items[index] = responses.message(request, said, f"msg_guard_{index}")
        self._out.append(responses.saying(item, index, number + 1))
        ended = {
            **self._begun,
            "status": "incomplete",
            "incomplete_details": {"reason": "content_filter"},
            "output": [self._items[at] for at in sorted(self._items)],
        }
        last = {
            "type": "response.incomplete",
            "sequence_number": number + 7,
            "response": ended,
        }
        self._out.append(responses.named(last))

    def _cut_off(self, output: int) -> dict[str, Any]:
        """An item that is not complete, with what was shown of it."""
        item: dict[str, Any] = orjson.loads(orjson.dumps(self._items[output]))
        item["status"] = "incomplete"
        for path, pieces in self._said.items():
            if path[1] == output:
                text = "".join(pieces)
                if len(path) == 3:
                    item[str(path[2])] = text
                else:
                    graft(item, {str(path[2]): [_shown_part(path, text, item)]})
        self._items[output] = item
        return item

    def _error(self, body: bytes) -> bytes:
        return responses.error_event(body, self._number + 1)


def _visible(delta: dict[str, Any] | None) -> bool:
    return delta is not None and delta["type"] == "response.output_text.delta"


def _shown_part(path: Path, text: str, item: dict[str, Any]) -> dict[str, Any]:
    """A part of an item: what stands at `path` is `text`."""
    key = str(path[-1])
    if path[2] == "summary":
        return {"type": "summary_text", "text": text}
    if key == "refusal":
        return {"type": "refusal", "refusal": text}
    if item.get("type") == "reasoning":
        return {"type": "reasoning_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": []}
