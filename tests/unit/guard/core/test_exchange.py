# SPDX-License-Identifier: Apache-2.0
"""One exchange from request to end: every state with every call, and what clients get."""

import json
from dataclasses import replace
from typing import Any

import pytest

from genaiservice.api.directive import Directive, Mode
from genaiservice.api.guard_config import Screening
from genaiservice.api.problem import Text
from genaiservice.guard.core.effects import (
    Action,
    Begin,
    CloseUpstream,
    Direction,
    End,
    Forward,
    Record,
    Respond,
    Send,
)
from genaiservice.guard.core.exchange import TABLE, Call, Exchange, Options, State
from genaiservice.guard.core.holdback import Span
from genaiservice.guard.core.opinion import PASSED, ReviewOptions
from genaiservice.guard.core.request import PASSAGES_LIMIT
from genaiservice.guard.core.screener import mask_over
from tests.unit.guard.core.talk import (
    DONE,
    LATIN,
    MASKED,
    POLICY,
    REFUSAL,
    TERM,
    UNLABELLED,
    Heard,
    ask,
    chunk,
    event,
    message,
    policy,
    request,
    stream,
    whole,
    words,
)

SUSPEND = Directive(
    mode=Mode.SUSPEND, reason="Revoked", message=Text(en="Filing revoked.", zh="备案已撤销。")
)


# States.


FORM = ("/v1/audio/transcriptions", "multipart/form-data; boundary=x")


def awaiting_labels() -> Exchange:
    exchange = Exchange(POLICY, Options(files=True))
    exchange.request("/v1/audio/speech", "application/json", b'{"input": "hello"}')
    exchange.response(200, "audio/wav")
    exchange.upstream(b"RIFF")
    exchange.upstream_closed(None)
    assert exchange.state is State.LABELLING
    return exchange


def in_state(state: State) -> Exchange:
    reviewed = replace(UNLABELLED, review=ReviewOptions())
    exchange = Exchange(POLICY, reviewed if state is State.REVIEWING else UNLABELLED)
    if state is State.UPLOADING:
        exchange.open_upload(*FORM)
        assert exchange.state is state
        return exchange
    if state is State.LABELLING:
        return awaiting_labels()
    path = "/v1/models" if state is State.PASSING else "/v1/chat/completions"
    kind = "text/event-stream" if state is State.STREAMING else "application/json"
    if state is not State.NEW:
        exchange.request(path, "application/json", request())
    if state not in (State.NEW, State.ASKED):
        exchange.response(200, kind)
    if state is State.REVIEWING:
        exchange.upstream(json.dumps(message("你好")).encode())
        exchange.upstream_closed(None)
    if state is State.DONE:
        exchange.upstream_closed("reset")
    assert exchange.state is state
    return exchange


