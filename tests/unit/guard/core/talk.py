# SPDX-License-Identifier: Apache-2.0
"""Builders for exchanges: policies, requests, a model's chunks; and a client that only reads.

The client knows nothing of the guard: it splits events, joins the texts of each choice and field
as a chat program would, and keeps every byte for a look at what leaked.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from genaiservice.api.guard_config import LabelMode
from genaiservice.guard.core.effects import (
    Begin,
    CloseUpstream,
    Decision,
    Effect,
    End,
    Forward,
    Record,
    Respond,
    Send,
)
from genaiservice.guard.core.exchange import Exchange, Options
from genaiservice.guard.core.policy import Policy, compile_policy

REFUSAL = {"en": "Let us talk of something else.", "zh": "换个话题吧。"}
TERM, LATIN, MASKED = "违禁样本", "forbidsample", "粗话词"
DONE = b"data: [DONE]\n\n"
UNLABELLED = Options(label=LabelMode.OFF)


def policy(**more: Any) -> Policy:
    tree: dict[str, Any] = {
        "version": 1,
        "name": "default",
        "refusal": REFUSAL,
        "classes": {
            "A1a": {"action": "Block", "terms": [TERM, LATIN]},
            "A2a": {"action": "Mask", "terms": [MASKED]},
            "A3a": {"action": "Flag", "terms": ["留意词"]},
        },
        **more,
    }
    return compile_policy(tree, "sha256:test")


POLICY = policy()


def request(**more: Any) -> bytes:
    tree = {
        "model": "m",
        "stream": True,
        "messages": [{"role": "user", "content": "你好，请介绍一下"}],
        **more,
    }
    return json.dumps(tree, ensure_ascii=False).encode()


def event(tree: Any) -> bytes:
    return (
        b"data: " + json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    )


def chunk(content: str | None = None, *, index: int = 0, **choice: Any) -> bytes:
    """A chat chunk; `delta=` for other fields, `finish_reason=`, `logprobs=`."""
    delta = choice.pop("delta", None) or ({} if content is None else {"content": content})
    return event(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [
                {"index": index, "delta": delta, "logprobs": None, "finish_reason": None, **choice}
            ],
        }
    )


def words(*texts: str, index: int = 0, finish: bool = True) -> list[bytes]:
    """A stream that says these pieces."""
    ends = [chunk(index=index, finish_reason="stop"), DONE] if finish else []
    return (
        [chunk(delta={"role": "assistant", "content": ""}, index=index)]
        + [chunk(text, index=index) for text in texts]
        + ends
    )


@dataclass
class Heard:
    """What a client got out of an exchange."""

    effects: list[Effect] = field(default_factory=list)
    body: bytes = b""
    status: int = 0
    texts: dict[tuple[int, str], str] = field(default_factory=lambda: defaultdict(str))
    finish: dict[int, str] = field(default_factory=dict)
    error: dict[str, Any] = field(default_factory=dict)
    done: bool = False
    usage: Any = None
    trees: list[Any] = field(default_factory=list)

    @property
    def decisions(self) -> list[Decision]:
        return [effect.decision for effect in self.effects if isinstance(effect, Record)]

    @property
    def closed(self) -> bool:
        return any(isinstance(effect, CloseUpstream) for effect in self.effects)

    @property
    def ended(self) -> bool:
        return any(isinstance(effect, End | Respond) for effect in self.effects)

    @property
    def forwarded(self) -> bytes | None:
        return next((one.body for one in self.effects if isinstance(one, Forward)), None)

    def text(self, name: str = "content", index: int = 0) -> str:
        return self.texts[index, name]

    def take(self, effects: list[Effect]) -> "Heard":
        for effect in effects:
            self.effects.append(effect)
            if isinstance(effect, Begin):
                self.status = effect.status
            elif isinstance(effect, Send):
                self.body += effect.data
            elif isinstance(effect, Respond):
                self.status, self.body = effect.status, effect.body
        return self

    def read(self) -> "Heard":
        """Reads the body as a chat program does, streamed or whole."""
        if self.body.startswith(b"{"):
            self._tree(json.loads(self.body))
            return self
        for raw in self.body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n"):
            data = b"\n".join(
                line[5:].removeprefix(b" ") for line in raw.split(b"\n") if line[:5] == b"data:"
            )
            if data == b"[DONE]":
                self.done = True
            elif data:
                assert not self.done, "nothing may follow [DONE]"
                self._tree(json.loads(data))
        return self

    def _tree(self, tree: Any) -> None:
        self.trees.append(tree)
        self.error = tree.get("error") or self.error
        self.usage = tree.get("usage") or self.usage
        for choice in tree.get("choices", ()):
            index = choice.get("index", 0)
            for name, text in leaves(choice.get("delta") or choice.get("message") or {}):
                self.texts[index, name] += text
            if isinstance(choice.get("text"), str):
                self.texts[index, "text"] += choice["text"]
            if choice.get("finish_reason"):
                assert index not in self.finish, "a choice ends once"
                self.finish[index] = choice["finish_reason"]


def leaves(tree: Any, name: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(tree, str):
        yield name, tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{name}.{key}" if name else key)
    elif isinstance(tree, list):
        for at, value in enumerate(tree):
            place = value.get("index", at) if isinstance(value, dict) else at
            yield from leaves(value, f"{name}[{place}]")


def ask(
    body: bytes | None = None,
    *,
    path: str = "/v1/chat/completions",
    rules: Policy = POLICY,
    options: Options = UNLABELLED,
) -> tuple[Exchange, Heard]:
    exchange = Exchange(rules, options, created=1_790_000_000)
    heard = Heard().take(exchange.request(path, "application/json", body or request()))
    return exchange, heard


def stream(
    events: Iterable[bytes],
    *,
    body: bytes | None = None,
    path: str = "/v1/chat/completions",
    rules: Policy = POLICY,
    options: Options = UNLABELLED,
    error: str | None = None,
) -> Heard:
    """A whole streamed exchange; each item of `events` is one read of the model's socket."""
    exchange, heard = ask(body, path=path, rules=rules, options=options)
    heard.take(exchange.response(200, "text/event-stream"))
    for data in events:
        heard.take(exchange.upstream(data))
    heard.take(exchange.upstream_closed(error))
    assert heard.ended
    return heard.read()


def whole(
    answer: Any,
    *,
    body: bytes | None = None,
    path: str = "/v1/chat/completions",
    rules: Policy = POLICY,
    options: Options = UNLABELLED,
    status: int = 200,
    content_type: str = "application/json",
) -> Heard:
    """A whole exchange whose answer is not streamed."""
    data = answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode()
    exchange, heard = ask(body or request(stream=False), path=path, rules=rules, options=options)
    heard.take(exchange.response(status, content_type))
    half = len(data) // 2
    heard.take(exchange.upstream(data[:half])).take(exchange.upstream(data[half:]))
    heard.take(exchange.upstream_closed(None))
    assert heard.ended
    return heard.read()


def message(content: str | None, **more: Any) -> dict[str, Any]:
    """A chat completion of one choice."""
    said = {"role": "assistant", "content": content, **more.pop("message", {})}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "message": said, "logprobs": None, "finish_reason": "stop", **more}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }
