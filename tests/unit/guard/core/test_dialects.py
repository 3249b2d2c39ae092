# SPDX-License-Identifier: Apache-2.0
"""Tables of the dialects beside chat: leaks by odd places, unknown events, errors, refusals."""

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from genaiservice.api.directive import Directive, Mode
from genaiservice.api.guard_config import LabelMode
from genaiservice.api.problem import Text
from genaiservice.guard.core.effects import (
    CloseUpstream,
    Direction,
    Effect,
    Forward,
    Respond,
    Upload,
)
from genaiservice.guard.core.exchange import Exchange, Options
from genaiservice.guard.core.opinion import ReviewOptions
from tests.unit.guard.core import dialects
from tests.unit.guard.core.talk import (
    MASKED,
    POLICY,
    REFUSAL,
    TERM,
    UNLABELLED,
    Heard,
    ask,
    policy,
    request,
    words,
)

PATHS = {
    "/v1/responses": dialects.responses_request,
    "/v1/messages": dialects.messages_request,
    "/api/chat": dialects.ollama_request,
    "/api/generate": lambda **more: dialects.dumps({"model": "m", "prompt": "你好", **more}),
}
SPEAKING: dict[str, Any] = {
    "/v1/responses": dialects.responses_stream,
    "/v1/messages": dialects.messages_stream,
    "/api/chat": dialects.ollama_stream,
    "/api/generate": partial(dialects.ollama_stream, generate=True),
}
READERS: dict[str, Any] = {
    "/v1/responses": dialects.responses_read,
    "/v1/messages": dialects.messages_read,
    "/api/chat": dialects.ollama_read,
    "/api/generate": dialects.ollama_read,
}
TYPES = {"/api/chat": "application/x-ndjson", "/api/generate": "application/x-ndjson"}


def streamed(path: str, events: list[bytes], options: Options = UNLABELLED) -> Heard:
    exchange, heard = ask(PATHS[path](), path=path, options=options)
    heard.take(exchange.response(200, TYPES.get(path, "text/event-stream")))
    for event in events:
        heard.take(exchange.upstream(event))
    heard.take(exchange.upstream_closed(None))
    assert heard.ended
    return heard


def answered(path: str, tree: Any, options: Options = UNLABELLED) -> Heard:
    exchange, heard = ask(PATHS[path](stream=False), path=path, options=options)
    heard.take(exchange.response(200, "application/json"))
    heard.take(exchange.upstream(dialects.dumps(tree))).take(exchange.upstream_closed(None))
    assert heard.ended
    return heard


# Prompts.

PROMPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "response input": ("/v1/responses", {"input": f"讲{TERM}"}),
    "response instructions": ("/v1/responses", {"instructions": TERM}),
    "response parts": (
        "/v1/responses",
        {
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": TERM[:2]},
                        {"type": "input_text", "text": TERM[2:]},
                    ],
                }
            ]
        },
    ),
    "response tool output": (
        "/v1/responses",
        {"input": [{"type": "function_call_output", "call_id": "c", "output": TERM}]},
    ),
    "response tool arguments": (
        "/v1/responses",
        {
            "input": [
                {
                    "type": "function_call",
                    "call_id": "c",
                    "name": "f",
                    "arguments": json.dumps({"a": TERM}),
                }
            ]
        },
    ),
    "response template": ("/v1/responses", {"prompt": {"id": "p", "variables": {"a": TERM}}}),
    "message": ("/v1/messages", {"messages": [{"role": "user", "content": TERM}]}),
    "message system": ("/v1/messages", {"system": [{"type": "text", "text": TERM}]}),
    "message document": (
        "/v1/messages",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "source": {"type": "text", "media_type": "text/plain", "data": TERM},
                        }
                    ],
                }
            ]
        },
    ),
    "message tool result": (
        "/v1/messages",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": [{"type": "text", "text": TERM}],
                        }
                    ],
                }
            ]
        },
    ),
    "ollama chat": ("/api/chat", {"messages": [{"role": "user", "content": TERM}]}),
    "ollama tool call": (
        "/api/chat",
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"function": {"name": "f", "arguments": {"a": TERM}}}],
                }
            ]
        },
    ),
    "ollama prompt": ("/api/generate", {"prompt": TERM}),
    "ollama system": ("/api/generate", {"system": TERM}),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_a_blocked_prompt_is_answered_in_its_dialect(name: str) -> None:
    path, more = PROMPTS[name]
    for stream in (False, True):
        _, heard = ask(PATHS[path](**{"stream": stream, **more}), path=path)
        assert heard.forwarded is None, name
        assert heard.status == 200
        assert any(words in heard.body.decode() for words in REFUSAL.values())


