# SPDX-License-Identifier: Apache-2.0
import pytest

from genaiservice.api import names
from genaiservice.api.jsontree import MutableJson
from genaiservice.control.core.facts import facts
from genaiservice.control.core.observed import claims, policy_config_maps
from tests.build import observed, policy, service


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (service(), {"mode": "managed", "replicas": 2, "minReplicas": None}),
        (
            service(managed={"autoscaling": {"minReplicas": 3, "maxReplicas": 5}}),
            {"mode": "managed", "replicas": None, "minReplicas": 3},
        ),
        (service(adopt={}), {"mode": "adopted", "replicas": None, "minReplicas": None}),
        (service(workload={}), {"mode": "", "replicas": None, "minReplicas": None}),
    ],
    ids=["managed", "scaled", "adopted", "neither"],
)
def test_facts_tell_how_the_workload_runs(of: MutableJson, expected: MutableJson) -> None:
    assert facts(observed(of))["workload"] == expected


@pytest.mark.parametrize(
    ("written", "closed"), [(True, True), (False, False), (None, False), ("yes", True)]
)
def test_a_kill_switch_that_is_not_clearly_off_is_on(written: object, closed: bool) -> None:
    of = service()
    of["spec"]["guard"]["killSwitch"] = written
    assert facts(observed(of))["guard"] == {"killSwitch": closed}


def test_a_service_claims_its_own_pods_and_those_its_template_names() -> None:
    assert claims(service("a")) == {"a"}
    label = {"metadata": {"labels": {names.LABEL_SERVICE: "b"}}}
    assert claims(service("a", managed={"template": label})) == {"a", "b"}


def test_the_config_maps_of_a_policy_are_named_once_each() -> None:
    named = [{"configMap": {"name": name}} for name in ("b", "a", "b")]
    sources = [*named, {"inline": ["x"]}]
    assert policy_config_maps(policy(spec={"sources": sources})) == ("a", "b")
    assert policy_config_maps(None) == ()