CALLS: dict[Call, Any] = {
    Call.REQUEST: lambda exchange: exchange.request("/v1/models", "", b""),
    Call.OPEN_UPLOAD: lambda exchange: exchange.open_upload(*FORM),
    Call.UPLOAD: lambda exchange: exchange.upload(b"--x\r\n"),
    Call.UPLOADED: lambda exchange: exchange.uploaded(),
    Call.RESPONSE: lambda exchange: exchange.response(200, "application/json"),
    Call.UPSTREAM: lambda exchange: exchange.upstream(chunk("你好")),
    Call.CLOSED: lambda exchange: exchange.upstream_closed(None),
    Call.LABELLED: lambda exchange: exchange.labelled([b"file"]),
    Call.ANSWERED: lambda exchange: exchange.answered(1, PASSED),
    Call.WOKEN: lambda exchange: exchange.woken(1),
    Call.SUSPEND: lambda exchange: exchange.suspend(SUSPEND),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("call", Call)
def test_every_call_in_every_state_does_what_the_table_says(state: State, call: Call) -> None:
    exchange = in_state(state)
    effects = CALLS[call](exchange)
    step = TABLE[state].get(call)
    if step is None:
        assert effects == []
        assert exchange.state is state
    else:
        assert exchange.state in step[1]
    if exchange.state is State.DONE and state is not State.DONE:
        assert any(isinstance(effect, End | Respond) for effect in effects)


# Passing.


def test_an_unchanged_stream_leaves_byte_for_byte() -> None:
    events = [
        chunk(delta={"role": "assistant", "content": ""}),
        b'data:  {"x_new" : [1.50, 1e3], "choices":[{"index":0,'
        b'"delta":{"content":"\\u4f60"}}]}\r\n\r\n',
        chunk("好", x_unknown={"a": [1, None]}),
        b'id: 7\nevent: message\ndata: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
        chunk(finish_reason="stop"),
        event({"id": "1", "choices": [], "usage": {"total_tokens": 3}}),
        DONE,
    ]
    heard = stream(events)
    assert heard.body == b"".join(events)
    assert heard.usage == {"total_tokens": 3}


def test_one_read_gives_one_send() -> None:
    exchange, _ = ask()
    exchange.response(200, "text/event-stream")
    exchange.upstream(chunk("今天"))
    data = chunk("天气") + chunk("很好") + chunk("呢")
    assert exchange.upstream(data) == [Send(data)]


def test_the_request_is_forwarded_byte_for_byte() -> None:
    body = b'{ "messages":[{"role":"user","content":"\\u4f60\\u597d"}], "x": 1.50 }'
    assert ask(body)[1].forwarded == body


@pytest.mark.parametrize("path", ["/v1/models", "/custom"])
def test_listed_paths_pass_as_they_are(path: str) -> None:
    exchange = Exchange(POLICY, Options(paths=frozenset({"/custom"})))
    assert exchange.request(path, "", b"") == [Forward(b"")]
    assert exchange.response(404, "text/plain") == [Begin(404, "text/plain")]
    assert exchange.upstream(b"any") == [Send(b"any")]
    assert exchange.upstream_closed(None) == [End()]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/engines",
        "/api/pull",
        "/v1/models/../x",
        "/v1/chat/completions/",
        "/",
        "/v1//models",
        "/V1/models",
    ],
)
def test_every_other_path_is_refused(path: str) -> None:
    _, heard = ask(path=path)
    heard.read()
    assert (heard.status, heard.error["code"]) == (404, "path_refused")
    assert "spec.guard.paths" in heard.error["message"]
    assert heard.forwarded is None


# Prompts.

BLOCKED_PROMPTS: dict[str, dict[str, Any]] = {
    "user content": {"messages": [{"role": "user", "content": f"讲讲{TERM}"}]},
    "system content": {"messages": [{"role": "system", "content": f"讲讲{TERM}"}]},
    "disguised": {"messages": [{"role": "user", "content": "讲讲違\u200b禁 樣 本"}]},
    "a text part": {"messages": [{"role": "user", "content": [{"type": "text", "text": TERM}]}]},
    "split over two parts": {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "违禁"}, {"type": "text", "text": "样本"}],
            }
        ]
    },
    "a tool result": {"messages": [{"role": "tool", "tool_call_id": "1", "content": TERM}]},
    "arguments of an earlier call": {
        "messages": [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": TERM}}],
            }
        ]
    },
    "arguments of an earlier call, escaped": {
        "messages": [
            {
                "role": "assistant",
                "function_call": {"name": "f", "arguments": '{"q":"\\u8fdd\\u7981\\u6837\\u672c"}'},
            }
        ]
    },
    "an unknown field of a message": {
        "messages": [{"role": "user", "content": "好", "thought": {"deep": [TERM]}}]
    },
    "documents": {"documents": [{"text": TERM}]},
}


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("case", BLOCKED_PROMPTS)
def test_a_blocked_prompt_gets_a_well_formed_refusal_and_goes_nowhere(
    case: str, streamed: bool
) -> None:
    _, heard = ask(request(stream=streamed, **BLOCKED_PROMPTS[case]))
    heard.read()
    assert heard.forwarded is None
    assert heard.status == 200
    assert heard.text() in REFUSAL.values()
    assert heard.finish == {0: "content_filter"}
    assert heard.done is streamed
    tree = heard.trees[0]
    assert tree["model"] == "m"
    assert tree["id"].startswith("chatcmpl-")
    assert tree["object"] == ("chat.completion.chunk" if streamed else "chat.completion")
    assert [(one.direction, one.action, one.rule) for one in heard.decisions] == [
        (Direction.INPUT, Action.BLOCK, "A1a:0")
    ]


