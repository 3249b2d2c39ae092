# SPDX-License-Identifier: Apache-2.0
"""The CRDs as files: every field teaches and is bounded, the words are those of `api`, and the
examples fit. What only an API server can say (CEL, defaults) is in integration/test_crds.py.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from genaiservice.api import guard_config, names
from genaiservice.api.conditions import ConditionType
from genaiservice.api.policy_file import RISK_CLASSES
from genaiservice.api.problem import ProblemError
from genaiservice.rules.cases import declaration_of
from genaiservice.rules.judge import judge
from genaiservice.rules.pack import load_catalogue
from genaiservice.rules.requirement import Case
from genaiservice.rules.verdict import Finding, Result

ROOT = Path(__file__).parents[2]
COMPLETE = ROOT / "operator" / "genaiservice" / "rules" / "catalogue" / "_complete.yaml"
CRDS = {
    crd["spec"]["names"]["kind"]: crd
    for crd in (yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / "crds").glob("*.yaml"))
}
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))

SCHEMA_WORDS = frozenset(
    {
        *("type", "description", "default", "enum", "format", "pattern", "properties", "required"),
        *("minimum", "maximum", "minLength", "maxLength", "items", "minItems", "maxItems"),
        *("additionalProperties", "maxProperties", "anyOf", "x-kubernetes-int-or-string"),
        *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations"),
        "x-kubernetes-preserve-unknown-fields",
    }
)
LAST_APPLIED_BYTES = 262_144
"""Most that annotations may hold; `kubectl apply` keeps the whole CRD in one."""
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def schema_of(kind: str) -> dict[str, Any]:
    (version,) = CRDS[kind]["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field below, with its path; `metadata` is the API server's own."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        if (path, name) not in {(kind, "metadata") for kind in CRDS}:
            yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


FIELDS = [pair for kind in CRDS for pair in nodes(schema_of(kind), kind)]
RULES = [
    (f"{path}: {rule['rule']}", rule)
    for path, node in FIELDS
    for rule in node.get("x-kubernetes-validations", [])
]


def at(kind: str, path: str) -> dict[str, Any]:
    node = schema_of(kind)
    for step in path.split("."):
        node = node["items"] if step == "[]" else node["properties"][step]
    return node


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` for a tool without CEL: no further fields, and self.matches('…') as a pattern."""
    plain = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes")}
    for rule in schema.get("x-kubernetes-validations", []):
        found = re.match(r"self(\.trim\(\))?\.matches\('((?:[^'\\]|\\.)*)'\)", rule["rule"])
        if found:
            pattern = found[2].replace("\\\\", "\\")
            plain["pattern"] = re.sub(r"\$$", r"\\Z", pattern)  # `$` also stands before a last \n
    if "properties" in plain:
        plain["properties"] = {name: closed(child) for name, child in plain["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            plain["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(plain.get(key), dict):
            plain[key] = closed(plain[key])
    return plain


def validator(kind: str) -> Draft202012Validator:
    schema = closed(schema_of(kind))
    schema["properties"]["metadata"] = {"type": "object"}
    return Draft202012Validator(schema)


def faults(manifest: dict[str, Any]) -> list[str]:
    return [error.message for error in validator(manifest["kind"]).iter_errors(manifest)]


def manifests(kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (str(path.relative_to(ROOT)), manifest)
        for path in EXAMPLES
        for manifest in yaml.safe_load_all(path.read_text("utf-8"))
        if manifest["kind"] == kind
    ]


SERVICES = dict(manifests(names.KIND_SERVICE))
POLICIES = dict(manifests(names.KIND_POLICY))
COMPLETE_SERVICES = {
    path: service
    for path, service in SERVICES.items()
    if "licences" in service["spec"]["compliance"]
}


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        (names.KIND_SERVICE, names.PLURAL_SERVICE),
        (names.KIND_PROFILE, names.PLURAL_PROFILE),
        (names.KIND_POLICY, names.PLURAL_POLICY),
    ],
)
def test_group_version_and_names_are_those_of_the_contract(kind: str, plural: str) -> None:
    spec = CRDS[kind]["spec"]
    assert CRDS[kind]["metadata"]["name"] == f"{plural}.{names.GROUP}"
    assert (spec["group"], spec["names"]["plural"]) == (names.GROUP, plural)
    assert [version["name"] for version in spec["versions"]] == [names.VERSION]
    assert spec["scope"] == "Namespaced"


def test_every_field_has_a_description_that_says_something() -> None:
    silent = [path for path, node in FIELDS if len(node.get("description", "")) < 2]
    assert silent == []


def test_every_word_of_a_schema_is_known() -> None:
    # A comma in a flow description makes a key of its own, which the API server drops silently.
    strange = [(path, set(node) - SCHEMA_WORDS) for path, node in FIELDS]
    assert [pair for pair in strange if pair[1]] == []


