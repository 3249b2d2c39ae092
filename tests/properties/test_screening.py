# SPDX-License-Identifier: Apache-2.0
"""Laws of screening, held against the slow oracle over random terms, disguises and cuts.

Hypothesis draws a seed; from it `random` makes many small cases, since a case costs less than
drawing it would. A failing case names its seed.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import product
from random import Random as Draw  # not for secrets: it makes test cases repeatable
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genaiservice.api import pattern
from genaiservice.api.guard_config import LabelMode
from genaiservice.guard.core import screener
from genaiservice.guard.core.exchange import Exchange, Options
from genaiservice.guard.core.matcher import WIDE
from genaiservice.guard.core.policy import Policy, compile_policy
from genaiservice.guard.core.screener import Screener
from tests.properties.screening_oracle import Moment, Oracle
from tests.unit.guard.core.talk import DONE, REFUSAL, Heard, chunk, event, request

NIGHTLY = bool(os.getenv("GENAI_NIGHTLY"))
CASES = 2500 if NIGHTLY else 60
LEAK_CASES = (2 * CASES, CASES, CASES // 3, CASES)
"""Of the four laws about leaks, for each seed: 26,000 in all, in nightly runs 1,083,300."""
pytestmark = pytest.mark.timeout(6 * 3600 if NIGHTLY else 120)
SEEDS = settings(max_examples=100, deadline=None, derandomize=not NIGHTLY)
"""The same cases on every run, new ones at night."""
MASK = "囗"
"""A character that normalisation keeps: a mask never joins what stands around it."""

OTHERS = [chr(code) * 2 for code in range(0x20000, 0x20000 + WIDE + 1)]
ALPHABETS = ("ab", "abc", "违禁样本", "aB违ﬁf", "样样違违a")
PATTERNS = ["a[b1]{1,2}", "(违|禁){2}样?", "b(a|1b)?a", "[a-b]\\d", "样[^a违]", "1{2,3}"]
CONTEXT: dict[str, Any] = {"first": ["a", "违"], "second": ["b"], "within": 1}
FILLER = "今天好x"
BETWEEN = ("\u200b", "\u2060", " ", "·", "-", "😀", "\u0301", "\ufe0f", "")
WIDE = {chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
TRADITIONAL = {"违": "違", "样": "樣"}


def drawn(seed: int, case: int) -> Draw:
    return Draw(f"{seed}.{case}")  # noqa: S311 - makes cases, no secrets


@lru_cache(maxsize=1)
def policy_of(
    seed: int, number: int, *, allow: bool = True, counted: bool = False
) -> tuple[str, Policy, Oracle]:
    """A policy and its alphabet; two cases share one, since compiling it costs more than a case."""
    draw = drawn(seed, number)
    alphabet = draw.choice(ALPHABETS)
    return alphabet, *a_policy(draw, alphabet, allow=allow, counted=counted)


def a_policy(
    draw: Draw, alphabet: str, *, allow: bool = True, counted: bool = False
) -> tuple[Policy, Oracle]:
    words = draw.random() < 0.6
    repeats = draw.random() < 0.4
    threshold = draw.choice((1, 1, 2, 3)) if counted else 1

    def word(least: int = 2, most: int = 4) -> str:
        text = ""
        for _ in range(draw.randint(least, most)):
            text += draw.choice(("", "", "", "", "", "", " ", "-")) if text else ""
            text += draw.choice(alphabet)
        return text

    terms = sorted({word() for _ in range(draw.randint(1, 5))})
    masks = [term for term in terms if draw.random() < 0.5]
    blocks = [term for term in terms if term not in masks]
    around = draw.choice((0, 0, 1, 2)) if allow else 0
    allowed = [word(0, 2) + draw.choice(terms) + word(0, 2) for _ in range(around)]
    # Now and then so many other terms that the matcher takes its other way; none ever occurs.
    others = OTHERS if draw.random() < 0.03 else []
    shapes = draw.sample(PATTERNS, draw.choice((0, 0, 1, 2)))
    contexts = [CONTEXT] if draw.random() < 0.15 else []
    tree = {
        "version": 1,
        "refusal": REFUSAL,
        "mask": MASK,
        "classes": {
            "A1a": {
                "action": "Block",
                "threshold": threshold,
                "terms": blocks + others,
                "patterns": shapes,
                "contexts": contexts,
            },
            "A2a": {"action": "Mask", "terms": masks},
        },
        "allow": allowed,
        "normalisation": {"words": words, "repeats": repeats},
    }
    rules = compile_policy(tree, "h")
    normal = rules.normaliser.normalise
    trees = [pattern.parse(shape) for shape in shapes]
    trees += [pattern.near(("a", "违"), ("b",), 1) for _ in contexts]
    signs = sorted({*normal(alphabet + FILLER), *"ab12违禁样z"})
    spoken = frozenset(word for tree in trees for word in language(tree, signs))
    blocked, masked = (frozenset(map(normal, some)) for some in (blocks, masks))
    oracle = Oracle(
        normaliser=rules.normaliser,
        blocks=blocked if threshold == 1 else blocked - masked,
        masks=masked - blocked if threshold == 1 else masked,
        allowed=frozenset(),
        mask=MASK,
        breaks=own_gaps(terms, normal) if words else None,
        spoken=spoken,
        repeats=repeats,
        threshold=threshold,
    )
    kept = frozenset(word for word in map(normal, allowed) if word and oracle.finds(word))
    return rules, replace(oracle, allowed=kept)


def language(node: pattern.Node, signs: list[str]) -> set[str]:
    """Every string that a pattern matches, of these characters."""
    if isinstance(node, pattern.Chars):
        return {
            sign
            for sign in signs
            if any(low <= ord(sign) <= high for low, high in node.ranges) is not node.negated
        }
    if isinstance(node, pattern.Choice):
        return {word for part in node.parts for word in language(part, signs)}
    if isinstance(node, pattern.Repeat):
        part = language(node.part, signs)
        return {
            "".join(words)
            for count in range(node.least, node.most + 1)
            for words in product(part, repeat=count)
        }
    parts = [language(part, signs) for part in node.parts]
    return {"".join(words) for words in product(*parts)}


def own_gaps(terms: list[str], normal: Callable[[str], str]) -> dict[str, frozenset[int]]:
    """The places of gaps in each term, of all its spellings together."""
    found: dict[str, frozenset[int]] = {}
    for term in terms:
        gaps = {len(normal(term[:at])) for at, char in enumerate(term) if not normal(char)}
        found[normal(term)] = found.get(normal(term), frozenset()) | gaps
    return found


def disguised(draw: Draw, text: str) -> str:
    out = []
    for char in text:
        style = draw.random()
        if style < 0.15:
            char = WIDE.get(char, char)
        elif style < 0.3:
            char = char.swapcase()
        elif style < 0.45:
            char = TRADITIONAL.get(char, char)
        out.append(char)
        if draw.random() < 0.1:
            out.append(char * draw.choice((1, 1, 2, 3, 7)))
        if draw.random() < 0.25:
            out.append(draw.choice(BETWEEN))
    return "".join(out)


def a_text(draw: Draw, oracle: Oracle, alphabet: str, size: int) -> str:
    """Random characters, with a term, half a term or a term's disguise here and there."""
    terms = sorted(oracle.words | oracle.allowed)
    out = ""
    while len(out) < size:
        kind = draw.random()
        if kind < 0.25:
            out += disguised(draw, draw.choice(terms))
        elif kind < 0.5:
            out += draw.choice(terms)[: draw.randint(1, 3)]
        elif kind < 0.8:
            out += draw.choice(alphabet)
        else:
            out += draw.choice(FILLER + "".join(BETWEEN))
    return out[:size]