@pytest.mark.parametrize("prompt", [TERM, ["好", TERM]])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_blocked_completion_prompt_is_answered_alike(prompt: Any, streamed: bool) -> None:
    body = json.dumps({"model": "m", "prompt": prompt, "stream": streamed}).encode()
    _, heard = ask(body, path="/v1/completions")
    heard.read()
    assert heard.forwarded is None
    assert heard.text("text") in REFUSAL.values()
    assert heard.finish == {0: "content_filter"}
    assert heard.trees[0]["object"] == "text_completion"


@pytest.mark.parametrize(("words_", "language"), [(f"tell me {LATIN} now", "en"), (TERM, "zh")])
def test_the_refusal_speaks_the_language_of_the_prompt(words_: str, language: str) -> None:
    _, heard = ask(request(stream=False, messages=[{"role": "user", "content": words_}]))
    assert heard.read().text() == REFUSAL[language]


def test_masks_cost_each_part_only_the_spans_that_reach_into_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """10,000 masks over 400,000 parts would else stop the guard for minutes."""
    shown: list[int] = []

    def counting(whole: str, mask: str, spans: list[Span], sent: int, until: int) -> str:
        shown.append(len(spans))
        return mask_over(whole, mask, spans, sent, until)

    monkeypatch.setattr("genaiservice.guard.core.prompt.mask_over", counting)
    texts = ["好", MASKED[0], f"{MASKED[1:]}x{MASKED[:2]}", "", MASKED[2:], "好", MASKED * 2]
    parts = [{"type": "text", "text": text} for text in texts]
    _, heard = ask(request(messages=[{"role": "user", "content": parts}]))
    assert heard.forwarded is not None
    sent = json.loads(heard.forwarded)["messages"][0]["content"]
    assert [part["text"] for part in sent] == ["好", "＊", "＊＊x＊＊", "", "＊", "好", "＊" * 6]
    assert shown == [1, 2, 1, 1, 2]


def test_a_masked_prompt_is_forwarded_with_the_mask() -> None:
    parts = [{"type": "text", "text": "说粗"}, {"type": "text", "text": "话词吧"}]
    _, heard = ask(request(messages=[{"role": "user", "content": parts}], x=1))
    assert heard.forwarded is not None
    tree = json.loads(heard.forwarded)
    assert [part["text"] for part in tree["messages"][0]["content"]] == ["说＊", "＊＊吧"]
    assert tree["x"] == 1
    assert [(one.action, one.start, one.end) for one in heard.decisions] == [(Action.MASK, 1, 4)]


@pytest.mark.parametrize("mode", [Screening.OBSERVE, Screening.OFF])
def test_what_is_only_observed_is_forwarded_as_it_is(mode: Screening) -> None:
    body = request(messages=[{"role": "user", "content": TERM + MASKED}])
    _, heard = ask(body, options=Options(input=mode))
    assert heard.forwarded == body
    assert {one.action for one in heard.decisions} == (
        {Action.FLAG} if mode is Screening.OBSERVE else set()
    )


def test_links_and_media_are_no_text() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{LATIN}"}},
        {"type": "input_audio", "input_audio": {"data": LATIN, "format": "wav"}},
    ]
    _, heard = ask(request(messages=[{"role": "user", "content": parts}]))
    assert heard.forwarded is not None


