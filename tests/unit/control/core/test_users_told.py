# SPDX-License-Identifier: Apache-2.0
"""Whether the guard knows the users, and which guard.json pods of others run with: told both."""

from typing import Any

import pytest

from genaiservice.api import names
from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.jsontree import MutableJson
from genaiservice.control.core.observed import Observed
from genaiservice.control.core.plan import Plan, plan
from tests.build import NOW, SETTINGS, condition, message, observed, pod, service, verdict
from tests.unit.control.core.applied import applied

ALLOWED = {"minors": {"policy": "Allowed"}}
TOKEN = {"source": "Token", "missing": "Refuse"}


def made(seen: Observed) -> Plan:
    return plan(seen, verdict(), NOW, SETTINGS)


def told(of: MutableJson) -> tuple[tuple[str, str], str] | None:
    status = made(observed(of)).status
    assert status is not None
    if ConditionType.USERS.value not in {one["type"] for one in status["conditions"]}:
        return None
    return condition(status, ConditionType.USERS), message(status, ConditionType.USERS)


@pytest.mark.parametrize("policy", ["Allowed", "MinorsOnly"])
def test_minors_whom_nobody_asks_for_their_age_are_told(policy: str) -> None:
    found = told(service(compliance={"minors": {"policy": policy}}))
    assert found is not None
    assert found[0] == ("False", Reason.NO_IDENTITY_SOURCE)
    assert "spec.guard.users.identity" in found[1]


def test_nothing_is_told_where_users_do_not_matter() -> None:
    assert told(service()) is None
    assert told(service(compliance={"minors": {"policy": "Prohibited"}})) is None


@pytest.mark.parametrize(
    ("users", "words"),
    [
        ({"identity": TOKEN}, ("signed tokens", "not shared")),
        ({"identity": {"source": "Nobody"}}, ("No user is known", "not shared")),
        ({"identity": TOKEN, "store": {"kind": "Redis"}}, ("503 user_state_unavailable", "503")),
        (
            {"identity": {"source": "Gateway"}, "store": {"kind": "Redis", "whenDown": "Degraded"}},
            ("trusted gateway", "hold per replica"),
        ),
    ],
)
def test_how_users_are_known_and_what_happens_without_their_state_is_told(
    users: Any, words: tuple[str, str]
) -> None:
    found = told(service(compliance=ALLOWED, guard={"users": users}))
    assert found is not None
    assert found[0] == ("True", Reason.IDENTITY_DECLARED)
    assert all(word in found[1] for word in words)


def adopting(**guard: Any) -> MutableJson:
    return service(adopt={}, guard=guard)


def owned_by(kind: str, name: str) -> MutableJson:
    owner = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "1", "controller": True}
    return {"metadata": {"ownerReferences": [owner]}}


def guarded(seen: Observed) -> tuple[tuple[str, str], str]:
    status = made(seen).status or seen.service["status"]
    return condition(status, ConditionType.GUARD), message(status, ConditionType.GUARD)


@pytest.mark.parametrize(
    ("owner", "remedy"),
    [
        (("ReplicaSet", "chat-model-7d9f"), "kubectl rollout restart deployment/chat-model"),
        (("StatefulSet", "chat-db"), "kubectl rollout restart statefulset/chat-db"),
        (("LeaderWorkerSet", "chat-lws"), "restart them."),
    ],
)
def test_adopted_pods_with_an_older_configuration_are_told_with_the_remedy(
    owner: tuple[str, str], remedy: str
) -> None:
    first = observed(adopting(), pods=[pod("chat-1", **owned_by(*owner))])
    settled = applied(first, made(first))
    assert guarded(settled)[0] == ("True", Reason.ALL_GUARDED)
    changed = adopting(paths=["/health"])
    changed["status"] = settled.service["status"]
    after = observed(
        changed,
        pods=[*settled.pods, pod("chat-2", **owned_by(*owner))],
        profile=settled.profile,
        children=[one for kind in settled.children.values() for one in kind],
    )
    found = guarded(applied(after, made(after)))
    assert found[0] == ("False", Reason.OLDER_CONFIGURATION)
    assert "chat-1" in found[1]
    assert "chat-2" not in found[1]
    assert remedy in found[1]


def test_a_pod_is_told_its_configuration_once_and_not_before_it_can_have_one() -> None:
    seen = observed(adopting(), pods=[pod("chat-1"), pod("chat-2", gated=True)])
    stamped = {
        patch.pod.name: patch.annotations.get(names.ANNOTATION_CONFIG) for patch in made(seen).stamp
    }
    assert stamped["chat-1"]
    assert not stamped.get("chat-2")
    again = made(applied(seen, made(seen))).stamp
    assert "chat-1" not in {patch.pod.name for patch in again}
    managed = observed(service(), pods=[pod("chat-1")])
    assert all(names.ANNOTATION_CONFIG not in patch.annotations for patch in made(managed).stamp)
