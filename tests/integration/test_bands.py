# SPDX-License-Identifier: Apache-2.0
"""A minor is screened by the policy of its band: declared to a real API server, resolved by the
operator into the guard's ConfigMap, and taken from there by a real guard.
"""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from genaiservice.api.names import FILE_CONFIG
from hack.access import Refused
from hack.cluster import ControlPlane
from tests.guard_process import Guard, chat
from tests.integration.test_guard_users import AWAKE
from tests.operator_process import OperatorProcess, operating
from tests.operator_world import Json, World, annotation, complete, install, policy, service
from tests.upstream import Upstream, answering
from tests.wait import eventually

pytestmark = pytest.mark.integration

MILD, STRICT, LATER = "违禁样本", "儿童不宜", "后来不宜"
USERS = {
    "identity": {
        "source": "Gateway",
        "missing": "Refuse",
        "gateway": {"addresses": ["127.0.0.1"]},
    }
}


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane) -> Iterator[OperatorProcess]:
    with operating(install(control_plane)) as running:
        yield running


@pytest.fixture
def world(control_plane: ControlPlane, operator: OperatorProcess, namespace: str) -> World:
    return World(control_plane, namespace)


def declared() -> Json:
    tree = complete()
    for band in tree["minors"]["bands"]:
        band["contentPolicy"] = "teens"
    return tree


def mounted(world: World, folder: Path) -> Json:
    """Writes the files of the guard's ConfigMap into `folder`, as a kubelet does; guard.json."""
    config_map = world.get("configmaps", "chat-guard")
    for name, data in config_map["binaryData"].items():
        fresh = folder / f"{name}.new"
        fresh.write_bytes(base64.b64decode(data))
        fresh.replace(folder / name)
    tree: Json = json.loads(config_map["data"][FILE_CONFIG])
    return tree


def said(guard: Guard, text: str, age: str) -> str:
    declares = complete()
    claim = {
        "sub": age,
        declares["minors"]["ageClaim"]: age,
        declares["accounts"]["agreementClaim"]: declares["agreement"]["version"],
        declares["accounts"]["realNameClaim"]: True,
    }
    header = base64.urlsafe_b64encode(json.dumps(claim).encode()).decode().rstrip("=")
    request = urllib.request.Request(  # noqa: S310 - the guard's own address
        f"{guard.url}/chat/completions",
        data=chat(text, stream=False),
        headers={"Content-Type": "application/json", "X-Genai-User": header},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - same
            tree = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return str(json.load(error)["error"]["code"])
    return str(tree["choices"][0]["finish_reason"])


def test_a_minor_is_screened_by_the_policy_of_its_band(world: World, tmp_path: Path) -> None:
    world.create(policy(MILD))
    world.create(service("chat", managed=1, compliance=declared(), guard={"users": USERS}))
    missing = "False/PolicyNotFound"
    eventually(lambda: world.condition("chat", "ModerationPolicyReady") == missing)
    assert "ModerationPolicy/teens" in world.message("chat", "ModerationPolicyReady")
    assert world.condition("chat", "RolloutAllowed") == missing
    with pytest.raises(Refused):
        world.get("configmaps", "chat-guard")

    world.create(policy(STRICT, name="teens"))
    eventually(lambda: world.condition("chat", "RolloutAllowed") == "True/Allowed")
    eventually(lambda: world.get("moderationpolicies", "teens")["status"]["terms"] == 1)
    eventually(lambda: len(world.get("configmaps", "chat-guard")["binaryData"]) == 2)
    config = mounted(world, tmp_path)
    config["users"]["minors"]["curfew"] = AWAKE  # so that the test may run at night
    mine = {key: config[key] for key in ("users", "policyFile", "label", "screening")}
    with (
        Upstream(answering("好")) as upstream,
        Guard(tmp_path, upstream.url, **mine) as guard,
    ):
        assert [said(guard, STRICT, age) for age in ("adult", "12to16")] == [
            "stop",
            "content_filter",
        ]
        assert said(guard, MILD, "adult") == "content_filter"

        # An edit of the band's policy is seen by itself, and told to the running pods.
        eventually(lambda: len(world.ready_pods()) == 1, within=30)
        eventually(lambda: annotation(world.ready_pods()[0], "policy") != "")
        before = annotation(world.ready_pods()[0], "policy")
        sources = policy(LATER, name="teens")["spec"]["sources"]
        world.patch("moderationpolicies", "teens", {"spec": {"sources": sources}})
        eventually(lambda: annotation(world.ready_pods()[0], "policy") not in ("", before))
        mounted(world, tmp_path)
        eventually(lambda: said(guard, LATER, "12to16") == "content_filter")
        assert said(guard, STRICT, "12to16") == "stop"
