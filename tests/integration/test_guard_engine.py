# SPDX-License-Identifier: Apache-2.0
"""The guard before a real engine: llama.cpp, asked by the unmodified clients of two vendors.

The engine does not speak Ollama's API; its client is in `test_guard_protocols.py`.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.engine import SAYINGS, Engine
from tests.guard_process import Guard, policy

REFUSAL = "该内容无法回答。"
SHOWN = {
    "甲": ("".join(SAYINGS["甲"]), False),
    "乙": ("前言说", True),
    "丙": ("请看＊＊＊＊吧", False),
}
"""What the model is asked -> what is shown of its answer, and whether that was stopped."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("engine")) as process:
        yield process


@pytest.fixture(scope="module")
def guard(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    moderation = policy()
    moderation["classes"]["A2a"] = {"action": "Mask", "terms": ["粗俗词汇"]}
    folder = tmp_path_factory.mktemp("guard")
    with Guard(folder, engine.url, moderation=moderation, label={"mode": "Off"}) as process:
        yield process
        assert "Traceback" not in process.log()


@pytest.fixture
def client(guard: Guard) -> Iterator[openai.OpenAI]:
    url = f"http://127.0.0.1:{guard.port}/v1"
    with openai.OpenAI(api_key="k", base_url=url, max_retries=0) as made:
        yield made


@pytest.fixture
def claude(guard: Guard) -> Iterator[anthropic.Anthropic]:
    url = f"http://127.0.0.1:{guard.port}"
    with anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as made:
        yield made


@pytest.mark.parametrize("asked", SHOWN)
def test_chat_streams_and_ends_as_its_content_says(client: openai.OpenAI, asked: str) -> None:
    shown, stopped = SHOWN[asked]
    said, reasons = "", []
    for chunk in client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": asked}],
        stream=True,
        stream_options={"include_usage": True},
        logprobs=True,
    ):
        for choice in chunk.choices:
            said += choice.delta.content or ""
            reasons += [choice.finish_reason] if choice.finish_reason else []
    assert said == (f"{shown}\n\n{REFUSAL}" if stopped else shown)
    assert reasons == ["content_filter" if stopped else "stop"]


@pytest.mark.parametrize("asked", SHOWN)
def test_whole_answers_are_screened_in_every_dialect(
    client: openai.OpenAI, claude: anthropic.Anthropic, asked: str
) -> None:
    shown, stopped = SHOWN[asked]
    wanted = REFUSAL if stopped else shown
    chat = client.chat.completions.create(model="m", messages=[{"role": "user", "content": asked}])
    assert chat.choices[0].message.content == wanted
    assert client.completions.create(model="m", prompt=asked).choices[0].text == wanted
    assert client.responses.create(model="m", input=asked).output_text == wanted
    message = claude.messages.create(
        model="m", max_tokens=20, messages=[{"role": "user", "content": asked}]
    )
    assert message.content[0].type == "text"
    assert message.content[0].text == wanted
    assert message.stop_reason == ("refusal" if stopped else "end_turn")


@pytest.mark.parametrize("asked", SHOWN)
def test_responses_stream(client: openai.OpenAI, asked: str) -> None:
    shown, stopped = SHOWN[asked]
    said, last = "", None
    for event in client.responses.create(model="m", input=asked, stream=True):
        said += event.delta if event.type == "response.output_text.delta" else ""
        last = event
    assert said == (f"{shown}\n\n{REFUSAL}" if stopped else shown)
    assert last is not None
    assert last.type == ("response.incomplete" if stopped else "response.completed")
    assert last.response.output_text == said


@pytest.mark.parametrize("asked", SHOWN)
def test_messages_stream(claude: anthropic.Anthropic, asked: str) -> None:
    shown, stopped = SHOWN[asked]
    with claude.messages.stream(
        model="m", max_tokens=20, messages=[{"role": "user", "content": asked}]
    ) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said == (f"{shown}\n\n{REFUSAL}" if stopped else shown)
    assert final.stop_reason == ("refusal" if stopped else "end_turn")


def test_logprobs_of_a_real_engine_pass_with_their_text(client: openai.OpenAI) -> None:
    chat = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "甲"}], logprobs=True, top_logprobs=2
    )
    logprobs = chat.choices[0].logprobs
    assert logprobs is not None
    assert "".join(token.token for token in logprobs.content or []) == SHOWN["甲"][0]


@pytest.mark.parametrize("asked", SHOWN)
def test_completions_stream(client: openai.OpenAI, asked: str) -> None:
    shown, stopped = SHOWN[asked]
    said, reasons = "", []
    for part in client.completions.create(model="m", prompt=asked, stream=True):
        for choice in part.choices:
            said += choice.text
            reasons += [choice.finish_reason] if choice.finish_reason else []
    assert said == (f"{shown}\n\n{REFUSAL}" if stopped else shown)
    assert reasons == ["content_filter" if stopped else "stop"]


@pytest.mark.parametrize("asked", SHOWN)
def test_two_choices_are_screened_apart(client: openai.OpenAI, asked: str) -> None:
    shown, stopped = SHOWN[asked]
    messages: Any = [{"role": "user", "content": asked}]
    said, reasons = {0: "", 1: ""}, {}
    for chunk in client.chat.completions.create(model="m", messages=messages, n=2, stream=True):
        for choice in chunk.choices:
            said[choice.index] += choice.delta.content or ""
            reasons |= {choice.index: choice.finish_reason} if choice.finish_reason else {}
    streamed = f"{shown}\n\n{REFUSAL}" if stopped else shown
    assert said == {0: streamed, 1: streamed}
    assert set(reasons.values()) == {"content_filter" if stopped else "stop"}
    whole = client.chat.completions.create(model="m", messages=messages, n=2)
    wanted = REFUSAL if stopped else shown
    assert [choice.message.content for choice in whole.choices] == [wanted, wanted]