@pytest.mark.parametrize(
    ("path", "more", "field"),
    [
        ("/v1/responses", {"input": f"说{MASKED}"}, ("input",)),
        ("/v1/responses", {"instructions": f"说{MASKED}"}, ("instructions",)),
        ("/v1/messages", {"system": f"说{MASKED}"}, ("system",)),
        ("/api/generate", {"prompt": f"说{MASKED}"}, ("prompt",)),
        (
            "/api/chat",
            {"messages": [{"role": "user", "content": f"说{MASKED}"}]},
            ("messages", 0, "content"),
        ),
    ],
)
def test_a_masked_prompt_goes_on_masked(path: str, more: Any, field: tuple[Any, ...]) -> None:
    _, heard = ask(PATHS[path](**more), path=path)
    assert heard.forwarded is not None
    tree = json.loads(heard.forwarded)
    for step in field:
        tree = tree[step]
    assert tree == "说＊＊＊"


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/v1/responses", {"background": True}, "request_invalid"),
        ("/v1/responses", {"input": 5}, "request_invalid"),
        ("/v1/responses", {"input": ["a"]}, "request_invalid"),
        ("/v1/messages", {"messages": []}, "request_invalid"),
        ("/v1/messages", {"messages": [{"role": 5}]}, "request_invalid"),
        ("/api/generate", {"context": [1, 2]}, "request_not_text"),
        ("/api/generate", {"prompt": [1]}, "request_invalid"),
        ("/api/chat", {"messages": "x"}, "request_invalid"),
    ],
)
def test_a_request_that_cannot_be_screened_goes_nowhere(path: str, body: Any, reason: str) -> None:
    _, heard = ask(PATHS[path](**body), path=path)
    assert (heard.forwarded, heard.status) == (None, 400)
    assert heard.decisions[-1].reason == reason
    error = json.loads(heard.body)["error"]
    assert isinstance(error, str) == path.startswith("/api/")


@pytest.mark.parametrize("path", PATHS)
def test_a_clean_request_goes_as_it_came(path: str) -> None:
    body = PATHS[path](metadata={"x": [1, {"y": None}]}, unknown="值")
    _, heard = ask(body, path=path)
    assert heard.forwarded == body


PREPARED = policy(
    classes={
        "A1a": {
            "action": "Replace",
            "terms": [TERM],
            "answers": [{"en": "A prepared answer.", "zh": "代答。"}],
        }
    }
)


@pytest.mark.parametrize("path", PATHS)
def test_a_class_with_prepared_answers_says_one_in_every_dialect(path: str) -> None:
    for stream in (False, True):
        prompt = {"input": TERM, "prompt": TERM, "messages": [{"role": "user", "content": TERM}]}
        _, heard = ask(PATHS[path](**{**prompt, "stream": stream}), path=path, rules=PREPARED)
        assert "代答。" in heard.body.decode()
    exchange, heard = ask(PATHS[path](), path=path, rules=PREPARED)
    heard.take(exchange.response(200, TYPES.get(path, "text/event-stream")))
    for event in SPEAKING[path]([("text", ["好", *TERM])]):
        heard.take(exchange.upstream(event))
    assert "代答。" in heard.body.decode()


# Streamed answers: what may not leave, leaves by no field.


def message_events(*more: Any) -> list[bytes]:
    events = dialects.messages_stream([("text", ["好"])])
    return [*events[:4], *(dialects.named(event) for event in more), *events[4:]]


def response_events(*more: Any) -> list[bytes]:
    events = dialects.responses_stream([("text", ["好"])])
    return [*events[:5], *(dialects.named(event) for event in more), *events[5:]]


