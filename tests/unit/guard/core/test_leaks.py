# SPDX-License-Identifier: Apache-2.0
"""The leak table: each way in which other guards let characters of a term through; here none.

Each row is a whole exchange. Looked at are all bytes that the client got, decoded as JSON too, so
that an escape hides nothing.
"""

import json
from itertools import pairwise

import pytest

from genaiservice.guard.core.effects import CloseUpstream, Send
from genaiservice.guard.core.exchange import Exchange
from genaiservice.guard.core.unescape import unescape
from tests.unit.guard.core.talk import (
    DONE,
    LATIN,
    POLICY,
    REFUSAL,
    TERM,
    UNLABELLED,
    Heard,
    chunk,
    event,
    message,
    request,
    stream,
    whole,
    words,
)

TOOL = "tool_calls[0].function.arguments"


def tool(arguments: str, **more: object) -> bytes:
    function = {"arguments": arguments, **more}
    return chunk(delta={"tool_calls": [{"index": 0, "function": function}]})


def token(text: str) -> dict[str, object]:
    entry = {"token": text, "logprob": -0.1, "bytes": list(text.encode())}
    return {**entry, "top_logprobs": [entry]}


def spelled(*tokens: str) -> list[bytes]:
    return [chunk(text, logprobs={"content": [token(text)], "refusal": None}) for text in tokens]


CLEAN = "今天天气很好。"

ROWS: dict[str, list[bytes]] = {
    "whole term in one chunk": words(CLEAN, TERM, CLEAN),
    "term inside a chunk": words(f"{CLEAN}{TERM}{CLEAN}"),
    "split over two chunks": words(CLEAN, "违禁", "样本", CLEAN),
    "one character a chunk": words(CLEAN, *TERM, CLEAN),
    "Latin, exact": words("all is well ", LATIN, " it is"),
    "Latin, mixed case, split": words("all is well ", "ForBid", "SAMple", " it is"),
    "zero-width space between characters": words(CLEAN, "\u200b".join(TERM), CLEAN),
    "zero-width space between chunks": words(CLEAN, "违", "\u200b", "禁\u200d", "样", "本"),
    "traditional characters": words(CLEAN, "違禁", "樣本", CLEAN),
    "full-width": words(CLEAN, "ｆｏｒｂｉｄ", "ｓａｍｐｌｅ", CLEAN),
    "blanks, signs, emoji between characters": words(CLEAN, "违 禁", "·样", "😀", "*本", CLEAN),
    "combining marks": words("well ", "f\u0301orbid", "s\u0308ample"),
    "n=2, term in choice 1": [
        chunk(CLEAN, index=0),
        chunk(CLEAN, index=1),
        chunk("违禁", index=1),
        chunk("好", index=0),
        chunk("样本", index=1),
        chunk(index=0, finish_reason="stop"),
        DONE,
    ],
    "tool-call arguments, whole": [
        tool("", name="search"),
        tool('{"q": "' + TERM + '"}'),
        chunk(finish_reason="tool_calls"),
        DONE,
    ],
    "tool-call arguments, split": [
        tool("", name="search"),
        *(tool(part) for part in ('{"q": "违', "禁样", '本"}')),
        chunk(finish_reason="tool_calls"),
        DONE,
    ],
    "tool-call arguments with JSON escapes": [
        tool("", name="search"),
        *(tool(part) for part in ('{"q": "\\u8fd', "d\\u7981", "\\u6837\\u", '672c"}')),
        chunk(finish_reason="tool_calls"),
        DONE,
    ],
    "tool name": [tool("", name=LATIN), chunk(finish_reason="tool_calls"), DONE],
    "legacy function call": [
        chunk(delta={"function_call": {"name": "f", "arguments": "违禁"}}),
        chunk(delta={"function_call": {"arguments": "样本"}}),
        DONE,
    ],
    "reasoning_content": [
        *(chunk(delta={"reasoning_content": part}) for part in ("想想", "违禁样", "本")),
        *words(CLEAN),
    ],
    "reasoning": [*(chunk(delta={"reasoning": part}) for part in ("想", "违", "禁样本")), DONE],
    "refusal field": [*(chunk(delta={"refusal": part}) for part in ("不", "违禁", "样本")), DONE],
    "a field nobody knows": [
        *(chunk(delta={"thoughts": [{"text": part}]}) for part in ("想", "违禁", "样本")),
        DONE,
    ],
    "logprobs of held text": [*spelled("好", "违", "禁", "样", "本"), DONE],
    "logprobs without their text": [
        chunk("", logprobs={"content": [token("违禁")]}),
        chunk("", logprobs={"content": [token("样本")]}),
        DONE,
    ],
    "an alternative in top_logprobs": [
        chunk("好", logprobs={"content": [{**token("好"), "top_logprobs": [token(TERM)]}]}),
        chunk(finish_reason="stop"),
        DONE,
    ],
    "bytes that are not the token's": [
        chunk("好", logprobs={"content": [{**token("好"), "bytes": list(TERM.encode())}]}),
        chunk(finish_reason="stop"),
        DONE,
    ],
    "token numbers of held text": [
        chunk("违禁", token_ids=[1, 2]),
        chunk("样本", token_ids=[3, 4]),
        DONE,
    ],
    "two parts of a term in one chunk's fields": [
        event(
            {
                "choices": [
                    {"index": 0, "delta": {"content": "好"}, "text": TERM, "finish_reason": None}
                ]
            }
        ),
        DONE,
    ],
    "term in the last chunk": [
        chunk("违禁"),
        chunk("样本", finish_reason="stop"),
        DONE,
    ],
    "a comment line": [b": " + TERM.encode() + b"\n\n", *words(CLEAN)],
    "an event name": [b"event: " + TERM.encode() + b"\n" + chunk("好"), *words(CLEAN)],
    "a key": [chunk(delta={TERM: ""}), DONE],
    "an unknown field of the chunk": [event({"note": TERM, "choices": []}), DONE],
    "a key named twice": [
        chunk("好").replace(b'"content"', b'"content":"' + TERM.encode() + b'","content"'),
        DONE,
    ],
    "an error event": [chunk("好"), event({"error": {"message": TERM}})],
    "garbage": [chunk("好"), b"data: " + TERM.encode() + b"\n\n"],
    "an event without end": [chunk("好"), b"data: " + TERM.encode()],
    "after the end of a choice": [
        chunk("好", finish_reason="stop"),
        chunk(TERM),
        DONE,
    ],
    "after [DONE]": [*words("好"), chunk(TERM)],
}

