# SPDX-License-Identifier: Apache-2.0
import copy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from genaiservice.api import names
from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.jsontree import MutableJson, lookup
from genaiservice.control.core.observed import Observed
from genaiservice.control.core.plan import UNSEEN, Plan, plan
from genaiservice.rules.verdict import Verdict
from tests.build import (
    NOW,
    SETTINGS,
    condition,
    message,
    observed,
    pod,
    policy,
    refused,
    service,
    suspended,
    verdict,
)
from tests.unit.control.core.applied import applied


def look(seen: Observed, said: Verdict, now: datetime = NOW) -> Plan:
    return plan(seen, said, now, SETTINGS)


def settle(seen: Observed, said: Verdict, now: datetime = NOW) -> Observed:
    return applied(seen, look(seen, said, now))


def kinds(made: Plan) -> list[str]:
    return [manifest["kind"] for manifest in made.apply]


def child(made: Plan, kind: str) -> MutableJson:
    return next(manifest for manifest in made.apply if manifest["kind"] == kind)


MANAGED_KINDS = [
    "ConfigMap",
    "ControllerRevision",
    "NetworkPolicy",
    "Service",
    "Deployment",
    "PodDisruptionBudget",
]


@pytest.mark.parametrize(
    ("of", "said", "expected"),
    [
        pytest.param(service(), refused(), ["ConfigMap"], id="managed, never allowed"),
        pytest.param(service(adopt={}), refused(), ["ConfigMap"], id="adopted, never allowed"),
        pytest.param(service(), suspended(), ["ConfigMap"], id="suspended before it ever ran"),
        pytest.param(service(), verdict(), MANAGED_KINDS, id="managed, allowed"),
        pytest.param(
            service(adopt={}),
            verdict(),
            ["ConfigMap", "ControllerRevision", "NetworkPolicy"],
            id="adopted, allowed",
        ),
        pytest.param(
            service(managed={"autoscaling": {"minReplicas": 2, "maxReplicas": 5}}),
            verdict(),
            [*MANAGED_KINDS, "HorizontalPodAutoscaler"],
            id="managed with autoscaling",
        ),
    ],
)
def test_what_exists_follows_from_the_state(
    of: MutableJson, said: Verdict, expected: list[str]
) -> None:
    assert kinds(look(observed(of), said)) == expected


@pytest.mark.parametrize("said", [verdict(), refused(), suspended()], ids=["ok", "no", "stop"])
@pytest.mark.parametrize("of", [service(), service(adopt={})], ids=["managed", "adopted"])
def test_the_profile_says_whether_pods_may_start(of: MutableJson, said: Verdict) -> None:
    made = look(observed(of), said)
    assert made.profile is not None
    assert made.profile["spec"]["rolloutAllowed"] is said.allowed
    mode = "adopted" if "adopt" in of["spec"]["workload"] else "managed"
    assert made.profile["metadata"]["labels"][names.LABEL_MODE] == mode


def test_a_refused_change_leaves_the_admitted_revision_serving() -> None:
    running = settle(observed(), verdict())
    first = running.child("Deployment", "chat")
    changed = service(
        managed={"template": {"spec": {"containers": [{"name": "model", "image": "other"}]}}},
        status=running.service["status"],
        generation=2,
    )
    seen = Observed(
        service=changed,
        profile=running.profile,
        children=running.children,
        policy=running.policy,
    )
    made = look(seen, refused())
    assert kinds(made) == []
    assert made.delete == ()
    assert made.status is not None
    assert condition(made.status, ConditionType.ROLLOUT) == (
        "False",
        Reason.KEEPS_ADMITTED_REVISION,
    )
    assert applied(seen, made).child("Deployment", "chat") == first


def test_an_admitted_revision_is_repaired_while_a_change_is_refused() -> None:
    running = settle(observed(), verdict())
    broken = Observed(
        service=running.service,
        profile=running.profile,
        children={**running.children, "Deployment": ()},
        policy=running.policy,
    )
    made = look(broken, refused())
    assert kinds(made) == ["Deployment"]
    assert child(made, "Deployment") == child(look(observed(), verdict()), "Deployment")