def pieces(draw: Draw, text: str) -> list[str]:
    cuts, at = [], 0
    while at < len(text):
        step = draw.choice((1, 1, 2, 3, 5, 20))
        cuts.append(text[at : at + step])
        at += step
    return cuts


@SEEDS
@given(st.integers(0, 2**32))
def test_what_leaves_at_every_moment_is_exactly_what_the_oracle_lets_leave(seed: int) -> None:
    """At once safety (nothing of a term), least delay (nothing waits longer), and chunk law."""
    for case in range(LEAK_CASES[0]):
        draw = drawn(seed, case)
        alphabet, rules, oracle = policy_of(seed, case // 2, counted=True)
        text = a_text(draw, oracle, alphabet, draw.randint(0, 14))
        moments = oracle.moments(text)
        for plain_size in (64, 2):
            # A short text takes the way of a long one, too.
            with mock.patch.object(screener, "PLAIN_SIZE", plain_size):
                check_moments(rules, moments, pieces(draw, text), case)


def check_moments(rules: Policy, moments: list[Moment], pieces: list[str], case: int) -> None:
    assert rules.enforced is not None
    machine = Screener(rules.enforced, rules.allowed, rules.normaliser, mask=MASK)
    out, seen = "", 0
    for piece in pieces:
        out += machine.feed(piece)
        seen += len(piece)
        wanted = moments[seen]
        assert (out, machine.blocked is not None) == (wanted.out, wanted.blocked), case
    out += machine.flush()
    wanted = moments[-1]
    assert (out, machine.blocked is not None) == (wanted.out, wanted.blocked), case


FIELDS: tuple[tuple[str, Any], ...] = (
    ("content", lambda text: {"content": text}),
    ("reasoning_content", lambda text: {"reasoning_content": text}),
    ("refusal", lambda text: {"refusal": text}),
    (
        "tool_calls[0].function.arguments",
        lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]},
    ),
    (
        "tool_calls[1].function.arguments",
        lambda text: {"tool_calls": [{"index": 1, "function": {"arguments": text}}]},
    ),
    ("audio.transcript", lambda text: {"audio": {"transcript": text}}),
)


