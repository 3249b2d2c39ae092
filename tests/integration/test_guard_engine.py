# SPDX-License-Identifier: Apache-2.0
"""The guard before a real engine: llama.cpp, asked by the unmodified clients of two vendors."""

from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.engine import SAYINGS, Engine
from tests.guard_process import Guard, policy

REFUSAL = "该内容无法回答。"
SHOWN = {
    "甲": (SAYINGS["甲"], False),
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
    assert "".join(token.token for token in logprobs.content or []) == SAYINGS["甲"]


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert len(client.models.list().data) == 1