USER = {"role": "user", "content": "好"}
BAD_REQUESTS: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "request_not_json", ""),
    "not JSON": (b"hello " + TERM.encode(), "request_not_json", ""),
    "not UTF-8": (b'{"messages": "\xff"}', "request_not_json", ""),
    "a list": (b"[1]", "request_not_json", ""),
    "trailing bytes": (request() + b"x", "request_not_json", ""),
    "a lone surrogate": (b'{"messages": "\\ud800"}', "request_not_json", ""),
    "too deep": (b'{"a":' * 70 + b"1" + b"}" * 70, "request_too_deep", ""),
    "far too deep": (b"[" * 100_000, "request_not_json", ""),
    "a key twice": (
        b'{"messages":[{"role":"user","content":"x","content":"y"}]}',
        "request_duplicate_key",
        "",
    ),
    "a key twice, with blanks": (b'{"model" : "a", "model" : "b"}', "request_duplicate_key", ""),
    "no messages": (b'{"model":"m"}', "request_invalid", "messages"),
    "no message": (request(messages=[]), "request_invalid", "messages"),
    "messages is a string": (request(messages="hi"), "request_invalid", "messages"),
    "a message is a string": (request(messages=["hi"]), "request_invalid", "messages[0]"),
    "no role": (request(messages=[{"content": "x"}]), "request_invalid", "messages[0].role"),
    "content is a number": (
        request(messages=[USER, {"role": "user", "content": 5}]),
        "request_invalid",
        "messages[1].content",
    ),
    "a part is a number": (
        request(messages=[{"role": "user", "content": [5]}]),
        "request_invalid",
        "messages[0].content[0]",
    ),
    "text of a part is a list": (
        request(messages=[{"role": "user", "content": [{"type": "text", "text": ["x"]}]}]),
        "request_invalid",
        "messages[0].content[0].text",
    ),
    "tool_calls is a string": (
        request(messages=[{"role": "user", "tool_calls": "x"}]),
        "request_invalid",
        "messages[0].tool_calls",
    ),
    "model is a number": (request(model=5), "request_invalid", "model"),
    "stream is a string": (request(stream="yes"), "request_invalid", "stream"),
    "n is zero": (request(n=0), "request_invalid", "n"),
    "n is huge": (request(n=10_000), "request_invalid", "n"),
    "n is true": (request(n=True), "request_invalid", "n"),
    "embeddings": (request(prompt_embeds="x"), "request_not_text", "prompt_embeds"),
}


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_a_bad_request_is_refused_and_told_why_without_being_quoted(case: str) -> None:
    body, code, where = BAD_REQUESTS[case]
    exchange = Exchange(POLICY, UNLABELLED)
    heard = Heard().take(exchange.request("/v1/chat/completions", "", body)).read()
    assert heard.forwarded is None
    assert heard.status == 400
    assert heard.error["code"] == code
    assert heard.error["param"] == (where or None)
    assert heard.error["type"] == "invalid_request_error"
    assert TERM not in heard.error["message"]
    assert " | " in heard.error["message"]
    assert [(one.action, one.reason) for one in heard.decisions] == [(Action.REFUSE, code)]


@pytest.mark.parametrize(
    ("prompt", "code"),
    [(5, "request_invalid"), ([1, 2], "request_not_text"), ([[1]], "request_not_text")],
)
def test_a_prompt_that_is_no_text_is_refused(prompt: Any, code: str) -> None:
    _, heard = ask(json.dumps({"prompt": prompt}).encode(), path="/v1/completions")
    assert heard.read().error["code"] == code


# Masks, flags, observing.


def test_a_masked_term_is_replaced_and_the_stream_goes_on() -> None:
    heard = stream(words("他说粗", "话", "词，然后", "走了"))
    assert heard.text() == "他说＊＊＊，然后走了"
    assert heard.finish == {0: "stop"}
    assert [(one.action, one.start, one.end, one.rule) for one in heard.decisions] == [
        (Action.MASK, 2, 5, "A2a:0")
    ]


def test_a_flagged_term_is_recorded_and_never_held() -> None:
    exchange, heard = ask()
    heard.take(exchange.response(200, "text/event-stream"))
    for text in ("好", "留", "意", "词", "呢"):
        data = chunk(text)
        assert exchange.upstream(data)[0] == Send(data)
    heard = stream(words("好", "留", "意", "词", "呢"))
    assert [(one.action, one.rule) for one in heard.decisions] == [(Action.FLAG, "A3a:0")]