def test_every_string_is_bounded() -> None:
    open_ended = [
        path
        for path, node in FIELDS
        if node.get("type") == "string" and not {"maxLength", "enum"} & set(node)
    ]
    assert open_ended == []


def test_every_list_and_every_map_is_bounded() -> None:
    lists = [p for p, node in FIELDS if node.get("type") == "array" and "maxItems" not in node]
    maps = [
        p for p, node in FIELDS if "additionalProperties" in node and "maxProperties" not in node
    ]
    assert lists + maps == []


def test_every_number_that_people_write_is_bounded() -> None:
    open_ended = [
        path
        for path, node in FIELDS
        if ".spec." in path
        and node.get("type") in ("integer", "number")
        and not {"minimum", "maximum"} <= set(node)
    ]
    assert open_ended == []


def test_every_list_says_how_it_merges() -> None:
    lists = [(path, node) for path, node in FIELDS if node.get("type") == "array"]
    assert [path for path, node in lists if "x-kubernetes-list-type" not in node] == []


@pytest.mark.parametrize("rule", [rule for _, rule in RULES], ids=[where for where, _ in RULES])
def test_every_rule_says_what_to_write_in_chinese_and_english(rule: dict[str, str]) -> None:
    chinese, bar, english = rule["message"].partition(" | ")
    assert bar
    assert CHINESE.search(chinese)
    assert not CHINESE.search(english)
    assert re.search(r"\b(write|correct|copy|remove|begin)\b", english)


def test_nothing_that_is_declared_has_a_default() -> None:
    compliance = nodes(at(names.KIND_SERVICE, "spec.compliance"), "spec.compliance")
    assert [path for path, node in compliance if "default" in node] == []


def test_no_item_of_a_list_has_a_default() -> None:
    # kubectl compares lists whole: with a default in an item, every apply says "configured".
    assert [path for path, node in FIELDS if "[]" in path and "default" in node] == []


def test_printer_columns_name_conditions_that_exist() -> None:
    known = {condition.value for condition in ConditionType}
    for crd in CRDS.values():
        for column in crd["spec"]["versions"][0]["additionalPrinterColumns"]:
            assert set(re.findall(r'@\.type=="(\w+)"', column["jsonPath"])) <= known


def test_a_service_prints_the_gate_five_duties_the_guard_and_its_age() -> None:
    columns = CRDS[names.KIND_SERVICE]["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [column["name"] for column in columns if not column.get("priority")]
    assert shown == (
        ["Gate", "Filing", "Assessment", "Labelling", "Minors", "Complaints", "Guard", "Age"]
    )


def test_a_finding_in_status_has_the_fields_of_a_finding() -> None:
    finding = at(names.KIND_SERVICE, "status.findings.[]")
    assert set(finding["properties"]) == {field.name for field in fields(Finding)}


def test_the_guard_has_the_names_and_ports_of_the_contract() -> None:
    container = at(names.KIND_PROFILE, "spec.container")
    assert container["properties"]["name"]["enum"] == [names.GUARD_CONTAINER]
    port = at(names.KIND_SERVICE, "spec.guard.port")
    assert port["default"] == names.GUARD_PORT
    (rule,) = port["x-kubernetes-validations"]
    assert rule["rule"] == f"self != {names.GUARD_ADMIN_PORT}"


def test_risk_classes_are_the_same_everywhere() -> None:
    library = at(names.KIND_SERVICE, "spec.compliance.contentSafety.keywordLibrary.perRisk")
    assert tuple(library["properties"]) == RISK_CLASSES
    source = at(names.KIND_POLICY, "spec.sources.[].riskClass")
    assert tuple(source["enum"]) == RISK_CLASSES
    (rule,) = at(names.KIND_POLICY, "spec.actions.byClass")["x-kubernetes-validations"]
    allowed = re.findall(r"matches\('(.+)'\)", rule["rule"])[0]
    letters = [f"A{number}{letter}" for number in range(10) for letter in "abcdefghijkl"]
    assert tuple(name for name in letters if re.search(allowed, name)) == RISK_CLASSES


@pytest.mark.parametrize("kind", CRDS)
def test_a_crd_fits_into_the_annotation_of_kubectl_apply(kind: str) -> None:
    written = json.dumps(CRDS[kind], ensure_ascii=False, separators=(",", ":"))
    escaped = 5 * sum(written.count(sign) for sign in "&<>")  # kubectl writes \u0026 for &
    assert len(written.encode()) + escaped < LAST_APPLIED_BYTES * 0.9


@pytest.mark.parametrize("path", [*SERVICES, *POLICIES])
def test_an_example_fits_the_schema(path: str) -> None:
    assert faults((SERVICES | POLICIES)[path]) == []


def test_the_complete_declaration_of_the_catalogue_fits_the_schema() -> None:
    service = SERVICES["examples/chat-managed/genaiservice.yaml"]
    declaration = yaml.safe_load(COMPLETE.read_text("utf-8"))
    assert faults(service | {"spec": service["spec"] | {"compliance": declaration}}) == []


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"typo": 1}, "'typo' was unexpected"),
        ({"compliance": {"serviceStartOn": "31/12/2026"}}, "'31/12/2026' does not match"),
        ({"compliance": {"profile": "Lax"}}, "'Lax' is not one of"),
        ({"guard": {"moderationPolicy": "default", "port": 0}}, "0 is less than the minimum"),
    ],
)
def test_the_schema_refuses_without_an_api_server_too(spec: dict[str, Any], says: str) -> None:
    service = SERVICES["examples/chat-managed/genaiservice.yaml"]
    (fault,) = faults(service | {"spec": service["spec"] | spec})
    assert says in fault


