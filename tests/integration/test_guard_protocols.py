# SPDX-License-Identifier: Apache-2.0
"""The unmodified `openai`, `anthropic` and `ollama` clients, through the real guard process.

The model server is scripted: what a client asks for by the word in its prompt is what it gets.
"""

import base64
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai
import pytest

from tests.guard_process import LABEL, TERM, Guard, Raw, policy
from tests.unit.guard.core import dialects
from tests.upstream import Call, Upstream
from tests.wait import eventually

REFUSAL = "该内容无法回答。"
CLEAN = ["今天", "天气", "很好。"]
BLOCKED = ["前言。违", "禁", "样本后话"]
MASKED = ["说粗", "话", "词吧"]
SAYS = {"天气": CLEAN, "坏话": BLOCKED, "粗口": MASKED}
SHOWN = {"天气": "今天天气很好。", "粗口": "说＊＊＊吧"}


def pieces_of(call: Call) -> list[str]:
    asked = call.body.decode(errors="ignore")
    return next((says for word, says in SAYS.items() if word in asked), CLEAN)


async def answer(call: Call) -> None:
    await {
        "/v1/responses": _responses,
        "/v1/messages": _messages,
        "/api/chat": _ollama,
        "/api/generate": _ollama,
        "/api/tags": _tags,
        "/v1/embeddings": _vectors,
        "/api/embed": _vectors,
        "/v1/moderations": _verdict,
        "/v1/images/generations": _picture,
        "/v1/audio/speech": _speech,
        "/v1/audio/transcriptions": _transcript,
    }[call.target.partition("?")[0]](call)


async def _events(call: Call, events: list[bytes], content_type: str) -> None:
    await call.head(200, content_type, "Transfer-Encoding: chunked")
    await call.chunk(*events)
    await call.end_stream()


async def _json(call: Call, tree: Any) -> None:
    await call.answer(200, "application/json", dialects.dumps(tree))


async def _responses(call: Call) -> None:
    pieces = pieces_of(call)
    script = [("thinking", ["想一想"]), ("text", pieces), ("tool", ['{"城市": "', "北京", '"}'])]
    if call.json.get("stream"):
        await _events(call, dialects.responses_stream(script), "text/event-stream")
    else:
        items = [
            dialects.output_item(kind, "".join(parts), at)
            for at, (kind, parts) in enumerate(script)
        ]
        await _json(call, dialects.response_tree(items))


async def _messages(call: Call) -> None:
    pieces = pieces_of(call)
    script = [("thinking", ["想一想"]), ("text", pieces), ("tool", ['{"城市": "', "北京", '"}'])]
    if call.json.get("stream"):
        await _events(call, dialects.messages_stream(script), "text/event-stream")
        return
    content = [
        {"type": "text", "text": "".join(pieces)},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"城市": "北京"}},
    ]
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    usage = {"usage": {"input_tokens": 3, "output_tokens": 5}}
    await _json(call, {**head, "content": content, **stop, **usage})


async def _ollama(call: Call) -> None:
    script = [("thinking", ["想", "一想"]), ("text", pieces_of(call))]
    generate = call.target == "/api/generate"
    if call.json.get("stream") is not False:
        stream = dialects.ollama_stream(script, generate=generate)
        await _events(call, stream, "application/x-ndjson")
        return
    text = "".join(pieces_of(call))
    said = {"response": text} if generate else {"message": {"role": "assistant", "content": text}}
    head = {"model": "m", "created_at": "2026-11-25T00:00:00Z"}
    await _json(call, {**head, **said, "done": True, "done_reason": "stop", "eval_count": 5})


async def _tags(call: Call) -> None:
    await _json(call, {"models": [{"model": "m", "name": "m"}]})


async def _vectors(call: Call) -> None:
    if call.target == "/api/embed":
        await _json(call, {"model": "m", "embeddings": [[0.5, 0.25]]})
        return
    data = [{"object": "embedding", "index": 0, "embedding": "AAAAPwAAgD4="}]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    await _json(call, {"object": "list", "data": data, "model": "m", "usage": usage})


async def _verdict(call: Call) -> None:
    result = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.1}}
    await _json(call, {"id": "modr-1", "model": "m", "results": [result]})


async def _picture(call: Call) -> None:
    picture = {"b64_json": base64.b64encode(b"\x89PNG...").decode()}
    await _json(call, {"created": 1, "data": [picture]})


async def _speech(call: Call) -> None:
    await call.answer(200, "audio/mpeg", b"ID3" + bytes(range(256)) * 100)


async def _transcript(call: Call) -> None:
    text = "".join(pieces_of(call))
    if b"srt" in call.body:
        captions = f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n".encode()
        await call.answer(200, "text/plain; charset=utf-8", captions)
        return
    words = [{"word": char, "start": 0.0, "end": 0.1} for char in text]
    await _json(call, {"text": text, "language": "chinese", "words": words})


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(answer) as server:
        yield server