def ollama_events(*more: Any) -> list[bytes]:
    events = dialects.ollama_stream([("text", ["好"])])
    return [*events[:1], *(dialects.dumps(event) + b"\n" for event in more), *events[1:]]


SNEAKY: dict[str, tuple[str, list[bytes]]] = {
    "anthropic tool input whole": (
        "/v1/messages",
        message_events(
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {"a": TERM}},
            }
        ),
    ),
    "anthropic tool name": (
        "/v1/messages",
        message_events(
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "tool_use", "id": "t", "name": "forbidsample"},
            }
        ),
    ),
    "anthropic citation": (
        "/v1/messages",
        message_events(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "citations_delta", "citation": {"cited_text": TERM}},
            }
        ),
    ),
    "anthropic unknown delta": (
        "/v1/messages",
        message_events(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "x", "x": TERM[:2]}}
        ),
    ),
    "anthropic unknown event": ("/v1/messages", message_events({"type": "x", "text": "a"})),
    "anthropic unknown key": ("/v1/messages", message_events({"type": "ping", TERM: 1})),
    "anthropic late piece": (
        "/v1/messages",
        [
            *dialects.messages_stream([("text", ["好"])])[:5],
            dialects.named(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": TERM[:2]},
                }
            ),
        ],
    ),
    "anthropic escapes in arguments": (
        "/v1/messages",
        dialects.messages_stream([("tool", ['{"a": "\\u8fdd', '\\u7981\\u6837\\u672c"}'])]),
    ),
    "response done text": (
        "/v1/responses",
        response_events(
            {
                "type": "response.output_text.done",
                "item_id": "m",
                "output_index": 0,
                "content_index": 0,
                "text": TERM,
                "sequence_number": 4,
            }
        ),
    ),
    "response whole item": (
        "/v1/responses",
        response_events(
            {
                "type": "response.output_item.added",
                "output_index": 1,
                "item": dialects.output_item("text", TERM, 1),
                "sequence_number": 4,
            }
        ),
    ),
    "response whole output": (
        "/v1/responses",
        response_events(
            {
                "type": "response.completed",
                "sequence_number": 4,
                "response": dialects.response_tree([dialects.output_item("text", TERM, 0)]),
            }
        ),
    ),
    "response logprobs": (
        "/v1/responses",
        response_events(
            {
                "type": "response.output_text.delta",
                "item_id": "m",
                "output_index": 0,
                "content_index": 0,
                "delta": "好",
                "logprobs": [{"token": TERM, "logprob": 0.0}],
                "sequence_number": 4,
            }
        ),
    ),
    "response unknown event": (
        "/v1/responses",
        response_events({"type": "response.new.delta", "delta": TERM[:2]}),
    ),
    "response picture": (
        "/v1/responses",
        response_events(
            {
                "type": "response.output_item.done",
                "output_index": 1,
                "item": {"id": "i", "type": "image_generation_call", "result": "AAAA"},
            }
        ),
    ),
    "response before its beginning": (
        "/v1/responses",
        dialects.responses_stream([("text", ["好"])])[2:],
    ),
    "ollama tool call": (
        "/api/chat",
        ollama_events(
            {
                "message": {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"function": {"name": "f", "arguments": {"a": TERM}}}],
                },
                "done": False,
            }
        ),
    ),
    "ollama argument name": (
        "/api/chat",
        ollama_events(
            {
                "message": {
                    "content": "",
                    "tool_calls": [{"function": {"name": "f", "arguments": {TERM: 1}}}],
                },
                "done": False,
            }
        ),
    ),
    "ollama unknown field": ("/api/chat", ollama_events({"extra": TERM, "done": False})),
    "ollama other dialect's field": (
        "/api/chat",
        ollama_events({"response": TERM, "message": {"content": ""}, "done": False}),
    ),
    "ollama token numbers": ("/api/chat", ollama_events({"context": [TERM], "done": False})),
    "ollama logprobs": (
        "/api/chat",
        ollama_events(
            {
                "message": {"content": "好"},
                "logprobs": [{"token": TERM, "logprob": 0.0}],
                "done": False,
            }
        ),
    ),
}


