# SPDX-License-Identifier: Apache-2.0
"""Every field that the rules name exists in the CRD, and the values they accept are values there.

The CRD is the one source of the schema: a rule about a field that nobody can declare would hold a
service for ever.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from genaiservice.rules.cases import declaration_of
from genaiservice.rules.requirement import Step
from genaiservice.rules.verdict import Result
from genaiservice.rules.vocabulary import VOCABULARY
from tests.unit.rules.build import CATALOGUE, RULES

CRD = yaml.safe_load(
    (Path(__file__).parents[3] / "crds" / "genaiservices.yaml").read_text(encoding="utf-8")
)
COMPLIANCE = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"][
    "properties"
]["compliance"]
DEFINITIONS = CATALOGUE.definitions
STEPS = [(rule, step) for rule, compiled in RULES.items() for step in compiled.requirement.steps]


def node_at(path: str, node: Any = COMPLIANCE) -> Any:
    for part in path.replace("[]", ".[]").split("."):
        node = node["items"] if part == "[]" else node["properties"][part]
    return node


def fields_of(step: Step) -> Iterator[str]:
    yield step.field
    if step.at is not None:
        yield step.at
    if step.check is not None:
        for name in VOCABULARY[step.check.name].paths:
            named = step.check.arguments[name]
            yield from [named] if isinstance(named, str) else named


def schemas_of(step: Step) -> Iterator[tuple[Any, Any]]:
    """The schemas of a step, each with the node of the CRD that it speaks of."""
    if step.when is not None:
        yield step.when, COMPLIANCE
    if step.where is not None:
        yield step.where, node_at(step.field.partition("[]")[0] + "[]")
    if step.schema is not None:
        yield step.schema, node_at(step.field)
    if step.check is not None and "where" in step.check.arguments:
        yield (
            step.check.arguments["where"],
            node_at(step.check.arguments["fields"][0].partition("[]")[0] + "[]"),
        )


def strangers(schema: Any, node: Any, trail: str = "") -> Iterator[str]:
    """Properties and values that a schema names and the CRD does not know."""
    if not isinstance(schema, dict):
        return
    for value in [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]:
        if "enum" in node and value not in node["enum"]:
            yield f"{trail} = {value}"
    if "$ref" in schema:
        yield from strangers(DEFINITIONS[schema["$ref"].removeprefix("#/$defs/")], node, trail)
    for name in schema.get("required", ()):
        if name not in node.get("properties", {}):
            yield f"{trail}.{name}"
    for name, inner in schema.get("properties", {}).items():
        if name in node.get("properties", {}):
            yield from strangers(inner, node["properties"][name], f"{trail}.{name}")
        else:
            yield f"{trail}.{name}"
    for name in ("items", "contains"):
        if name in schema:
            yield from strangers(schema[name], node.get("items", {}), f"{trail}[]")
    for name in ("not", "if", "then", "else"):
        yield from strangers(schema.get(name), node, trail)
    for name in ("allOf", "anyOf", "oneOf"):
        for inner in schema.get(name, ()):
            yield from strangers(inner, node, trail)


@pytest.mark.parametrize("field", sorted({field for _, step in STEPS for field in fields_of(step)}))
def test_a_field_that_a_rule_names_is_in_the_crd(field: str) -> None:
    assert node_at(field)["description"]


@pytest.mark.parametrize("rule", RULES)
def test_a_condition_names_only_what_the_crd_knows(rule: str) -> None:
    requirement = RULES[rule].requirement
    conditions = [requirement.applies_when, *(level.when for level in requirement.severity)]
    found = [stranger for schema in conditions for stranger in strangers(schema, COMPLIANCE)]
    for step in requirement.steps:
        for schema, node in schemas_of(step):
            found += strangers(schema, node)
    assert not found


def test_the_search_for_strangers_finds_them() -> None:
    schema = {"properties": {"scope": {"required": ["moon"]}, "profile": {"const": "Moon"}}}
    assert list(strangers(schema, COMPLIANCE)) == [".scope.moon", ".profile = Moon"]


def test_what_passes_a_rule_is_accepted_by_the_crd() -> None:
    crd = Draft202012Validator(closed(COMPLIANCE))
    faults = [
        f"{rule}: {case.name}: {'/'.join(map(str, error.absolute_path))}: {error.message}"
        for rule, compiled in RULES.items()
        for case in compiled.requirement.cases
        if case.expect is Result.PASS
        for error in crd.iter_errors(declaration_of(case, CATALOGUE.complete))
    ]
    assert not faults


def closed(node: Any) -> Any:
    """The structural schema as the API server reads it with strict field validation."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    shut = {key: closed(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        shut["additionalProperties"] = False
    return shut