def _started(upstream: Upstream, folder: Path, **config: Any) -> Guard:
    moderation = policy()
    moderation["classes"]["A2a"] = {"action": "Mask", "terms": ["粗话词"]}
    return Guard(folder, upstream.url, moderation=moderation, **config)


@pytest.fixture(scope="module")
def guard(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    folder = tmp_path_factory.mktemp("guard")
    with _started(upstream, folder, label={"mode": "Off"}) as process:
        yield process
        assert "Traceback" not in process.log()
        assert '"level": "error"' not in process.log()


@pytest.fixture(scope="module")
def labelling(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with _started(upstream, tmp_path_factory.mktemp("labelling")) as process:
        yield process


OPEN = ExitStack()


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    with OPEN:
        yield


def an_openai(guard: Guard) -> openai.OpenAI:
    url = f"http://127.0.0.1:{guard.port}/v1"
    return OPEN.enter_context(openai.OpenAI(api_key="k", base_url=url, max_retries=0))


def an_anthropic(guard: Guard) -> anthropic.Anthropic:
    url = f"http://127.0.0.1:{guard.port}"
    return OPEN.enter_context(anthropic.Anthropic(api_key="k", base_url=url, max_retries=0))


def an_ollama(guard: Guard) -> ollama.Client:
    client = ollama.Client(host=f"http://127.0.0.1:{guard.port}")
    OPEN.callback(client._client.close)
    return client


# OpenAI's responses.


@pytest.mark.parametrize("word", SHOWN)
def test_a_response_streams_its_texts_and_says_the_same_at_its_end(guard: Guard, word: str) -> None:
    said, arguments = "", ""
    with an_openai(guard).responses.stream(model="m", input=word) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                said += event.delta
            elif event.type == "response.function_call_arguments.delta":
                arguments += event.delta
        final = stream.get_final_response()
    assert said == SHOWN[word] == final.output_text
    assert json.loads(arguments) == {"城市": "北京"}
    assert final.usage is not None
    assert final.usage.total_tokens == 12


def test_a_blocked_response_is_incomplete_by_the_content_filter(guard: Guard) -> None:
    said, last = "", None
    for event in an_openai(guard).responses.create(model="m", input="坏话", stream=True):
        if event.type == "response.output_text.delta":
            said += event.delta
        last = event
    assert said == f"前言。\n\n{REFUSAL}"
    assert last is not None
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "content_filter"
    assert last.response.output_text == said


@pytest.mark.parametrize(
    ("word", "shown"), [("天气", SHOWN["天气"]), ("粗口", SHOWN["粗口"]), ("坏话", REFUSAL)]
)
def test_a_whole_response_is_screened(guard: Guard, word: str, shown: str) -> None:
    response = an_openai(guard).responses.create(model="m", input=word)
    assert response.output_text == shown
    assert response.status == ("incomplete" if word == "坏话" else "completed")


@pytest.mark.parametrize("stream", [False, True])
def test_a_blocked_prompt_never_reaches_the_model(
    guard: Guard, upstream: Upstream, stream: bool
) -> None:
    before = len(upstream.calls)
    prompt = [{"role": "user", "content": [{"type": "input_text", "text": f"说说{TERM}"}]}]
    client = an_openai(guard)
    if stream:
        *_, last = client.responses.create(model="m", input=prompt, stream=True)  # type: ignore[call-overload]
        response = last.response
    else:
        response = client.responses.create(model="m", input=prompt)  # type: ignore[call-overload]
    assert response.output_text == REFUSAL
    assert response.incomplete_details.reason == "content_filter"
    assert len(upstream.calls) == before


def test_a_response_carries_the_label_in_every_event_that_tells_its_text(labelling: Guard) -> None:
    with an_openai(labelling).responses.stream(model="m", input="天气") as stream:
        said = "".join(
            event.delta for event in stream if event.type == "response.output_text.delta"
        )
        final = stream.get_final_response()
    assert said == f"{LABEL}\n\n今天天气很好。" == final.output_text


# Anthropic.


def ask(word: str) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": word}]}


@pytest.mark.parametrize("word", SHOWN)
def test_a_message_streams_its_blocks(guard: Guard, word: str) -> None:
    with an_anthropic(guard).messages.stream(**ask(word)) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    thinking, text, tool = final.content
    assert said == SHOWN[word]
    assert text.type == "text"
    assert text.text == said
    assert thinking.type == "thinking"
    assert thinking.thinking == "想一想"
    assert tool.type == "tool_use"
    assert tool.input == {"城市": "北京"}
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 9)


def test_a_blocked_message_stops_as_a_refusal(guard: Guard) -> None:
    with an_anthropic(guard).messages.stream(**ask("坏话")) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said == f"前言。\n\n{REFUSAL}"
    assert final.stop_reason == "refusal"
    assert final.stop_details is not None
    assert final.stop_details.explanation == REFUSAL


@pytest.mark.parametrize(
    ("word", "shown"), [("天气", SHOWN["天气"]), ("粗口", SHOWN["粗口"]), ("坏话", REFUSAL)]
)
def test_a_whole_message_is_screened(guard: Guard, word: str, shown: str) -> None:
    message = an_anthropic(guard).messages.create(**ask(word))
    assert message.content[0].type == "text"
    assert message.content[0].text == shown
    assert message.stop_reason == ("refusal" if word == "坏话" else "tool_use")


@pytest.mark.parametrize("stream", [False, True])
def test_a_blocked_prompt_is_a_refusal_of_anthropics_kind(
    guard: Guard, upstream: Upstream, stream: bool
) -> None:
    before = len(upstream.calls)
    if stream:
        with an_anthropic(guard).messages.stream(**ask(f"说说{TERM}")) as events:
            message: Any = events.get_final_message()
    else:
        message = an_anthropic(guard).messages.create(**ask(f"说说{TERM}"))
    assert message.content[0].text == REFUSAL
    assert message.stop_reason == "refusal"
    assert len(upstream.calls) == before


def test_a_wrong_request_is_an_error_of_anthropics_kind(guard: Guard) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        an_anthropic(guard).messages.create(model="m", max_tokens=9, messages=[])
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["type"] == "invalid_request_error"


# Ollama.


@pytest.mark.parametrize("word", SHOWN)
def test_ollama_streams_chat_and_thinking(guard: Guard, word: str) -> None:
    parts = list(
        an_ollama(guard).chat("m", messages=[{"role": "user", "content": word}], stream=True)
    )
    assert "".join(part.message.content or "" for part in parts) == SHOWN[word]
    assert "".join(part.message.thinking or "" for part in parts) == "想一想"
    assert (parts[-1].done, parts[-1].done_reason, parts[-1].eval_count) == (True, "stop", 9)


def test_a_blocked_ollama_chat_is_done_by_the_content_filter(guard: Guard) -> None:
    parts = list(
        an_ollama(guard).chat("m", messages=[{"role": "user", "content": "坏话"}], stream=True)
    )
    assert "".join(part.message.content or "" for part in parts) == f"前言。\n\n{REFUSAL}"
    assert (parts[-1].done, parts[-1].done_reason) == (True, "content_filter")


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("天气", SHOWN["天气"]),
        ("粗口", SHOWN["粗口"]),
        ("坏话", REFUSAL),
        (f"说说{TERM}", REFUSAL),
    ],
)
def test_ollama_answers_whole_and_generates(guard: Guard, word: str, shown: str) -> None:
    client = an_ollama(guard)
    assert client.chat("m", messages=[{"role": "user", "content": word}]).message.content == shown
    assert client.generate("m", prompt=word).response == shown
    generated = "".join(part.response or "" for part in client.generate("m", word, stream=True))
    assert generated == (f"前言。\n\n{REFUSAL}" if word == "坏话" else shown)