def test_the_asynchronous_clients_are_screened_too(guard: Guard) -> None:
    async def both() -> tuple[str, str]:
        url = f"http://127.0.0.1:{guard.port}"
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0) as client:
            stream = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "乙"}], stream=True
            )
            chat = [chunk.choices[0].delta.content or "" async for chunk in stream]
        async with (
            anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as claude,
            claude.messages.stream(
                model="m", max_tokens=20, messages=[{"role": "user", "content": "丙"}]
            ) as said,
        ):
            return "".join(chat), await said.get_final_text()

    assert asyncio.run(both()) == (f"前言说\n\n{REFUSAL}", "请看＊＊＊＊吧")


PLACE = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
TOOL: Any = {"type": "function", "function": {"name": "look", "parameters": PLACE}}


@pytest.mark.parametrize("asked", ["己", "庚"])
def test_calls_of_tools_pass_whole_or_not_at_all(client: openai.OpenAI, asked: str) -> None:
    clean = asked == "己"
    messages: Any = [{"role": "user", "content": asked}]
    whole = client.chat.completions.create(model="m", messages=messages, tools=[TOOL]).choices[0]
    assert whole.finish_reason == ("tool_calls" if clean else "content_filter")
    calls = [call.function for call in whole.message.tool_calls or [] if call.type == "function"]
    assert [json.loads(call.arguments) for call in calls] == ([{"at": "花园"}] if clean else [])
    arguments, reasons = "", []
    for chunk in client.chat.completions.create(
        model="m", messages=messages, tools=[TOOL], stream=True
    ):
        for choice in chunk.choices:
            for piece in choice.delta.tool_calls or []:
                arguments += (piece.function and piece.function.arguments) or ""
            reasons += [choice.finish_reason] if choice.finish_reason else []
    assert reasons == [whole.finish_reason]
    assert json.loads(arguments) == {"at": "花园"} if clean else not set("违禁样本") & {*arguments}


@pytest.mark.parametrize("asked", ["己", "庚"])
def test_tools_of_messages(claude: anthropic.Anthropic, asked: str) -> None:
    more: Any = {
        "model": "m",
        "max_tokens": 30,
        "messages": [{"role": "user", "content": asked}],
        "tools": [{"name": "look", "input_schema": PLACE}],
    }
    with claude.messages.stream(**more) as stream:
        streamed = stream.get_final_message()
    for message in (claude.messages.create(**more), streamed):
        told = message.model_dump_json()
        if asked == "己":
            (block,) = [block for block in message.content if block.type == "tool_use"]
            assert block.input == {"at": "花园"}
            assert message.stop_reason == "tool_use"
        else:
            assert "样本" not in told
            assert message.stop_reason == "refusal"


@pytest.mark.parametrize("stream", [False, True])
def test_structured_output_is_blocked_cleanly(client: openai.OpenAI, stream: bool) -> None:
    text, refusal, reason = structured(client, "丁", stream)
    assert (json.loads(text), refusal, reason) == ({"say": "您好"}, "", "stop")
    # No sentence stands in what a reader takes for JSON; what left of it is as the model wrote it.
    text, refusal, reason = structured(client, "戊", stream)
    assert (text, refusal, reason) == ('{"say": "瞧' if stream else "", REFUSAL, "content_filter")


def structured(client: openai.OpenAI, asked: str, stream: bool) -> tuple[str, str, str]:
    """Content, refusal and the reason of the end."""
    fields = {"type": "object", "properties": {"say": {"type": "string"}}, "required": ["say"]}
    more: Any = {
        "model": "m",
        "messages": [{"role": "user", "content": asked}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "said", "schema": fields},
        },
    }
    if not stream:
        choice = client.chat.completions.create(**more).choices[0]
        return choice.message.content or "", choice.message.refusal or "", choice.finish_reason
    text, refusal, reason = "", "", ""
    for chunk in client.chat.completions.create(stream=True, **more):
        text += chunk.choices[0].delta.content or ""
        refusal += chunk.choices[0].delta.refusal or ""
        reason = chunk.choices[0].finish_reason or reason
    return text, refusal, reason


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert len(client.models.list().data) == 1


def test_vectors_of_clean_texts_pass_and_others_are_never_asked_for(tmp_path: Path) -> None:
    with Engine(tmp_path, embeds=True) as engine:
        direct = openai.OpenAI(api_key="k", base_url=f"{engine.url}/v1", max_retries=0)
        with Guard(tmp_path, engine.url) as guard, direct:
            guarded = openai.OpenAI(api_key="k", base_url=guard.url, max_retries=0)
            with guarded:
                texts = ["甲", "今天"]
                vectors = [
                    [
                        entry.embedding
                        for entry in asked.embeddings.create(model="m", input=texts).data
                    ]
                    for asked in (guarded, direct)
                ]
                assert vectors[0] == vectors[1]
                assert len(vectors[0]) == 2
                with pytest.raises(openai.BadRequestError) as caught:
                    guarded.embeddings.create(model="m", input=["甲", "违禁样本"])
                assert caught.value.code == "content_filter"