def test_an_admitted_revision_scales_while_a_change_is_refused() -> None:
    running = settle(observed(), verdict())
    grown = service(managed={"replicas": 7}, status=running.service["status"], generation=2)
    seen = Observed(
        service=grown, profile=running.profile, children=running.children, policy=running.policy
    )
    made = look(seen, refused())
    assert child(made, "Deployment")["spec"]["replicas"] == 7


def test_a_suspension_reaches_every_pod_first_and_takes_the_replicas_after_the_grace() -> None:
    running = settle(observed(pods=[pod("chat-1"), pod("chat-2")]), verdict())
    made = look(running, suspended())
    assert [patch.pod.name for patch in made.close] == ["chat-1", "chat-2"]
    assert '"mode":"Suspend"' in made.close[0].annotations[names.ANNOTATION_DIRECTIVE]
    assert made.recheck_at == NOW + timedelta(seconds=30)
    assert "Deployment" not in kinds(made)

    later = NOW + timedelta(seconds=30)
    after = look(applied(running, made), suspended(), later)
    assert child(after, "Deployment")["spec"]["replicas"] == 0
    assert after.close == ()
    assert after.recheck_at is None


def test_a_suspension_removes_the_autoscaler_which_would_fight_zero_replicas() -> None:
    scaled = service(managed={"autoscaling": {"minReplicas": 3, "maxReplicas": 5}})
    running = settle(observed(scaled), verdict())
    stopped = settle(running, suspended())
    made = look(stopped, suspended(), NOW + timedelta(minutes=1))
    assert [ref.kind for ref in made.delete] == ["HorizontalPodAutoscaler"]
    empty = applied(stopped, made)

    again = look(empty, verdict(), NOW + timedelta(minutes=2))
    assert child(again, "Deployment")["spec"]["replicas"] == 3
    assert "HorizontalPodAutoscaler" in kinds(again)


def test_the_end_of_a_suspension_opens_the_guards_after_the_profile() -> None:
    running = settle(observed(pods=[pod()]), verdict())
    stopped = settle(running, suspended())
    made = look(stopped, verdict())
    assert made.close == ()
    assert [patch.annotations[names.ANNOTATION_DIRECTIVE] for patch in made.stamp] == [""]
    assert made.status is not None
    assert "suspendedSince" not in made.status["rollout"]


def test_with_an_autoscaler_the_deployment_keeps_the_replicas_it_has_chosen() -> None:
    scaled = service(managed={"autoscaling": {"minReplicas": 2, "maxReplicas": 9}})
    running = settle(observed(scaled), verdict())
    live = running.children["Deployment"][0]
    grown = {**live, "spec": {**live["spec"], "replicas": 6}}
    seen = Observed(
        service=running.service,
        profile=running.profile,
        children={**running.children, "Deployment": (grown,)},
        policy=running.policy,
    )
    assert kinds(look(seen, verdict())) == []


GATED = pod("chat-1", gated=True)


@pytest.mark.parametrize(
    ("waiting", "said", "lifted"),
    [
        pytest.param(GATED, verdict(), 1, id="allowed"),
        pytest.param(GATED, refused(), 0, id="refused"),
        pytest.param(GATED, suspended(), 0, id="suspended"),
        pytest.param(pod(gated=True, guard=False), verdict(), 0, id="no guard"),
        pytest.param(pod(gated=True, image="evil"), verdict(), 0, id="other guard"),
        pytest.param(
            pod(gated=True, metadata={"deletionTimestamp": "2026-11-25T02:00:00Z"}),
            verdict(),
            0,
            id="on its way out",
        ),
        pytest.param(pod(), verdict(), 0, id="not gated"),
    ],
)
def test_a_gate_is_lifted_only_for_the_very_guard_of_an_allowed_service(
    waiting: MutableJson, said: Verdict, lifted: int
) -> None:
    assert len(look(observed(service(adopt={}), pods=[waiting]), said).lift) == lifted


