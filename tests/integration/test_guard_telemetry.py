# SPDX-License-Identifier: Apache-2.0
"""Traces at a real OpenTelemetry Collector, context through to the model, and no text anywhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.collector import Collector
from hack.story.traces import Span, read
from tests.guard_process import CANARY, TERM, Guard, Raw, chat
from tests.upstream import DONE, Call, Upstream, completion, event
from tests.wait import eventually

pytestmark = pytest.mark.integration

PATH = "/v1/chat/completions"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def script(call: Call) -> None:
    """Streams or answers what the prompt asks for; every text holds the canary."""
    asked = call.json["messages"][0]["content"]
    if "break" in asked:
        await call.begin_stream()
        await call.chunk(event(CANARY), b"data: {" + CANARY.encode() + b"\n\n")
        call.cut()
    elif "error" in asked:
        await call.answer(500, "text/plain", CANARY.encode())
    elif call.json["stream"]:
        await call.begin_stream()
        text = f"{CANARY}{TERM}{CANARY}" if "term" in asked else CANARY
        await call.chunk(event(text), event(finish="stop"), DONE)
        await call.end_stream()
    else:
        await call.answer(200, "application/json", completion(CANARY))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(script) as server:
        yield server


@pytest.fixture(scope="module")
def guard(
    upstream: Upstream, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guard]:
    folder = tmp_path_factory.mktemp("guard")
    telemetry = {"otlpEndpoint": collector.endpoint, "sampleRatio": 1.0}
    service = {"namespace": "shop", "name": "chat"}
    with Guard(folder, upstream.url, telemetry=telemetry, service=service) as process:
        yield process


def ask(guard: Guard, content: str, *lines: str, stream: bool = True) -> bytes:
    with Raw(guard) as raw:
        raw.post(PATH, chat(content, stream=stream), "Connection: close", *lines)
        return raw.to_end()


def spans_of(collector: Collector, trace: str, count: int) -> list[Span]:
    def found() -> list[Span] | bool:
        spans = [span for span in read(collector.file) if span.trace == trace]
        return spans if len(spans) >= count else False

    spans = eventually(found, within=15)
    assert isinstance(spans, list)
    return spans


def test_the_trace_goes_from_the_client_through_the_guard_to_the_model(
    upstream: Upstream, guard: Guard, collector: Collector
) -> None:
    ask(guard, "你好", f"traceparent: {PARENT}", "tracestate: vendor=1")
    trace = PARENT.split("-")[1]
    spans = {span.name: span for span in spans_of(collector, trace, 2)}
    server, client = spans[f"POST {PATH}"], spans["chat m"]
    assert server.parent == PARENT.split("-")[2]
    assert client.parent == server.id
    assert server.service == "chat"
    assert server.attributes["http.response.status_code"] == "200"
    assert server.attributes["http.route"] == PATH
    assert client.attributes["gen_ai.operation.name"] == "chat"
    assert client.attributes["gen_ai.request.model"] == "m"
    headers = upstream.calls[-1].headers
    assert headers["traceparent"] == f"00-{trace}-{client.id}-01"
    assert headers["tracestate"] == "vendor=1"


@pytest.mark.parametrize(
    ("content", "stream", "reason"),
    [("你好", True, "stop"), ("你好", False, "stop"), ("term", True, "content_filter")],
)
def test_the_models_span_tells_how_the_answer_ended(
    upstream: Upstream,
    guard: Guard,
    collector: Collector,
    content: str,
    stream: bool,
    reason: str,
) -> None:
    ask(guard, content, stream=stream)
    trace = upstream.calls[-1].headers["traceparent"].split("-")[1]
    (span,) = [span for span in spans_of(collector, trace, 2) if span.name == "chat m"]
    assert span.attributes["gen_ai.response.finish_reasons"] == reason
    if not stream:
        assert span.attributes["gen_ai.usage.input_tokens"] == "3"
        assert span.attributes["gen_ai.usage.output_tokens"] == "5"


def test_a_decision_carries_the_id_of_its_trace(guard: Guard, collector: Collector) -> None:
    trace = "1af7651916cd43dd8448eb211c80319d"
    ask(guard, "term", f"traceparent: 00-{trace}-b7ad6b7169203331-01")
    eventually(lambda: any(line["trace"] == trace for line in guard.decisions()))
    spans_of(collector, trace, 2)


def test_a_request_without_context_begins_a_trace_of_its_own(
    upstream: Upstream, guard: Guard, collector: Collector
) -> None:
    ask(guard, "你好")
    trace = upstream.calls[-1].headers["traceparent"].split("-")[1]
    assert len(spans_of(collector, trace, 2)) == 2


def test_a_context_that_is_malformed_is_not_passed_on(upstream: Upstream, guard: Guard) -> None:
    ask(guard, "你好", "traceparent: 00-xyz")
    assert upstream.calls[-1].headers["traceparent"] != "00-xyz"


def test_a_context_that_says_not_sampled_is_obeyed(
    upstream: Upstream, guard: Guard, collector: Collector
) -> None:
    quiet, loud = "2" * 32, "3" * 32
    ask(guard, "你好", f"traceparent: 00-{quiet}-b7ad6b7169203331-00")
    assert upstream.calls[-1].headers["traceparent"].endswith("-00")
    ask(guard, "你好", f"traceparent: 00-{loud}-b7ad6b7169203331-01")
    spans_of(collector, loud, 2)
    assert not [span for span in read(collector.file) if span.trace == quiet]


def test_without_an_endpoint_the_clients_context_still_reaches_the_model(
    upstream: Upstream, tmp_path: Path
) -> None:
    with Guard(tmp_path, upstream.url) as guard:
        ask(guard, "你好", f"traceparent: {PARENT}", "tracestate: vendor=1")
        assert upstream.calls[-1].headers["traceparent"] == PARENT
        assert upstream.calls[-1].headers["tracestate"] == "vendor=1"
        maps = Path(f"/proc/{guard.process.pid}/maps").read_text()
        assert "google/_upb" not in maps, "protobuf is loaded though nothing is exported"


def test_an_endpoint_that_is_down_delays_no_request(upstream: Upstream, tmp_path: Path) -> None:
    telemetry = {"otlpEndpoint": "http://127.0.0.1:9"}
    with Guard(tmp_path, upstream.url, telemetry=telemetry) as guard:
        for _ in range(5):
            assert b"[DONE]" in ask(guard, "你好")
        guard.terminate()
        assert guard.process.wait(8) == 0


def test_no_text_key_or_header_is_in_any_output(
    upstream: Upstream, guard: Guard, collector: Collector
) -> None:
    trace = "4" * 32
    lines = (
        f"Authorization: Bearer {CANARY}",
        f"Cookie: {CANARY}",
        f"X-Custom: {CANARY}",
        f"traceparent: 00-{trace}-b7ad6b7169203331-01",
    )
    for content in ("你好", "term", "break", "error"):
        for stream in (True, False):
            ask(guard, f"{CANARY} {content}", *lines, stream=stream)
    ask(guard, f"{CANARY}{TERM}", *lines)
    properties = {CANARY: {"type": "string", "description": TERM}}
    tool = {"type": "function", "function": {"name": "f", "parameters": properties}}
    for more in ({"tools": [tool]}, {"model": f"{CANARY} says"}, {CANARY: TERM}):
        with Raw(guard) as raw:
            tree = {**json.loads(chat("你好")), **more}
            raw.post(PATH, json.dumps(tree).encode(), "Connection: close", *lines, f"{CANARY}: 1")
            raw.to_end()
    errors = [ask(guard, f"{CANARY} error", *lines, stream=False)]
    for path, body in (
        (PATH, CANARY.encode()),
        (PATH, json.dumps({"messages": CANARY}).encode()),
        (PATH, b'{"%b":1,"%b":2}' % (CANARY.encode(), CANARY.encode())),
        (f"/{CANARY}", b"{}"),
        (f"/v1/models/{CANARY}", b""),
        (f"{PATH}/{CANARY}?{CANARY}", b"{}"),
    ):
        with Raw(guard) as raw:
            raw.post(path, body, *lines, "Connection: close", method="GET" if not body else "POST")
            errors.append(raw.to_end())
    with Raw(guard) as raw:
        raw.send(f"{CANARY} {CANARY}\r\n{CANARY}\r\n\r\n".encode())
        errors.append(raw.to_end())
    spans_of(collector, trace, 20)
    outputs = {
        "decision log": (guard.folder / "decisions.log").read_text(),
        "process log": guard.log(),
        "metrics": guard.admin("/metrics")[1],
        "readiness": guard.admin("/readyz")[1],
        "traces": collector.file.read_text(),
        "errors": b"".join(errors).decode(),
    }
    for name, output in outputs.items():
        assert output, name
        assert CANARY not in output, name
        assert TERM not in output, name