def test_ollama_lists_and_embeds(guard: Guard) -> None:
    client = an_ollama(guard)
    assert [model.model for model in client.list().models] == ["m"]
    assert client.embed("m", "你好").embeddings == [[0.5, 0.25]]
    with pytest.raises(ollama.ResponseError, match="审核策略"):
        client.embed("m", TERM)
    with pytest.raises(ollama.ResponseError) as caught:
        client.pull("another")
    assert caught.value.status_code == 404


# Vectors, verdicts, pictures, speech, transcripts.


def test_vectors_come_for_clean_texts_only(guard: Guard) -> None:
    client = an_openai(guard)
    assert client.embeddings.create(model="m", input=["你好"]).data[0].embedding == [0.5, 0.25]
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="m", input=["好", TERM])
    assert caught.value.code == "content_filter"
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="m", input=[1, 2, 3])
    assert caught.value.code == "request_not_text"


def test_moderation_and_models_pass(guard: Guard) -> None:
    client = an_openai(guard)
    assert not client.moderations.create(model="m", input="你好").results[0].flagged
    assert [model.id for model in client.models.list()] == ["m"]


def test_no_picture_and_no_speech_leaves_where_none_is_labelled(guard: Guard) -> None:
    client = an_openai(guard)
    with pytest.raises(openai.InternalServerError) as caught:
        client.images.generate(model="m", prompt="一只猫")
    assert caught.value.code == "media_unlabelled"
    with pytest.raises(openai.InternalServerError) as silent:
        client.audio.speech.create(model="m", voice="alloy", input="你好")
    assert silent.value.code == "media_unlabelled"


