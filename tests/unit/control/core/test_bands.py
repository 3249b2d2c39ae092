# SPDX-License-Identifier: Apache-2.0
"""Policies of bands of users: resolved, mounted and stamped, or the gate stays shut."""

import base64
from typing import Any

import pytest

from genaiservice.api import names, policy_file
from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.jsontree import MutableJson, lookup
from genaiservice.control.core.guard_users import band_policies
from genaiservice.control.core.guard_users import policy_file as file_of
from genaiservice.control.core.plan import Plan, plan
from tests.build import (
    NOW,
    SETTINGS,
    condition,
    config_map,
    message,
    observed,
    pod,
    policy,
    refused,
    service,
    verdict,
)
from tests.unit.control.core.applied import applied
from tests.unit.control.core.test_guard_users import DECLARED, USERS

OF = service(guard={"users": USERS}, compliance=DECLARED)
STRICT = {"sources": [{"name": "strict", "riskClass": "A4a", "inline": ["儿童不宜"]}]}
TEENS = policy("teens", spec=STRICT)
FILE = file_of("teens")


def made(of: MutableJson = OF, teens: MutableJson | None = TEENS, **more: Any) -> Plan:
    seen = observed(of, bands={"teens": teens}, **more)
    return plan(seen, verdict(), NOW, SETTINGS)


def files(of: Plan) -> dict[str, str]:
    [found] = [one for one in of.apply if one["kind"] == "ConfigMap"]
    binary: dict[str, str] = found["binaryData"]
    return binary


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (OF["spec"], ("teens",)),
        (service(compliance=DECLARED)["spec"], ()),
        (service(guard={"users": USERS})["spec"], ()),
        ({"guard": {"users": USERS}, "compliance": {"minors": {"bands": "no list"}}}, ()),
        ({}, ()),
    ],
)
def test_policies_of_bands_count_where_users_are_known(spec: Any, expected: Any) -> None:
    assert band_policies(spec) == expected


def test_the_guard_gets_the_policy_of_a_band_as_the_file_that_its_configuration_names() -> None:
    binary = files(made())
    assert binary.keys() == {names.FILE_POLICY, FILE}
    tree = policy_file.unpack(base64.b64decode(binary[FILE]), FILE, packed=True)
    assert tree["classes"]["A4a"]["terms"] == ["儿童不宜"]


def test_its_terms_may_stand_in_a_config_map_of_their_own() -> None:
    source = {"name": "a", "riskClass": "A4a", "configMap": {"name": "words", "key": "t"}}
    teens = policy("teens", spec={"sources": [source]})
    assert files(made(teens=teens, config_maps={"words": config_map("words", {"t": "不宜"})}))
    status = made(teens=teens, config_maps={"words": None}).status
    assert condition(status, ConditionType.POLICY) == ("False", Reason.POLICY_NOT_FOUND)
    assert "ConfigMap/words" in message(status, ConditionType.POLICY)


def test_new_terms_of_a_band_reach_running_guards_at_once() -> None:
    running = pod("chat-1", annotations={names.ANNOTATION_POLICY: "old"})
    stamps = [
        next(patch.annotations[names.ANNOTATION_POLICY] for patch in of.stamp)
        for of in (
            made(pods=[running]),
            made(pods=[running], teens=policy("teens")),
            made(pods=[running], policy_=policy(spec=STRICT)),
        )
    ]
    assert len({*stamps, "old"}) == 4


@pytest.mark.parametrize(
    ("teens", "reason", "word"),
    [
        (None, Reason.POLICY_NOT_FOUND, "spec.compliance.minors.bands[].contentPolicy"),
        (policy("teens", spec={"sources": []}), Reason.POLICY_INVALID, "ModerationPolicy/teens"),
    ],
)
def test_a_policy_of_a_band_that_cannot_be_used_keeps_the_gate_shut(
    teens: Any, reason: Reason, word: str
) -> None:
    of = made(teens=teens)
    for kind in (ConditionType.POLICY, ConditionType.ROLLOUT):
        assert condition(of.status, kind) == ("False", reason)
    assert word in message(of.status, ConditionType.POLICY)
    assert of.apply == ()


def test_running_guards_keep_what_they_have_while_a_policy_is_broken() -> None:
    seen = observed(OF, bands={"teens": TEENS}, pods=[pod("chat-1")])
    before = applied(seen, plan(seen, verdict(), NOW, SETTINGS))
    broken = {"teens": policy("teens", spec={"sources": []})}
    seen = observed(
        before.service,
        bands=broken,
        pods=before.pods,
        children=[one for kind in before.children.values() for one in kind],
        profile=before.profile,
    )
    after = plan(seen, verdict(), NOW, SETTINGS)
    assert not [one for one in after.apply if one["kind"] == "ConfigMap"]
    assert (after.stamp, after.delete) == ((), ())
    assert lookup(after.status, "guard", "policyHash") == lookup(
        before.service, "status", "guard", "policyHash"
    )


def test_an_admitted_revision_keeps_the_policies_it_was_admitted_with() -> None:
    seen = observed(OF, bands={"teens": TEENS})
    before = applied(seen, plan(seen, verdict(), NOW, SETTINGS))
    other = service(
        guard={"users": USERS},
        compliance={**DECLARED, "minors": {**DECLARED["minors"], "bands": []}},
        status=before.service["status"],
    )
    seen = observed(
        other,
        bands={"teens": policy("teens")},
        children=[one for kind in before.children.values() for one in kind],
        profile=before.profile,
    )
    assert FILE in files(plan(seen, refused(), NOW, SETTINGS))


def test_the_status_of_each_policy_tells_what_came_of_it() -> None:
    told = made().policy_status
    assert told["teens"]["byClass"] == {"A4a": 1}
    assert told["default"]["byClass"] == {"A1a": 2}
    assert "teens" not in made(teens=None).policy_status