def test_a_gated_pod_with_a_former_guard_is_made_anew() -> None:
    seen = observed(service(adopt={}), pods=[pod(gated=True, image="registry.test/genaiservice:0")])
    assert [ref.name for ref in look(seen, verdict()).evict] == ["chat-1"]
    assert look(seen, refused()).evict == ()


def test_admission_is_told_of_a_suspension_and_of_its_end_even_while_refused() -> None:
    running = settle(observed(), verdict())
    stopped = look(running, suspended())
    assert lookup(stopped.profile, "metadata", "labels", names.LABEL_SUSPENDED) == "true"
    ended = look(applied(running, stopped), refused())
    assert lookup(ended.profile, "metadata", "labels", names.LABEL_SUSPENDED) == "false"
    assert lookup(ended.profile, "spec", "rolloutAllowed") is False


def test_a_managed_pod_gated_by_a_suspension_is_made_anew_when_that_ends_in_a_refusal() -> None:
    running = settle(observed(), verdict())
    stopped = settle(running, suspended())
    held = replace(stopped, pods=(pod("chat-9", gated=True),))
    assert look(held, suspended()).evict == ()
    assert [ref.name for ref in look(held, refused()).evict] == ["chat-9"]
    assert [ref.name for ref in look(held, verdict()).lift] == ["chat-9"]


def test_unguarded_pods_are_evicted_one_at_a_time_where_the_service_asks_for_it() -> None:
    pods = [pod("a", guard=False), pod("b", guard=False), pod("c")]
    asked = observed(service(adopt={"evictUnguarded": True}), pods=pods)
    assert [ref.name for ref in look(asked, verdict()).evict] == ["a"]
    assert look(observed(service(adopt={}), pods=pods), verdict()).evict == ()
    starting = observed(
        service(adopt={"evictUnguarded": True}), pods=[*pods[:2], pod("c", ready=False)]
    )
    assert look(starting, verdict()).evict == ()


@pytest.mark.parametrize(
    ("of", "said", "expected"),
    [
        pytest.param(service(), verdict(), [], id="no date matters"),
        pytest.param(
            service(),
            verdict(next_change=date(2026, 12, 1)),
            [datetime(2026, 11, 30, 16, 0, tzinfo=UTC)],
            id="midnight in Shanghai",
        ),
        pytest.param(
            service(), verdict(next_change=date(2026, 11, 20)), [], id="a day that has passed"
        ),
    ],
)
def test_the_next_look_is_at_midnight_in_shanghai(
    of: MutableJson, said: Verdict, expected: list[datetime]
) -> None:
    at = look(observed(of), said).recheck_at
    assert ([] if at is None else [at]) == expected


def test_a_policy_that_does_not_exist_keeps_the_gate_shut_and_says_so() -> None:
    made = look(observed(policy_=None), verdict())
    assert made.status is not None
    assert condition(made.status, ConditionType.POLICY) == ("False", Reason.POLICY_NOT_FOUND)
    assert condition(made.status, ConditionType.ROLLOUT) == ("False", Reason.POLICY_NOT_FOUND)
    assert made.apply == ()


def test_a_policy_that_breaks_later_leaves_the_guards_with_the_last_good_one() -> None:
    running = settle(observed(pods=[pod()]), verdict())
    bad = policy(spec={"sources": [{"name": "x", "riskClass": "A1a", "inline": ["一"]}]})
    broken = Observed(
        service=running.service,
        profile=running.profile,
        children=running.children,
        pods=running.pods,
        policy=bad,
    )
    made = look(broken, verdict())
    assert (made.apply, made.delete, made.stamp) == ((), (), ())
    assert made.status is not None
    assert condition(made.status, ConditionType.POLICY) == ("False", Reason.POLICY_INVALID)
    assert made.status["guard"]["policyHash"] == running.service["status"]["guard"]["policyHash"]