def test_in_observe_mode_nothing_is_altered_and_everything_recorded() -> None:
    events = words("好", "违禁", "样本", MASKED, "留意词")
    heard = stream(events, options=Options(output=Screening.OBSERVE, label=UNLABELLED.label))
    assert heard.body == b"".join(events)
    assert [(one.action, one.risk) for one in heard.decisions] == [
        (Action.FLAG, "A1a"),
        (Action.FLAG, "A2a"),
        (Action.FLAG, "A3a"),
    ]


def test_a_decision_holds_places_and_never_text() -> None:
    heard = stream(words("今天", "违禁", "样本"))
    (decision,) = heard.decisions
    assert (decision.field, decision.choice, decision.start, decision.end) == ("content", 0, 2, 6)
    assert decision.policy == "sha256:test"
    assert decision.length == 6
    assert not any(char in repr(decision) for char in TERM)


# What waits at the end.


def test_what_waits_leaves_before_the_choice_ends() -> None:
    tool = {"tool_calls": [{"index": 1, "function": {"arguments": "违禁"}}]}
    heard = stream([chunk("好违"), chunk(delta=tool), chunk(finish_reason="stop"), DONE])
    assert heard.text() == "好违"
    assert heard.text("tool_calls[1].function.arguments") == "违禁"
    assert heard.finish == {0: "stop"}


def test_the_last_chunk_keeps_the_order_of_its_text() -> None:
    heard = stream([chunk("好违"), chunk("禁吗违", finish_reason="length"), DONE])
    assert heard.text() == "好违禁吗违"
    assert heard.finish == {0: "length"}


def test_a_tool_name_is_complete_when_the_arguments_begin() -> None:
    exchange, heard = ask()
    heard.take(exchange.response(200, "text/event-stream"))
    function = {"name": "get_forb", "arguments": ""}
    data = chunk(delta={"tool_calls": [{"index": 0, "id": "call_1", "function": function}]})
    assert exchange.upstream(data) == [Send(data)]


def test_logprobs_stay_with_text_that_leaves_whole() -> None:
    entry = {"token": "好", "logprob": -0.5, "bytes": [229, 165, 189], "top_logprobs": []}
    data = chunk("好", logprobs={"content": [entry], "refusal": None})
    assert data in stream([data, chunk(finish_reason="stop"), DONE]).body


# Faults of the model.

