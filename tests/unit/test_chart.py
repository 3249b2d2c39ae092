# SPDX-License-Identifier: Apache-2.0
"""The chart's files as they lie there: up to date, closed, and with the names of the contract."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from genaiservice.api import names
from hack import chart
from hack.places import CHART

Json = dict[str, Any]

TEMPLATES = "\n".join(path.read_text() for path in sorted(CHART.rglob("templates/**/*.yaml")))
VALUES = (CHART / "values.yaml").read_text()
SCHEMA: Json = json.loads((CHART / "values.schema.json").read_text())


def test_the_copies_of_the_crds_and_the_table_of_values_are_up_to_date() -> None:
    assert [str(path) for path in chart.stale()] == []


def test_a_changed_crd_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = chart.wanted()
    crd = next(path for path in found if path.name == "guardprofiles.yaml")
    monkeypatch.setattr(chart, "wanted", lambda: found | {crd: found[crd] + "# newer\n"})
    assert chart.stale() == [crd]


def test_every_name_of_our_group_in_the_templates_is_one_of_the_contract() -> None:
    known = {value for value in vars(names).values() if isinstance(value, str)}
    used = set(re.findall(rf"{re.escape(names.GROUP)}/[a-z0-9-]+", TEMPLATES))
    assert sorted(used - known) == []
    assert {names.LABEL_SERVICE, names.GATE, names.ANNOTATION_DIRECTIVE} <= used


@pytest.mark.parametrize(
    "name", [names.GUARD_CONTAINER, names.LEASE, names.KIND_PROFILE, names.PLURAL_SERVICE]
)
def test_the_templates_speak_of(name: str) -> None:
    assert name in TEMPLATES


def test_every_value_has_a_sentence_and_a_place_in_the_schema() -> None:
    documented = {value.path for value in chart.documented(VALUES)}
    assert sorted(set(_leaves(yaml.safe_load(VALUES))) - documented) == []
    jsonschema.Draft202012Validator(SCHEMA).validate(yaml.safe_load(VALUES))


def _leaves(tree: Json, path: str = "") -> Iterator[str]:
    for key, value in tree.items():
        here = f"{path}.{key}".lstrip(".")
        if isinstance(value, dict) and value and here != "resources":
            yield from _leaves(value, here)
        else:
            yield here


@pytest.mark.parametrize(
    "path",
    [
        "replica",
        "image.registry",
        "guard.port",
        "guard.image.name",
        "serviceAccount.create",
        "settings.debug",
        "resources.claims",
        "podDisruptionBudget.minAvailable",
        "metrics.enabled",
        "metrics.serviceMonitor.path",
        "networkPolicy.enable",
        "admission.failurePolicy",
        "rbac.create",
    ],
)
def test_a_value_that_does_not_exist_is_refused(path: str) -> None:
    values = yaml.safe_load(VALUES)
    *parents, key = path.split(".")
    place = values
    for parent in parents:
        place = place[parent]
    place[key] = True
    faults = list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(values))
    assert [key in fault.message for fault in faults] == [True]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("replicas", 0, id="no process at all"),
        pytest.param("settings.pageAllowedNetworks", ["10.8.0.0/99"], id="no such prefix"),
        pytest.param("settings.pageDeniedNetworks", ["fd00::/129"], id="no such prefix of IPv6"),
        pytest.param("image.digest", "sha256:abc", id="half a digest"),
        pytest.param("image.repository", "", id="no image"),
        pytest.param("settings.workers", 1000, id="more workers than the operator takes"),
        pytest.param("admission.exemptNamespaces", ["a'b"], id="a quote in a namespace"),
        pytest.param("admission.guardEnvPrefixes", ["GENAI_"], id="the guard's own variables"),
        pytest.param("admission.guardEnvPrefixes", [""], id="every variable"),
    ],
)
def test_a_bad_value_is_refused(path: str, value: object) -> None:
    values = yaml.safe_load(VALUES)
    *parents, key = path.split(".")
    place = values
    for parent in parents:
        place = place[parent]
    place[key] = value
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(values)


def test_every_message_tells_people_in_both_languages() -> None:
    said = re.findall(r"message(?:Expression)?: >-\n((?: {8}.*\n)+)", TEMPLATES)
    assert len(said) == TEMPLATES.count("reason: Forbidden")
    for message in said:
        assert " |" in message
        assert re.search("[\u4e00-\u9fff]", message)