def test_new_terms_are_stamped_on_the_pods_and_roll_no_deployment() -> None:
    running = settle(observed(pods=[pod()]), verdict())
    changed = policy(spec={"sources": [{"name": "x", "riskClass": "A2a", "inline": ["新词条"]}]})
    seen = Observed(
        service=running.service,
        profile=running.profile,
        children=running.children,
        pods=running.pods,
        policy=changed,
    )
    made = look(seen, verdict())
    assert kinds(made) == ["ConfigMap"]
    assert made.status is not None
    hashed = made.status["guard"]["policyHash"]
    assert [patch.annotations[names.ANNOTATION_POLICY] for patch in made.stamp] == [hashed]


def test_an_object_of_somebody_else_is_never_taken_over() -> None:
    foreign = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "chat", "namespace": "shop", "uid": "1"},
        "spec": {"replicas": 1},
    }
    made = look(observed(children=[foreign]), verdict())
    assert "Deployment" not in kinds(made)
    assert made.delete == ()
    assert made.status is not None
    assert condition(made.status, ConditionType.READY) == ("False", Reason.APPLY_FAILED)
    # It bears no label of ours, so no watch tells when it goes.
    assert made.recheck_at == NOW + UNSEEN


def test_what_a_new_revision_no_longer_holds_is_no_stranger() -> None:
    two = [{"name": "model", "image": "a"}, {"name": "web", "image": "b"}]
    running = settle(observed(service(managed={"template": {"spec": {"containers": two}}})),
                     verdict())  # fmt: skip
    smaller = service(
        managed={"template": {"spec": {"containers": two[:1]}}},
        status=running.service["status"],
        generation=2,
    )
    made = look(replace(running, service=smaller), verdict())
    assert "Deployment" in kinds(made)
    assert made.status is not None
    assert condition(made.status, ConditionType.READY)[1] != Reason.APPLY_FAILED


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("containers", [{"name": "evil"}], "spec.template.spec.containers[evil]"),
        ("hostNetwork", True, "spec.template.spec.hostNetwork"),
    ],
    ids=["container", "host network"],
)
def test_what_somebody_adds_to_a_running_deployment_is_named(
    field: str, value: Any, named: str
) -> None:
    running = settle(observed(), verdict())
    live = copy.deepcopy(running.children["Deployment"][0])
    inside = live["spec"]["template"]["spec"]
    inside[field] = inside[field] + value if field in inside else value
    seen = replace(running, children={**running.children, "Deployment": (live,)})
    made = look(seen, verdict())
    assert made.status is not None
    assert condition(made.status, ConditionType.READY) == ("False", Reason.APPLY_FAILED)
    assert named in message(made.status, ConditionType.READY)


def test_a_template_that_claims_the_pods_of_another_service_is_refused() -> None:
    label = {"metadata": {"labels": {names.LABEL_SERVICE: "other"}}}
    made = look(
        observed(service(managed={"template": label}), rivals=[service("other")]), verdict()
    )
    assert made.status is not None
    assert condition(made.status, ConditionType.ROLLOUT) == ("False", Reason.CLAIM_CONFLICT)
    assert condition(made.status, ConditionType.GUARD) == ("False", Reason.CLAIM_CONFLICT)
    assert kinds(made) == ["ConfigMap"]


def test_children_of_the_former_mode_go_once_the_new_one_is_allowed() -> None:
    running = settle(observed(), verdict())
    adopting = service(adopt={}, status=running.service["status"], generation=2)
    seen = Observed(
        service=adopting, profile=running.profile, children=running.children, policy=running.policy
    )
    assert look(seen, refused()).delete == ()
    gone = [ref.kind for ref in look(seen, verdict()).delete]
    assert gone == ["Service", "Deployment", "PodDisruptionBudget"]


