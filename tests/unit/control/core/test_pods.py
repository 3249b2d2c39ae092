# SPDX-License-Identifier: Apache-2.0
import pytest

from genaiservice.api import names
from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.declared import Mode
from genaiservice.api.jsontree import MutableJson
from genaiservice.control.core.plan import plan
from genaiservice.control.core.pods import Guarding, Tally, classify, tally
from tests.build import (
    NOW,
    SERVICE,
    SETTINGS,
    condition,
    core_service,
    guard_container,
    message,
    observed,
    pod,
    service,
    verdict,
)

IMPOSTOR = {
    "containers": [
        {"name": "model", "ports": [{"name": names.GUARD_PORT_NAME, "containerPort": 8000}]}
    ]
}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(pod(), Guarding.GUARDED, id="as injected"),
        pytest.param(pod(image="registry.test/genaiservice:0"), Guarding.OUTDATED, id="old image"),
        pytest.param(pod(guard=False), Guarding.UNGUARDED, id="none"),
        pytest.param(
            pod(spec={"initContainers": [{**guard_container(), "args": ["guard", "--config=x"]}]}),
            Guarding.UNGUARDED,
            id="other arguments",
        ),
        pytest.param(
            pod(spec={"initContainers": [{**guard_container(), "command": ["sleep"]}]}),
            Guarding.UNGUARDED,
            id="other command",
        ),
        pytest.param(
            pod(spec={"initContainers": [{**guard_container(), "restartPolicy": None}]}),
            Guarding.UNGUARDED,
            id="ends before the model starts",
        ),
        pytest.param(pod(of="other"), Guarding.UNGUARDED, id="configuration of another service"),
        pytest.param(pod(spec=IMPOSTOR), Guarding.UNGUARDED, id="port named like the guard's"),
    ],
)
def test_a_pod_is_guarded_by_the_very_guard_of_its_profile(
    one: MutableJson, expected: Guarding
) -> None:
    assert [p.guarding for p in classify((one,), guard_container(), SERVICE)] == [expected]


def test_ended_and_leaving_pods_are_not_counted() -> None:
    leaving = pod("c", metadata={"deletionTimestamp": "2026-11-25T02:00:00Z"})
    pods = (
        pod("a"),
        pod("b", status={"phase": "Succeeded"}),
        leaving,
        pod("d", gated=True),
        pod("e", guard=False),
    )
    seen = classify(pods, guard_container(), SERVICE)
    expected = Tally(total=3, guarded=1, gated=1, unguarded=1)
    assert tally(seen, Mode.ADOPTED) == expected


@pytest.mark.parametrize(
    ("pods", "services", "expected", "names_"),
    [
        pytest.param([], [], ("Unknown", Reason.NO_PODS), "", id="no pods"),
        pytest.param([pod()], [core_service()], ("True", Reason.ALL_GUARDED), "", id="all well"),
        pytest.param(
            [pod("a", guard=False), pod("b")],
            [],
            ("False", Reason.UNGUARDED_PODS),
            "a",
            id="without guard",
        ),
        pytest.param(
            [pod()],
            [core_service(target=8000)],
            ("False", Reason.MODEL_PORT_REACHABLE),
            "Service/front port 80 -> 8000",
            id="number of the model's port",
        ),
        pytest.param(
            [pod()],
            [core_service(target="http")],
            ("False", Reason.MODEL_PORT_REACHABLE),
            "Service/front port 80 -> http",
            id="name of the model's port",
        ),
        pytest.param(
            [pod()],
            [core_service(target=9400)],
            ("True", Reason.ALL_GUARDED),
            "",
            id="a port that is not the model's",
        ),
        pytest.param(
            [pod(spec={"hostNetwork": True})],
            [],
            ("False", Reason.MODEL_PORT_REACHABLE),
            "Pod/chat-1 hostNetwork",
            id="network of the node",
        ),
        pytest.param(
            [pod(image="registry.test/genaiservice:0")],
            [],
            ("False", Reason.UNGUARDED_PODS),
            "chat-1",
            id="former guard, nobody replaces the pod",
        ),
    ],
)
def test_guard_enforced_says_what_the_pods_show(
    pods: list[MutableJson],
    services: list[MutableJson],
    expected: tuple[str, str],
    names_: str,
) -> None:
    seen = observed(service(adopt={}), pods=pods, services=services)
    made = plan(seen, verdict(), NOW, SETTINGS)
    assert made.status is not None
    assert condition(made.status, ConditionType.GUARD) == expected
    assert names_ in message(made.status, ConditionType.GUARD)


def test_a_rolling_upgrade_of_a_managed_guard_is_no_alarm() -> None:
    pods = [pod("a", image="registry.test/genaiservice:0"), pod("b")]
    made = plan(observed(pods=pods), verdict(), NOW, SETTINGS)
    assert made.status is not None
    assert condition(made.status, ConditionType.GUARD) == ("True", Reason.ALL_GUARDED)


def test_a_message_names_five_pods_and_counts_the_rest() -> None:
    pods = [pod(f"p{number}", guard=False) for number in range(9)]
    made = plan(observed(pods=reversed(pods)), verdict(), NOW, SETTINGS)
    assert made.status is not None
    assert "p0, p1, p2, p3, p4 (+4)" in message(made.status, ConditionType.GUARD)


def test_two_services_that_claim_one_pod_are_named() -> None:
    rival = service("other", managed={"template": {"metadata": {"labels": {
        names.LABEL_SERVICE: SERVICE}}}})  # fmt: skip
    made = plan(observed(pods=[pod()], rivals=[rival]), verdict(), NOW, SETTINGS)
    assert made.status is not None
    assert condition(made.status, ConditionType.GUARD) == ("False", Reason.CLAIM_CONFLICT)
    assert "other" in message(made.status, ConditionType.GUARD)