COMPLETION_ROWS: dict[str, list[bytes]] = {
    "text": [event({"choices": [{"index": 0, "text": part}]}) for part in ("好", "违禁", "样本")],
    "legacy logprobs": [
        event(
            {
                "choices": [
                    {
                        "index": 0,
                        "text": part,
                        "logprobs": {
                            "tokens": [part],
                            "token_logprobs": [-0.1],
                            "top_logprobs": [{part: -0.1, TERM: -3}],
                            "text_offset": [0],
                        },
                    }
                ]
            }
        )
        for part in ("好", "违禁", "样本")
    ],
}


NOISE = "\u200b\u200d ·*😀\u0301\u0308"


def leaked(heard: Heard) -> int:
    """The most characters of a term that stand together, from its first, in what was sent.

    Single Latin letters prove nothing: there the count starts at four ("before" has three).
    """
    seen = [heard.body.decode()]
    seen += (json.dumps(tree, ensure_ascii=False) for tree in heard.trees)
    seen += (unescape(text) for text in heard.texts.values())
    seen += ("".join(char for char in text if char not in NOISE) for text in heard.texts.values())
    everything = "\n".join(seen).casefold()
    found = [0]
    for term, least in ((TERM, 1), ("違禁樣本", 1), (LATIN, 4), ("ｆｏｒｂｉｄｓａｍｐｌｅ", 1)):
        sizes = range(least, len(term) + 1)
        found += (size for size in sizes if term[:size].casefold() in everything)
    return max(found)


def test_the_leak_counter_counts() -> None:
    """What a proxy without a guard would have let through, so that 0 means something."""
    heard = Heard(body=b"".join(ROWS["zero-width space between characters"])).read()
    assert leaked(heard) == 4


