# SPDX-License-Identifier: Apache-2.0
"""The admission policies of the chart on the real API server: what is let in, and in which words
the rest is refused. No operator runs here: the policies hold by themselves.
"""

import functools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from genaiservice.api import names
from genaiservice.api.declared import Mode
from genaiservice.control.core import guard_spec
from hack.access import Access, Refused
from hack.cluster import ControlPlane
from tests.chart import (
    guard,
    guard_volumes,
    installed,
    operator,
    ours,
    pod,
    pods,
    profile,
    profiles,
    service,
    told,
    with_guard,
)
from tests.wait import eventually

pytestmark = pytest.mark.integration

Json = dict[str, Any]
GATE = {"name": names.GATE}
PARENT = "/apis/apps/v1/namespaces/{}/{}"


@pytest.fixture(scope="module", autouse=True)
def _chart(control_plane: ControlPlane) -> Iterator[None]:
    with installed(control_plane):
        yield


@pytest.fixture
def api(control_plane: ControlPlane) -> Access:
    """The administrator: may do everything that admission does not refuse."""
    return control_plane.api


@pytest.fixture
def write_profile(control_plane: ControlPlane, namespace: str) -> Callable[..., Json]:
    """Writes a GuardProfile as the operator and waits until the policies know it."""
    return functools.partial(_write_profile, control_plane, namespace)


def _write_profile(
    control_plane: ControlPlane, namespace: str, service: str = "chat", **settings: Any
) -> Json:
    wanted = profile(service, **settings)
    path = f"{profiles(namespace)}/{service}?fieldManager={names.FIELD_MANAGER}&force=true"
    writer = operator(control_plane)
    written = writer.request("PATCH", path, wanted, content="application/apply-patch+yaml")
    eventually(lambda: _known(control_plane.api, namespace, wanted))
    return written


@pytest.fixture(scope="module")
def table(control_plane: ControlPlane, _chart: None) -> str:
    """A namespace for the rows of tables, which leave nothing behind: `chat` is allowed there,
    `held` is not and has the pod `model` waiting."""
    name = f"admission-{uuid.uuid4().hex[:6]}"
    path = f"/api/v1/namespaces/{name}"
    control_plane.api.ensure(path, kind="Namespace")
    eventually(lambda: control_plane.api.get(f"{path}/serviceaccounts/default"))
    _write_profile(control_plane, name, "chat")
    _write_profile(control_plane, name, "held", allowed=False)
    create(control_plane.api, name, pod(service="held"))
    return name


def _known(api: Access, namespace: str, wanted: Json) -> bool:
    """Whether the policies see this very profile: its gate and its image in a pod on trial."""
    service, spec = wanted["metadata"]["name"], wanted["spec"]
    trial = pod("trial", service=service)
    try:
        made = api.request("POST", f"{pods(namespace)}?dryRun=All", trial)
    except Refused as refused:
        managed = wanted["metadata"]["labels"][names.LABEL_MODE] == "managed"
        return managed and "is managed" in told(refused)
    gated = GATE in made["spec"].get("schedulingGates", [])
    image = made["spec"]["initContainers"][0]["image"]
    return gated is not spec["rolloutAllowed"] and bool(image == spec["container"]["image"])


def create(api: Access, namespace: str, manifest: Json) -> Json:
    return api.request("POST", pods(namespace), manifest)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        call()
    assert caught.value.code == 403
    return told(caught.value)


# --- a pod that is let in


