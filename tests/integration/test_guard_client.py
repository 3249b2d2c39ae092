# SPDX-License-Identifier: Apache-2.0
"""The unmodified `openai` client through the guard: streams, whole answers, blocks, errors."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.guard_process import LABEL, TERM, Guard
from tests.upstream import Call, Script, Upstream, answering, completion_event, streaming
from tests.wait import eventually

MESSAGES = [{"role": "user", "content": "你好"}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(streaming()) as server:
        yield server


@pytest.fixture(scope="module")
def guard(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with Guard(tmp_path_factory.mktemp("guard"), upstream.url) as process:
        yield process


@pytest.fixture
def client(guard: Guard) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=guard.url, api_key="k", max_retries=0, timeout=10) as made:
        yield made


def streamed(client: openai.OpenAI, **more: object) -> tuple[str, list[str | None]]:
    """The text of choice 0 and every finish reason."""
    stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True, **more)  # type: ignore[call-overload]
    text, finished = "", []
    for chunk in stream:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finished.append(choice.finish_reason)
    return text, [reason for reason in finished if reason]


def test_a_harmless_stream_arrives_whole_and_labelled(
    upstream: Upstream, client: openai.OpenAI
) -> None:
    upstream.script = streaming("今天", "天气", "很好。")
    text, finished = streamed(client)
    assert text.startswith(LABEL)
    assert text.endswith("今天天气很好。")
    assert finished == ["stop"]


def test_of_a_term_split_over_chunks_no_character_arrives(
    upstream: Upstream, client: openai.OpenAI
) -> None:
    upstream.script = streaming("前文。", *TERM, "后文。")
    text, finished = streamed(client)
    assert "前文。" in text
    assert not set(TERM) & set(text.removeprefix(LABEL))
    assert "后文" not in text
    assert finished == ["content_filter"]


def test_a_block_stops_the_model_at_once(upstream: Upstream, client: openai.OpenAI) -> None:
    async def script(call: Call) -> None:
        await streaming_endlessly(call)

    upstream.script = script
    _, finished = streamed(client)
    assert finished == ["content_filter"]
    assert upstream.calls[-1].gone.wait(5)


async def streaming_endlessly(call: Call) -> None:
    from tests.upstream import event

    await call.begin_stream()
    await call.chunk(event(TERM))
    while not call.gone.is_set():
        await call.chunk(event("还有"))
        await asyncio.sleep(0.01)


def test_a_whole_answer_is_labelled(upstream: Upstream, client: openai.OpenAI) -> None:
    upstream.script = answering("今天天气很好。")
    answer = client.chat.completions.create(model="m", messages=MESSAGES)  # type: ignore[arg-type]
    content = answer.choices[0].message.content
    assert content is not None
    assert content.startswith(LABEL)
    assert content.endswith("今天天气很好。")


def test_a_whole_answer_with_a_term_is_refused(upstream: Upstream, client: openai.OpenAI) -> None:
    upstream.script = answering(f"前文{TERM}后文")
    answer = client.chat.completions.create(model="m", messages=MESSAGES)  # type: ignore[arg-type]
    assert TERM not in answer.model_dump_json()
    assert answer.choices[0].finish_reason == "content_filter"


def test_a_prompt_with_a_term_never_reaches_the_model(
    upstream: Upstream, client: openai.OpenAI
) -> None:
    upstream.script = answering("不应到达")
    before = len(upstream.calls)
    messages = [{"role": "user", "content": f"请说{TERM}"}]
    answer = client.chat.completions.create(model="m", messages=messages)  # type: ignore[arg-type]
    assert answer.choices[0].finish_reason == "content_filter"
    assert len(upstream.calls) == before


def test_completions_stream_too(upstream: Upstream, client: openai.OpenAI) -> None:
    async def script(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(completion_event("今天"), completion_event("很好", finish="stop"))
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    upstream.script = script
    parts = client.completions.create(model="m", prompt="你好", stream=True)
    text = "".join(part.choices[0].text for part in parts if part.choices)
    assert text.startswith(LABEL)
    assert text.endswith("今天很好")


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["m"]


def test_a_path_that_is_not_served_is_named_with_the_way_to_allow_it(
    client: openai.OpenAI,
) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.files.list()
    assert "spec.guard.paths" in caught.value.message


def test_the_asynchronous_client_streams_fifty_answers_at_once(
    upstream: Upstream, guard: Guard
) -> None:
    upstream.script = streaming(*["一二三"] * 20)

    async def one(client: openai.AsyncOpenAI) -> str:
        stream = await client.chat.completions.create(
            model="m",
            messages=MESSAGES,  # type: ignore[arg-type]
            stream=True,
        )
        return "".join([part.choices[0].delta.content or "" async for part in stream])

    async def many() -> list[str]:
        async with openai.AsyncOpenAI(base_url=guard.url, api_key="k", timeout=20) as client:
            return await asyncio.gather(*(one(client) for _ in range(50)))

    texts = asyncio.run(many())
    assert all(text.endswith("一二三" * 20) for text in texts)


def test_connections_to_the_model_are_used_again(upstream: Upstream, client: openai.OpenAI) -> None:
    upstream.script = answering("好")
    client.chat.completions.create(model="m", messages=MESSAGES)  # type: ignore[arg-type]
    before = upstream.connections
    for _ in range(5):
        client.chat.completions.create(model="m", messages=MESSAGES)  # type: ignore[arg-type]
    assert upstream.connections <= before + 1  # one may be the guard's own probe


def test_the_key_reaches_the_model_and_the_answer_names_the_complaint_address(
    upstream: Upstream, client: openai.OpenAI
) -> None:
    upstream.script = answering("好")
    answer = client.chat.completions.with_raw_response.create(
        model="m",
        messages=MESSAGES,  # type: ignore[arg-type]
        extra_headers={"X-Request-Id": "req-1"},
    )
    assert answer.headers["link"] == '<https://example.cn/complaints>; rel="complaint"'
    assert answer.headers["x-request-id"] == "req-1"
    headers = upstream.calls[-1].headers
    assert headers["authorization"] == "Bearer k"
    assert headers["accept-encoding"] == "identity"
    assert headers["x-request-id"] == "req-1"
    assert headers["host"] == upstream.url.removeprefix("http://")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (401, openai.AuthenticationError),
    ],
)
def test_an_error_status_of_the_model_stays(
    upstream: Upstream, client: openai.OpenAI, status: int, kind: type[openai.APIStatusError]
) -> None:
    upstream.script = failing(status, b"<html>oops</html>")
    with pytest.raises(kind):
        client.chat.completions.create(model="m", messages=MESSAGES)  # type: ignore[arg-type]


def failing(status: int, body: bytes) -> Script:
    async def script(call: Call) -> None:
        await call.answer(status, "text/html", body, "Retry-After: 7")

    return script


def test_a_further_path_passes_unscreened_and_is_counted(
    upstream: Upstream, tmp_path: Path
) -> None:
    async def script(call: Call) -> None:
        await call.answer(200, "application/json", call.body)

    upstream.script = script
    with (
        Guard(tmp_path, upstream.url, paths=["/v1/embeddings"]) as guard,
        openai.OpenAI(base_url=guard.url, api_key="k", max_retries=0) as client,
    ):
        client.post("/embeddings", cast_to=object, body={"input": "x"})
        assert guard.metric("genai_guard_unscreened_requests_total") == 1
        assert '"path": "/v1/embeddings"' in guard.log()
        with pytest.raises(openai.NotFoundError):
            client.post("/embeddings/x", cast_to=object, body={"input": "x"})
        eventually(lambda: '"code": "path_refused"' in guard.log())
