# SPDX-License-Identifier: Apache-2.0
"""What the API server would refuse is said beforehand, with what to write instead."""

import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
import yaml

from genaiservice.api import names
from genaiservice.cli import cel
from genaiservice.cli.kept import crds
from genaiservice.cli.schema import defaulted, faults, node_at
from genaiservice.cli.wording import described
from genaiservice.rules.cases import put, steps_of
from tests.unit.cli.run import ROOT

EXAMPLE = ROOT / "examples" / "chat-managed" / "genaiservice.yaml"


def service(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    for path, value in changes.items():
        put(body, steps_of(path), value)
    return body


def only(body: dict[str, Any]) -> tuple[str, str, str, str]:
    (fault,) = faults(body)
    return fault.code, fault.field, fault.problem.what.en, fault.problem.next.en


def test_every_example_can_be_applied() -> None:
    assert faults(service()) == []


@pytest.mark.parametrize(
    ("path", "value", "code", "says"),
    [
        (
            "spec.compliance.scope.audience",
            "PublikMainland",
            "enum",
            "did you mean PublicMainland?",
        ),
        ("spec.compliance.provider.provinceCode", 110000, "type", 'put it in quotes: "110000"'),
        ("spec.compliance.scope.apiOffered", "yes", "type", "write true without quotes"),
        ("spec.guard.port", "８７９２", "type", "write 8792 without quotes"),
        ("spec.guard.port", 0, "limit", "write 1 or more"),
        ("spec.compliance.scope.modalities", "text", "type", "write a list: [text]"),
        ("spec.compliance.serviceStartOn", "2025-02-30", "pattern", "write a day of the calendar"),
        ("spec.compliance.serviceStartOn", "２０２６-０７-２０", "pattern", 'write "2026-07-20"'),
        ("spec.compliance.serviceStartOn", " 2026-07-20", "pattern", 'write "2026-07-20"'),
        (
            "spec.compliance.scope.modalities",
            ["text", "text"],
            "duplicate",
            "remove one of the two",
        ),
        ("spec.displayName", "x" * 101, "limit", "write at most 100 characters"),
        ("spec.compliance.filings[0].number", "", "rule", ""),
        ("spec.guard.port", 8000, "rule", ""),
        ("spec.guard.port", 8791, "rule", ""),
        ("spec.compliance.scope", None, "", ""),
    ],
)
def test_a_fault_names_the_field_and_what_to_write(
    path: str, value: Any, code: str, says: str
) -> None:
    body = service()
    put(body, steps_of(path), value)
    if not code:
        assert faults(body) == []
        return
    found = only(body)
    assert found[:2] == (f"schema/{code}", path)
    assert says in found[3]


@pytest.mark.parametrize(
    ("path", "name", "says"),
    [
        ("spec", "gard", "did you mean guard?"),
        ("spec.guard", "killswitch", "did you mean killSwitch?"),
        ("spec.guard", "kill_switch", "did you mean killSwitch?"),
        ("spec.compliance", "publicHosts", "move it to spec.compliance.scope.publicHosts"),
        ("spec.compliance.provider", "zzz", "known here: aigcProviderCode"),
    ],
)
def test_an_unknown_field_has_a_likely_name_or_place(path: str, name: str, says: str) -> None:
    body = service()
    put(body, [*steps_of(path), name], 1)
    code, field, _, next_ = only(body)
    assert (code, field) == ("schema/unknown-field", f"{path}.{name}")
    assert says in next_


@pytest.mark.parametrize("version", ["compliance.genai.dev/v1", "compliance.genai.dev/", None])
def test_a_version_that_no_api_server_serves_is_refused(version: str | None) -> None:
    code, field, _, next_step = only(service(apiVersion=version))
    assert (code, field) == ("schema/version", "apiVersion")
    assert next_step == "write apiVersion: compliance.genai.dev/v1alpha1"


def test_a_missing_name_is_asked_for_in_words() -> None:
    body = service()
    del body["metadata"]["name"]
    code, field, _, next_step = only(body)
    assert (code, field) == ("schema/required", "metadata.name")
    assert "for example chat" in next_step


def test_a_container_may_have_fields_that_the_crd_does_not_list() -> None:
    path = "spec.workload.managed.template.spec.containers[0]"
    assert faults(service(**{f"{path}.stdin": True})) == []


def test_both_ways_of_running_at_once_contradict_each_other() -> None:
    code, field, what, _ = only(service(**{"spec.workload.adopt": {}}))
    assert (code, field) == ("schema/rule", "spec.workload")
    assert "exactly one of managed" in what


def test_a_name_that_cannot_be_a_service_is_refused() -> None:
    code, _, what, _ = only(service(**{"metadata.name": "Chat_1"}))
    assert code == "schema/rule"
    assert "metadata.name" in what


def test_two_entries_with_one_key_are_refused() -> None:
    body = service(**{"spec.compliance.minors.bands[1].band": "U3"})
    assert only(body)[:2] == ("schema/duplicate", "spec.compliance.minors.bands[1].band")


def test_every_fault_is_told_in_two_languages() -> None:
    body = service(**{"spec.compliance.scope.audience": 5, "spec.typo": 1, "spec.guard": {}})
    found = faults(body)
    assert {"schema/enum", "schema/unknown-field"} < {fault.code for fault in found}
    for fault in found:
        for text in (fault.problem.what, fault.problem.next, fault.problem.why):
            assert text.en
            assert any("\u4e00" <= sign <= "\u9fff" for sign in text.zh), text.zh


@pytest.mark.parametrize("value", [10**30, float("1e300"), "\ud800", -(2**63) - 1])
def test_a_value_that_json_cannot_carry_is_a_fault_and_no_traceback(value: Any) -> None:
    assert faults(service(**{"spec.guard.port": value}))


def test_defaults_are_those_of_the_api_server() -> None:
    filled = defaulted(service())
    assert filled["spec"]["guard"]["suspendGraceSeconds"] == 30
    assert filled["spec"]["guard"]["limits"]["drainSeconds"] == 30


def rules_of(node: Any) -> list[str]:
    found = [rule["rule"] for rule in node.get("x-kubernetes-validations", ())]
    children = [
        *node.get("properties", {}).values(),
        node.get("items"),
        node.get("additionalProperties"),
    ]
    return found + [
        rule for child in children if isinstance(child, dict) for rule in rules_of(child)
    ]


RULES = sorted(
    {
        rule
        for crd in crds().values()
        for rule in rules_of(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    }
)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_of_every_crd_can_be_evaluated_offline(rule: str) -> None:
    assert callable(cel.compiled(rule))


@pytest.mark.parametrize(
    ("rule", "value", "holds"),
    [
        ("self.a >= 1 && self.a < 3", {"a": 2}, True),
        ("self.a >= 1 && self.a < 3", {"a": 3}, False),
        ("!has(self.a) || self.a == 'x'", {}, True),
        ("!has(self.a) || self.a == 'x'", {"a": "y"}, False),
        ("has(self.a) != has(self.b)", {"a": 1, "b": 1}, False),
        ("self in ['a', 'b']", "b", True),
        ("self.all(c, c.name != 'x')", [{"name": "y"}, {"name": "x"}], False),
        ("self.size() == 0 || self[0] > 1", [2], True),
        ("self.trim() != ''", "  ", False),
        ("self.matches('^a$')", "a\n", False),
        ("!format.date().validate(self).hasValue()", "2025-02-30", False),
        ("!format.date().validate(self).hasValue()", "2024-02-29", True),
        ("self.all(n, type(self[n]) == int || isQuantity(self[n]))", {"a": 1, "b": "5Mi"}, True),
        ("self.all(n, type(self[n]) == int || isQuantity(self[n]))", {"b": "5MiB"}, False),
        *(
            (
                "timestamp(self.b) - timestamp(self.a) <= duration('2h')",
                {"a": "2026-12-01T00:00:00Z", "b": later},
                holds,
            )
            for later, holds in (
                ("2026-12-01T10:00:00+08:00", True),
                ("2026-12-01T02:00:01Z", False),
                ("2026-12-01T02:00:00", False),
                ("tomorrow", False),
            )
        ),
        ("self.missing == 1", {}, False),
        ("self.a > 'x'", {"a": 1}, False),
    ],
)
def test_rules_mean_what_cel_means(rule: str, value: Any, holds: bool) -> None:
    assert cel.compiled(rule)(value) is holds


@pytest.mark.parametrize(
    "rule", ["self.nope()", "self ==", "self.map(x, x)", "#", "1 + ", "a ? b : c"]
)
def test_a_rule_that_is_not_covered_is_refused_at_once(rule: str) -> None:
    with pytest.raises((cel.CelError, IndexError)):
        cel.compiled(rule)


def test_every_kind_of_the_product_has_its_schema() -> None:
    assert set(crds()) >= {names.KIND_SERVICE, names.KIND_PROFILE, names.KIND_POLICY}


CHINESE = re.compile("[\u4e00-\u9fff]")


def declared(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from declared(child.get("items", child), f"{path}.{name}")


def test_every_field_of_a_service_is_described_in_chinese() -> None:
    node = node_at("spec")
    silent = [path for path, child in declared(node) if not CHINESE.search(described(child).zh)]
    assert silent == []
    english = re.compile(r"\b(the|which|of|when)\b")
    assert [path for path, child in declared(node) if english.search(described(child).zh)] == []


def test_no_chinese_description_is_of_a_field_that_is_gone() -> None:
    text = (resources.files("genaiservice.cli") / "fields.zh.yaml").read_text("utf-8")
    words = yaml.safe_load(text)
    paths = [f"spec.compliance.{path}" for path in words["fields"]]
    paths += [f"spec.{path}" for path in words["service"]]
    gone = [path for path in paths if "x-zh" not in (node_at(path.removesuffix("[]")) or {})]
    assert gone == []
