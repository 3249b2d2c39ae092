# SPDX-License-Identifier: Apache-2.0
"""Answers that hold files: pictures and speech leave with their labels, or not at all."""

import base64
import json
from typing import Any

import pytest

from genaiservice.api.guard_config import LabelMode
from genaiservice.api.problem import EMPTY, Problem
from genaiservice.guard.core.effects import (
    Action,
    CloseUpstream,
    Effect,
    File,
    Forward,
    LabelFiles,
    Record,
    Respond,
    Unlabelled,
    Upload,
)
from genaiservice.guard.core.exchange import Exchange, Options, State
from tests.unit.guard.core import dialects
from tests.unit.guard.core.talk import MASKED, POLICY, TERM, UNLABELLED, Heard, chunk, request
from tests.unit.guard.core.test_dialects import FILE, form
from tests.unit.guard.media.samples import picture

LABELLING = Options(label=LabelMode.OFF, files=True)
PICTURE = "/v1/images/generations"
TOO_SMALL = Unlabelled(reason="LabelNotDrawn", problem=Problem(what=EMPTY, why=EMPTY, next=EMPTY))


def painted(*pictures: Any, options: Options = LABELLING) -> tuple[Exchange, list[Effect]]:
    exchange = Exchange(POLICY, options)
    exchange.request(PICTURE, "application/json", dialects.dumps({"prompt": "猫"}))
    exchange.response(200, "application/json")
    body = dialects.dumps({"created": 1, "data": list(pictures)})
    for at in range(0, len(body), 7):
        if effects := exchange.upstream(body[at : at + 7]):
            return exchange, effects
    return exchange, exchange.upstream_closed(None)


def told(effects: list[Effect]) -> tuple[int, str]:
    """Status and code of the only answer among the effects."""
    [answer] = [effect for effect in effects if isinstance(effect, Respond)]
    return answer.status, json.loads(answer.body)["error"]["code"]


def test_pictures_leave_with_their_labels_in_their_order() -> None:
    exchange, effects = painted(
        {"b64_json": "AAAA", "revised_prompt": f"猫{MASKED}"}, {"b64_json": "BBBB", "url": None}
    )
    assert effects == [LabelFiles((File(data=b"\0\0\0"), File(data=b"\x04\x10A")))]
    answer, record = exchange.labelled([b"\1\1\1", b"\2\2\2"])
    assert isinstance(answer, Respond)
    assert isinstance(record, Record)
    assert json.loads(answer.body)["data"] == [
        {"b64_json": "AQEB", "revised_prompt": "猫＊＊＊"},
        {"b64_json": "AgIC"},
    ]


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        ({"url": "https://files.example.cn/1.png"}, "media_by_address"),
        ({"url": "https://files.example.cn/1.png", "b64_json": "AAAA"}, "media_by_address"),
        ({"b64_json": "违禁"}, "upstream_garbage"),
        ({"b64_json": "AAA"}, "upstream_garbage"),
        ({"b64_json": ""}, "upstream_garbage"),
        ({}, "upstream_garbage"),
        ("AAAA", "upstream_garbage"),
        ({"b64_json": "AAAA", "revised_prompt": TERM}, "upstream_garbage"),
    ],
)
def test_a_picture_that_cannot_be_labelled_does_not_leave(picture: Any, code: str) -> None:
    exchange, effects = painted(picture)
    assert told(effects) == (502, code)
    assert exchange.state is State.DONE
    assert exchange.labelled([b"x"]) == []


def test_no_file_leaves_where_none_is_labelled() -> None:
    _, effects = painted({"b64_json": "AAAA"}, options=UNLABELLED)
    assert told(effects) == (502, "media_unlabelled")
    assert any(isinstance(effect, CloseUpstream) for effect in effects)


def test_a_file_whose_label_failed_stays_inside_with_the_reason() -> None:
    exchange, _ = painted({"b64_json": "AAAA"})
    answer, record = exchange.labelled(TOO_SMALL)
    assert told([answer]) == (502, "media_unlabelled")
    assert isinstance(answer, Respond)
    assert json.loads(answer.body)["error"]["param"] == "LabelNotDrawn"
    assert isinstance(record, Record)
    assert (record.decision.action, record.decision.reason) == (Action.ERROR, "LabelNotDrawn")