@pytest.mark.parametrize("path", COMPLETE_SERVICES)
def test_a_complete_example_declares_what_the_catalogue_calls_complete(path: str) -> None:
    complete = yaml.safe_load(COMPLETE.read_text("utf-8"))
    assert COMPLETE_SERVICES[path]["spec"]["compliance"] == complete


@pytest.mark.parametrize("path", SERVICES)
def test_only_complete_examples_are_allowed_to_roll_out(path: str) -> None:
    spec = SERVICES[path]["spec"]
    mode = "managed" if "managed" in spec["workload"] else "adopted"
    facts = {
        "service": {
            "name": SERVICES[path]["metadata"]["name"],
            "namespace": "shop",
            "displayName": spec["displayName"],
        },
        "workload": {"mode": mode, "replicas": 2, "minReplicas": None},
        "guard": {"killSwitch": False},
    }
    verdict = judge(load_catalogue(), spec["compliance"], facts, date(2026, 11, 25))
    assert verdict.allowed == (path in COMPLETE_SERVICES)


def test_four_examples_are_complete_and_three_are_not() -> None:
    assert len(COMPLETE_SERVICES) == 4
    assert len(SERVICES) == 7


CATALOGUE = load_catalogue()
CASES = {
    f"{compiled.requirement.id}: {case.name}": case
    for compiled in CATALOGUE.requirements
    for case in compiled.requirement.cases
}
PASSING = {name: case for name, case in CASES.items() if case.expect is Result.PASS}
NAMING = {name: case for name, case in CASES.items() if case.field}


@pytest.mark.parametrize("case", PASSING.values(), ids=PASSING)
def test_what_a_rule_lets_pass_can_be_written(case: Case) -> None:
    service = SERVICES["examples/chat-managed/genaiservice.yaml"]
    declaration = declaration_of(case, CATALOGUE.complete)
    assert faults(service | {"spec": service["spec"] | {"compliance": declaration}}) == []


@pytest.mark.parametrize("case", NAMING.values(), ids=NAMING)
def test_a_field_that_a_finding_names_exists(case: Case) -> None:
    path = re.sub(r"\[\d+\]", ".[]", case.field or "")
    assert at(names.KIND_SERVICE, path)["description"]


# What the schema accepts for the guard, the guard accepts ---------------------------------------


LEAST: dict[str, Any] = {"upstream": {"url": "http://127.0.0.1:8000"}, "policyFile": "policy.json"}


def taken_by_guard(**settings: Any) -> bool:
    try:
        return bool(guard_config.parse(LEAST | settings))
    except ProblemError:
        return False


@pytest.mark.parametrize("bound", ["minimum", "maximum"])
@pytest.mark.parametrize("group", ["upstream", "limits"])
def test_the_guard_takes_every_number_that_the_schema_takes(group: str, bound: str) -> None:
    numbers = at(names.KIND_SERVICE, f"spec.guard.{group}")["properties"]
    values = {name: node[bound] for name, node in numbers.items()}
    assert taken_by_guard(**{group: LEAST.get(group, {}) | values})


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/health", "/v1/a:b", "/a%20b", "health", "", "/a b", "/a?b", "/a#b"),
        *('/a"b', "/a\\b", "/a*", "/ä", "/a\n"),
    ],
)
def test_schema_and_guard_agree_on_paths(path: str) -> None:
    items = closed(at(names.KIND_SERVICE, "spec.guard.paths"))
    assert Draft202012Validator(items).is_valid([path]) == taken_by_guard(paths=[path])


@pytest.mark.parametrize(
    ("endpoint", "sound"),
    [
        ("http://otel-collector:4318", True),
        ("https://otel.example.cn/v1/traces", True),
        ("otel-collector:4318", False),
        ("http://user:secret@otel:4318", False),
        ("http://otel:4318?key=secret", False),
        (" http://otel:4318", False),
    ],
)
def test_schema_and_guard_agree_on_the_collector(endpoint: str, sound: bool) -> None:
    schema = closed(at(names.KIND_SERVICE, "spec.guard.telemetry"))
    telemetry = {"otlpEndpoint": endpoint}
    assert Draft202012Validator(schema).is_valid(telemetry) == sound
    assert taken_by_guard(telemetry=telemetry) == sound
