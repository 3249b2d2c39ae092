# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from genaiservice.api.declared import Mode, compliance, guard, workload
from tests.build import service


def test_a_view_shows_what_is_declared() -> None:
    spec = service(managed={"replicas": 4, "port": 9001}, guard={"port": 9000})["spec"]
    seen = workload(spec)
    assert (seen.mode, seen.replicas, seen.port) == (Mode.MANAGED, 4, 9001)
    assert (guard(spec).port, guard(spec).policy) == (9000, "default")
    assert compliance(spec)["complaints"]


@pytest.mark.parametrize(
    ("sides", "mode"),
    [
        ({"managed": {"template": {}}}, Mode.MANAGED),
        ({"adopt": {}}, Mode.ADOPTED),
        ({}, Mode.NONE),
        ({"managed": {}, "adopt": {}}, Mode.NONE),
        ({"adopt": None}, Mode.NONE),
    ],
)
def test_exactly_one_way_to_run_is_a_mode(sides: Any, mode: Mode) -> None:
    assert workload({"workload": sides}).mode is mode


@pytest.mark.parametrize("junk", [None, [], "x", 7, {"guard": 1, "workload": [1]}, {"guard": []}])
def test_what_the_schema_does_not_allow_reads_as_absent(junk: Any) -> None:
    assert workload(junk).mode is Mode.NONE
    assert guard(junk).port == 8790
    assert compliance(junk) == {}


def test_bounds_of_an_autoscaler_never_cross() -> None:
    scaled = workload(
        {"workload": {"managed": {"autoscaling": {"minReplicas": 5, "maxReplicas": 3}}}}
    ).autoscaling
    assert scaled is not None
    assert scaled.max_replicas == 5