def test_an_error_of_the_model_is_no_file() -> None:
    exchange = Exchange(POLICY, UNLABELLED)
    exchange.request(PICTURE, "application/json", dialects.dumps({"prompt": "猫"}))
    exchange.response(400, "application/json")
    body = dialects.dumps({"error": {"message": "size is not supported"}})
    assert exchange.upstream(body) == []
    [answer, *_] = exchange.upstream_closed(None)
    assert answer == Respond(400, "application/json", body)


@pytest.mark.parametrize(
    ("path", "asked", "sent"),
    [
        (PICTURE, {"prompt": "猫"}, {"prompt": "猫", "response_format": "b64_json"}),
        (PICTURE, {"prompt": "猫", "response_format": "b64_json"}, None),
        (PICTURE, {"prompt": "猫", "response_format": "url"}, "media_by_address"),
        ("/v1/audio/speech", {"input": "好"}, None),
        ("/v1/audio/speech", {"input": "好", "response_format": "wav"}, None),
        ("/v1/audio/speech", {"input": "好", "response_format": "opus"}, "media_format"),
        ("/v1/audio/speech", {"input": "好", "response_format": "pcm"}, "media_format"),
    ],
)
def test_files_are_asked_for_as_they_can_be_labelled(path: str, asked: Any, sent: Any) -> None:
    body = dialects.dumps(asked)
    first, *_ = Exchange(POLICY, LABELLING).request(path, "application/json", body)
    if isinstance(sent, str):
        assert told([first]) == (400, sent)
    else:
        assert isinstance(first, Forward)
        assert json.loads(first.body) == (sent or asked)
        assert sent or first.body == body


def test_speech_leaves_whole_with_its_label() -> None:
    exchange = Exchange(POLICY, LABELLING)
    exchange.request("/v1/audio/speech", "application/json", dialects.dumps({"input": "好"}))
    assert exchange.response(200, "audio/wav; rate=16000") == []
    assert exchange.upstream(b"RI") + exchange.upstream(b"FF") == []
    label = LabelFiles((File(data=b"RIFF", media_type="audio/wav"),))
    assert exchange.upstream_closed(None) == [label]
    assert exchange.labelled([b"RIFF+"]) == [Respond(200, "audio/wav", b"RIFF+")]


def test_speech_that_broke_off_is_no_file() -> None:
    exchange = Exchange(POLICY, LABELLING)
    exchange.request("/v1/audio/speech", "application/json", dialects.dumps({"input": "好"}))
    exchange.response(200, "audio/wav")
    exchange.upstream(b"RIFF")
    assert told(exchange.upstream_closed("reset")) == (502, "upstream_broke_off")


