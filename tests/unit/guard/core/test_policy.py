# SPDX-License-Identifier: Apache-2.0
"""A policy file becomes a policy, or every fault of it is named."""

from typing import Any

import pytest

from genaiservice.api.problem import Lang, ProblemError
from genaiservice.guard.core.effects import Action, Decision, Direction
from genaiservice.guard.core.policy import compile_policy
from genaiservice.guard.core.screener import Screener
from tests.unit.guard.core.talk import POLICY, REFUSAL, policy


def test_a_policy_counts_its_terms_and_keeps_its_hash() -> None:
    assert (POLICY.terms, POLICY.hash, POLICY.mask) == (4, "sha256:test", "＊")
    assert POLICY.enforced is not None
    assert POLICY.flagged is not None
    assert (len(POLICY.enforced), len(POLICY.flagged), POLICY.allowed) == (3, 1, None)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "version": ({"version": 2}, "version"),
    "mask": ({"mask": 5}, "mask"),
    "refusal": ({"refusal": {"en": "x"}}, "refusal.zh"),
    "classes": ({"classes": []}, "classes"),
    "action": ({"classes": {"A1a": {"action": "Drop", "terms": []}}}, "classes.A1a.action"),
    "terms": ({"classes": {"A1a": {"action": "Block", "terms": "ab"}}}, "classes.A1a.terms"),
    "no answers": ({"classes": {"A1a": {"action": "Replace", "terms": []}}}, "classes.A1a.answers"),
    "allow": ({"allow": [1]}, "allow"),
    "switch": ({"normalisation": {"case": "yes"}}, "normalisation"),
    "a term of signs": (
        {"classes": {"A1a": {"action": "Block", "terms": ["违禁", "C++"]}}},
        "classes.A1a.terms[1]",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_named_by_its_place_and_never_quotes_a_term(case: str) -> None:
    patch, where = FAULTS[case]
    with pytest.raises(ProblemError) as caught:
        policy(**patch)
    assert where in [problem.where for problem in caught.value.problems]
    assert "C++" not in "".join(problem.render(Lang.EN) for problem in caught.value.problems)


@pytest.mark.parametrize("tree", [{}, {"version": 1}, {"classes": {"x": 5}, "refusal": REFUSAL}])
def test_an_unshapely_tree_is_a_problem_and_no_traceback(tree: dict[str, Any]) -> None:
    with pytest.raises(ProblemError):
        compile_policy(tree, "h")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ProblemError) as caught:
        policy(version=3, mask=5, allow=7)
    assert len(caught.value.problems) == 3


def test_an_allowed_word_that_contains_no_term_is_dropped() -> None:
    assert policy(allow=["你好"]).allowed is None
    assert policy(allow=["违禁样本管理"]).allowed is not None


ANSWERS = [{"en": f"See the law, {at}.", "zh": f"请参阅相关规定{at}。"} for at in range(3)]
REPLACING = policy(
    classes={
        "A1a": {"action": "Replace", "terms": ["违禁样本"], "answers": ANSWERS},
        "A3a": {"action": "Block", "terms": ["另一样本"]},
    }
)


def test_a_rule_of_a_class_with_prepared_answers_always_gets_the_same_one() -> None:
    said = {REPLACING.reply(f"A1a:{index}", Lang.ZH) for index in range(50)}
    assert said == {answer["zh"] for answer in ANSWERS}
    assert REPLACING.reply("A1a:7", Lang.EN) == REPLACING.reply("A1a:7", Lang.EN)
    assert REPLACING.reply("A3a:0", Lang.ZH) == REFUSAL["zh"]


def test_replace_stops_a_text_as_block_does() -> None:
    assert REPLACING.enforced is not None
    machine = Screener(REPLACING.enforced, REPLACING.allowed, REPLACING.normaliser)
    assert machine.feed("好违禁样本好") == "好"
    assert machine.blocked is not None
    assert machine.blocked.rule.action is Action.BLOCK


def test_the_words_are_those_of_the_choice_that_was_stopped() -> None:
    def stopped(rule: str, choice: int) -> Decision:
        return Decision(
            direction=Direction.OUTPUT,
            action=Action.BLOCK,
            policy="h",
            reason="term",
            rule=rule,
            choice=choice,
        )

    found = [stopped("A3a:0", 0), stopped("A1a:0", 1)]
    assert REPLACING.words(found, Lang.EN, 0) == REFUSAL["en"]
    assert REPLACING.words(found, Lang.EN, 1) == REPLACING.reply("A1a:0", Lang.EN)
    assert REPLACING.words([], Lang.ZH) == REFUSAL["zh"]