@pytest.mark.parametrize("name", SNEAKY)
def test_no_term_leaves_by_any_place_of_an_event(name: str) -> None:
    path, events = SNEAKY[name]
    body = streamed(path, events).body.decode()
    plain = body.encode().decode("unicode_escape", errors="ignore") + body
    for word in (TERM, "forbidsample", "\\u7981", "AAAA", TERM[:2]):
        assert word not in plain, name


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "data",
    [
        b"data: [DONE]\n\n",
        b"data: 5\n\n",
        b"data: \xff\xfe\n\n",
        b'data: {"a":1,"a":2}\n\n',
        b"data: {\n\n",
    ],
)
def test_what_is_no_event_of_the_dialect_ends_the_stream_with_an_error(
    path: str, data: bytes
) -> None:
    if path.startswith("/api/"):
        data = data.removeprefix(b"data: ")
    heard = streamed(path, [data])
    assert heard.closed
    assert [one.reason for one in heard.decisions] == ["upstream_garbage"]
    assert "error" in heard.body.decode()


@pytest.mark.parametrize(
    ("path", "event"),
    [
        ("/v1/messages", {"type": "error", "error": {"type": "api_error", "message": TERM}}),
        ("/v1/responses", {"type": "error", "code": "x", "message": TERM, "sequence_number": 3}),
        ("/api/chat", {"error": TERM}),
    ],
)
def test_an_error_event_of_the_model_is_told_without_its_words(path: str, event: Any) -> None:
    data = dialects.named(event) if "type" in event else dialects.dumps(event) + b"\n"
    heard = streamed(path, [data])
    assert [one.reason for one in heard.decisions] == ["upstream_error"]
    assert TERM not in heard.body.decode()


@pytest.mark.parametrize("path", PATHS)
def test_a_suspension_ends_a_stream_in_its_dialect(path: str) -> None:
    exchange, heard = ask(PATHS[path](), path=path)
    heard.take(exchange.response(200, TYPES.get(path, "text/event-stream")))
    order = Directive(
        mode=Mode.SUSPEND, reason="FilingRevoked", message=Text(en="stopped", zh="已停止")
    )
    heard.take(exchange.suspend(order))
    assert heard.closed
    assert "已停止" in heard.body.decode()
    assert "error" in heard.body.decode()


@pytest.mark.parametrize("path", ["/v1/chat/completions", *PATHS])
@pytest.mark.parametrize("complete", [True, False])
def test_what_is_not_judged_when_time_is_over_ends_with_an_error(path: str, complete: bool) -> None:
    """As the end of the drain does it: the client is told in its protocol, and sees nothing."""
    options = replace(UNLABELLED, review=ReviewOptions(directions=frozenset({Direction.OUTPUT})))
    exchange, heard = ask(PATHS.get(path, request)(), path=path, options=options)
    heard.take(exchange.response(200, TYPES.get(path, "text/event-stream")))
    speaking = SPEAKING.get(path, lambda script: words(*script[0][1]))
    events = speaking([("text", ["说得", "很好"])])
    for data in events if complete else events[:-2]:
        heard.take(exchange.upstream(data))
    if complete:
        heard.take(exchange.upstream_closed(None))
    assert not heard.ended
    heard.take(exchange.break_off("drain_timeout"))
    assert heard.ended
    assert heard.closed
    assert "shutting down" in heard.body.decode()
    assert "说得" not in heard.body.decode()
    assert [one.reason for one in heard.decisions] == ["shutting_down"]
    if path in READERS:
        assert READERS[path](heard.body).error is not None


# Whole answers.


def test_numbers_of_tokens_go_when_a_text_was_masked() -> None:
    tree = {"model": "m", "response": f"说{MASKED}", "context": [1, 2], "done": True}
    masked = json.loads(answered("/api/generate", tree).body)
    assert masked == {"model": "m", "response": "说＊＊＊", "done": True}
    clean = {**tree, "response": "说"}
    assert answered("/api/generate", clean).body == dialects.dumps(clean)


