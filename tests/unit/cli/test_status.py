# SPDX-License-Identifier: Apache-2.0
"""`status` as a tree: what waits, who has to act, the most urgent first; every kind of status."""

import io
from typing import Any

import pytest

from genaiservice.api.problem import Lang
from genaiservice.cli.commands.status import allowed, show
from genaiservice.cli.terminal import Paper

TEXT = {"en": "words", "zh": "文字"}


def finding(id_: str, owner: str, severity: str = "block", deadline: str = "") -> dict[str, Any]:
    row = {"id": id_, "article": 17, "severity": severity, "owner": owner}
    row |= {"title": TEXT, "message": TEXT, "remedy": TEXT}
    return row | ({"deadline": deadline} if deadline else {})


def body(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "shop", "name": "chat", "generation": 3},
        "status": {"observedGeneration": 3, "rulePack": {"version": "1"}, **status}
        if status
        else {},
    }


def shown(tree: dict[str, Any], lang: Lang = Lang.EN) -> str:
    out = io.StringIO()
    show(Paper(lang, out), tree)
    return out.getvalue()


def test_what_nobody_has_judged_says_so() -> None:
    assert "is the operator running?" in shown(body())
    assert not allowed(body())


def test_a_newer_declaration_that_waits_for_the_operator_says_so() -> None:
    tree = body(rollout={"allowed": True})
    tree["metadata"]["generation"] = 4
    assert "newest declaration" in shown(tree)
    assert allowed(tree)


def test_work_is_grouped_by_who_has_to_act_and_the_most_urgent_comes_first() -> None:
    rows = [
        finding("A", "compliance", "warn"),
        finding("B", "sre"),
        finding("C", "compliance"),
        finding("D", "compliance", deadline="2026-12-01"),
    ]
    lines = shown(body(findings=rows, rollout={"allowed": False})).split("\n")
    assert "compliance (2 blocking, 1 to improve)" in lines
    assert "SRE (1 blocking)" in lines
    order = [line.split()[2] for line in lines if line.startswith(("├─ ✗", "├─ !", "└─ ✗", "└─ !"))]
    assert order == ["D", "C", "A", "B"]
    assert any("D  words" in line and line.endswith("by 2026-12-01") for line in lines)


def test_what_is_done_says_that_nothing_is_to_do() -> None:
    out = shown(body(rollout={"allowed": True, "nextDeadline": "2027-02-09T00:00:00+08:00"}))
    assert "nothing to do" in out
    assert "from 2027-02-09 on" in out


@pytest.mark.parametrize("lang", list(Lang))
def test_a_condition_shows_sign_reason_and_its_words_in_one_language(lang: Lang) -> None:
    rows = [
        {"type": "GuardEnforced", "status": "False", "reason": "X", "message": "中 | mid"},
        {"type": "FilingValid", "status": "True", "reason": "Satisfied", "message": "中 | mid"},
        {"type": "Ready", "status": "Unknown", "reason": "", "message": "no bar"},
    ]
    out = shown(body(conditions=rows), lang)
    said = " ".join(out.split())
    for english, chinese in (
        ("├─ ✗ GuardEnforced X", "├─ ✗ 护栏 GuardEnforced X"),
        ("└─ ✓ FilingValid", "└─ ✓ 备案与登记 FilingValid"),
        ("└─ ? Ready", "└─ ? 提供服务 Ready"),
    ):
        assert (english if lang is Lang.EN else chinese) in said
    assert ("mid" in out) is (lang is Lang.EN)


@pytest.mark.parametrize("status", [{"findings": [{}]}, {"conditions": [{}]}, {"rollout": None}])
def test_a_status_of_another_version_is_shown_as_far_as_it_goes(status: dict[str, Any]) -> None:
    assert "shop/chat" in shown(body(**status))


def test_a_number_that_the_service_replaced_shows_with_the_default() -> None:
    row = {"name": "a.b", "value": 5, "default": 7, "reason": "why", "approver": "Wang"}
    text = shown(body(rulePack={"version": "1", "overrides": [row]}, rollout={"allowed": True}))
    assert "a.b: 5 in place of the rule pack's 7 (why; Wang)" in text
