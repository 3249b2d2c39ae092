# SPDX-License-Identifier: Apache-2.0
"""A port where nobody listens, or where the guard does, is told before the pods are made."""

from typing import Any

import pytest

from genaiservice.cli.ports import misfits
from tests.unit.cli.run import complete, genaictl


def body(managed: Any, **guard: Any) -> dict[str, Any]:
    return {"spec": {"workload": {"managed": managed}, "guard": guard}}


def template(**container: Any) -> dict[str, Any]:
    return {"spec": {"containers": [container]}}


@pytest.mark.parametrize(
    ("port", "container", "told"),
    [
        (8000, {"args": ["--port=8000"]}, []),
        (9000, {"args": ["--port=8000"]}, ["spec.workload.managed.port"]),
        (9000, {"command": ["serve", "--port", "8000"]}, ["spec.workload.managed.port"]),
        (9000, {"readinessProbe": {"httpGet": {"port": 8000}}}, ["spec.workload.managed.port"]),
        (9000, {"ports": [{"containerPort": 8000}, {"containerPort": 9000}]}, []),
        (9000, {"readinessProbe": {"httpGet": {"port": "http"}}}, []),
        (9000, {}, []),
        (None, {"args": ["--port=8000"]}, []),
        (8000, {"ports": [{"containerPort": 8000}, {"containerPort": 8790}]},
         ["spec.workload.managed.template"]),
        (8000, {"ports": "junk", "args": {"a": 1}, "readinessProbe": []}, []),
    ],
)  # fmt: skip
def test_ports_that_do_not_fit_are_named(
    port: int | None, container: dict[str, Any], told: list[str]
) -> None:
    managed = {"template": template(**container)} | ({"port": port} if port else {})
    assert [one.where for one in misfits(body(managed))] == told


def test_the_guards_own_port_may_be_moved_out_of_the_way() -> None:
    managed = {"port": 8790, "template": template(args=["--port=8790"])}
    assert list(misfits(body(managed, port=8800))) == []


def test_a_container_that_names_no_port_may_be_the_model() -> None:
    beside = {"name": "exporter", "ports": [{"containerPort": 9100}]}
    managed = {"port": 8000, "template": {"spec": {"containers": [{"name": "model"}, beside]}}}
    assert list(misfits(body(managed))) == []


@pytest.mark.parametrize(
    "junk",
    [
        None,
        5,
        [],
        {"template": 1},
        {"template": {"spec": []}},
        {"template": {"spec": {"containers": []}}},
    ],
)
def test_junk_is_left_to_the_schema(junk: Any) -> None:
    assert list(misfits(body(junk))) == []


def test_check_warns_and_does_not_refuse() -> None:
    ran = genaictl("check", "-", "--as-of", "2026-11-25", stdin=complete(**{
        "spec.workload.managed.port": 9000
    }))  # fmt: skip
    assert ran.code == 0
    assert "is 9000, but the containers name 8000" in ran.out


@pytest.mark.parametrize("junk", [None, True, "8000", [8000], {"a": 1}])
def test_a_port_that_is_no_number_is_left_to_the_schema(junk: Any) -> None:
    told = template(args=["--port=8000"])
    assert list(misfits(body({"port": junk, "template": told}))) == []
    assert list(misfits(body({"port": 9000, "template": told}, port=junk))) == []
