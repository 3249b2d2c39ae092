# SPDX-License-Identifier: Apache-2.0
"""The ground that the other integration tests stand on: what the control plane itself does."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from hack.access import Access, Refused
from hack.build import NEEDED, CannotBuild, built, programs
from hack.cluster import CommandFailed, ControlPlane, condition, running
from hack.collector import Collector
from tests.wait import eventually

pytestmark = pytest.mark.integration

GATE = "example.test/wait"


def pod(name: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": "example.test/main"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": containers, **spec},
    }


def deployment(name: str, replicas: int) -> dict[str, Any]:
    template = pod(name)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": template["metadata"], "spec": template["spec"]},
        },
    }


def until_ready(api: Access, path: str) -> dict[str, Any]:
    def ready() -> dict[str, Any]:
        seen = api.get(path)
        assert condition(seen, "Ready") == "True", seen["status"]
        return seen

    return eventually(ready, within=30)


def test_the_api_server_is_the_release_that_the_chart_is_written_for(
    control_plane: ControlPlane,
) -> None:
    version = control_plane.api.get("/version")
    assert (version["major"], version["minor"]) == ("1", "37")


def test_mutating_admission_policies_are_served_in_their_stable_version(
    control_plane: ControlPlane,
) -> None:
    served = control_plane.api.get("/apis/admissionregistration.k8s.io/v1")["resources"]
    kinds = {resource["kind"] for resource in served}
    assert {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"} <= kinds
    assert {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"} <= kinds


def test_the_pods_of_a_deployment_become_ready_and_follow_its_scale(
    control_plane: ControlPlane, namespace: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    control_plane.api.request("POST", path, deployment("model", 3))

    def ready(replicas: int) -> None:
        status = control_plane.api.get(f"{path}/model")["status"]
        assert status.get("readyReplicas", 0) == replicas, status

    eventually(lambda: ready(3), within=30)
    control_plane.api.patch(f"{path}/model", {"spec": {"replicas": 1}})
    eventually(lambda: ready(1), within=30)


def test_a_deleted_deployment_takes_its_pods_along(
    control_plane: ControlPlane, namespace: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    pods = f"/api/v1/namespaces/{namespace}/pods"
    control_plane.api.request("POST", path, deployment("model", 2))
    eventually(lambda: len(control_plane.api.get(pods)["items"]) == 2, within=30)
    control_plane.api.request("DELETE", f"{path}/model")
    eventually(lambda: control_plane.api.get(pods)["items"] == [], within=30)


def test_endpoint_slices_name_the_pods_behind_a_service(
    control_plane: ControlPlane, namespace: str
) -> None:
    base = f"/api/v1/namespaces/{namespace}"
    spec = {"selector": {"app": "model"}, "ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "model"}, "spec": spec}
    control_plane.api.request("POST", f"{base}/services", service)
    control_plane.api.request("POST", f"{base}/pods", pod("model"))
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"

    def named() -> None:
        found = control_plane.api.get(slices)["items"]
        endpoints = [e for each in found for e in each.get("endpoints") or []]
        assert [e["targetRef"]["name"] for e in endpoints] == ["model"]
        assert endpoints[0]["conditions"]["ready"]

    eventually(named, within=30)


def test_a_pod_with_a_native_sidecar_becomes_ready(
    control_plane: ControlPlane, namespace: str
) -> None:
    before = [
        {"name": "set-up", "image": "example.test/once"},
        {"name": "guard", "image": "example.test/guard", "restartPolicy": "Always"},
    ]
    pods = f"/api/v1/namespaces/{namespace}/pods"
    control_plane.api.request("POST", pods, pod("guarded", initContainers=before))
    seen = until_ready(control_plane.api, f"{pods}/guarded")
    states = {each["name"]: each for each in seen["status"]["initContainerStatuses"]}
    assert seen["status"]["phase"] == "Running"
    assert states["guard"]["ready"]
    assert states["guard"]["started"]
    assert "running" in states["guard"]["state"]
    assert "terminated" in states["set-up"]["state"]


def test_a_gated_pod_stays_pending_until_its_gate_is_removed(
    control_plane: ControlPlane, namespace: str
) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    control_plane.api.request("POST", pods, pod("held", schedulingGates=[{"name": GATE}]))
    # The scheduler has been here once this one runs, and it came later.
    control_plane.api.request("POST", pods, pod("free"))
    until_ready(control_plane.api, f"{pods}/free")
    held = control_plane.api.get(f"{pods}/held")
    assert held["status"]["phase"] == "Pending"
    assert held["status"]["conditions"][0]["reason"] == "SchedulingGated"
    assert "nodeName" not in held["spec"]

    control_plane.api.patch(f"{pods}/held", {"spec": {"schedulingGates": None}})
    until_ready(control_plane.api, f"{pods}/held")


def test_the_audit_log_counts_the_writes_of_one_user(
    control_plane: ControlPlane, namespace: str
) -> None:
    file = control_plane.kubeconfig_of(namespace, "writer")
    writer = Access.of(file)
    user = f"system:serviceaccount:{namespace}:writer"
    control_plane.kubectl(
        *("create", "rolebinding", "writer", "-n", namespace, "--clusterrole=edit"),
        f"--serviceaccount={namespace}:writer",
    )
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    first = {"metadata": {"name": "one"}}
    eventually(lambda: writer.get(maps))  # the API server has seen the binding
    mark = control_plane.audit_mark()
    writer.request("POST", maps, first)
    writer.patch(f"{maps}/one", {"data": {"a": "b"}})
    writer.request("POST", f"{maps}?dryRun=All", {"metadata": {"name": "two"}})
    writer.get(f"{maps}/one")
    with pytest.raises(Refused, match="403 Forbidden"):
        writer.request("POST", "/api/v1/namespaces", {"metadata": {"name": "not-mine"}})

    seen = control_plane.writes(user=user, since=mark)
    assert [(write.verb, write.resource, write.name, write.code) for write in seen] == [
        ("create", "configmaps", "one", 201),
        ("patch", "configmaps", "one", 200),
        ("create", "namespaces", "", 403),
    ]


def test_the_operator_under_test_has_the_rights_of_the_chart_and_no_others(
    operator_kubeconfig: Path,
) -> None:
    def may(verb: str, resource: str, subresource: str = "", group: str = "") -> bool:
        attributes = {"verb": verb, "resource": resource, "subresource": subresource}
        spec = {"resourceAttributes": {**attributes, "group": group, "namespace": "default"}}
        reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = Access.of(operator_kubeconfig).request("POST", reviews, {"spec": spec})
        return bool(answer["status"]["allowed"])

    eventually(lambda: may("patch", "pods"))  # the API server has seen the binding
    assert may("patch", "genaiservices", "status", group="compliance.genai.dev")
    assert not may("delete", "pods")
    assert not may("get", "secrets")


def test_a_failing_command_raises_what_it_said(control_plane: ControlPlane) -> None:
    with pytest.raises(CommandFailed, match='pods "nobody" not found'):
        control_plane.kubectl("get", "pod", "nobody")


def test_a_span_sent_to_the_collector_is_in_its_file(collector: Collector) -> None:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=f"{collector.endpoint}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("a span of this test"):
        pass
    provider.shutdown()
    eventually(lambda: '"name":"a span of this test"' in collector.file.read_text())


def test_helm_is_the_release_that_the_module_names(control_plane: ControlPlane) -> None:
    assert control_plane.helm("version", "--template", "{{.Version}}") == "v4.3.1"


def test_existing_programs_are_used_first_and_completed_with_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = built()
    (tmp_path / "etcd").symlink_to(ours / "etcd")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    folder = programs()
    assert (folder / "etcd").readlink() == tmp_path / "etcd"
    assert (folder / "helm").readlink() == ours / "helm"
    assert all((folder / name).exists() for name in NEEDED)
    assert programs() == folder


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        pytest.param({"PATH": "/nowhere"}, "there is none here. Put Go 1.21", id="no Go"),
        pytest.param(
            {"KUBEBUILDER_ASSETS": "/nowhere"}, "/nowhere, which is no folder", id="no folder"
        ),
    ],
)
def test_what_hinders_the_build_is_said_with_its_cure(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CannotBuild, match=said):
        programs()


def test_a_go_that_cannot_fetch_a_newer_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(CannotBuild, match=r"\(go version go1.19.8 linux/amd64\). Put Go 1.21"):
        programs()


def test_nothing_is_left_after_the_end() -> None:
    with running(programs()) as plane:
        api, data = plane.api, plane.data
        processes = groups_of(data)
        assert len(processes) == 5
        assert api.answers("/readyz")
    assert not data.exists()
    assert not api.answers("/readyz")
    assert groups_of(data) == []


def test_nothing_runs_on_when_the_owner_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from hack.build import NEEDED, CannotBuild, built, programs\n"
        "from hack.cluster import running\n"
        "with running(programs()) as plane:\n"
        "    print(plane.data, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},  # noqa: TID251 - the child is like us
    ) as owner:
        assert owner.stdout is not None
        data = Path(owner.stdout.readline().strip())
        assert len(groups_of(data)) == 5
        owner.send_signal(signal.SIGKILL)
    eventually(lambda: groups_of(data) == [])


def groups_of(data: Path) -> list[int]:
    """The processes with this folder on their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:  # it ended while we looked
            continue
        if f"{data}/".encode() in command and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found
