# SPDX-License-Identifier: Apache-2.0
"""The doctor's next steps fit what was seen: what is there and does not run is not installed."""

from typing import Any, cast

import pytest

from genaiservice.api.jsontree import Json
from genaiservice.cli.cluster import Cluster, NotFound
from genaiservice.cli.operating import deployment


class Holding:
    """A cluster that answers every question with one object, or has none."""

    def __init__(self, live: Json | None) -> None:
        self._live = live

    def get(self, path: str) -> Json:
        if self._live is None:
            raise NotFound
        return self._live


@pytest.mark.parametrize(
    ("live", "says"),
    [
        (None, "helm upgrade --install"),
        ({"spec": {"replicas": 2}, "status": {}}, "kubectl -n ops describe pods"),
        ({"spec": {"replicas": 2}, "status": {"readyReplicas": 1}}, ""),
    ],
)
def test_an_operator_that_does_not_run_is_looked_at_and_not_installed_again(
    live: Any, says: str
) -> None:
    (seen,) = deployment(cast(Cluster, Holding(live)), "ops")
    assert says in seen.remedy.en
    assert bool(says) == bool(seen.remedy.en)
    assert ("helm" in seen.remedy.zh) == (live is None)
