# SPDX-License-Identifier: Apache-2.0
import base64
import gzip
import random
from typing import Any

import pytest

from genaiservice.api import policy_file
from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.jsontree import MutableJson
from genaiservice.api.problem import Lang
from genaiservice.control.core.plan import plan
from genaiservice.control.core.policy import Resolved, resolve
from tests.build import (
    NOW,
    SETTINGS,
    condition,
    config_map,
    message,
    observed,
    policy,
    service,
    verdict,
)


def source(name: str = "terms", key: str = "list.txt", **more: str) -> MutableJson:
    ref = {"name": name, "key": key, **more}
    return {"name": "library", "riskClass": "A1a", "configMap": ref}


def from_map(one: MutableJson | None, **more: str) -> Resolved:
    seen = observed(policy_=policy(spec={"sources": [source(**more)]}), config_maps={"terms": one})
    return resolve(seen)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_terms_come_from_inline_lists_and_config_maps_alike() -> None:
    both = policy(
        spec={
            "sources": [
                {"name": "a", "riskClass": "A1a", "inline": ["甲乙", "丙丁"]},
                source(key="list.gz", encoding="gzip") | {"riskClass": "A3a"},
            ],
            "actions": {"default": "Block", "byClass": {"A3a": "Mask"}},
            "allow": ["甲乙丙"],
        }
    )
    packed = encoded(gzip.compress("# 注释\n戊己\n庚辛\n".encode()))
    maps = {"terms": config_map("terms", binary={"list.gz": packed})}
    found = resolve(observed(policy_=both, config_maps=maps))
    assert found.ready
    assert found.by_class == {"A1a": 2, "A3a": 2}
    tree = policy_file.unpack(found.packed, "policy", packed=True)
    assert tree["classes"]["A3a"] == {"action": "Mask", "terms": ["庚辛", "戊己"]}
    assert tree["allow"] == ["甲乙丙"]
    assert found.hash == policy_file.digest(tree)


@pytest.mark.parametrize(
    ("one", "reason", "says"),
    [
        pytest.param(None, Reason.POLICY_NOT_FOUND, "ConfigMap/terms does not exist", id="no map"),
        pytest.param(
            config_map("terms", {"other.txt": "甲乙"}),
            Reason.POLICY_INVALID,
            "no key list.txt. It has: other.txt",
            id="no key",
        ),
        pytest.param(
            config_map("terms", {"list.txt": "# only a comment\n"}),
            Reason.POLICY_INVALID,
            "ConfigMap/terms list.txt",
            id="empty",
        ),
        pytest.param(
            config_map("terms", binary={"list.txt": encoded("甲乙\n".encode() + b"\xff\xfe\n")}),
            Reason.POLICY_INVALID,
            "ConfigMap/terms list.txt:2",
            id="not UTF-8",
        ),
        pytest.param(
            config_map("terms", {"list.txt": "甲乙\n丙\n"}),
            Reason.POLICY_INVALID,
            "ConfigMap/terms list.txt:2",
            id="one character",
        ),
        pytest.param(
            config_map("terms", {"list.txt": "甲" * 300}),
            Reason.POLICY_INVALID,
            "ConfigMap/terms list.txt:1",
            id="too long",
        ),
    ],
)
def test_a_list_that_cannot_be_used_is_named_with_map_key_and_line(
    one: MutableJson | None, reason: Reason, says: str
) -> None:
    found = from_map(one)
    assert found.reason is reason
    assert says in found.problems[0].render(Lang.EN)


def test_broken_gzip_names_the_map_and_the_key() -> None:
    broken = config_map("terms", binary={"list.txt": encoded(b"not gzip")})
    found = from_map(broken, encoding="gzip")
    assert found.problems[0].where == "ConfigMap/terms list.txt"


def test_every_fault_is_told_at_once() -> None:
    sources = [
        {"name": "a", "riskClass": "Z9", "inline": ["甲乙"]},
        {"name": "b", "riskClass": "A1a"},
        {"name": "c", "riskClass": "A1a", "inline": ["一"]},
    ]
    found = resolve(observed(policy_=policy(spec={"sources": sources})))
    assert len(found.problems) == 3
    assert (found.packed, found.hash) == (b"", "")


@pytest.mark.parametrize(
    ("one", "name", "where"),
    [
        pytest.param(service(), "default", "ModerationPolicy/default", id="named"),
        pytest.param(
            service(guard={"moderationPolicy": None}),
            "",
            "spec.guard.moderationPolicy",
            id="not named",
        ),
    ],
)
def test_a_policy_that_does_not_exist_is_named(one: MutableJson, name: str, where: str) -> None:
    found = resolve(observed(one, policy_=None))
    assert (found.reason, found.problems[0].where) == (Reason.POLICY_NOT_FOUND, where)


def test_equal_objects_are_parsed_once() -> None:
    maps: dict[str, Any] = {"terms": config_map("terms", {"list.txt": "甲乙\n"})}
    one = policy(spec={"sources": [source()]})
    first = resolve(observed(policy_=one, config_maps=maps))
    assert resolve(observed(policy_=one, config_maps=maps)) is first
    changed = {"terms": config_map("terms", {"list.txt": "丙丁\n"})}
    assert resolve(observed(policy_=one, config_maps=changed)).hash != first.hash


def test_writing_the_status_of_a_policy_does_not_make_it_another_policy() -> None:
    one = policy()
    first = resolve(observed(policy_=one))
    told = {**one, "status": {"terms": 2}}
    told["metadata"] = {**one["metadata"], "resourceVersion": "99"}
    assert resolve(observed(policy_=told)) is first


