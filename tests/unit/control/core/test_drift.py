# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from genaiservice.control.core.drift import differs


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        pytest.param({"a": 1, "b": 2}, {"a": 1}, id="a default added"),
        pytest.param({}, {"a": None, "b": "", "c": [], "d": {}, "e": False, "f": 0}, id="empties"),
        pytest.param(
            {"requests": {"cpu": "500m"}}, {"requests": {"cpu": "0.5"}}, id="quantity rewritten"
        ),
        pytest.param(
            {"ports": [{"containerPort": 1, "protocol": "TCP"}]},
            {"ports": [{"containerPort": 1}]},
            id="protocol defaulted",
        ),
        pytest.param(
            {"env": [{"name": "B"}, {"name": "A", "value": "1"}]},
            {"env": [{"name": "A", "value": "1"}]},
            id="an item of another manager",
        ),
        pytest.param({"emptyDir": {"sizeLimit": "1Gi"}}, {"emptyDir": {"sizeLimit": "1024Mi"}},
                     id="size of a volume"),
    ],
)  # fmt: skip
def test_what_the_api_server_does_is_no_difference(live: Any, wanted: Any) -> None:
    assert not differs(live, wanted)


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        pytest.param(None, {"a": 1}, id="missing object"),
        pytest.param({"a": 1}, {"a": 2}, id="value"),
        pytest.param({"value": "1"}, {"value": "1.0"}, id="text that only looks like a quantity"),
        pytest.param({"ingress": [{}, {}]}, {"ingress": [{}]}, id="a rule too many"),
        pytest.param(
            {"ports": [{"port": 1, "protocol": "TCP"}, {"port": 2, "protocol": "TCP"}]},
            {"ports": [{"port": 1, "protocol": "TCP"}]},
            id="a port too many in a NetworkPolicy",
        ),
        pytest.param({"args": ["a"]}, {"args": ["b"]}, id="argument"),
        pytest.param({"replicas": 2}, {"replicas": 0}, id="zero that is meant"),
        pytest.param(
            {"initContainers": [{"name": "b"}, {"name": "a"}]},
            {"initContainers": [{"name": "a"}, {"name": "b"}]},
            id="order of init containers",
        ),
        pytest.param({"containers": [{"name": "a"}]}, {"containers": [{"name": "b"}]}, id="other"),
    ],
)
def test_what_somebody_changed_is_a_difference(live: Any, wanted: Any) -> None:
    assert differs(live, wanted)
