# SPDX-License-Identifier: Apache-2.0
"""The guard as the cluster sees it: its configuration, its container and volumes, its profile.

Every field that the API server would default stands here in full: the admission policies compare
the container of a pod with the one in the GuardProfile, and what is left out there would differ.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from genaiservice.api import guard_config, label_config, names
from genaiservice.api.declared import (
    Mode,
    compliance,
    guard,
    json_object,
    text,
    workload,
)
from genaiservice.api.guard_config import LabelMode
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.api.problem import Problem, ProblemError, Text
from genaiservice.control.core import guard_detectors, guard_users
from genaiservice.control.core.quantity import amount, canonical

CONFIG_MAP_BYTES: Final = 900 * 1024
"""The API server refuses a ConfigMap above 1 MiB; the rest is room for metadata."""

LABEL_MODES: Final = {
    "InBandPrefix": LabelMode.PREFIX,
    "InBandSuffix": LabelMode.SUFFIX,
    "InterfaceDeclared": LabelMode.OFF,
}
"""Not declared means Prefix: an answer without a label is the worse mistake (Art. 12)."""

RESOURCES: Final[dict[str, dict[str, str]]] = {
    "requests": {"cpu": "100m", "memory": "96Mi"},
    "limits": {"memory": "512Mi"},
}
MEDIA_MEMORY: Final = "1536Mi"
"""Limit where files are labelled: a picture of 40 million pixels needs some 500 MiB, two at once
are worked on."""
WORK_BYTES: Final = "1Gi"
RUN_AS: Final = 65532


def config_tree(namespace: str, name: str, spec: Json) -> MutableJson:
    """guard.json of a service, every field written out; raises ProblemError with all faults."""
    declared, wanted = guard(spec), workload(spec)
    if declared.port == wanted.port:
        raise ProblemError(_same_port(declared.port))
    tree = {
        "service": {"namespace": namespace, "name": name},
        "listen": {"port": declared.port, "adminPort": names.GUARD_ADMIN_PORT},
        "upstream": {
            **json_object(lookup(spec, "guard", "upstream")),
            "url": f"http://127.0.0.1:{wanted.port}",
        },
        "paths": lookup(spec, "guard", "paths"),
        "limits": lookup(spec, "guard", "limits"),
        "screening": _screening(compliance(spec)),
        "label": _label(compliance(spec)),
        "policyFile": names.FILE_POLICY,
        "complaintUrl": _plain_url(text(lookup(compliance(spec), "complaints", "url"))),
        "telemetry": lookup(spec, "guard", "telemetry"),
        "users": guard_users.users_tree(spec),
        "detectors": guard_detectors.detectors_tree(spec),
        "detectorWindow": lookup(spec, "guard", "detectorWindow"),
        "media": _media(compliance(spec)),
    }
    present = {key: value for key, value in tree.items() if value is not None}
    return guard_config.render(guard_config.parse(present))


def _screening(declared: Json) -> MutableJson:
    safety = json_object(declared.get("contentSafety"))
    pairs = (("input", "inputScreening"), ("output", "outputScreening"))
    return {side: safety[field] for side, field in pairs if safety.get(field) is not None}


def _label(declared: Json) -> MutableJson:
    label = json_object(lookup(declared, "labelling", "text"))
    mode = LABEL_MODES.get(text(label.get("mode")), LabelMode.PREFIX)
    wording = text(label.get("labelText")).strip()
    return {"mode": mode.value} | ({"text": wording} if wording else {})


def _media(declared: Json) -> MutableJson | None:
    """None where no picture, sound or film is declared: the guard then lets none out."""
    labelling = json_object(declared.get("labelling"))
    if not any(labelling.get(kind) for kind in ("image", "audio", "video")):
        return None
    return label_config.of_declaration(declared)


def _plain_url(url: str) -> str:
    """The address in ASCII, as a header of an answer carries it (`https://投诉.中国/`)."""
    url = url.strip(" \u3000")
    if url.isascii():
        return url
    try:
        parts = urlsplit(url)
        host = parts.netloc.encode("idna").decode() if not parts.netloc.isascii() else parts.netloc
    except (ValueError, UnicodeError):
        return url
    path, query = quote(parts.path, safe="/%"), quote(parts.query, safe="=&%")
    return urlunsplit((parts.scheme, host, path, query, ""))


def config_text(tree: Json) -> str:
    """guard.json as it stands in the ConfigMap: readable, equal for equal trees."""
    return json.dumps(tree, ensure_ascii=False, indent=1, sort_keys=True)


def config_hash(config: str) -> str:
    return hashlib.sha256(config.encode()).hexdigest()[:16]


def too_large(config: str, packed: int) -> Problem | None:
    """`packed`: bytes of all packed policies."""
    size = len(config.encode()) + packed
    if size <= CONFIG_MAP_BYTES:
        return None
    limit = CONFIG_MAP_BYTES // 1024
    return Problem(
        where="ModerationPolicy",
        what=Text(
            en=f"the packed terms need {size // 1024} KiB",
            zh=f"压缩后的词库需要 {size // 1024} KiB",
        ),
        why=Text(
            en=f"a ConfigMap that a pod can mount holds {limit} KiB",
            zh=f"Pod 可挂载的 ConfigMap 上限为 {limit} KiB",
        ),
        next=Text(
            en="remove terms that contain another term, and variants in width, case, traditional "
            "characters or with separators: the guard folds them by itself",
            zh="请删除包含其他词条的词条，以及全半角、大小写、繁体、带分隔符的变体：护栏会自动归一化",
        ),
    )


def _same_port(port: int) -> Problem:
    return Problem(
        where="spec.guard.port",
        what=Text(en=f"is {port}, the port of the model", zh=f"与模型端口相同（{port}）"),
        why=Text(en="guard and model share the network of the pod", zh="护栏与模型共用 Pod 的网络"),
        next=Text(
            en=f"write another port, for example {names.GUARD_PORT}",
            zh=f"请填写另一个端口，例如 {names.GUARD_PORT}",
        ),
    )


def config_map_data(config: str, encoded: str, bands: Mapping[str, str]) -> MutableJson:
    """`encoded`: the policy of the service; `bands`: those of bands by name."""
    further = {guard_users.policy_file(name): policy for name, policy in bands.items()}
    return {
        "data": {names.FILE_CONFIG: config},
        "binaryData": {names.FILE_POLICY: encoded, **further},
    }


def container(spec: Json, image: str, pull_policy: str) -> MutableJson:
    """The native sidecar. `startupProbe` asks for life, not readiness: the model starts only after
    it, and readiness waits for the model."""
    return {
        "name": names.GUARD_CONTAINER,
        "image": image,
        "imagePullPolicy": pull_policy,
        "restartPolicy": "Always",
        "args": ["guard", "--config", f"{names.PATH_CONFIG}/{names.FILE_CONFIG}"],
        "ports": [
            _port(names.GUARD_PORT_NAME, guard(spec).port),
            _port(names.GUARD_ADMIN_PORT_NAME, names.GUARD_ADMIN_PORT),
        ],
        "resources": _resources(guard(spec).resources, files=_labels_files(spec)),
        "startupProbe": _probe("/livez", period=1, failures=60),
        "readinessProbe": _probe("/readyz", period=2, failures=2),
        "livenessProbe": _probe("/livez", period=10, failures=3),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsGroup": RUN_AS,
            "runAsNonRoot": True,
            "runAsUser": RUN_AS,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": names.VOLUME_CONFIG, "mountPath": names.PATH_CONFIG, "readOnly": True},
            {"name": names.VOLUME_DIRECTIVE, "mountPath": names.PATH_DIRECTIVE, "readOnly": True},
            *_secret_mounts(spec),
            *_work_mounts(spec),
        ],
    }


def _secret_mounts(spec: Json) -> list[MutableJson]:
    mount = {"name": names.VOLUME_SECRETS, "mountPath": names.PATH_SECRETS, "readOnly": True}
    return [mount] if _secrets(spec) else []


def _secrets(spec: Json | None) -> list[MutableJson]:
    return [*guard_users.sources(spec), *guard_detectors.sources(spec)]


def _labels_files(spec: Json | None) -> bool:
    return _media(compliance(spec or {})) is not None


def _work_mounts(spec: Json) -> list[MutableJson]:
    """ffmpeg works on files, and the root file system is read-only."""
    mount = {"name": names.VOLUME_WORK, "mountPath": "/tmp"}  # noqa: S108 - a volume of its own
    return [mount] if _labels_files(spec) else []


def _port(name: str, number: int) -> MutableJson:
    return {"name": name, "containerPort": number, "protocol": "TCP"}


def _probe(path: str, *, period: int, failures: int) -> MutableJson:
    return {
        "httpGet": {"path": path, "port": names.GUARD_ADMIN_PORT, "scheme": "HTTP"},
        "timeoutSeconds": 2,
        "periodSeconds": period,
        "successThreshold": 1,
        "failureThreshold": failures,
    }


def _resources(declared: Json, *, files: bool) -> MutableJson:
    merged: dict[str, dict[str, Any]] = {}
    usual = RESOURCES | ({"limits": {"memory": MEDIA_MEMORY}} if files else {})
    for side, defaults in usual.items():
        written = json_object(declared.get(side))
        merged[side] = {key: canonical(value) for key, value in {**defaults, **written}.items()}
    # A limit below its request makes the pod invalid. Of the two, the written one decides.
    written = json_object(declared.get("limits"))
    for key, limit in merged["limits"].items():
        request = merged["requests"].get(key, limit)
        if (amount(limit) or 0) < (amount(request) or 0):
            side, value = ("requests", limit) if key in written else ("limits", request)
            merged[side][key] = value
    return merged


def volumes(name: str, spec: Json | None = None) -> list[MutableJson]:
    annotation = f"metadata.annotations['{names.ANNOTATION_DIRECTIVE}']"
    reference = {"apiVersion": "v1", "fieldPath": annotation}
    return [
        {
            "name": names.VOLUME_CONFIG,
            "configMap": {"name": names.guard_config_map(name), "defaultMode": 0o644},
        },
        {
            "name": names.VOLUME_DIRECTIVE,
            "downwardAPI": {
                "defaultMode": 0o644,
                "items": [{"path": names.FILE_DIRECTIVE, "fieldRef": reference}],
            },
        },
        *_secret_volume(spec),
        *_work_volume(spec),
    ]


def _work_volume(spec: Json | None) -> list[MutableJson]:
    volume = {"name": names.VOLUME_WORK, "emptyDir": {"sizeLimit": WORK_BYTES}}
    return [volume] if _labels_files(spec) else []


def _secret_volume(spec: Json | None) -> list[MutableJson]:
    """Readable for the guard's own user, which no group of the pod is known to hold."""
    files = _secrets(spec)
    projected = {"defaultMode": 0o444, "sources": files}
    return [{"name": names.VOLUME_SECRETS, "projected": projected}] if files else []


def profile(
    metadata: MutableJson,
    name: str,
    mode: Mode,
    allowed: bool,
    guard_container: Json,
    *,
    spec: Json | None = None,
    suspended: bool = False,
) -> MutableJson:
    """The GuardProfile: what admission demands of a pod of this service."""
    labels = {
        **json_object(metadata.get("labels")),
        names.LABEL_MODE: (mode if mode is not Mode.NONE else Mode.ADOPTED).value,
        # Written out both ways: server-side apply would see nothing to do in a label left out.
        names.LABEL_SUSPENDED: "true" if suspended else "false",
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_PROFILE,
        "metadata": {**metadata, "labels": labels},
        "spec": {
            "service": name,
            "rolloutAllowed": allowed,
            "container": dict(guard_container),
            "volumes": volumes(name, spec),
        },
    }