def test_terms_that_fit_no_config_map_are_refused_with_how_to_shrink() -> None:
    draw = random.Random(7)  # noqa: S311 - a list that does not compress, the same in every run
    lines = "\n".join(
        "".join(chr(draw.randrange(0x4E00, 0x9FA5)) for _ in range(12)) for _ in range(40_000)
    )
    maps = {"terms": config_map("terms", {"list.txt": lines})}
    seen = observed(policy_=policy(spec={"sources": [source()]}), config_maps=maps)
    made = plan(seen, verdict(), NOW, SETTINGS)
    assert made.status is not None
    assert condition(made.status, ConditionType.POLICY) == ("False", Reason.POLICY_INVALID)
    assert "900 KiB" in message(made.status, ConditionType.POLICY)
    assert "Remove" in message(made.status, ConditionType.POLICY)
    assert made.apply == ()


def test_the_status_of_a_policy_tells_what_its_terms_came_to() -> None:
    made = plan(observed(), verdict(), NOW, SETTINGS)
    told = made.policy_status["default"]
    assert told["byClass"] == {"A1a": 2}
    assert told["terms"] == 2
    assert told["hash"].startswith("sha256:")
    assert [c["type"] for c in told["conditions"]] == ["Ready"]


SHAPES: dict[str, Any] = {
    "sources": [{"name": "a", "riskClass": "A1a", "inline": ["甲乙"]}],
    "actions": {"default": "Block", "byClass": {"A4e": "Mask"}},
    "patterns": [{"name": "number", "riskClass": "A4e", "pattern": r"样本\d{6,8}"}],
    "contexts": [
        {"name": "near", "riskClass": "A1a", "first": ["甲甲"], "second": ["丙丙"], "within": 5}
    ],
}


def test_patterns_and_context_rules_join_the_terms_of_their_class() -> None:
    found = resolve(observed(policy_=policy(spec=SHAPES)))
    assert found.ready
    classes = policy_file.unpack(found.packed, "policy", packed=True)["classes"]
    assert classes["A4e"] == {"action": "Mask", "terms": [], "patterns": [r"样本\d{6,8}"]}
    near = {"first": ["甲甲"], "second": ["丙丙"], "within": 5}
    assert classes["A1a"] == {"action": "Block", "terms": ["甲乙"], "contexts": [near]}


def test_a_pattern_of_unknown_length_makes_the_policy_unusable_and_says_why() -> None:
    spec = SHAPES | {"patterns": [{"name": "x", "riskClass": "A4e", "pattern": "样本.*"}]}
    found = resolve(observed(policy_=policy(spec=spec)))
    assert found.reason is Reason.POLICY_INVALID
    (problem,) = found.problems
    assert "classes.A4e.patterns[0]" in problem.where
    said = problem.render(Lang.EN)
    assert "repeats without end" in said
    assert "样本" not in said


@pytest.mark.parametrize(
    ("context", "field"),
    [
        ({"first": [], "second": ["丙丙"]}, "first"),
        ({"first": ["甲甲"], "second": ["。"]}, "second"),
        ({"first": ["甲甲"], "second": ["丙丙"], "within": 101}, "within"),
    ],
)
def test_a_context_rule_that_cannot_be_held_is_refused(context: MutableJson, field: str) -> None:
    spec = SHAPES | {"contexts": [{"name": "x", "riskClass": "A1a", **context}]}
    found = resolve(observed(policy_=policy(spec=spec)))
    assert [problem.where.rpartition(".")[2] for problem in found.problems] == [field]


def test_prepared_answers_go_to_the_classes_that_say_them() -> None:
    own, common = {"en": "own", "zh": "专"}, {"en": "common", "zh": "通"}
    spec = SHAPES | {
        "actions": {"default": "Replace", "byClass": {"A4e": "Mask"}},
        "answers": [{"riskClasses": ["A1a"], **own}, {"riskClasses": ["A5a"], **common}, common],
    }
    found = resolve(observed(policy_=policy(spec=spec)))
    classes = policy_file.unpack(found.packed, "policy", packed=True)["classes"]
    assert classes["A1a"]["answers"] == [own, common]
    assert "answers" not in classes["A4e"]


def test_replace_without_a_prepared_answer_is_refused() -> None:
    found = resolve(observed(policy_=policy(spec=SHAPES | {"actions": {"default": "Replace"}})))
    assert found.reason is Reason.POLICY_INVALID
    assert {one.where.split(" ")[-1].split(".", 1)[1] for one in found.problems} == {
        "classes.A1a.answers",
        "classes.A4e.answers",
    }


def test_a_threshold_goes_to_its_class_and_one_means_none() -> None:
    actions = {"default": "Block", "thresholds": {"A1a": 3, "A4e": 1}}
    found = resolve(observed(policy_=policy(spec=SHAPES | {"actions": actions})))
    classes = policy_file.unpack(found.packed, "policy", packed=True)["classes"]
    assert classes["A1a"]["threshold"] == 3
    assert "threshold" not in classes["A4e"]


@pytest.mark.parametrize(
    ("actions", "where"),
    [
        ({"default": "Mask", "thresholds": {"A1a": 3}}, "classes.A1a.threshold"),
        ({"thresholds": {"A5b": 3}}, "spec.actions.thresholds.A5b"),
    ],
)
def test_a_threshold_that_could_never_act_is_refused(actions: MutableJson, where: str) -> None:
    found = resolve(observed(policy_=policy(spec=SHAPES | {"actions": actions})))
    assert found.reason is Reason.POLICY_INVALID
    assert [one.where.endswith(where) for one in found.problems] == [True]
