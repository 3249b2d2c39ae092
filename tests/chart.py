# SPDX-License-Identifier: Apache-2.0
"""The chart in a real cluster: installed by Helm, its policies seen at work, taken away again.

The control plane serves the tests of every room, so who installs the chart also removes it and
waits until its policies no longer answer.
"""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

from genaiservice.api import names
from hack.access import Access, Refused
from hack.cluster import ControlPlane
from hack.places import CHART
from tests.wait import eventually

RELEASE = "genai"
NAMESPACE = "genai-system"
OPERATOR = "genaiservice-operator"
Json = dict[str, Any]


@contextlib.contextmanager
def installed(control_plane: ControlPlane, *values: str) -> Iterator[None]:
    """The chart installed as a user would do it; `values` are further arguments for Helm."""
    probe = f"genai-probe-{uuid.uuid4().hex[:6]}"
    control_plane.api.ensure(f"/api/v1/namespaces/{probe}", kind="Namespace")
    helm_install(control_plane, *values)
    try:
        wait_for_policies(control_plane, probe)
        yield
    finally:
        control_plane.helm("uninstall", RELEASE, "--namespace", NAMESPACE)
        wait_for_no_policies(control_plane.api, probe)
        control_plane.kubectl("delete", "namespace", probe, "--wait=false")


def helm_install(control_plane: ControlPlane, *values: str, chart: str = str(CHART)) -> str:
    # Another test may have applied the CRDs by hand before; Helm takes them over.
    return control_plane.helm(
        "upgrade", "--install", RELEASE, chart, "--namespace", NAMESPACE, "--create-namespace",
        "--take-ownership", "--force-conflicts", "--timeout", "90s", *values,
    )  # fmt: skip


def operator(control_plane: ControlPlane) -> Access:
    """The API server as the operator's service account sees it."""
    return Access.of(control_plane.kubeconfig_of(NAMESPACE, OPERATOR))


def pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def profiles(namespace: str) -> str:
    return ours(namespace, names.PLURAL_PROFILE)


def ours(namespace: str, plural: str) -> str:
    return f"/apis/{names.API_VERSION}/namespaces/{namespace}/{plural}"


def service(name: str) -> Json:
    """The least that a GenAIService has to say: which pods, which policy."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_SERVICE,
        "metadata": {"name": name},
        "spec": {
            "workload": {"adopt": {"port": 8000}},
            "guard": {"moderationPolicy": "default"},
        },
    }


def guard(**changes: Any) -> Json:
    """A guard container with every default of the API server; None takes a key away."""
    container = {
        "name": names.GUARD_CONTAINER,
        "image": "guard:1",
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "args": ["guard", "--config", "/etc/genai-guard/config/guard.json"],
        "env": [{"name": "GENAI_MODE", "value": "strict"}],
        "ports": [{"name": "genai-guard", "containerPort": 8790, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "512Mi"}},
        "startupProbe": {
            "httpGet": {"path": "/livez", "port": 8791, "scheme": "HTTP"},
            "timeoutSeconds": 2,
            "periodSeconds": 1,
            "successThreshold": 1,
            "failureThreshold": 60,
        },
        "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [
            {"name": names.VOLUME_CONFIG, "mountPath": names.PATH_CONFIG, "readOnly": True}
        ],
    }
    return {key: value for key, value in {**container, **changes}.items() if value is not None}


def guard_volumes(service: str) -> list[Json]:
    config = {"name": names.guard_config_map(service), "defaultMode": 0o644}
    return [{"name": names.VOLUME_CONFIG, "configMap": config}]


def profile(
    service: str,
    *,
    mode: str = "adopted",
    allowed: bool = True,
    suspended: bool = False,
    **spec: Any,
) -> Json:
    labels = {names.LABEL_MODE: mode} | ({names.LABEL_SUSPENDED: "true"} if suspended else {})
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_PROFILE,
        "metadata": {"name": service, "labels": labels},
        "spec": {
            "service": service,
            "rolloutAllowed": allowed,
            "container": guard(),
            "volumes": guard_volumes(service),
            **spec,
        },
    }


def pod(name: str = "model", *, service: str | None = "chat", **spec: Any) -> Json:
    """A pod as a foreign controller makes it: the label and a model, nothing of ours."""
    labels = {} if service is None else {names.LABEL_SERVICE: service}
    containers = [{"name": "model", "image": "vllm:1", "ports": [{"containerPort": 8000}]}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": containers, **spec},
    }


def with_guard(service: str = "chat", *, name: str = "model", **changes: Any) -> Json:
    """A pod that brings a guard of its own."""
    return pod(
        name, service=service, initContainers=[guard(**changes)], volumes=guard_volumes(service)
    )


def told(refused: Refused) -> str:
    return str(refused.status.get("message", ""))


def wait_for_policies(control_plane: ControlPlane, namespace: str) -> None:
    """Until validation, and mutation with the profile as parameter, are seen at work."""
    api, writer = control_plane.api, operator(control_plane)
    wanted = profile("probe", allowed=False)
    eventually(lambda: writer.request("POST", profiles(namespace), wanted), within=30)

    def at_work() -> bool:
        try:
            dry_run(api, namespace, with_guard("nobody"))
        except Refused as refused:
            if "genai-pod-claim" not in told(refused):
                raise
        else:
            return False
        made = dry_run(api, namespace, pod(service="probe"))["spec"]
        return "schedulingGates" in made and "initContainers" in made

    eventually(at_work, within=30)


def wait_for_no_policies(api: Access, namespace: str) -> None:
    """Until a label that names no service is nobody's business, and neither is any pod."""
    eventually(lambda: dry_run(api, namespace, pod(service="nobody")), within=30)


def dry_run(api: Access, namespace: str, manifest: Json) -> Json:
    return api.request("POST", f"{pods(namespace)}?dryRun=All", manifest)