def test_the_history_keeps_three_revisions_and_never_drops_the_admitted_one() -> None:
    seen = observed()
    for replicas in range(6):
        image = {"template": {"spec": {"containers": [{"name": "m", "image": f"v{replicas}"}]}}}
        changed = service(managed=image, status=seen.service.get("status"), generation=replicas)
        seen = Observed(
            service=changed, profile=seen.profile, children=seen.children, policy=seen.policy
        )
        seen = settle(seen, verdict())
        seen = settle(seen, verdict())
    records = seen.children["ControllerRevision"]
    assert [lookup(one, "revision") for one in records] == [4, 5, 6]
    admitted = seen.service["status"]["rollout"]["admittedRevision"]
    assert records[-1]["metadata"]["name"] == f"chat-{admitted}"


def test_a_refused_change_of_the_guard_leaves_the_guard_that_admission_demands() -> None:
    running = settle(observed(service(adopt={}), pods=[pod()]), verdict())
    changed = service(
        adopt={},
        guard={"resources": {"requests": {"cpu": "2"}}, "port": 9000},
        status=running.service["status"],
        generation=2,
    )
    made = look(replace(running, service=changed), refused())
    assert made.profile is not None
    assert running.profile is not None
    assert made.profile["spec"]["rolloutAllowed"] is False
    assert made.profile["spec"]["container"] == running.profile["spec"]["container"]
    assert kinds(made) == []


def test_new_terms_reach_the_guards_even_while_a_change_is_refused() -> None:
    running = settle(observed(pods=[pod()]), verdict())
    stricter = policy(spec={"sources": [{"name": "x", "riskClass": "A2a", "inline": ["新词条"]}]})
    made = look(replace(running, policy=stricter), refused())
    assert kinds(made) == ["ConfigMap"]
    assert len(made.stamp) == 1


def test_a_status_that_was_lost_is_made_up_from_the_newest_record() -> None:
    running = settle(observed(pods=[pod()]), verdict())
    revision = running.service["status"]["rollout"]["admittedRevision"]
    bare = {key: value for key, value in running.service.items() if key != "status"}
    made = look(replace(running, service=bare), refused())
    assert made.status is not None
    assert made.status["rollout"]["admittedRevision"] == revision
    assert (kinds(made), made.delete) == ([], ())


def test_a_record_that_is_lost_while_a_change_is_refused_takes_nothing_down() -> None:
    running = settle(observed(pods=[pod()]), verdict())
    lost = replace(running, children={**running.children, "ControllerRevision": ()})
    made = look(lost, refused())
    assert (kinds(made), made.delete) == ([], ())
    assert made.status is not None
    assert "record of revision" in message(made.status, ConditionType.ROLLOUT)


def test_a_return_to_an_earlier_revision_makes_its_record_the_newest() -> None:
    first, second = service(), service(managed={"port": 8001})
    seen = settle(observed(first), verdict())
    for of in (second, first):
        of["status"] = seen.service["status"]
        seen = settle(replace(seen, service=of), verdict())
    numbers = {one["metadata"]["name"]: one["revision"] for one in
               seen.children["ControllerRevision"]}  # fmt: skip
    admitted = seen.service["status"]["rollout"]["admittedRevision"]
    assert numbers[f"chat-{admitted}"] == max(numbers.values()) == 3


def test_a_forged_record_is_not_believed() -> None:
    running = settle(observed(), verdict())
    record = running.children["ControllerRevision"][0]
    data = {**record["data"], "workload": {"managed": {"template": {"spec": {"x": 1}}}}}
    seen = Observed(
        service=running.service,
        profile=running.profile,
        children={**running.children, "ControllerRevision": ({**record, "data": data},)},
        policy=running.policy,
    )
    made = look(seen, refused())
    assert (kinds(made), made.delete) == ([], ())


def test_a_service_on_its_way_out_is_left_to_its_owner_references() -> None:
    leaving = service()
    leaving["metadata"]["deletionTimestamp"] = "2026-11-25T02:00:00Z"
    assert look(observed(leaving), verdict()).empty