CAT = ('name="image"; filename="a.png"', "PNG--x data")
EDITS: dict[str, tuple[bytes, str]] = {
    "a term in the prompt": (form(CAT, ('name="prompt"', TERM)), "content_filter"),
    "an address is asked for": (
        form(CAT, ('name="response_format"', "url")),
        "media_by_address",
    ),
    "pieces": (form(CAT, ('name="stream"', "True")), "request_invalid"),
    "previews": (form(CAT, ('name="partial_images"', "2")), "request_invalid"),
    "a sound": (form(FILE), "request_not_form"),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("path", ["/v1/images/edits", "/v1/images/variations"])
def test_a_form_with_a_picture_is_screened_or_refused(path: str, name: str) -> None:
    body, reason = EDITS[name]
    exchange = Exchange(POLICY, LABELLING)
    effects = exchange.open_upload(path, "multipart/form-data; boundary=x")
    effects += exchange.upload(body) + exchange.uploaded()
    assert told(effects) == (400, reason)
    assert isinstance(effects[-1], CloseUpstream)


def test_a_picture_made_of_pictures_gets_its_label() -> None:
    mask = ('name="mask"; filename="m.png"', "PNG")
    two = [('name="image[]"; filename="a.png"', "PNG")] * 2
    body = form(*two, mask, ('name="prompt"', "猫"), ('name="model"', "m"))
    exchange = Exchange(POLICY, LABELLING)
    exchange.open_upload("/v1/images/edits", "multipart/form-data; boundary=x")
    sent = [*exchange.upload(body), *exchange.uploaded()]
    assert b"".join(effect.data for effect in sent if isinstance(effect, Upload)) == body
    exchange.response(200, "application/json")
    exchange.upstream(dialects.dumps({"data": [{"b64_json": "AAAA"}]}))
    assert exchange.upstream_closed(None) == [LabelFiles((File(data=b"\0\0\0"),))]


PNG = base64.b64encode(picture("image/png")).decode()
HIDDEN: dict[str, Any] = {
    "sound of a chat": {"content": None, "audio": {"id": "a", "data": "AAAA"}},
    "picture of a chat": {
        "content": "好",
        "images": [{"image_url": {"url": f"data:image/png;base64,{PNG}"}}],
    },
    "picture in its content": {"content": [{"type": "image", "source": {"data": PNG}}]},
    "picture as text": {"content": PNG},
}


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("stream", [False, True])
def test_no_file_leaves_within_an_answer_of_text(name: str, stream: bool) -> None:
    message = HIDDEN[name]
    exchange = Exchange(POLICY, LABELLING)
    exchange.request("/v1/chat/completions", "application/json", request(stream=stream))
    if stream:
        heard = Heard().take(exchange.response(200, "text/event-stream"))
        heard.take(exchange.upstream(chunk(delta={"role": "assistant", **message})))
        heard.take(exchange.upstream_closed(None))
        body = heard.body.decode()
    else:
        exchange.response(200, "application/json")
        tree = {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}
        exchange.upstream(dialects.dumps(tree))
        effects = exchange.upstream_closed(None)
        assert told(effects) == (502, "media_in_text")
        body = str(effects)
    assert "media_in_text" in body
    assert PNG not in body
    assert "AAAA" not in body


@pytest.mark.parametrize(
    ("path", "tree"),
    [
        ("/api/generate", {"response": "", "image": PNG, "done": True}),
        ("/v1/responses", {"output": [{"type": "new_call", "data": PNG}]}),
        ("/v1/messages", {"type": "message", "content": [{"type": "image", "data": PNG}]}),
    ],
)
def test_no_file_leaves_by_another_dialect(path: str, tree: Any) -> None:
    exchange = Exchange(POLICY, LABELLING)
    asked = {"/api/generate": {"prompt": "好", "stream": False}, "/v1/responses": {"input": "好"}}
    body = asked.get(path, {"messages": [{"role": "user", "content": "好"}], "max_tokens": 9})
    exchange.request(path, "application/json", dialects.dumps({"model": "m", **body}))
    exchange.response(200, "application/json")
    exchange.upstream(dialects.dumps(tree))
    [answer, *_] = exchange.upstream_closed(None)
    assert isinstance(answer, Respond)
    assert answer.status == 502
    assert PNG.encode() not in answer.body


@pytest.mark.parametrize("text", ["data:image/png is a data URI", "/9j/ begins a JPEG", "UklGR"])
def test_words_about_files_are_words(text: str) -> None:
    exchange = Exchange(POLICY, UNLABELLED)
    exchange.request("/v1/chat/completions", "application/json", request(stream=False))
    exchange.response(200, "application/json")
    tree = {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}
    exchange.upstream(dialects.dumps(tree))
    [answer, *_] = exchange.upstream_closed(None)
    assert answer == Respond(200, "application/json", dialects.dumps(tree))


def test_sound_is_not_asked_for_in_a_chat() -> None:
    for modalities in (["text", "audio"], ["image"], "audio"):
        body = request(modalities=modalities)
        effects = Exchange(POLICY, LABELLING).request(
            "/v1/chat/completions", "application/json", body
        )
        assert told(effects) == (400, "media_in_text")
    body = request(modalities=["text"])
    [forward] = Exchange(POLICY, LABELLING).request(
        "/v1/chat/completions", "application/json", body
    )
    assert forward == Forward(body)
