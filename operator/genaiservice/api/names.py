# SPDX-License-Identifier: Apache-2.0
"""Names that operator, guard, CLI, chart and tests agree on.

Rule of this module: constants only. A name that two parts must spell alike stands here,
so that no part learns it from another.
"""

from typing import Final

GROUP: Final = "compliance.genai.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

KIND_SERVICE: Final = "GenAIService"
KIND_PROFILE: Final = "GuardProfile"
KIND_POLICY: Final = "ModerationPolicy"
PLURAL_SERVICE: Final = "genaiservices"
PLURAL_PROFILE: Final = "guardprofiles"
PLURAL_POLICY: Final = "moderationpolicies"

LABEL_SERVICE: Final = f"{GROUP}/service"
"""On pods and children: the name of the GenAIService in the same namespace that owns them."""
LABEL_ENFORCE: Final = f"{GROUP}/enforce"
"""On a namespace, value "true": a pod that belongs to no GenAIService is refused there."""
LABEL_EXEMPT: Final = f"{GROUP}/exempt"
"""On a pod in an enforcing namespace: a visible exemption; the value is the short reason."""
LABEL_MODE: Final = f"{GROUP}/mode"
"""On a GuardProfile: "managed" or "adopted"; the admission policies treat the two apart."""
LABEL_SUSPENDED: Final = f"{GROUP}/suspended"
"""On the GuardProfile of a managed service, value "true": traffic must stop, so its new pods are
held as well. Without it they come from the admitted template and may start, also while a newer
declaration is refused."""
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "genaiservice-operator"

ANNOTATION_DIRECTIVE: Final = f"{GROUP}/directive"
"""On a pod: what the guard must do now (`api.directive`); reaches it by a downward-API volume."""
ANNOTATION_POLICY: Final = f"{GROUP}/policy"
"""On a pod: hash of the moderation policy; changing it makes the kubelet refresh the volume."""
ANNOTATION_UNVERIFIED: Final = f"{GROUP}/unverified-guard"
"""Seen inside one admission request only: a pod brought its own guard and no profile has vouched
for it yet; who keeps it to the end is refused."""
ANNOTATION_ADMITTED: Final = f"{GROUP}/admitted"
"""On a Deployment and its ControllerRevision: the admitted revision."""

ANNOTATION_CONFIG: Final = f"{GROUP}/config"
"""On a pod: hash of guard.json as it stood when the pod was made; the guard reads it only then."""
ANNOTATION_LEAVE: Final = f"{GROUP}/leave-pods-serving"
"""On a GenAIService, value "true": it may be deleted although adopted pods go on serving, out of
reach of the kill switch."""

GATE: Final = f"{GROUP}/rollout"
"""Scheduling gate that holds a pod until the verdict allows it to run."""

GUARD_CONTAINER: Final = "genai-guard"
GUARD_PORT_NAME: Final = "genai-guard"
GUARD_PORT: Final = 8790
"""Default port on which clients reach the guard."""
GUARD_ADMIN_PORT: Final = 8791
GUARD_QUIET_PATH: Final = "/quiet"
"""On the admin port: answers when no exchange is open any more, for the model's preStop hook."""
"""Probes and metrics; never offered by the Service, open to the kubelet and to scrapers."""
GUARD_ADMIN_PORT_NAME: Final = "genai-admin"

VOLUME_CONFIG: Final = "genai-guard-config"
VOLUME_DIRECTIVE: Final = "genai-guard-directive"
PATH_CONFIG: Final = "/etc/genai-guard/config"
"""Directory in the guard: the ConfigMap `<service>-guard`."""
FILE_CONFIG: Final = "guard.json"
FILE_POLICY: Final = "policy.json.gz"
VOLUME_SECRETS: Final = "genai-guard-secrets"
VOLUME_WORK: Final = "genai-guard-work"
PATH_SECRETS: Final = "/etc/genai-guard/secrets"
"""Directory in the guard: keys and passwords that spec.guard.users names, as files."""
PATH_DIRECTIVE: Final = "/etc/genai-guard/pod"
"""Directory in the guard: the downward-API volume."""
FILE_DIRECTIVE: Final = "directive"

FIELD_MANAGER: Final = "genaiservice-operator"
FIELD_MANAGER_STATUS: Final = "genaiservice-operator-status"
LEASE: Final = "genaiservice-operator"

FIELD_MANAGER_PODS: Final = "genaiservice-operator-pods"
"""Owns the annotations that the operator stamps on pods which others created."""


def guard_config_map(service: str) -> str:
    """Name of the ConfigMap that carries the guard's configuration and its terms."""
    return f"{service}-guard"
