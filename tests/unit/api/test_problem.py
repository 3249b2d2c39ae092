# SPDX-License-Identifier: Apache-2.0
"""How a problem reads: sentences in either language, names and commands as they are typed."""

import pytest

from genaiservice.api.problem import Lang, Problem, Text


def problem(step: str) -> Problem:
    return Problem(
        what=Text(en="does not exist", zh="不存在"),
        why=Text(en="its terms are missing.", zh="缺少词条。"),
        next=Text(en=step, zh="请创建"),
        where="ConfigMap/terms",
    )


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        ("create it", "Create it."),
        ("kubectl get pods says more", "kubectl get pods says more."),
        ("configMap.name is to be corrected", "configMap.name is to be corrected."),
        ("spec.guard may name another", "spec.guard may name another."),
    ],
)
def test_a_sentence_begins_with_a_capital_a_name_as_it_is_typed(step: str, shown: str) -> None:
    said = problem(step).render(Lang.EN)
    assert said == f"ConfigMap/terms: does not exist. Its terms are missing. {shown}"


def test_both_languages_in_one_message_come_apart_again() -> None:
    text = Text(en="Stop it.", zh="请停止。")
    assert text.joined() == "请停止。 | Stop it."
    assert Text.parted(text.joined()) == text
    assert Text.parted("one language") == Text(en="one language", zh="one language")
    assert problem("create it").joined().startswith("ConfigMap/terms: 不存在。")


def test_chinese_has_its_own_stops() -> None:
    said = problem("create it").render(Lang.ZH)
    assert said == "ConfigMap/terms: 不存在。缺少词条。请创建。"