@pytest.mark.parametrize(
    ("path", "tree"),
    [
        ("/v1/responses", dialects.response_tree([dialects.output_item("tool", f'"{TERM}"', 0)])),
        ("/v1/responses", dialects.response_tree([], note=TERM)),
        (
            "/v1/messages",
            {"id": "i", "content": [{"type": "tool_use", "name": "f", "input": {"a": [TERM]}}]},
        ),
        ("/api/chat", {"message": {"thinking": TERM, "content": "好"}, "done": True}),
    ],
)
def test_a_blocked_whole_answer_keeps_nothing_of_the_model(path: str, tree: Any) -> None:
    heard = answered(path, tree)
    assert TERM not in heard.body.decode()
    assert REFUSAL["zh"] in heard.body.decode()
    assert heard.status == 200


def test_structured_output_is_refused_without_broken_json() -> None:
    shape = {"format": {"type": "json_schema", "name": "x", "schema": {}}}
    body = dialects.responses_request(text=shape)
    exchange, heard = ask(body, path="/v1/responses", options=Options(label=LabelMode.PREFIX))
    heard.take(exchange.response(200, "text/event-stream"))
    for event in dialects.responses_stream([("text", ['{"a": "', "\\u8fdd", '\\u7981样本"}'])]):
        heard.take(exchange.upstream(event))
    read = dialects.responses_read(heard.body)
    assert read.end == "incomplete"
    assert read.texts["0"] == '{"a": "'
    assert "response.refusal.delta" in heard.body.decode()
    assert [one.reason for one in heard.decisions] == ["structured_output", "term"]


# Pictures, sounds, vectors, transcripts.


@pytest.mark.parametrize(
    "path", ["/v1/embeddings", "/v1/moderations", "/api/embed", "/api/embeddings"]
)
def test_an_answer_of_numbers_passes_as_its_bytes(path: str) -> None:
    body = dialects.dumps({"model": "m", "prompt" if path == "/api/embeddings" else "input": "好"})
    answer = dialects.dumps({"embeddings": [[0.1, 2]], "embedding": [1.5], "flagged": False})
    exchange, heard = ask(body, path=path)
    assert heard.forwarded == body
    heard.take(exchange.response(200, "application/json")).take(exchange.upstream(answer))
    assert heard.take(exchange.upstream_closed(None)).body == answer


@pytest.mark.parametrize("tree", [{"note": TERM}, {"embedding": [TERM]}, {TERM: 1}, [1]])
def test_an_answer_of_numbers_with_words_in_it_is_none(tree: Any) -> None:
    exchange, heard = ask(dialects.dumps({"input": "好"}), path="/v1/embeddings")
    heard.take(exchange.response(200, "application/json"))
    heard.take(exchange.upstream(dialects.dumps(tree))).take(exchange.upstream_closed(None))
    assert heard.status == 502
    assert TERM not in heard.body.decode()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/images/generations", {"prompt": "猫", "stream": True}),
        ("/v1/images/generations", {"prompt": "猫", "partial_images": 2}),
        ("/v1/images/generations", {}),
        ("/v1/audio/speech", {"input": "好", "stream_format": "sse"}),
        ("/v1/audio/speech", {}),
    ],
)
def test_media_in_pieces_are_refused(path: str, body: Any) -> None:
    _, heard = ask(dialects.dumps(body), path=path)
    assert (heard.forwarded, heard.status) == (None, 400)