def a_talk(
    draw: Draw, texts: dict[tuple[int, str], str], choices: int
) -> list[tuple[int, str, str]]:
    """The pieces of all texts in a random order that keeps each text's own."""
    waiting = {key: pieces(draw, text) for key, text in texts.items()}
    order = []
    while any(waiting.values()):
        key = draw.choice([key for key, rest in waiting.items() if rest])
        order.append((*key, waiting[key].pop(0)))
    return order


def rendered(draw: Draw, order: list[tuple[int, str, str]], choices: int) -> list[bytes]:
    """Chunks in several styles: as vLLM writes them, ASCII only, with changing usage, CR LF."""
    shapes = dict(FIELDS)
    style = draw.randrange(4)
    events = []
    for number, (index, name, text) in enumerate(order):
        data = chunk(delta=shapes[name](text), index=index)
        if style == 1:
            data = b"data: " + json.dumps(json.loads(data[6:])).encode() + b"\n\n"
        elif style == 2:
            data = event({**json.loads(data[6:]), "usage": {"completion_tokens": number}})
        elif style == 3:
            data = data.replace(b"\n", b"\r\n")
        events.append(data)
    events += [chunk(index=index, finish_reason="stop") for index in range(choices)]
    return [*events, DONE]


def reads(draw: Draw, data: bytes) -> list[bytes]:
    """Bytes cut anywhere, also inside a character."""
    out, at = [], 0
    while at < len(data):
        step = draw.choice((1, 7, 50, 200, 300, 301, 2000))
        out.append(data[at : at + step])
        at += step
    return out


def heard(rules: Policy, choices: int, inputs: list[bytes]) -> Heard:
    exchange = Exchange(rules, Options(label=LabelMode.OFF))
    client = Heard()
    body = request(n=choices, messages=[{"role": "user", "content": "?"}])
    client.take(exchange.request("/v1/chat/completions", "application/json", body))
    client.take(exchange.response(200, "text/event-stream"))
    for data in inputs:
        client.take(exchange.upstream(data))
    client.take(exchange.upstream_closed(None))
    return client.read()


def without_refusal(text: str) -> str:
    for words in REFUSAL.values():
        text = text.removesuffix(words)
    return text.removesuffix("\n\n")


