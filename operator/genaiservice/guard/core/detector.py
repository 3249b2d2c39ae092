# SPDX-License-Identifier: Apache-2.0
"""The two protocols of detectors: what is asked, and what an answer means.

Rule: an answer that is not exactly one of the expected ones is no opinion, and never a pass. What
is flagged beside the listed categories counts as the class of the configuration for others.
"""

import re
from typing import Any, Final

import orjson

from genaiservice.api.detector_config import OTHER, PLACE, Detector, Kind
from genaiservice.guard.core import jsonstrict
from genaiservice.guard.core.effects import Direction
from genaiservice.guard.core.opinion import Finding

PATHS: Final = {Kind.MODERATION: "/moderations", Kind.GUARD_MODEL: "/chat/completions"}
ANSWER_TOKENS: Final = 128
_ROLES: Final = {Direction.INPUT: "User", Direction.OUTPUT: "Agent"}
_HEADING: Final = re.compile(r"^[A-Za-z ]{1,32}:\s*")


class NoOpinionError(Exception):
    """The answer means nothing; `fault` is a word of a closed set."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


def question(detector: Detector, direction: Direction, text: str) -> bytes:
    """The body of the request."""
    text = text.encode("utf-8", "replace").decode()  # half a pair of surrogates is no JSON
    if detector.kind is Kind.MODERATION:
        named = {"model": detector.model} if detector.model else {}
        return orjson.dumps({**named, "input": text})
    before, _, after = detector.template.replace("{role}", _ROLES[direction]).partition(PLACE)
    return orjson.dumps(
        {
            "model": detector.model,
            "messages": [{"role": "user", "content": f"{before}{text}{after}"}],
            "temperature": 0,
            "max_tokens": ANSWER_TOKENS,
            "stream": False,
        }
    )


def findings(detector: Detector, body: bytes) -> tuple[Finding, ...]:
    """What the answer says; raises `NoOpinionError`."""
    try:
        tree = jsonstrict.loads(body)
    except (jsonstrict.NotJsonError, jsonstrict.TooDeepError, jsonstrict.DuplicateKeyError):
        raise NoOpinionError("not_json") from None
    if detector.kind is Kind.MODERATION:
        return _moderation(detector, tree)
    return _guard_model(detector, tree)


def _moderation(detector: Detector, tree: Any) -> tuple[Finding, ...]:
    results = _get(tree, "results", list)
    if len(results) != 1:
        raise NoOpinionError("schema")
    flagged = _get(results[0], "flagged", bool)
    said = _get(results[0], "categories", dict)
    if not all(type(value) is bool for value in said.values()):
        raise NoOpinionError("schema")
    found = []
    for category in detector.categories:
        if category.threshold is None:
            met = said.get(category.name)
        else:
            met = _score(results[0], category.name) >= category.threshold
        if met is None:
            raise NoOpinionError("schema")  # what was to be looked for is not looked for
        if met:
            found.append(_found(detector, category.name, category.risk_class))
    listed = {category.name for category in detector.categories} | {*detector.ignored_categories}
    others = [name for name, value in said.items() if value and name not in listed]
    if others or (flagged and not any(said.values())):
        found.append(_found(detector, OTHER, detector.other_risk_class))
    return tuple(found)


def _score(result: Any, name: str) -> float:
    score = _get(result, "category_scores", dict).get(name)
    if type(score) not in (int, float) or not 0 <= score <= 1:
        raise NoOpinionError("schema")
    return float(score)


def _guard_model(detector: Detector, tree: Any) -> tuple[Finding, ...]:
    choices = _get(tree, "choices", list)
    if len(choices) != 1 or _get(choices[0], "finish_reason", str) != "stop":
        raise NoOpinionError("schema")
    said = _get(_get(choices[0], "message", dict), "content", str)
    words = " ".join(said.split()).casefold()
    if words == _folded(detector.safe_answer):
        return ()
    unsafe = _folded(detector.unsafe_answer)
    if not re.match(rf"{re.escape(unsafe)}(?!\w)", words):
        raise NoOpinionError("unknown_answer")
    first, *lines = said.strip().splitlines()
    return _named(detector, [_folded(first)[len(unsafe) :], *lines])


def _named(detector: Detector, lines: list[str]) -> tuple[Finding, ...]:
    """The categories after the verdict, one or more, on the same line or on lines of their own."""
    classes = {_folded(one.name): one for one in detector.categories}
    ignored = {_folded(name) for name in detector.ignored_categories}
    parts = [part for line in lines for part in re.split(r"[,;，；、]", line)]
    names = [_folded(_HEADING.sub("", part.strip(" \t:-"))) for part in parts]
    names = [name for name in names if name]
    found = {
        classes[name].name: _found(detector, classes[name].name, classes[name].risk_class)
        for name in names
        if name in classes
    }
    if names and all(name in classes or name in ignored for name in names):
        return tuple(found.values())
    return (*found.values(), _found(detector, OTHER, detector.other_risk_class))


def _found(detector: Detector, category: str, risk: str) -> Finding:
    return Finding(detector=detector.name, category=category, risk=risk)


def _get(tree: Any, key: str, kind: type) -> Any:
    value = tree.get(key) if isinstance(tree, dict) else None
    if type(value) is not kind:
        raise NoOpinionError("schema")
    return value


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
