# SPDX-License-Identifier: Apache-2.0
"""What the API server makes of our manifests: it takes them, and asks for no second write.

It adds defaults, drops empty values and writes quantities its own way; none of that may look
like a difference, or the operator would write for ever.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from genaiservice.api import names
from genaiservice.api.jsontree import MutableJson
from genaiservice.control.core.observed import CHILD_KINDS, Observed
from genaiservice.control.core.plan import Plan, plan
from hack.cluster import ControlPlane
from tests.build import NOW, SETTINGS, observed, service, verdict
from tests.unit.control.core.test_guard_users import FILMS, USERS
from tests.wait import eventually

pytestmark = pytest.mark.integration

CRDS = Path(__file__).parents[2] / "crds"
AWKWARD = {
    "replicas": 1,
    "autoscaling": {"minReplicas": 1, "maxReplicas": 3},
    "template": {
        "metadata": {"annotations": {"example.test/note": ""}, "creationTimestamp": None},
        "spec": {
            "hostNetwork": False,
            "automountServiceAccountToken": False,
            "nodeSelector": {},
            "initContainers": [{"name": "weights", "image": "example.test/weights"}],
            "containers": [
                {
                    "name": "model",
                    "image": "example.test/model",
                    "command": [],
                    "env": [{"name": "A", "value": ""}, {"name": "B", "value": "1"}],
                    "ports": [{"containerPort": 8000}, {"containerPort": 53, "protocol": "UDP"}],
                    "resources": {
                        "requests": {"cpu": "0.5", "memory": "1.5Gi", "example.com/gpu": 1},
                        "limits": {"memory": "2048Mi", "example.com/gpu": "1"},
                    },
                    "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}},
                    "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
                }
            ],
            "volumes": [{"name": "cache", "emptyDir": {"sizeLimit": "1024Mi"}}],
            "terminationGracePeriodSeconds": 0,
        },
    },
}
"""All that the server writes differently from how people do."""


@pytest.fixture(scope="module")
def kinds_in_place(control_plane: ControlPlane) -> None:
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    plurals = (names.PLURAL_SERVICE, names.PLURAL_PROFILE, names.PLURAL_POLICY)
    eventually(lambda: control_plane.kubectl("get", ",".join(plurals), "-A"), within=30)


def created(control_plane: ControlPlane, of: MutableJson) -> MutableJson:
    wanted = {**of, "metadata": {key: of["metadata"][key] for key in ("name", "namespace")}}
    wanted["spec"] = {key: value for key, value in of["spec"].items() if key != "compliance"}
    made = control_plane.kubectl("create", "-o", "json", "-f", "-", input=json.dumps(wanted))
    tree: MutableJson = json.loads(made)
    return tree


@dataclass(frozen=True, kw_only=True)
class Hands:
    """Carries plans out as the operator: policies of the chart let nobody else write profiles."""

    control_plane: ControlPlane
    kubeconfig: Path


@pytest.fixture
def hands(control_plane: ControlPlane, kinds_in_place: None, operator_kubeconfig: Path) -> Hands:
    return Hands(control_plane=control_plane, kubeconfig=operator_kubeconfig)


def carried_out(hands: Hands, seen: Observed, made: Plan) -> Observed:
    """The writes of `made` on the real server, and what is to be seen afterwards."""
    written = [manifest for manifest in (made.profile, *made.apply) if manifest is not None]
    if written:
        manager = f"--field-manager={names.FIELD_MANAGER}"
        wrapped = json.dumps({"apiVersion": "v1", "kind": "List", "items": written})
        arguments = ("apply", "--server-side", "--force-conflicts", manager, "-f", "-")
        hands.control_plane.kubectl(*arguments, input=wrapped, kubeconfig=hands.kubeconfig)
    by_kind = items(hands.control_plane, (names.KIND_PROFILE, *CHILD_KINDS), seen.namespace)
    news = made.policy_status.get("default")
    told = {**(seen.policy or {}), **({"status": news} if news else {})}
    return replace(
        seen,
        service={**seen.service, "status": made.status} if made.status else seen.service,
        policy=told,
        profile=by_kind.pop(names.KIND_PROFILE)[0],
        children={kind: tuple(by_kind.get(kind, ())) for kind in CHILD_KINDS},
    )


def items(
    control_plane: ControlPlane, kinds: tuple[str, ...], namespace: str
) -> dict[str, list[MutableJson]]:
    selector = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    arguments = ("get", ",".join(kinds), "-n", namespace, "-l", selector, "-o", "json")
    by_kind: dict[str, list[MutableJson]] = {}
    for tree in json.loads(control_plane.kubectl(*arguments))["items"]:
        by_kind.setdefault(tree["kind"], []).append(tree)
    return by_kind


@pytest.mark.usefixtures("kinds_in_place")
@pytest.mark.parametrize(
    "of",
    [
        pytest.param({"managed": {}}, id="managed"),
        pytest.param({"managed": AWKWARD}, id="managed with an awkward template"),
        pytest.param({"adopt": {}}, id="adopted"),
        pytest.param(
            {"adopt": {}, "guard": {"resources": {"requests": {"cpu": "0.25"}}}},
            id="adopted with a quantity that the server rewrites",
        ),
    ],
)
def test_what_was_applied_needs_no_second_write(
    control_plane: ControlPlane, hands: Hands, namespace: str, of: dict[str, Any]
) -> None:
    asked = created(control_plane, service(namespace=namespace, **of))
    seen = observed(asked)
    made = plan(seen, verdict(), NOW, SETTINGS)
    after = carried_out(hands, seen, made)
    second = plan(after, verdict(), NOW, SETTINGS)
    assert [manifest["kind"] for manifest in second.apply] == []
    assert second.profile is None
    assert second.empty


@pytest.mark.usefixtures("kinds_in_place")
def test_an_edited_child_is_seen_and_repaired(
    control_plane: ControlPlane, hands: Hands, namespace: str
) -> None:
    seen = observed(created(control_plane, service(namespace=namespace)))
    after = carried_out(hands, seen, plan(seen, verdict(), NOW, SETTINGS))
    opened = '{"spec":{"ingress":[{}]}}'
    control_plane.kubectl("patch", "networkpolicy", "chat", "-n", namespace, "-p", opened,
                          "--type=merge")  # fmt: skip
    retargeted = '[{"op":"replace","path":"/spec/ports/0/targetPort","value":8000}]'
    control_plane.kubectl("patch", "service", "chat", "-n", namespace, "-p", retargeted,
                          "--type=json")  # fmt: skip
    edited = carried_out(hands, after, Plan())
    repair = plan(edited, verdict(), NOW, SETTINGS)
    assert [manifest["kind"] for manifest in repair.apply] == ["NetworkPolicy", "Service"]
    mended = carried_out(hands, edited, repair)
    assert plan(mended, verdict(), NOW, SETTINGS).apply == ()


@pytest.mark.usefixtures("kinds_in_place")
@pytest.mark.parametrize("declared", [{}, FILMS], ids=["of texts", "of files and of users"])
def test_the_container_of_the_profile_is_what_a_pod_has_after_defaulting(
    control_plane: ControlPlane, namespace: str, declared: MutableJson
) -> None:
    """The admission policies compare the two for equality."""
    resources = {"requests": {"cpu": "0.25", "memory": "0.5Gi"}}
    users = {"users": USERS} if declared else {}
    guard = {"resources": resources, **users}
    of = service(namespace=namespace, managed=AWKWARD, guard=guard)
    of = created(control_plane, of)
    of["spec"]["compliance"] = declared
    seen = observed(of)
    made = plan(seen, verdict(), NOW, SETTINGS)
    assert made.profile is not None
    container = made.profile["spec"]["container"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bare", "namespace": namespace},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "model", "image": "example.test/model"}],
            "initContainers": [container],
            "volumes": made.profile["spec"]["volumes"],
        },
    }
    arguments = ("create", "--dry-run=server", "-o", "json", "-f", "-")
    stored = json.loads(control_plane.kubectl(*arguments, input=json.dumps(pod)))
    assert stored["spec"]["initContainers"] == [container]
    assert stored["spec"]["volumes"] == made.profile["spec"]["volumes"]