@SEEDS
@given(st.integers(0, 2**32))
def test_no_term_leaves_by_any_choice_field_or_cut_and_clean_text_is_whole(seed: int) -> None:
    for case in range(LEAK_CASES[1]):
        draw = drawn(seed, case)
        alphabet, rules, oracle = policy_of(seed, case // 2, allow=False)
        choices = draw.choice((1, 1, 2, 3))
        keys = [(index, name) for index in range(choices) for name, _ in FIELDS]
        texts = {
            key: a_text(draw, oracle, alphabet, draw.randint(1, 10))
            for key in draw.sample(keys, draw.randint(1, min(3, len(keys))))
        }
        order = a_talk(draw, texts, choices)
        events = rendered(draw, order, choices)
        client = heard(rules, choices, events)
        other = heard(rules, choices, reads(draw, b"".join(events)))
        assert client.texts == other.texts, case
        assert client.finish == other.finish, case
        assert client.done
        assert not client.error
        ends = {key: oracle.moments(text)[-1] for key, text in texts.items()}
        for (index, name), end in ends.items():
            out = client.text(name, index)
            blocked = client.finish[index] == "content_filter"
            if name == "content" and blocked:
                out = without_refusal(out)
            normal = rules.normaliser.normalise(out)
            if oracle.breaks is None:
                assert not any(term in normal for term in oracle.words), case
            if not blocked:
                assert out == end.out, case
                assert not end.blocked
            else:
                assert end.out.startswith(out), case
        filtered = {index for index, why in client.finish.items() if why == "content_filter"}
        assert filtered == {index for (index, _), end in ends.items() if end.blocked}, case


@SEEDS
@given(st.integers(0, 2**32))
def test_tokens_leave_when_and_only_when_their_characters_do(seed: int) -> None:
    for case in range(LEAK_CASES[2]):
        draw = drawn(seed, case)
        alphabet, rules, oracle = policy_of(seed, case // 2)
        text = a_text(draw, oracle, alphabet, draw.randint(1, 12))
        events = []
        for said in pieces(draw, text):
            tokens = [{"token": one, "logprob": -1} for one in pieces(draw, said)]
            events.append(chunk(said, logprobs={"content": tokens}))
        client = heard(rules, 1, [*events, chunk(finish_reason="stop"), DONE])
        spelled = "".join(
            entry["token"]
            for tree in client.trees
            for choice in tree["choices"]
            for entry in (choice["logprobs"] or {}).get("content", ())
        )
        moment = oracle.moments(text)[-1]
        assert is_subsequence(spelled, moment.out), case
        if not moment.blocked and MASK not in moment.out:
            assert spelled == text, case


def is_subsequence(part: str, text: str) -> bool:
    rest = iter(text)
    return all(char in rest for char in part)


def junk(draw: Draw, depth: int = 4) -> Any:
    """A JSON value such as no model should send, with the words of the dialect in it."""
    kind = draw.randrange(9 if depth else 6)
    if kind < 6:
        return draw.choice((None, True, 0, -1, 10**12, 1.5, "", "违", "违禁样本", [], {}))
    if kind < 7:
        return [junk(draw, depth - 1) for _ in range(draw.randint(0, 3))]
    keys = (
        *("choices", "delta", "content", "index", "finish_reason", "tool_calls", "function"),
        *("arguments", "logprobs", "tokens", "token", "bytes", "top_logprobs", "text", "usage"),
        *("error", "message", "messages", "role", "prompt", "n", "stream", "model", "id"),
    )
    return {draw.choice(keys): junk(draw, depth - 1) for _ in range(draw.randint(0, 4))}


JUNK_POLICY = compile_policy(
    {
        "version": 1,
        "refusal": REFUSAL,
        "classes": {"A1a": {"action": "Block", "terms": ["违禁样本"]}},
    },
    "h",
)


def a_chunk_with_junk(draw: Draw) -> bytes:
    tree = json.loads(chunk("好")[6:])
    place = draw.choice((tree, tree["choices"][0], tree["choices"][0]["delta"]))
    keys = [*place, "logprobs", "tool_calls", "usage", "error", "content", "index", "new"]
    place[draw.choice(keys)] = junk(draw)
    return event(tree)


@SEEDS
@given(st.integers(0, 2**32))
def test_no_stream_however_strange_raises_leaks_or_stays_open(seed: int) -> None:
    for case in range(LEAK_CASES[3]):
        draw = drawn(seed, case)
        events = []
        for _ in range(draw.randint(1, 5)):
            kind = draw.random()
            if kind < 0.6:
                data = a_chunk_with_junk(draw)
            elif kind < 0.8:
                data = event(junk(draw))
            else:
                data = bytearray(chunk("违禁样本"))
                data[draw.randrange(len(data))] = draw.randrange(256)
            events.append(bytes(data))
        client = heard(JUNK_POLICY, 1, reads(draw, b"".join(events)))
        assert client.done, case
        said = client.body.decode() + json.dumps(client.trees, ensure_ascii=False)
        assert "违禁样本" not in said, case


@SEEDS
@given(st.integers(0, 2**32))
def test_no_request_and_no_whole_answer_however_strange_raises(seed: int) -> None:
    for case in range(CASES):
        draw = drawn(seed, case)
        tree = json.loads(request(stream=False))
        place = draw.choice((tree, tree["messages"][0]))
        place[draw.choice([*place, "prompt", "tool_calls", "n", "response_format", "x"])] = junk(
            draw
        )
        body = json.dumps(draw.choice((tree, tree, junk(draw))), ensure_ascii=False).encode()
        path = draw.choice(("/v1/chat/completions", "/v1/completions"))
        exchange = Exchange(JUNK_POLICY, Options())
        client = Heard().take(exchange.request(path, "application/json", body))
        if client.forwarded is not None:
            client.take(exchange.response(draw.choice((200, 200, 200, 500)), "application/json"))
            answer = {"choices": [{"index": 0, "message": {"content": "好"}}]}
            place = draw.choice((answer, answer["choices"][0], answer["choices"][0]["message"]))
            place[draw.choice(("content", "logprobs", "index", "message", "new"))] = junk(draw)
            client.take(exchange.upstream(json.dumps(answer, ensure_ascii=False).encode()))
            client.take(exchange.upstream_closed(None))
        assert client.ended, case
        if client.status == 200:
            assert "违禁样本" not in client.body.decode(), case


def test_enough_cases_are_about_leaks() -> None:
    assert sum(LEAK_CASES) * SEEDS.max_examples >= (1_000_000 if NIGHTLY else 20_000)
