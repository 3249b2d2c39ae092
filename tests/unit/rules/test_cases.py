# SPDX-License-Identifier: Apache-2.0
"""Cases become declarations of their own: changing one changes neither file nor catalogue."""

import copy
from typing import Any

from genaiservice.rules.cases import declaration_of, facts_of, put, steps_of
from tests.unit.rules.build import CATALOGUE, RULES


def wipe(tree: Any) -> None:
    """Changes everything that can be changed in place."""
    for inner in list(tree.values()) if isinstance(tree, dict) else list(tree):
        if isinstance(inner, dict | list):
            wipe(inner)
    tree.clear()


def test_a_declaration_of_a_case_shares_nothing_with_the_catalogue() -> None:
    cases = [case for compiled in RULES.values() for case in compiled.requirement.cases]
    before = copy.deepcopy((CATALOGUE.complete, [(case.patch, case.put) for case in cases]))
    for case in cases:
        wipe(declaration_of(case, CATALOGUE.complete))
    assert before == (CATALOGUE.complete, [(case.patch, case.put) for case in cases])


def test_facts_of_a_case_are_a_patch_on_those_of_the_complete_service() -> None:
    (case,) = (
        case for case in RULES["IM-13-1"].requirement.cases if case.name == "workload keeps more"
    )
    assert facts_of(case)["workload"] == {"mode": "managed", "replicas": 3, "minReplicas": None}
    assert facts_of(case)["service"]["name"] == "chat"


def test_a_path_names_keys_and_items() -> None:
    assert steps_of("filings[0].covers.services[12]") == ["filings", 0, "covers", "services", 12]


def test_values_are_set_appended_and_removed_by_path() -> None:
    tree: Any = {"list": [{"a": 1}]}
    put(tree, ["list", 1], {"a": 2})
    put(tree, ["list", 0, "a"], None)
    put(tree, ["new"], True)
    assert tree == {"list": [{}, {"a": 2}], "new": True}
