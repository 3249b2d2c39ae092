# SPDX-License-Identifier: Apache-2.0
"""Laws of the streamed dialects, over random answers, disguises and cuts.

Hypothesis draws a seed; from it `random` makes many small cases. A failing case names its seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random as Draw

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genaiservice.api.guard_config import LabelMode
from genaiservice.guard.core.exchange import Options
from genaiservice.guard.core.policy import Policy
from tests.properties.screening_oracle import Oracle
from tests.properties.test_screening import ALPHABETS, a_policy, a_text, drawn, pieces
from tests.unit.guard.core import dialects
from tests.unit.guard.core.dialects import Read, Script
from tests.unit.guard.core.talk import REFUSAL, UNLABELLED, Heard, ask

CASES = 40
SEEDS = settings(max_examples=25, deadline=None, derandomize=True)
LABEL = "本内容由人工智能生成"


@dataclass(frozen=True)
class Dialect:
    path: str
    request: Callable[[], bytes]
    stream: Callable[[Script], list[bytes]]
    read: Callable[[bytes], Read]
    blocked: str
    """How the client learns that the answer was stopped."""
    fine: str
    kinds: tuple[str, ...] = ("text", "thinking", "tool")
    joined: bool = False
    """Whether all parts of a kind are one text."""
    content_type: str = "text/event-stream"


NDJSON = "application/x-ndjson"
DIALECTS = {
    "messages": Dialect(
        "/v1/messages",
        dialects.messages_request,
        dialects.messages_stream,
        dialects.messages_read,
        "refusal",
        "end_turn",
    ),
    "responses": Dialect(
        "/v1/responses",
        dialects.responses_request,
        dialects.responses_stream,
        dialects.responses_read,
        "incomplete",
        "completed",
    ),
    "ollama chat": Dialect(
        "/api/chat",
        dialects.ollama_request,
        dialects.ollama_stream,
        dialects.ollama_read,
        "content_filter",
        "stop",
        ("text", "thinking"),
        True,
        NDJSON,
    ),
    "ollama generate": Dialect(
        "/api/generate",
        lambda: dialects.dumps({"model": "m", "prompt": "你好"}),
        lambda script: dialects.ollama_stream(script, generate=True),
        dialects.ollama_read,
        "content_filter",
        "stop",
        ("text", "thinking"),
        True,
        NDJSON,
    ),
}


def cut(draw: Draw, data: bytes) -> list[bytes]:
    """The bytes in reads of random length, also within a character."""
    reads, at = [], 0
    while at < len(data):
        size = draw.choice((1, 7, 40, 300, 5000))
        reads.append(data[at : at + size])
        at += size
    return reads


def heard(
    dialect: Dialect, reads: list[bytes], rules: Policy, options: Options = UNLABELLED
) -> Heard:
    exchange, got = ask(dialect.request(), path=dialect.path, rules=rules, options=options)
    got.take(exchange.response(200, dialect.content_type))
    for data in reads:
        got.take(exchange.upstream(data))
    got.take(exchange.upstream_closed(None))
    assert got.ended
    return got


def a_speech(draw: Draw, oracle: Oracle, alphabet: str) -> str:
    return a_text(draw, oracle, alphabet, draw.randint(0, 12))


def fine(draw: Draw) -> str:
    return "今天好，你" * draw.randint(0, 4)


def a_script(draw: Draw, dialect: Dialect, write: Callable[[], str]) -> Script:
    if dialect.joined:
        return [(kind, pieces(draw, write())) for kind in dialect.kinds if draw.random() < 0.8]
    count = draw.randint(0, 3)
    return [(draw.choice(dialect.kinds), pieces(draw, write())) for _ in range(count)]


@SEEDS
@pytest.mark.parametrize("name", DIALECTS)
@given(st.integers(0, 2**32))
def test_what_is_shown_of_each_text_is_what_the_oracle_lets_leave(name: str, seed: int) -> None:
    """No term by any field, masks as the oracle masks, and the end that the dialect has."""
    dialect = DIALECTS[name]
    for case in range(CASES):
        draw = drawn(seed, case)
        alphabet = draw.choice(ALPHABETS)
        rules, oracle = a_policy(draw, alphabet)
        script = a_script(draw, dialect, partial(a_speech, draw, oracle, alphabet))
        got = heard(dialect, cut(draw, b"".join(dialect.stream(script))), rules)
        read = dialect.read(got.body)
        assert read.error is None
        ends = [oracle.moments("".join(parts))[-1] for _, parts in script]
        blocked = any(end.blocked for end in ends)
        assert read.end == (dialect.blocked if blocked else dialect.fine), case
        assert got.closed == blocked, "the model is cut off, and only then"
        first = next((at for at, end in enumerate(ends) if end.blocked), len(ends))
        for at, ((kind, _), end) in enumerate(zip(script, ends, strict=True)):
            shown = _shown(dialect, read, at, kind)
            if not blocked or (at <= first and not dialect.joined):
                assert shown == end.out, case
            elif dialect.joined:
                assert end.out.startswith(shown.removesuffix(REFUSAL["zh"]).removesuffix("\n\n"))
        assert not blocked or read.said.endswith(REFUSAL["zh"])


def _shown(dialect: Dialect, read: Read, at: int, kind: str) -> str:
    if dialect.joined:
        return read.texts[kind]
    keys = {"text": "text", "thinking": "thinking", "tool": "partial_json"}
    return read.texts.get(f"{at}.{keys[kind]}") or read.texts.get(str(at), "")


@SEEDS
@pytest.mark.parametrize("name", DIALECTS)
@given(st.integers(0, 2**32))
def test_clean_answers_leave_as_the_bytes_they_came_in(name: str, seed: int) -> None:
    dialect = DIALECTS[name]
    for case in range(CASES):
        draw = drawn(seed, case)
        rules, _ = a_policy(draw, "ab")
        script = a_script(draw, dialect, partial(fine, draw))
        data = b"".join(dialect.stream(script))
        got = heard(dialect, cut(draw, data), rules)
        assert got.body == data, case


@SEEDS
@pytest.mark.parametrize("name", DIALECTS)
@given(st.integers(0, 2**32))
def test_the_label_stands_once_and_at_its_place(name: str, seed: int) -> None:
    dialect = DIALECTS[name]
    for case in range(CASES):
        draw = drawn(seed, case)
        rules, _ = a_policy(draw, "ab")
        mode = draw.choice((LabelMode.PREFIX, LabelMode.SUFFIX))
        script = a_script(draw, dialect, partial(fine, draw))
        data = b"".join(dialect.stream(script))
        got = heard(dialect, cut(draw, data), rules, Options(label=mode, label_text=LABEL))
        read = dialect.read(got.body)
        speaks = any(kind == "text" and "".join(parts) for kind, parts in script)
        assert read.said.count(LABEL) == (1 if speaks else 0), case
        if speaks and mode is LabelMode.PREFIX:
            assert read.said.startswith(LABEL)
        unlabelled = [one for one in got.decisions if one.reason == "no_visible_text"]
        assert len(unlabelled) == (0 if speaks else 1), case


@SEEDS
@pytest.mark.parametrize("name", DIALECTS)
@given(st.integers(0, 2**32))
def test_an_answer_that_breaks_off_ends_with_an_error_and_leaks_nothing(
    name: str, seed: int
) -> None:
    dialect = DIALECTS[name]
    for case in range(CASES):
        draw = drawn(seed, case)
        alphabet = draw.choice(ALPHABETS)
        rules, oracle = a_policy(draw, alphabet)
        script = a_script(draw, dialect, partial(a_speech, draw, oracle, alphabet))
        data = b"".join(dialect.stream(script))
        cut_at = draw.randint(0, len(data) - 1)
        broken = data[:cut_at] + draw.choice((b"", b"\xff\xfe", b"}{", b"\n\ndata: []\n\n"))
        got = heard(dialect, cut(draw, broken), rules)
        read = dialect.read(got.body)
        if read.error is None:
            assert read.end in (dialect.blocked, dialect.fine)
            assert got.closed == (read.end == dialect.blocked)
        blocked = read.error is None and read.end == dialect.blocked
        for at, (kind, parts) in enumerate(script):
            shown = _shown(dialect, read, at, kind)
            if blocked:  # the refusal stands behind, or in the place of a later text
                shown = shown.removesuffix(REFUSAL["zh"]).removesuffix("\n\n")
            assert shown in _lawful(oracle, "".join(parts)), case


def _lawful(oracle: Oracle, text: str) -> set[str]:
    """What may have been shown of a text of which only a beginning came."""
    cut_off = {oracle.moments(text[:size])[-1].out for size in range(len(text) + 1)}
    return cut_off | {moment.out for moment in oracle.moments(text)}
