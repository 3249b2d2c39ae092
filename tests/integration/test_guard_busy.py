# SPDX-License-Identifier: Apache-2.0
"""A guard at its limits: who waits, who is refused, who is slow, and who hears nothing."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import anthropic
import openai
import pytest

from genaiservice.guard.capacity import most_connections
from tests.guard_process import TERM, Guard, Raw, chat
from tests.unit.guard.core import dialects
from tests.upstream import DONE, Call, Gate, Upstream, completion, event
from tests.wait import eventually

PATH = "/v1/chat/completions"
ASK: Any = [{"role": "user", "content": "你好"}]


class Model:
    """Answers each request when its gate is opened; streams begin before."""

    def __init__(self) -> None:
        self.gate = Gate()

    async def script(self, call: Call) -> None:
        gate, asked = self.gate, call.json
        if call.target == "/api/chat":
            await call.head(200, "application/x-ndjson", "Transfer-Encoding: chunked")
        elif asked["stream"]:
            await call.begin_stream()
        await gate.wait()
        if call.target == "/api/chat":
            await call.chunk(
                b'{"model":"m","message":{"role":"assistant","content":"\xe5\xa5\xbd"},'
            )
            await call.chunk(b'"done":true,"done_reason":"stop"}\n')
            await call.end_stream()
        elif asked["stream"]:
            await call.chunk(event("今天"), event(finish="stop"), DONE)
            await call.end_stream()
        else:
            await call.answer(200, "application/json", completion("今天"))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(Model().script) as server:
        yield server


@pytest.fixture
def model(upstream: Upstream) -> Iterator[Model]:
    model = Model()
    upstream.script = model.script
    yield model
    model.gate.open()


@pytest.fixture(scope="module")
def guard(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    limits = {
        "concurrentRequests": 2,
        "queueSeconds": 60,
        "headerSeconds": 0.2,
        "commentSeconds": 0.05,
        "drainSeconds": 0.1,
    }
    with Guard(tmp_path_factory.mktemp("guard"), upstream.url, limits=limits) as process:
        yield process
        assert "Traceback" not in process.log()
        assert '"level": "error"' not in process.log()


def fill(guard: Guard, *raws: Raw) -> None:
    """The first two get places, the others wait."""
    eventually(lambda: guard.metric("genai_guard_open_requests") == 0)
    for number, raw in enumerate(raws, 1):
        raw.post(PATH, chat(stream=False))
        eventually(partial(is_open, guard, number))
    assert guard.metric("genai_guard_waiting_requests") == len(raws) - 2


def is_served(guard: Guard) -> bool:
    with Raw(guard) as raw:
        raw.post(PATH, chat(stream=False))
        return raw.until(b"}").startswith(b"HTTP/1.1 200 ")


def is_open(guard: Guard, number: int) -> bool:
    return guard.metric("genai_guard_open_requests") == number


def test_who_waits_gets_the_place_that_becomes_free(model: Model, guard: Guard) -> None:
    with Raw(guard) as one, Raw(guard) as two, Raw(guard) as three:
        fill(guard, one, two, three)
        model.gate.open()
        for raw in (one, two, three):
            assert raw.until(b"}").startswith(b"HTTP/1.1 200 ")
    assert guard.metric("genai_guard_waiting_requests") == 0


def test_a_client_that_leaves_the_line_costs_the_model_nothing(
    upstream: Upstream, model: Model, guard: Guard
) -> None:
    before = len(upstream.calls)
    gone = guard.metric("genai_guard_clients_gone_total")
    with Raw(guard) as one, Raw(guard) as two:
        with Raw(guard) as three:
            fill(guard, one, two, three)
        eventually(lambda: guard.metric("genai_guard_waiting_requests") == 0)
        model.gate.open()
        for raw in (one, two):
            raw.until(b"}")
    eventually(lambda: guard.metric("genai_guard_clients_gone_total") == gone + 1)
    assert len(upstream.calls) == before + 2


def test_the_kill_switch_answers_those_who_wait(model: Model, guard: Guard) -> None:
    with Raw(guard) as one, Raw(guard) as two, Raw(guard) as three:
        fill(guard, one, two, three)
        guard.write_directive("{half writ")  # suspends, as every directive that cannot be read
        for raw in (one, two, three):
            assert raw.until(b"}}").startswith(b"HTTP/1.1 451 ")
    guard.write_directive("")
    model.gate.open()
    eventually(partial(is_served, guard))


def test_a_head_that_comes_too_slowly_is_refused_and_an_idle_connection_is_not(
    model: Model, guard: Guard
) -> None:
    model.gate.open()
    with Raw(guard) as idle, Raw(guard) as slow:
        idle.post(PATH, chat(stream=False))
        idle.until(b"}")
        slow.send(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-A: ".encode())
        refused = slow.to_end()
        assert refused.startswith(b"HTTP/1.1 408 ")
        assert b"request_timeout" in refused
        idle.received.clear()
        idle.post(PATH, chat(stream=False))
        assert idle.until(b"}").startswith(b"HTTP/1.1 200 ")


def test_a_silent_stream_of_events_gets_comments_and_lines_of_json_get_none(
    model: Model, guard: Guard
) -> None:
    with Raw(guard) as lines, Raw(guard) as events:
        lines.post("/api/chat", chat(stream=True))
        lines.until(b"\r\n\r\n")
        events.post(PATH, chat())
        events.until(b"3\r\n:\n\n\r\n3\r\n:\n\n\r\n")
        model.gate.open()
        heard = events.until(b"0\r\n\r\n")
        assert "今天".encode() in heard
        assert b"\n:" not in lines.until(b"0\r\n\r\n").partition(b"\r\n\r\n")[2]


def by_openai(guard: Guard) -> str:
    with openai.OpenAI(base_url=guard.url, api_key="x", max_retries=0) as client:
        stream = client.chat.completions.create(model="m", messages=ASK, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def by_anthropic(guard: Guard) -> str:
    base = guard.url.removesuffix("/v1")
    with (
        anthropic.Anthropic(base_url=base, api_key="x", max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=9, messages=ASK) as stream,
    ):
        return stream.get_final_text()


@pytest.mark.parametrize("read", [by_openai, by_anthropic])
def test_real_clients_read_over_comments(
    upstream: Upstream, guard: Guard, read: Callable[[Guard], str]
) -> None:
    gate = Gate()

    async def script(call: Call) -> None:
        await call.begin_stream()
        await gate.wait()
        if call.target == PATH:
            await call.chunk(event("今天"), event(finish="stop"), DONE)
        else:
            await call.chunk(*dialects.messages_stream([("text", ["今天"])]))
        await call.end_stream()

    upstream.script = script
    before = len(upstream.calls)
    with ThreadPoolExecutor(1) as thread, Raw(guard) as clock:
        text = thread.submit(read, guard)
        eventually(lambda: len(upstream.calls) == before + 1)
        clock.post(PATH, chat())
        clock.until(b":\n\n\r\n3\r\n:\n\n")  # so the one before it has had as many
        gate.open()
        assert text.result(10).endswith("今天")
        clock.until(b"0\r\n\r\n")


def test_the_pace_of_an_answer_is_measured(upstream: Upstream, guard: Guard) -> None:
    gate = Gate()

    async def script(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(event("今天"), event("天气"))
        await gate.wait()
        await call.chunk(event(finish="stop"), DONE)
        await call.end_stream()

    upstream.script = script
    name = "genai_guard_time_between_chunks_seconds_count"
    before = guard.metric(name)
    with Raw(guard) as raw:
        raw.post(PATH, chat())
        raw.until("天气".encode())
        gate.open()
        raw.until(b"0\r\n\r\n")
    assert guard.metric(name) > before


def test_characters_that_wait_are_counted_while_they_wait(upstream: Upstream, guard: Guard) -> None:
    gate = Gate()

    async def script(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(event(f"今天{TERM[:2]}"))
        await gate.wait()
        await call.chunk(event(finish="stop"), DONE)
        await call.end_stream()

    upstream.script = script
    with Raw(guard) as raw:
        raw.post(PATH, chat())
        raw.until("今天".encode())
        assert guard.metric("genai_guard_held_characters") == 2
        gate.open()
        assert TERM[:2].encode() in raw.until(b"0\r\n\r\n")
    eventually(lambda: guard.metric("genai_guard_held_characters") == 0)


def test_a_scraper_that_understands_exemplars_gets_traces(model: Model, guard: Guard) -> None:
    model.gate.open()
    trace = "5" * 32
    with Raw(guard) as raw:
        raw.post(PATH, chat(stream=False), f"traceparent: 00-{trace}-b7ad6b7169203331-01")
        raw.until(b"}")
    plain = guard.admin("/metrics")[1]
    assert "# EOF" not in plain
    with Raw(guard, port=guard.admin_port) as raw:
        raw.send(
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Accept: application/openmetrics-text; version=1.0.0\r\n\r\n"
        )
        told = raw.to_end().decode()
    assert told.rstrip().endswith("# EOF")
    assert f'# {{trace_id="{trace}"}}' in told


def test_a_model_that_is_to_stop_is_not_held_longer_than_the_drain(
    model: Model, guard: Guard
) -> None:
    with Raw(guard) as raw:
        raw.post(PATH, chat(stream=False))
        eventually(partial(is_open, guard, 1))
        assert guard.admin("/quiet")[0] == 200
        assert guard.metric("genai_guard_open_requests") == 1
        model.gate.open()
        assert raw.until(b"}").startswith(b"HTTP/1.1 200 ")


def test_idle_connections_cannot_take_the_process_its_files(model: Model, guard: Guard) -> None:
    """A guard without files could not read its directive, and would suspend the service."""
    model.gate.open()
    most = most_connections(2, 65_536)
    with ExitStack() as held:
        raws = [held.enter_context(Raw(guard)) for _ in range(most + 5)]
        refused = raws[-1].to_end()
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"too_many_connections" in refused
        raws[0].post(PATH, chat(stream=False))
        assert raws[0].until(b"}").startswith(b"HTTP/1.1 200 ")
        assert guard.readiness()["directive"]["mode"] == "Serve"
    eventually(partial(is_served, guard))