def transcribe(guard: Guard, prompt: str, **more: Any) -> Any:
    sound = io.BytesIO(b"RIFF" + bytes(range(256)) * 1000)
    sound.name = "sound.wav"
    return an_openai(guard).audio.transcriptions.create(
        model="m", file=sound, prompt=prompt, **more
    )


def test_what_was_said_is_screened(guard: Guard, upstream: Upstream) -> None:
    assert transcribe(guard, "天气").text == SHOWN["天气"]
    assert upstream.calls[-1].body.count(bytes(range(256))) == 1000
    masked = transcribe(guard, "粗口", response_format="verbose_json")
    assert masked.text == SHOWN["粗口"]
    assert not masked.words
    for prompt in ("坏话", TERM):
        with pytest.raises(openai.BadRequestError) as caught:
            transcribe(guard, prompt)
        assert caught.value.code == "content_filter"
    assert "今天天气很好。" in transcribe(guard, "天气", response_format="srt")
    with pytest.raises(openai.BadRequestError):
        transcribe(guard, "粗口", response_format="srt")


# Uploads.

SIZE = 8 * 1024 * 1024
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
TAIL = b'\r\n--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n%b\r\n--x--\r\n'


class Taker:
    """A model server that says how much of a request has come while it is coming."""

    def __init__(self) -> None:
        self.taken = bytearray()
        self.broken = False

    async def script(self, call: Call) -> None:
        while b"--x--" not in self.taken[-16:]:
            data = b""
            with suppress(OSError):  # cut off by a reset
                data = await call.reader.read(65536)
            if not data:
                self.broken = True
                return
            self.taken += data
        await _json(call, {"text": "好"})


@pytest.fixture(scope="module")
def lazy() -> Iterator[Upstream]:
    with Upstream(Taker().script, lazy=True) as server:
        yield server


@pytest.fixture
def taker(lazy: Upstream) -> Taker:
    """One for each test: what the test before it left on its way must not count for this one."""
    taker = Taker()
    lazy.script = taker.script
    return taker


@pytest.fixture(scope="module")
def uploading(lazy: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with _started(lazy, tmp_path_factory.mktemp("uploading")) as process:
        yield process


def begin(raw: Raw, *lines: str) -> None:
    head = ["POST /v1/audio/transcriptions HTTP/1.1", "Host: x", *lines]
    head += ["Content-Type: multipart/form-data; boundary=x", "", ""]
    raw.send("\r\n".join(head).encode())


def test_a_large_upload_reaches_the_model_as_it_comes(taker: Taker, uploading: Guard) -> None:
    sound, tail = bytes(SIZE), TAIL % "好".encode()
    length = len(HEAD) + len(sound) + len(tail)
    before = uploading.rss_megabytes()
    with Raw(uploading) as raw:
        begin(raw, f"Content-Length: {length}")
        raw.send(HEAD + sound[: SIZE // 2])
        eventually(lambda: len(taker.taken) > SIZE // 4)
        raw.send(sound[SIZE // 2 :] + tail)
        assert b'"text":"\xe5\xa5\xbd"' in raw.to_end()
    assert bytes(taker.taken) == HEAD + sound + tail
    assert uploading.rss_megabytes() < before + 4


def test_a_chunked_upload_stays_chunked(taker: Taker, uploading: Guard) -> None:
    body = HEAD + b"RIFF" + TAIL % b"a"
    with Raw(uploading) as raw:
        begin(raw, "Transfer-Encoding: chunked")
        raw.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        assert b"HTTP/1.1 200 " in raw.to_end()
    assert b"RIFF" in taker.taken


def test_a_blocked_text_behind_the_file_breaks_the_upload_off(
    taker: Taker, uploading: Guard
) -> None:
    body = HEAD + bytes(200_000) + TAIL % TERM.encode()
    with Raw(uploading) as raw:
        begin(raw, f"Content-Length: {len(body)}")
        raw.send(body)
        assert b"content_filter" in raw.to_end()
    eventually(lambda: taker.broken)
    assert TERM.encode() not in taker.taken


def test_a_client_that_goes_away_ends_the_upload(taker: Taker, uploading: Guard) -> None:
    with Raw(uploading) as raw:
        begin(raw, f"Content-Length: {SIZE}")
        raw.send(HEAD + bytes(100_000))
        eventually(lambda: len(taker.taken) > 50_000)
    eventually(lambda: taker.broken)
    eventually(lambda: uploading.metric("genai_guard_open_requests") == 0)


def test_an_upload_beyond_the_limit_is_refused(taker: Taker, uploading: Guard) -> None:
    with Raw(uploading) as raw:
        begin(raw, "Content-Length: 20971520")
        assert b"request_too_large" in raw.to_end()
