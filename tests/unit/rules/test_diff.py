# SPDX-License-Identifier: Apache-2.0
"""What another rule pack would change, for rules, numbers and services."""

from datetime import date
from typing import Any

import yaml

from genaiservice.rules.cases import FACTS
from genaiservice.rules.diff import Change, Declared, Difference, RuleChange, diff
from genaiservice.rules.pack import Catalogue, catalogue_of, parse_yaml
from genaiservice.rules.requirement import CASE_DAY
from tests.unit.rules.build import CATALOGUE, declaration
from tests.unit.rules.test_pack import FILES

KEPT = {name: parse_yaml(name, content) for name, content in FILES.items()}


def pack(without: str = "", **files: Any) -> Catalogue:
    """The catalogue without one file, and with others in place."""
    trees = {name: tree for name, tree in KEPT.items() if name != without} | {
        f"{name.replace('__', '-')}.yaml": tree for name, tree in files.items()
    }
    contents = {name: yaml.safe_dump(tree).encode() for name, tree in trees.items()}
    return catalogue_of(contents, parse=lambda name, _: trees[name])


def compared(old: Catalogue, new: Catalogue, *trees: Any, today: date = CASE_DAY) -> Difference:
    declared = [
        Declared(name=f"s{index}", declaration=tree, facts=FACTS)
        for index, tree in enumerate(trees)
    ]
    return diff(old, new, declared, today)


def test_the_same_pack_changes_nothing() -> None:
    found = compared(CATALOGUE, pack(), declaration(), {})
    assert (found.rules, found.services) == ((), ())


def test_a_new_requirement_says_which_services_it_refuses() -> None:
    old = pack(without="IM-14-3.yaml")
    missing = declaration(logs=None)
    found = compared(old, CATALOGUE, declaration(), missing)
    assert found.rules == (RuleChange(id="IM-14-3", change=Change.ADDED),)
    (service,) = found.services
    assert (service.name, service.gate) == ("s1", True)
    (change,) = service.findings
    assert (change.id, change.before) == ("IM-14-3", None)
    assert change.after is not None
    assert change.after.blocks


def test_a_requirement_that_goes_is_told_too() -> None:
    found = compared(CATALOGUE, pack(without="IM-14-3.yaml"), declaration(logs=None))
    assert found.rules == (RuleChange(id="IM-14-3", change=Change.REMOVED),)
    assert found.services[0].findings[0].after is None


def test_another_severity_changes_the_gate() -> None:
    softer = pack(IM__14__3=KEPT["IM-14-3.yaml"] | {"severity": "warn"})
    found = compared(CATALOGUE, softer, declaration(logs=None))
    assert found.rules == (RuleChange(id="IM-14-3", change=Change.CHANGED),)
    assert found.services[0].gate


def test_other_words_change_no_service() -> None:
    title = {"en": "Logs", "zh": "日志"}
    found = compared(
        CATALOGUE, pack(IM__14__3=KEPT["IM-14-3.yaml"] | {"title": title}), declaration(logs=None)
    )
    assert [change.id for change in found.rules] == ["IM-14-3"]
    assert found.services == ()


def test_another_number_is_named_and_judged() -> None:
    limits = KEPT["_limits.yaml"]
    name = "complaints.feedbackWorkingDays"
    stricter = pack(_limits=limits | {name: limits[name] | {"value": 5}})
    found = compared(CATALOGUE, stricter, declaration())
    assert RuleChange(id=name, change=Change.CHANGED, limit=True) in found.rules
    assert [change.id for change in found.services[0].findings] == ["IM-15-1"]


def test_services_whose_gate_changes_come_first() -> None:
    old = pack(without="IM-14-3.yaml")
    refused_anyway = declaration(logs=None, minors=None)
    found = compared(old, CATALOGUE, refused_anyway, declaration(logs=None))
    assert [(service.name, service.gate) for service in found.services] == [
        ("s1", True),
        ("s0", False),
    ]