def test_an_allowed_pod_gets_the_guard_of_the_profile_and_no_gate(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile()
    made = create(api, namespace, pod())
    assert made["spec"]["initContainers"][0] == {
        **guard(),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        # The administrator's default service account mounts its token everywhere.
        "volumeMounts": made["spec"]["initContainers"][0]["volumeMounts"],
    } | {"resources": made["spec"]["initContainers"][0]["resources"]}
    assert guard()["volumeMounts"][0] in made["spec"]["initContainers"][0]["volumeMounts"]
    assert guard_volumes("chat")[0] in made["spec"]["volumes"]
    assert "schedulingGates" not in made["spec"]
    assert names.ANNOTATION_UNVERIFIED not in made["metadata"].get("annotations", {})


def test_a_refused_service_gets_pods_with_guard_and_gate_that_wait(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile(allowed=False)
    create(api, namespace, pod())
    seen = eventually(lambda: _condition(api, namespace, "model", "PodScheduled"))
    assert seen["reason"] == "SchedulingGated"
    assert names.GATE in api.get(f"{pods(namespace)}/model")["spec"]["schedulingGates"][0]["name"]


def _condition(api: Access, namespace: str, name: str, kind: str) -> Json:
    conditions: list[Json] = api.get(f"{pods(namespace)}/{name}")["status"]["conditions"]
    return next(condition for condition in conditions if condition["type"] == kind)


def test_the_guard_stands_before_the_init_containers_of_the_model(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile()
    made = create(
        api, namespace, pod(initContainers=[{"name": "weights", "image": "fetch:1"}], volumes=[])
    )
    assert [c["name"] for c in made["spec"]["initContainers"]] == [names.GUARD_CONTAINER, "weights"]


def test_the_pods_of_a_foreign_deployment_are_guarded_and_run(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile()
    api.request("POST", PARENT.format(namespace, "deployments"), deployment("vllm"))
    found = eventually(lambda: _running(api, namespace, 2))
    assert all(p["spec"]["initContainers"][0]["name"] == names.GUARD_CONTAINER for p in found)


def _running(api: Access, namespace: str, count: int) -> list[Json]:
    found: list[Json] = api.get(pods(namespace))["items"]
    assert [p["status"]["phase"] for p in found] == ["Running"] * count
    return found


def deployment(name: str, template: Json | None = None, *, service: str = "chat") -> Json:
    template = template or pod(service=service)
    labels = {"app": name, **template["metadata"]["labels"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": template["spec"]},
        },
    }


def test_a_pod_that_brings_the_exact_guard_is_not_given_a_second_one(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile()
    made = create(api, namespace, with_guard())
    assert [c["name"] for c in made["spec"]["initContainers"]] == [names.GUARD_CONTAINER]
    assert names.ANNOTATION_UNVERIFIED not in made["metadata"].get("annotations", {})


def test_a_pod_that_brings_the_exact_guard_is_gated_like_any_other(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile(allowed=False)
    assert GATE in create(api, namespace, with_guard())["spec"]["schedulingGates"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"resources": {"limits": {"memory": "1Gi"}}}, id="resources"),
        pytest.param({"imagePullPolicy": "Always"}, id="pull policy"),
        pytest.param({"terminationMessagePolicy": "FallbackToLogsOnError"}, id="last words"),
    ],
)
def test_what_quotas_and_image_policies_set_is_no_difference(
    api: Access, table: str, changes: Json
) -> None:
    api.request("POST", f"{pods(table)}?dryRun=All", with_guard(name="trial", **changes))


def test_a_mesh_may_put_its_proxy_and_anybody_a_step_that_ends_before_the_guard(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile()
    step = {"name": "weights", "image": "fetch:1"}
    init = [SIDECAR, step, guard()]
    create(api, namespace, pod(initContainers=init, volumes=guard_volumes("chat")))


def test_each_pod_gets_the_guard_of_its_own_service(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile("chat", container=guard(image="guard:chat"))
    write_profile("code", container=guard(image="guard:code"), allowed=False)
    chat = create(api, namespace, pod("a", service="chat"))["spec"]
    code = create(api, namespace, pod("b", service="code"))["spec"]
    assert [c["image"] for c in chat["initContainers"]] == ["guard:chat"]
    assert [c["image"] for c in code["initContainers"]] == ["guard:code"]
    assert ("schedulingGates" in chat, "schedulingGates" in code) == (False, True)


# --- a pod that is refused, and the words

EXEC = {"exec": {"command": ["kill", "1"]}, "timeoutSeconds": 2, "periodSeconds": 1}
STRANGE_VOLUME = {"name": names.VOLUME_CONFIG, "configMap": {"name": "mine", "defaultMode": 0o644}}
SIDECAR = {"name": "istio-proxy", "image": "proxy:1", "restartPolicy": "Always"}
EARLY = {**SIDECAR, "name": "early"}
HOST_PORT = {"containerPort": 80, "hostPort": 80}
MORE = {"drop": ["ALL"], "add": ["SYS_PTRACE"]}
MOUNT = {"name": "model", "mountPath": "/usr/lib/python3"}


@pytest.mark.parametrize(
    ("manifest", "policy", "words"),
    [
        pytest.param(
            pod(service="chta"),
            "genai-pod-claim",
            ['names "chta"', "no GenAIService of that name", "kubectl get genaiservices", "请创建"],
            id="a label that names no service",
        ),
        pytest.param(
            with_guard("chta"),
            "genai-pod-claim",
            ['names "chta"', "has published a guard"],
            id="a made-up guard under a label that names no service",
        ),
        pytest.param(
            pod(
                containers=[{"name": "model", "image": "vllm:1"}, guard(restartPolicy=None)],
                volumes=guard_volumes("chat"),
            ),
            "genai-pod-claim",
            ["spec.containers", "Rename your container", "请为"],
            id="a usual container with the guard's name",
        ),
        pytest.param(
            pod(hostNetwork=True),
            "genai-pod-claim",
            ["spec.hostNetwork", "Remove the field", "请删除"],
            id="the network of the node",
        ),
        pytest.param(
            pod(shareProcessNamespace=True),
            "genai-pod-claim",
            ["shareProcessNamespace", "can stop the guard"],
            id="a shared process namespace",
        ),
        pytest.param(
            pod(hostPID=True),
            "genai-pod-claim",
            ["spec.hostPID"],
            id="the processes of the node",
        ),
        pytest.param(
            pod(containers=[{"name": "m", "image": "v:1", "ports": [HOST_PORT]}]),
            "genai-pod-claim",
            ["hostPort in container m", "Remove hostPort", "请删除 hostPort"],
            id="a port of the node",
        ),
        pytest.param(
            with_guard(image="guard:mine"),
            "genai-guard-required",
            ["differing: image", "Remove the container from the pod", "请从 Pod 模板中删除"],
            id="another image",
        ),
        pytest.param(
            with_guard(command=["sleep", "inf"]),
            "genai-guard-required",
            ["differing: command"],
            id="a command of its own",
        ),
        pytest.param(
            with_guard(args=["guard", "--config", "/tmp/mine.json"]),  # noqa: S108 - a sample
            "genai-guard-required",
            ["differing: args"],
            id="other arguments",
        ),
        pytest.param(
            with_guard(restartPolicy=None, startupProbe=None),
            "genai-guard-required",
            ["restartPolicy", "startupProbe"],
            id="no sidecar but an init container that ends",
        ),
        pytest.param(
            with_guard(env=[{"name": "GENAI_MODE", "value": "lax"}]),
            "genai-guard-required",
            ["differing: env"],
            id="a changed variable",
        ),
        pytest.param(
            with_guard(env=[*guard()["env"], {"name": "PYTHONPATH", "value": "/mine"}]),
            "genai-guard-required",
            ["differing: env"],
            id="a further variable",
        ),
        pytest.param(
            with_guard(envFrom=[{"configMapRef": {"name": "mine"}}]),
            "genai-guard-required",
            ["differing: envFrom"],
            id="variables from elsewhere",
        ),
        pytest.param(
            with_guard(startupProbe=EXEC),
            "genai-guard-required",
            ["differing: startupProbe"],
            id="a probe that runs a command in the guard",
        ),
        pytest.param(
            with_guard(livenessProbe=EXEC),
            "genai-guard-required",
            ["differing: livenessProbe"],
            id="a probe that the profile does not know",
        ),
        pytest.param(
            with_guard(lifecycle={"postStart": {"exec": {"command": ["true"]}}}),
            "genai-guard-required",
            ["differing: lifecycle"],
            id="a hook that runs a command in the guard",
        ),
        pytest.param(
            with_guard(securityContext={"runAsNonRoot": False}),
            "genai-guard-required",
            ["differing: securityContext"],
            id="more rights",
        ),
        pytest.param(
            with_guard(securityContext={"runAsNonRoot": True, "capabilities": MORE}),
            "genai-guard-required",
            ["differing: securityContext"],
            id="a further capability",
        ),
        pytest.param(
            with_guard(ports=[{"name": "genai-guard", "containerPort": 9999, "protocol": "TCP"}]),
            "genai-guard-required",
            ["differing: ports"],
            id="another port",
        ),
        pytest.param(
            pod(
                initContainers=[guard(volumeMounts=[*guard()["volumeMounts"], MOUNT])],
                volumes=[*guard_volumes("chat"), {"name": "model", "emptyDir": {}}],
            ),
            "genai-guard-required",
            ["differing: volumeMounts"],
            id="code laid over the guard's",
        ),
        pytest.param(
            pod(initContainers=[EARLY, guard()], volumes=guard_volumes("chat")),
            "genai-guard-required",
            ["sidecar early starts before genai-guard", "Put it after genai-guard", "请将其移到"],
            id="a sidecar that could take the guard's port",
        ),
        pytest.param(
            pod(initContainers=[guard()], volumes=[STRANGE_VOLUME]),
            "genai-guard-required",
            ["spec.volumes: genai-guard-config", "another policy than the declared", "请从 Pod"],
            id="a policy of its own, with the guard",
        ),
        pytest.param(
            pod(volumes=[STRANGE_VOLUME]),
            "genai-guard-required",
            ["spec.volumes: genai-guard-config"],
            id="a policy of its own, guard to be injected",
        ),
        pytest.param(
            pod(initContainers=[guard()], volumes=guard_volumes("code")),
            "genai-guard-required",
            ["spec.volumes: genai-guard-config"],
            id="the guard of another service",
        ),
    ],
)  # fmt: skip
def test_a_pod_is_refused_in_words_that_say_what_why_and_next(
    api: Access, table: str, manifest: Json, policy: str, words: list[str]
) -> None:
    message = refusal(lambda: create(api, table, manifest))
    assert f"'{policy}'" in message
    assert [word for word in words if word not in message] == []
    assert " | " in message


def test_a_pod_of_a_refused_service_cannot_choose_its_node(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile(allowed=False)
    message = refusal(lambda: create(api, namespace, pod(nodeName="node-0")))
    assert "spec.nodeName would pass by" in message
    assert f"kubectl describe genaiservice chat -n {namespace}" in message


def test_a_service_without_any_profile_in_its_namespace_is_told_the_same_way(
    api: Access, namespace: str
) -> None:
    message = refusal(lambda: create(api, namespace, pod()))
    assert f"no GenAIService of that name in namespace {namespace}" in message


# --- managed services: only the operator's own Deployment


def test_nobody_but_the_operator_makes_pods_of_a_managed_service(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile(mode="managed")
    message = refusal(lambda: create(api, namespace, with_guard()))
    assert "GenAIService chat is managed" in message
    assert "spec.workload.adopt" in message


@pytest.mark.parametrize("plural", ["deployments", "replicasets"])
def test_a_foreign_template_with_the_label_of_a_managed_service_is_refused(
    api: Access, namespace: str, write_profile: Callable[..., Json], plural: str
) -> None:
    write_profile(mode="managed")
    manifest = deployment("foreign", with_guard())
    if plural == "replicasets":
        manifest["kind"] = "ReplicaSet"
    path = PARENT.format(namespace, plural)
    message = refusal(lambda: api.request("POST", path, manifest))
    assert "only the genaiservice-operator writes a template" in message


def test_the_deployment_of_the_operator_runs_and_scales_and_keeps_its_template(
    api: Access, control_plane: ControlPlane, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile(mode="managed")
    path = PARENT.format(namespace, "deployments")
    operator(control_plane).request("POST", path, deployment("chat", with_guard()))
    eventually(lambda: _running(api, namespace, 2))
    api.patch(f"{path}/chat/scale", {"spec": {"replicas": 3}})
    eventually(lambda: _running(api, namespace, 3))
    template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}
    message = refusal(lambda: api.patch(f"{path}/chat", {"spec": {"template": template}}))
    assert "Change spec.workload.managed.template" in message


def test_an_admitted_managed_service_scales_while_a_newer_declaration_is_refused(
    api: Access, control_plane: ControlPlane, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile(mode="managed", allowed=False)
    path = PARENT.format(namespace, "deployments")
    operator(control_plane).request("POST", path, deployment("chat", with_guard()))
    api.patch(f"{path}/chat/scale", {"spec": {"replicas": 3}})
    eventually(lambda: _running(api, namespace, 3))


def test_a_suspended_managed_service_gets_gated_pods_only(
    api: Access, control_plane: ControlPlane, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile(mode="managed", allowed=False, suspended=True)
    path = PARENT.format(namespace, "deployments")
    operator(control_plane).request("POST", path, deployment("chat", with_guard()))

    def gated() -> None:
        found = api.get(pods(namespace))["items"]
        assert [p["spec"]["schedulingGates"] for p in found] == [[GATE], [GATE]]

    eventually(gated)


# --- a pod that exists


@pytest.fixture
def waiting(api: Access, namespace: str, write_profile: Callable[..., Json]) -> str:
    """Path of a pod that waits behind the gate."""
    write_profile(allowed=False)
    create(api, namespace, pod())
    return f"{pods(namespace)}/model"


LIFT: Any = [{"op": "remove", "path": "/spec/schedulingGates"}]
GUARD_IMAGE: Any = [
    {"op": "replace", "path": "/spec/initContainers/0/image", "value": "guard:mine"}
]


@pytest.mark.parametrize(
    ("subresource", "change", "kind", "words"),
    [
        pytest.param(
            "", LIFT, "json",
            ["only the genaiservice-operator lifts", "kubectl describe genaiservice held", "闸门"],
            id="lift the gate",
        ),
        pytest.param(
            "", {"metadata": {"labels": {names.LABEL_SERVICE: None}}}, "merge",
            ["cannot be added, changed or removed", "pod template"],
            id="take the label off",
        ),
        pytest.param(
            "", {"metadata": {"labels": {names.LABEL_SERVICE: "code"}}}, "merge",
            ["cannot be added, changed or removed"],
            id="name another service",
        ),
        pytest.param(
            "/status", {"metadata": {"labels": {names.LABEL_SERVICE: None}}}, "merge",
            ["cannot be added, changed or removed"],
            id="take the label off through the status",
        ),
        pytest.param(
            "", {"metadata": {"annotations": {names.ANNOTATION_DIRECTIVE: "{}"}}}, "merge",
            ["kill switch", "spec.guard.killSwitch"],
            id="write the directive",
        ),
        pytest.param(
            "/status", {"metadata": {"annotations": {names.ANNOTATION_DIRECTIVE: "{}"}}}, "merge",
            ["kill switch"],
            id="write the directive through the status",
        ),
        pytest.param(
            "", GUARD_IMAGE, "json",
            ["spec.initContainers[genai-guard].image", "Upgrade the operator"],
            id="exchange the guard",
        ),
        pytest.param(
            "/ephemeralcontainers",
            {"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox"}]}},
            "strategic-merge",
            ["spec.ephemeralContainers", "kubectl debug model", "--copy-to=model-debug"],
            id="add a debug container",
        ),
    ],
)  # fmt: skip
def test_even_the_administrator_cannot(
    api: Access, table: str, subresource: str, change: Json, kind: str, words: list[str]
) -> None:
    waiting = f"{pods(table)}/model"
    before = api.get(waiting)
    message = refusal(lambda: api.patch(waiting + subresource, change, kind=kind))
    assert "'genai-pod-change'" in message
    assert [word for word in words if word not in message] == []
    after = api.get(waiting)
    assert (after["spec"], after["metadata"]["labels"]) == (
        before["spec"],
        before["metadata"]["labels"],
    )


def test_the_operator_lifts_the_gate_and_writes_the_directive_and_the_pod_runs(
    api: Access, control_plane: ControlPlane, waiting: str
) -> None:
    writer = operator(control_plane)
    directive = {"metadata": {"annotations": {names.ANNOTATION_DIRECTIVE: "{}"}}}
    writer.patch(waiting, directive)
    writer.patch(waiting, LIFT, kind="json")

    def runs() -> None:
        assert api.get(waiting)["status"]["phase"] == "Running"

    eventually(runs)


def test_a_running_pod_cannot_be_labelled_into_a_service(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile()
    create(api, namespace, pod(service=None))
    claim = {"metadata": {"labels": {names.LABEL_SERVICE: "chat"}}}
    message = refusal(lambda: api.patch(f"{pods(namespace)}/model", claim))
    assert "because the guard is put in at creation" in message


def test_other_changes_of_a_pod_are_free(api: Access, waiting: str) -> None:
    api.patch(waiting, {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}})


# --- namespaces that enforce


@pytest.fixture
def enforcing(api: Access, namespace: str) -> str:
    labels = {"metadata": {"labels": {names.LABEL_ENFORCE: "true"}}}
    api.patch(f"/api/v1/namespaces/{namespace}", labels)

    def enforced() -> None:
        message = refusal(lambda: create(api, namespace, pod("trial", service=None)))
        assert "genai-namespace-enforcement" in message

    eventually(enforced)
    return namespace


def exempt(reason: str) -> Json:
    manifest = pod(service=None)
    manifest["metadata"]["labels"][names.LABEL_EXEMPT] = reason
    return manifest


def test_a_pod_without_label_is_told_how_to_be_adopted_or_exempted(
    api: Access, enforcing: str
) -> None:
    message = refusal(lambda: create(api, enforcing, pod(service=None)))
    words = [
        "compliance.genai.dev/service=<name of the GenAIService>",
        "compliance.genai.dev/exempt=<short-reason>",
        f"kubectl get genaiservices -n {enforcing}",
        "请在 Pod 模板加标签",
    ]
    assert [word for word in words if word not in message] == []


def test_an_exemption_needs_a_reason(api: Access, enforcing: str) -> None:
    refusal(lambda: create(api, enforcing, exempt("")))
    create(api, enforcing, exempt("batch-import"))


def test_a_pod_of_a_service_lives_in_an_enforcing_namespace(
    api: Access, enforcing: str, write_profile: Callable[..., Json]
) -> None:
    write_profile()
    create(api, enforcing, pod())


def test_the_refusal_reaches_who_owns_the_deployment(api: Access, enforcing: str) -> None:
    path = PARENT.format(enforcing, "deployments")
    api.request("POST", path, deployment("web", pod(service=None)))

    def told_in_status() -> None:
        conditions = api.get(f"{path}/web")["status"]["conditions"]
        failure = next(c for c in conditions if c["type"] == "ReplicaFailure")
        assert "compliance.genai.dev/exempt=<short-reason>" in failure["message"]

    eventually(told_in_status)


@pytest.mark.parametrize("where", ["kube-system", "genai-system"])
def test_the_namespaces_of_the_cluster_and_of_the_operator_are_never_stopped(
    api: Access, where: str
) -> None:
    path = f"/api/v1/namespaces/{where}"
    api.patch(path, {"metadata": {"labels": {names.LABEL_ENFORCE: "true"}}})
    try:
        api.ensure(f"{path}/serviceaccounts/default", kind="ServiceAccount")
        for manifest in (pod(service=None), pod(service="nobody")):
            api.request("POST", f"{pods(where)}?dryRun=All", manifest)
    finally:
        api.patch(path, {"metadata": {"labels": {names.LABEL_ENFORCE: None}}})


# --- the profile itself


def test_nobody_but_the_operator_creates_a_profile(api: Access, namespace: str) -> None:
    message = refusal(lambda: api.request("POST", profiles(namespace), profile("mine")))
    assert "'genai-profile-owner'" in message
    assert "Change the GenAIService" in message
    assert "不可手工更改" in message


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"spec": {"rolloutAllowed": True}}, id="open the gate"),
        pytest.param({"metadata": {"labels": {names.LABEL_MODE: "managed"}}}, id="the mode"),
        pytest.param({"metadata": {"labels": {names.LABEL_MODE: None}}}, id="hide it"),
        pytest.param(
            {
                "metadata": {
                    "ownerReferences": [
                        {"apiVersion": "v1", "kind": "Namespace", "name": "x", "uid": "y"}
                    ]
                }
            },
            id="another owner",
        ),
    ],
)
def test_nobody_but_the_operator_changes_a_profile(
    api: Access, namespace: str, write_profile: Callable[..., Json], change: Json
) -> None:
    write_profile(allowed=False)
    refusal(lambda: api.patch(f"{profiles(namespace)}/chat", change))


def test_nobody_deletes_a_profile(
    api: Access, namespace: str, write_profile: Callable[..., Json]
) -> None:
    write_profile()
    refusal(lambda: api.request("DELETE", f"{profiles(namespace)}/chat"))
    refusal(lambda: api.request("DELETE", profiles(namespace)))


def test_a_profile_goes_with_its_owner_and_takes_the_right_to_start_along(
    api: Access, control_plane: ControlPlane, namespace: str, write_profile: Callable[..., Json]
) -> None:
    owner = api.request(
        "POST",
        f"/api/v1/namespaces/{namespace}/configmaps",
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}},
    )
    write_profile()
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner"}
    owned = {"ownerReferences": [{**reference, "uid": owner["metadata"]["uid"]}]}
    path = f"{profiles(namespace)}/chat"
    operator(control_plane).patch(path, {"metadata": owned})
    api.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/owner")
    eventually(lambda: not api.exists(path), within=30)

    def closed() -> None:
        message = refusal(lambda: create(api, namespace, pod("late")))
        assert "genai-pod-claim" in message

    eventually(closed)