FAULTS: dict[str, tuple[list[bytes], str]] = {
    "not JSON": ([b"data: hello\n\n"], "upstream_garbage"),
    "HTML": ([b"<html>\n\n", b"data: <p>\n\n"], "upstream_garbage"),
    "invalid UTF-8": (
        [b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'],
        "upstream_garbage",
    ),
    "a list": ([b"data: []\n\n"], "upstream_garbage"),
    "no choices": ([b'data: {"id":"x"}\n\n'], "upstream_garbage"),
    "choices is an object": ([b'data: {"choices":{}}\n\n'], "upstream_garbage"),
    "a choice is a string": ([b'data: {"choices":["x"]}\n\n'], "upstream_garbage"),
    "an index that is text": (
        [chunk("x").replace(b'"index":0', b'"index":"0"')],
        "upstream_garbage",
    ),
    "an index beyond reason": ([chunk("x", index=10**9)], "upstream_garbage"),
    "nested without end": (
        [b"data: " + b'{"a":' * 500 + b"1" + b"}" * 500 + b"\n\n"],
        "upstream_garbage",
    ),
    "an event of 2 MB": ([b"data: " + b"x" * 2_000_000], "upstream_garbage"),
    "blanks without end inside a term": (
        [chunk("违" if at == 0 else " " * 4000) for at in range(12)],
        "upstream_garbage",
    ),
    "an error event": ([event({"error": {"message": "secret", "code": 500}})], "upstream_error"),
    "cut in an event": ([b'data: {"choi'], "upstream_broke_off"),
    "no end of the choice": ([], "upstream_broke_off"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_of_the_model_ends_the_stream_with_an_error_and_done(case: str) -> None:
    events, code = FAULTS[case]
    heard = stream([chunk("你好违"), *events])
    assert heard.text().startswith("你好"), "what was clean is not lost"
    assert heard.error["code"] == code
    assert heard.done
    assert heard.closed
    assert "secret" not in heard.body.decode()
    assert [(one.action, one.reason) for one in heard.decisions] == [(Action.ERROR, code)]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ("connect_failed", 502, "upstream_unreachable"),
        ("connect_timeout", 504, "upstream_timeout"),
        ("first_byte_timeout", 504, "upstream_timeout"),
        ("reset", 502, "upstream_unreachable"),
        ("anything", 502, "upstream_unreachable"),
        (None, 502, "upstream_unreachable"),
    ],
)
def test_a_model_that_never_answered_becomes_a_gateway_error(
    error: str | None, status: int, code: str
) -> None:
    exchange, heard = ask()
    heard.take(exchange.upstream_closed(error)).read()
    assert (heard.status, heard.error["code"]) == (status, code)


@pytest.mark.parametrize(
    ("error", "code"),
    [("between_bytes_timeout", "upstream_timeout"), ("reset", "upstream_broke_off")],
)
def test_a_stream_that_breaks_releases_what_is_clean_and_says_so(error: str, code: str) -> None:
    heard = stream([chunk("你好违禁")], error=error)
    assert heard.text() == "你好违禁"
    assert (heard.error["code"], heard.done) == (code, True)


def test_a_missing_done_is_added_when_all_choices_ended() -> None:
    heard = stream([chunk("好"), chunk(finish_reason="stop")])
    assert heard.done
    assert not heard.error


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"error":{"message":"model not found","code":404}}', True),
        (b'{"object":"error","message":"' + TERM.encode() + b'"}', False),
        (b"<html>Internal error</html>", False),
        (b"", False),
        (b'{"choices":[]}', False),
        (b'{"error":"' + b"x" * 100_000 + b'"}', False),
    ],
)
def test_an_error_status_stays_and_its_body_only_when_it_is_a_clean_error(
    body: bytes, kept: bool
) -> None:
    heard = whole(body, status=503, content_type="application/json")
    assert heard.status == 503
    assert (heard.body == body) is kept
    assert heard.error
    assert heard.decisions[-1].reason == "upstream_error"


@pytest.mark.parametrize(
    "answer", [b"hello", b"", b"[]", b'{"choices":1}', b'{"id":1,"id":2,"choices":[]}']
)
def test_a_whole_answer_that_cannot_be_read_is_not_passed(answer: bytes) -> None:
    heard = whole(answer)
    assert (heard.status, heard.error["code"]) == (502, "upstream_garbage")


def test_a_whole_answer_beyond_the_limit_is_refused_and_the_model_cut_off() -> None:
    exchange, heard = ask(options=Options(answer_bytes=1000))
    heard.take(exchange.response(200, "application/json"))
    heard.take(exchange.upstream(b" " * 600)).take(exchange.upstream(b" " * 600)).read()
    assert (heard.status, heard.error["code"], heard.closed) == (502, "answer_too_large", True)


# Whole answers.


def test_a_clean_whole_answer_leaves_byte_for_byte() -> None:
    data = json.dumps(message("今天天气很好"), indent=1).encode()
    assert whole(data).body == data


def test_a_blocked_whole_answer_keeps_nothing_of_the_model() -> None:
    heard = whole(message(f"今天{TERM}好"))
    assert heard.status == 200
    assert heard.text() == REFUSAL["zh"]
    assert heard.finish == {0: "content_filter"}
    assert heard.usage == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def test_a_masked_whole_answer_keeps_the_rest() -> None:
    heard = whole(message(f"他说{MASKED}。", logprobs={"content": []}))
    assert heard.text() == "他说＊＊＊。"
    assert heard.trees[0]["choices"][0]["logprobs"] is None


# The kill switch.


