# SPDX-License-Identifier: Apache-2.0
"""What tests of several rooms share: the real control plane and what lies in it."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.build import CannotBuild, programs
from hack.cluster import ControlPlane, running
from hack.collector import Collector, collecting
from hack.install import grant_rights
from tests.wait import eventually

OPERATOR = ("genai-system", "genaiservice-operator")
"""Namespace and name of the operator's service account."""


def pytest_collection_finish(session: pytest.Session) -> None:
    # Here and not in the fixture: the first build takes longer than any test may.
    if session.config.option.collectonly:
        return
    if any(item.get_closest_marker("integration") for item in session.items):
        capture = session.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            try:
                programs()
            except CannotBuild as problem:
                pytest.exit(str(problem), returncode=3)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """One real control plane for the whole run; see `hack.cluster.ControlPlane`."""
    with running(programs()) as plane:
        yield plane


@pytest.fixture
def namespace(control_plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for this test alone, with its default service account in place."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    name = f"{words}-{uuid.uuid4().hex[:6]}"
    path = f"/api/v1/namespaces/{name}"
    control_plane.api.ensure(path, kind="Namespace")
    account = f"{path}/serviceaccounts/default"
    eventually(lambda: control_plane.api.exists(account))  # pods are refused before it is there
    yield name
    control_plane.api.request("DELETE", path)


@pytest.fixture(scope="module")
def operator_kubeconfig(control_plane: ControlPlane) -> Path:
    """For an operator under test: its own service account, with the chart's rights and no others.

    Anew for each module: who takes the chart away takes the account and its tokens along.
    """
    namespace, name = OPERATOR
    path = control_plane.kubeconfig_of(namespace, name)
    grant_rights(control_plane, namespace)
    return path


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """One real OpenTelemetry Collector; `hack.story.traces.read` reads the spans in its file."""
    with collecting(programs()) as running_collector:
        yield running_collector
