# SPDX-License-Identifier: Apache-2.0
"""Whether the ports that a managed template names fit the port of the model.

A pod whose guard asks a port where nobody listens is never ready; one that shares the guard's port
never starts. Nothing says surely where a program listens, so this warns and refuses nothing.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from genaiservice.api import names
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Problem, Text

PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
USUAL: Final = 8000
_ARGUMENT: Final = re.compile(r"--port[= ]([0-9]{1,5})(?![0-9])")


def misfits(body: Json) -> Iterator[Problem]:
    managed = lookup(body, "spec", "workload", "managed")
    containers = lookup(managed, "template", "spec", "containers")
    asked = [
        *_number(lookup(managed, "port", default=USUAL)),
        *_number(lookup(body, "spec", "guard", "port", default=names.GUARD_PORT)),
    ]
    if not isinstance(containers, list) or len(asked) != 2:
        return  # the schema says what is wrong
    port, guard = asked
    each = [set(_told(one)) for one in containers]
    told = set().union(*each)
    for taken in sorted(told & {guard, names.GUARD_ADMIN_PORT}):
        yield Problem(
            where="spec.workload.managed.template",
            what=Text(en=f"names port {taken}", zh=f"使用了端口 {taken}"),
            why=Text(
                en="the guard listens there in the same pod, and one of the two cannot start",
                zh="护栏在同一 Pod 中监听该端口，二者之一将无法启动",
            ),
            next=Text(
                en="give the container another port, or set spec.guard.port",
                zh="请为容器另选端口，或设置 spec.guard.port",
            ),
        )
    if told and all(each) and port not in told:  # a container that names none may be the model's
        listed = ", ".join(map(str, sorted(told)))
        yield Problem(
            where="spec.workload.managed.port",
            what=Text(
                en=f"is {port}, but the containers name {listed}",
                zh=f"为 {port}，但容器使用的是 {listed}",
            ),
            why=Text(
                en="the guard asks the model there and is not ready before it answers",
                zh="护栏在该端口访问模型，模型未应答时护栏不会就绪",
            ),
            next=Text(
                en="write the port on which the model server listens",
                zh="请填写模型服务监听的端口",
            ),
        )


def _told(container: Any) -> Iterator[int]:
    """The numbers that ports, probes and `--port` of a container name."""
    for one in _list(lookup(container, "ports")):
        yield from _number(lookup(one, "containerPort"))
    for probe in PROBES:
        for way in ("httpGet", "tcpSocket", "grpc"):
            yield from _number(lookup(container, probe, way, "port"))
    words = [*_list(lookup(container, "command")), *_list(lookup(container, "args"))]
    for found in _ARGUMENT.finditer(" ".join(word for word in words if isinstance(word, str))):
        yield int(found[1])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> Iterator[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield value