def test_a_profile_goes_with_its_namespace(api: Access, control_plane: ControlPlane) -> None:
    path = "/api/v1/namespaces/genai-short-lived"
    api.ensure(path, kind="Namespace")
    operator(control_plane).request("POST", profiles("genai-short-lived"), profile("chat"))
    api.request("DELETE", path)
    eventually(lambda: not api.exists(path), within=30)


# --- a service that is deleted


MANAGED = {"managed": {"template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}}}
SERVING = {"total": 3, "guarded": 2, "gated": 1, "unguarded": 0}


def declared(api: Access, namespace: str, status: Json, **spec: Any) -> str:
    """The path of a GenAIService whose status says that."""
    wanted = service("chat")
    wanted["spec"] |= spec
    root = ours(namespace, names.PLURAL_SERVICE)
    api.request("POST", root, wanted)
    api.patch(f"{root}/chat/status", {"status": status})
    return f"{root}/chat"


def test_a_service_whose_adopted_pods_serve_is_not_deleted(api: Access, namespace: str) -> None:
    path = declared(api, namespace, {"pods": SERVING, "rollout": {"suspended": False}})
    for call in (path, path.removesuffix("/chat")):
        message = refusal(lambda call=call: api.request("DELETE", call))
        assert "仍有 2 个接管的 Pod" in message
        assert "2 adopted pods of this GenAIService still serve" in message
        assert f"kubectl annotate genaiservice chat -n {namespace}" in message
    api.patch(path, {"metadata": {"annotations": {names.ANNOTATION_LEAVE: "yes"}}})
    refusal(lambda: api.request("DELETE", path))
    api.patch(path, {"metadata": {"annotations": {names.ANNOTATION_LEAVE: "true"}}})
    api.request("DELETE", path)
    assert not api.exists(path)


@pytest.mark.parametrize(
    ("status", "spec"),
    [
        pytest.param({"pods": SERVING, "rollout": {"suspended": True}}, {}, id="suspended"),
        pytest.param({"pods": SERVING | {"total": 1}}, {}, id="all gated"),
        pytest.param({"pods": SERVING | {"total": 0, "gated": 0}}, {}, id="none"),
        pytest.param({}, {}, id="never seen by an operator"),
        pytest.param({"pods": SERVING}, {"workload": MANAGED}, id="managed"),
    ],
)
def test_a_service_that_leaves_nothing_serving_is_deleted(
    api: Access, namespace: str, status: Json, spec: Json
) -> None:
    path = declared(api, namespace, status, **spec)
    api.request("DELETE", path)
    assert not api.exists(path)


def test_a_namespace_takes_its_services_along(api: Access) -> None:
    path = "/api/v1/namespaces/genai-service-short-lived"
    api.ensure(path, kind="Namespace")
    declared(api, "genai-service-short-lived", {"pods": SERVING})
    api.request("DELETE", path)
    eventually(lambda: not api.exists(path), within=30)


# --- the guard as the operator really writes it


@pytest.fixture
def real(control_plane: ControlPlane, namespace: str) -> Json:
    """The profile of the operator's own making, in the cluster and known to the policies."""
    spec: Json = service("chat")["spec"]
    container = guard_spec.container(spec, "guard:real", "IfNotPresent")
    metadata = {"name": "chat", "namespace": namespace}
    wanted = guard_spec.profile(metadata, "chat", Mode.ADOPTED, True, container)
    operator(control_plane).request("POST", profiles(namespace), wanted)
    eventually(lambda: _known(control_plane.api, namespace, wanted))
    return wanted


def test_the_api_server_fills_nothing_into_the_operators_guard(
    api: Access, namespace: str, real: Json
) -> None:
    made = create(api, namespace, pod(automountServiceAccountToken=False))
    assert made["spec"]["initContainers"][0] == real["spec"]["container"]
    injected = {volume["name"]: volume for volume in made["spec"]["volumes"]}
    assert [injected[volume["name"]] for volume in real["spec"]["volumes"]] == real["spec"][
        "volumes"
    ]


def test_a_pod_that_carries_the_operators_guard_already_is_let_in(
    api: Access, namespace: str, real: Json
) -> None:
    spec = real["spec"]
    brought = pod(initContainers=[spec["container"]], volumes=spec["volumes"])
    assert len(create(api, namespace, brought)["spec"]["initContainers"]) == 1


def test_a_copy_of_an_admitted_pod_is_admitted_again(
    api: Access, namespace: str, real: Json
) -> None:
    first = create(api, namespace, pod())
    again = {**first, "metadata": {"name": "copy", "labels": first["metadata"]["labels"]}}
    create(api, namespace, {key: again[key] for key in ("apiVersion", "kind", "metadata", "spec")})
