# SPDX-License-Identifier: Apache-2.0
"""Further forms of terms: what is written out, and that the guard meets it in every disguise."""

import unicodedata
from itertools import repeat

import pytest

from genaiservice.api import policy_file
from genaiservice.api.jsontree import MutableJson
from genaiservice.api.problem import Problem
from genaiservice.control.core import forms, policy_tree
from genaiservice.control.core.components import COMPONENTS
from genaiservice.control.core.policy import Resolved, resolve
from genaiservice.guard.core.policy import Policy, compile_policy
from genaiservice.guard.core.screener import Screener
from tests.build import observed, policy

PINYIN = (
    ("违禁样本", ["wei jin yang ben"]),
    ("银行行长", ["yin hang hang zhang"]),
    ("重庆市", ["chong qing shi"]),
    ("绿色样", ["lv se yang", "lu se yang"]),
    ("天安", ["tian an"]),
    ("禁", []),
    ("合和", []),  # hehe: fewer than five letters
    ("看av片", []),
    ("样" * 21, []),
)
PARTS = (
    ("违禁", ["违林示", "辶韦禁", "辶韦林示"]),
    ("天天", []),
    ("好" + "天" * 20, []),
    ("好好好好", ["女子好好好", "好女子好好", "好好女子好", "好好好女子", "女子" * 4]),
)


@pytest.mark.parametrize(("term", "said"), PINYIN)
def test_a_chinese_term_is_read_by_its_words(term: str, said: list[str]) -> None:
    assert list(forms.pinyin([term])) == said


@pytest.mark.parametrize(("term", "written"), PARTS)
def test_characters_are_written_in_parts_in_every_combination_that_is_few(
    term: str, written: list[str]
) -> None:
    assert list(forms.components([term])) == written


def test_the_table_has_parts_that_keyboards_have_and_each_character_once() -> None:
    for char, parts in COMPONENTS.items():
        assert len(parts) >= 2
        assert char not in parts
        assert all(unicodedata.category(part) == "Lo" and ord(part) < 0x10000 for part in parts)


def resolved(**switches: bool) -> Resolved:
    spec: MutableJson = {
        "sources": [{"name": "a", "riskClass": "A1a", "inline": ["违禁样本", "好色词"]}],
        "normalisation": switches,
    }
    return resolve(observed(policy_=policy(spec=spec)))


def compiled(**switches: bool) -> Policy:
    tree = policy_file.unpack(resolved(**switches).packed, "policy", packed=True)
    return compile_policy(policy_file.completed(tree), "h")


def test_forms_stand_beside_the_terms_and_do_not_count_as_terms() -> None:
    found = resolved(pinyin=True, components=True)
    part = policy_file.unpack(found.packed, "policy", packed=True)["classes"]["A1a"]
    assert part["pinyin"] == ["hao se ci", "wei jin yang ben"]
    assert "女子色讠司" in part["components"]
    assert found.by_class == {"A1a": 2}
    assert compiled(pinyin=True).terms == 2


def test_without_the_switches_nothing_is_added() -> None:
    part = policy_file.unpack(resolved().packed, "policy", packed=True)["classes"]["A1a"]
    assert set(part) == {"action", "terms"}


DISGUISES = (
    ("pinyin", "weijinyangben"),
    ("pinyin", "wei jin yang ben"),
    ("pinyin", "WeiJin-yangben"),
    ("pinyin", "w e i j i n y a n g b e n"),
    ("pinyin", "wěi jìn yàng běn"),
    ("pinyin", "ｗｅｉ\u200bｊｉｎ yangben"),
    ("components", "辶韦禁木羊本"),
    ("components", "违 林示 样·本"),
    ("components", "女子色词"),
)


@pytest.mark.parametrize(("switch", "text"), DISGUISES)
def test_a_form_is_met_at_every_cut_and_nothing_of_it_leaves(switch: str, text: str) -> None:
    rules, plain = compiled(**{switch: True}), compiled()
    assert rules.enforced is not None
    assert plain.enforced is not None
    whole = f"好，{text}。"
    for size in range(1, len(whole) + 1):
        machine = Screener(rules.enforced, rules.allowed, rules.normaliser)
        cuts = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert "".join(map(machine.feed, cuts)) + machine.flush() == "好，"
        assert machine.blocked is not None
        assert machine.blocked.rule.id.startswith(f"A1a:{switch}:")
    machine = Screener(plain.enforced, plain.allowed, plain.normaliser)
    assert machine.feed(whole) + machine.flush() == whole


@pytest.mark.parametrize(
    "text", ["weijin", "xweijinyangben", "wei jinyang benz", "we ijin yangben"]
)
def test_what_only_looks_like_a_form_leaves(text: str) -> None:
    rules = compiled(pinyin=True)
    assert rules.enforced is not None
    machine = Screener(rules.enforced, rules.allowed, rules.normaliser)
    assert machine.feed(text) + machine.flush() == text


def of_parts() -> tuple[Problem, ...]:
    terms = {"A1a": {"违禁样本"}, "A2a": {"好色词"}}
    return policy_tree.rendered({"normalisation": {"components": True}}, "p", terms, "here")[1]


def test_forms_without_end_are_refused_before_they_take_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(forms.FORMS, "components", lambda _: repeat("氵去"))  # type: ignore[arg-type]
    [problem] = of_parts()
    assert problem.where == "here spec.normalisation.components"
    assert "250,000" in problem.what.en


def test_as_many_forms_as_the_limit_are_made_of_all_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = len(list(forms.components(["违禁样本", "好色词"])))
    monkeypatch.setattr(policy_tree, "FORMS_LIMIT", made)
    assert of_parts() == ()
    monkeypatch.setattr(policy_tree, "FORMS_LIMIT", made - 1)
    assert len(of_parts()) == 1