@pytest.mark.parametrize("state", [State.NEW, State.ASKED, State.COLLECTING, State.LABELLING])
def test_a_suspension_before_the_answer_is_a_451_that_names_the_reason(state: State) -> None:
    exchange = in_state(state)
    heard = Heard().take(exchange.suspend(SUSPEND)).read()
    assert heard.status == 451
    assert heard.error["code"] == "service_suspended"
    assert "备案已撤销。" in heard.error["message"]
    assert "Filing revoked." in heard.error["message"]
    assert heard.closed is (state is not State.NEW)


def test_a_suspension_cuts_a_stream_and_drops_what_waits() -> None:
    exchange, heard = ask()
    heard.take(exchange.response(200, "text/event-stream"))
    heard.take(exchange.upstream(chunk("你好违禁")))
    heard.take(exchange.suspend(SUSPEND)).read()
    assert heard.text() == "你好"
    assert heard.error["code"] == "service_suspended"
    assert heard.done
    assert isinstance(heard.effects[-1], CloseUpstream)
    assert [(one.action, one.reason) for one in heard.decisions] == [(Action.SUSPEND, "Revoked")]


def test_a_policy_without_terms_screens_nothing_and_still_reads_everything() -> None:
    empty = policy(classes={})
    assert stream(words("违禁样本"), rules=empty).text() == "违禁样本"
    assert stream([b"data: x\n\n"], rules=empty).error["code"] == "upstream_garbage"


JSON_WANTED = {"response_format": {"type": "json_object"}}


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("prompt", ["说" + TERM, "写个对象"])
def test_no_sentence_stands_where_json_is_expected(prompt: str, streamed: bool) -> None:
    exchange = Exchange(POLICY, UNLABELLED)
    messages = [{"role": "user", "content": prompt}]
    body = request(messages=messages, stream=streamed, **JSON_WANTED)
    client = Heard().take(exchange.request("/v1/chat/completions", "application/json", body))
    said = ""
    if client.forwarded is not None:
        kind = "text/event-stream" if streamed else "application/json"
        client.take(exchange.response(200, kind))
        said = '{"a": "' if streamed else ""
        told = '{"a": "' + TERM
        wanted = {"choices": [{"index": 0, "message": {"content": told}, "finish_reason": "stop"}]}
        answer = chunk(told) if streamed else json.dumps(wanted).encode()
        client.take(exchange.upstream(answer))
        client.take(exchange.upstream_closed(None))
    trees = client.read().trees if streamed else [json.loads(client.body)]
    parts = [
        choice.get("delta") or choice.get("message", {})
        for tree in trees
        for choice in tree["choices"]
    ]
    assert "".join(part.get("content") or "" for part in parts) == said
    assert "".join(part.get("refusal") or "" for part in parts) == REFUSAL["zh"]
    assert trees[-1]["choices"][0]["finish_reason"] == "content_filter"


MANY = ["x"] * (PASSAGES_LIMIT + 1)
SAID = [USER] * (PASSAGES_LIMIT + 1)


@pytest.mark.parametrize(
    ("path", "tree"),
    [
        ("/v1/chat/completions", {"messages": SAID}),
        ("/v1/chat/completions", {"messages": [USER], "documents": MANY}),
        ("/v1/completions", {"prompt": MANY}),
        ("/v1/messages", {"messages": SAID, "max_tokens": 1}),
        ("/v1/responses", {"input": SAID}),
        ("/api/chat", {"messages": SAID}),
        ("/v1/embeddings", {"input": MANY}),
        ("/v1/chat/completions", {"messages": SAID[:1], "metadata": [[]] * 300_000}),
        ("/v1/chat/completions", {"messages": SAID[:1], "x": [{"a": [1] * 999}] * 300}),
    ],
)
def test_more_texts_than_anybody_asks_with_are_refused_before_each_is_looked_at(
    path: str, tree: dict[str, Any]
) -> None:
    """One request of the largest size would else stop the guard for most of a minute."""
    exchange = Exchange(POLICY, UNLABELLED)
    body = json.dumps({"model": "m", **tree}).encode()
    refused, record = exchange.request(path, "application/json", body)
    assert isinstance(refused, Respond)
    assert refused.status == 400
    assert b"At most 32,768" in refused.body
    assert isinstance(record, Record)
    assert record.decision.reason == "request_too_many_texts"