def form(*parts: tuple[str, str], boundary: str = "x") -> bytes:
    lines = []
    for head, value in parts:
        lines.append(f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    return ("".join(lines) + f"--{boundary}--\r\n").encode()


FILE = ('name="file"; filename="a.wav"', "RIFF--x data")
FORMS: dict[str, tuple[bytes, str]] = {
    "a term in the prompt": (form(FILE, ('name="prompt"', TERM)), "content_filter"),
    "a term in an unknown field": (form(('name="hint"', TERM), FILE), "content_filter"),
    "a mask, which would change its length": (form(('name="prompt"', MASKED)), "content_filter"),
    "a text as a file": (form(('name="prompt"; filename="a"', TERM)), "request_not_form"),
    "a field twice": (
        form(('name="prompt"', "a"), ('name="prompt"', "b")),
        "request_duplicate_key",
    ),
    "words before the form": (TERM.encode() + form(FILE), "request_not_form"),
    "words after the form": (form(FILE) + TERM.encode(), "request_not_form"),
    "no end": (form(FILE)[:-6], "request_not_form"),
    "another boundary": (form(FILE, boundary="y"), "request_not_form"),
    "no UTF-8": (
        form(('name="prompt"', "a")).replace(b"\r\na\r\n", b"\r\n\xff\r\n"),
        "request_not_form",
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_screened_or_refused(name: str) -> None:
    body, reason = FORMS[name]
    exchange = Exchange(POLICY, UNLABELLED)
    path, content_type = "/v1/audio/transcriptions", "multipart/form-data; boundary=x"
    first, *_ = exchange.request(path, content_type, body)
    assert isinstance(first, Respond), name
    assert json.loads(first.body)["error"]["code"] == reason


def test_a_clean_form_goes_as_its_bytes() -> None:
    body = form(FILE, ('name="model"', "m"), ('name="prompt"', "你好"), ('name="empty"', ""))
    exchange = Exchange(POLICY, UNLABELLED)
    path, content_type = "/v1/audio/transcriptions", 'multipart/form-data; boundary="x"'
    assert exchange.request(path, content_type, body) == [Forward(body)]


@pytest.mark.parametrize("step", [1, 3, 17, 1000])
def test_a_form_goes_on_as_it_comes_and_unaltered(step: int) -> None:
    body = form(FILE, ('name="prompt"', "你好"), ('name="empty"', ""), ('name="model"', "m"))
    exchange = Exchange(POLICY, UNLABELLED)
    assert exchange.open_upload("/v1/audio/transcriptions", "multipart/form-data; boundary=x") == []
    effects = [
        effect
        for at in range(0, len(body), step)
        for effect in exchange.upload(body[at : at + step])
    ]
    effects += exchange.uploaded()
    assert all(isinstance(effect, Upload) for effect in effects)
    assert b"".join(effect.data for effect in effects if isinstance(effect, Upload)) == body
    assert exchange.model == "m"


@pytest.mark.parametrize("step", [1, 3, 17, 1000])
@pytest.mark.parametrize("name", FORMS)
def test_no_text_of_a_form_goes_on_before_it_was_screened(name: str, step: int) -> None:
    body, reason = FORMS[name]
    exchange = Exchange(POLICY, UNLABELLED)
    exchange.open_upload("/v1/audio/transcriptions", "multipart/form-data; boundary=x")
    effects: list[Effect] = []
    for at in range(0, len(body), step):
        effects += exchange.upload(body[at : at + step])
    effects += exchange.uploaded()
    sent = b"".join(effect.data for effect in effects if isinstance(effect, Upload))
    assert not any(word.encode()[:6] in sent for word in (TERM, MASKED)), name
    assert not sent.endswith(b"--x--\r\n")
    told = next(effect for effect in effects if isinstance(effect, Respond))
    assert json.loads(told.body)["error"]["code"] == reason
    assert isinstance(effects[-1], CloseUpstream)


def transcript_events(*texts: str) -> list[bytes]:
    deltas = [{"type": "transcript.text.delta", "delta": text} for text in texts]
    done = {"type": "transcript.text.done", "text": "".join(texts)}
    return [dialects.named(event) for event in (*deltas, done)]


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (("今天", "好"), "今天好"),
        (("说粗", "话词吧"), "说＊＊＊吧"),
        (("好违", "禁", "样本后"), f"好{REFUSAL['zh']}"),
    ],
)
def test_a_streamed_transcript_is_screened(texts: tuple[str, ...], shown: str) -> None:
    exchange = Exchange(POLICY, UNLABELLED)
    content_type = "multipart/form-data; boundary=x"
    exchange.request(
        "/v1/audio/transcriptions", content_type, form(FILE, ('name="stream"', "true"))
    )
    heard = Heard().take(exchange.response(200, "text/event-stream"))
    for event in transcript_events(*texts):
        heard.take(exchange.upstream(event))
    heard.take(exchange.upstream_closed(None))
    said = [
        json.loads(line[6:]) for line in heard.body.decode().splitlines() if line[:5] == "data:"
    ]
    assert "".join(event.get("delta", "") for event in said) == shown
    assert said[-1]["type"] == "transcript.text.done"
    assert TERM not in heard.body.decode()
