# SPDX-License-Identifier: Apache-2.0
"""The policy file: one hash for equal policies, bounded unpacking, faults with their place."""

import gzip
import hashlib
import json
from typing import Any

import pytest

from genaiservice.api import policy_file
from genaiservice.api.problem import Lang, ProblemError

POLICY: dict[str, Any] = {
    "version": 1,
    "name": "default",
    "mask": "＊",
    "refusal": {"en": "No.", "zh": "无法回答。"},
    "classes": {"A1a": {"action": "Block", "terms": ["违禁样本"]}},
    "allow": [],
    "normalisation": {"width": True},
}


def faults(data: bytes, *, packed: bool) -> str:
    with pytest.raises(ProblemError) as caught:
        policy_file.unpack(data, "policy", packed=packed)
    return "\n".join(problem.render(Lang.EN) for problem in caught.value.problems)


def test_what_is_packed_is_unpacked_the_same() -> None:
    assert policy_file.unpack(policy_file.pack(POLICY), "p", packed=True) == POLICY


def test_the_order_of_keys_changes_neither_hash_nor_bytes() -> None:
    turned = dict(reversed(POLICY.items()))
    assert policy_file.digest(turned) == policy_file.digest(POLICY)
    assert policy_file.pack(turned) == policy_file.pack(POLICY)


def test_the_hash_is_the_digest_of_the_canonical_bytes() -> None:
    assert policy_file.canonical({"b": "二", "a": 1}) == '{"a":1,"b":"二"}'.encode()
    hashed = hashlib.sha256(policy_file.canonical(POLICY)).hexdigest()
    assert policy_file.digest(POLICY) == f"sha256:{hashed}"


def test_there_are_thirty_one_risk_classes() -> None:
    assert len(policy_file.RISK_CLASSES) == 31
    assert policy_file.RISK_CLASSES[0] == "A1a"
    assert policy_file.RISK_CLASSES[-1] == "A5b"


def test_a_gzip_bomb_is_refused_without_being_unpacked_whole() -> None:
    bomb = gzip.compress(b" " * (policy_file.UNPACKED_BYTES + 10))
    assert "more than 64 MiB" in faults(bomb, packed=True)


@pytest.mark.parametrize(
    ("data", "packed", "says"),
    [
        (b"not gzip", True, "one whole gzip stream"),
        (policy_file.pack(POLICY)[:-9], True, "one whole gzip stream"),
        (policy_file.pack(POLICY) + b"x", True, "one whole gzip stream"),
        (b"{", False, "not JSON"),
        (b"\xff\xfe", False, "not JSON"),
        (b"[" * 100_000, False, "not JSON"),
        (b"[]", False, "Write an object"),
    ],
)
def test_broken_data_is_told_apart(data: bytes, packed: bool, says: str) -> None:
    assert says in faults(data, packed=packed)


@pytest.mark.parametrize(
    ("patch", "where", "says"),
    [
        ({"version": 2}, "version", "update the guard"),
        ({"classes": {"A9z": {}}}, "classes.A9z", "not known"),
        ({"classes": {"A1a": {"action": "block"}}}, "classes.A1a.action", "Block, Replace, Mask"),
        ({"classes": {"A1a": {"threshold": 21}}}, "classes.A1a.threshold", "20"),
        ({"classes": {"A1a": {"terms": "x"}}}, "classes.A1a.terms", "list of texts"),
        ({"classes": {"A1a": {"terms": ["a", 1]}}}, "classes.A1a.terms[1]", "is a number"),
        ({"classes": {"A1a": {"terms": [""]}}}, "classes.A1a.terms[0]", "1 to 256"),
        ({"classes": {"A1a": {"terms": ["x" * 257]}}}, "classes.A1a.terms[0]", "257 characters"),
        ({"normalisation": {"zeroWdth": True}}, "normalisation.zeroWdth", "mean zeroWidth?"),
        ({"refusal": {"en": 1}}, "refusal.en", "is a number"),
    ],
)
def test_a_fault_names_its_place(patch: dict[str, Any], where: str, says: str) -> None:
    text = faults(json.dumps(POLICY | patch).encode(), packed=False)
    assert f"policy.{where}" in text
    assert says in text