@pytest.mark.parametrize("row", ROWS)
def test_no_character_of_a_term_leaves_a_chat_stream(row: str) -> None:
    heard = stream(ROWS[row], body=request(n=2 if row.startswith("n=2") else 1))
    assert leaked(heard) == 0
    assert heard.done


@pytest.mark.parametrize("row", ROWS)
def test_nor_does_it_when_the_stream_comes_byte_by_byte(row: str) -> None:
    data = b"".join(ROWS[row])
    reads = [data[at : at + 1] for at in range(len(data))]
    heard = stream(reads, body=request(n=2 if row.startswith("n=2") else 1))
    assert leaked(heard) == 0


@pytest.mark.parametrize("row", ROWS)
def test_nor_when_all_events_come_in_one_read(row: str) -> None:
    heard = stream([b"".join(ROWS[row])], body=request(n=2 if row.startswith("n=2") else 1))
    assert leaked(heard) == 0


@pytest.mark.parametrize("row", COMPLETION_ROWS)
def test_no_character_of_a_term_leaves_a_completion_stream(row: str) -> None:
    body = json.dumps({"model": "m", "prompt": "你好", "stream": True}).encode()
    heard = stream([*COMPLETION_ROWS[row], DONE], body=body, path="/v1/completions")
    assert leaked(heard) == 0
    assert heard.text("text").startswith("好")


WHOLE = {
    "content": message(f"{CLEAN}{TERM}{CLEAN}"),
    "disguised": message("違\u200b禁 ＊樣本"),
    "reasoning": message(CLEAN, message={"reasoning_content": TERM}),
    "tool arguments": message(
        None, message={"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": TERM}}]}
    ),
    "refusal": message(None, message={"refusal": TERM}),
    "logprobs": message(CLEAN, logprobs={"content": [token(TERM)]}),
    "unknown field": message(CLEAN, message={"audio": {"transcript": TERM}}),
    "unknown field at the top": {**message(CLEAN), "note": [TERM]},
}


@pytest.mark.parametrize("row", WHOLE)
def test_no_character_of_a_term_leaves_a_whole_answer(row: str) -> None:
    heard = whole(WHOLE[row])
    assert leaked(heard) == 0
    assert heard.status in (200, 502)


def test_a_block_ends_with_the_refusal_and_content_filter_and_cuts_the_model_off() -> None:
    exchange = Exchange(POLICY, UNLABELLED)
    exchange.request("/v1/chat/completions", "", request())
    exchange.response(200, "text/event-stream")
    heard = Heard()
    for data in words(CLEAN, "违禁", finish=False):
        heard.take(exchange.upstream(data))
    assert not heard.closed
    heard.take(exchange.upstream(chunk("样本")))
    assert heard.closed
    assert heard.ended
    assert heard.read().done
    assert heard.text() == f"{CLEAN}\n\n{REFUSAL['zh']}"
    assert heard.finish == {0: "content_filter"}
    assert exchange.upstream(chunk("more")) == []
    kinds = [type(effect) for effect in heard.effects]
    assert kinds.index(Send) < kinds.index(CloseUpstream)


def test_a_block_in_one_choice_leaves_the_other_whole() -> None:
    heard = stream(ROWS["n=2, term in choice 1"], body=request(n=2))
    assert heard.text(index=0) == f"{CLEAN}好"
    assert heard.finish == {0: "stop", 1: "content_filter"}
    assert heard.text(index=1) == f"{CLEAN}\n\n{REFUSAL['zh']}"


def test_clean_characters_before_a_term_all_leave_at_once() -> None:
    exchange = Exchange(POLICY, UNLABELLED)
    exchange.request("/v1/chat/completions", "", request())
    exchange.response(200, "text/event-stream")
    for text in ("今天", "天气", "很好", "啊"):
        data = chunk(text)
        assert exchange.upstream(data) == [Send(data)]


def test_no_two_neighbours_of_the_table_share_a_name() -> None:
    assert all(left != right for left, right in pairwise(sorted(ROWS)))
