# SPDX-License-Identifier: Apache-2.0
"""Observed: everything that one look at a GenAIService saw, and nothing else.

Objects stay plain JSON as the API server gave them. `engine.gather` fills it, the rest of this
room reads it. What is absent was looked for and not found; nothing here says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from genaiservice.api import names
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Text
from genaiservice.control.core.pages import Record

CHILD_KINDS = (
    "ControllerRevision",
    "ConfigMap",
    "NetworkPolicy",
    "Service",
    "Deployment",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
)
"""Kinds that a plan applies and deletes, beside the GuardProfile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyFailure:
    """What the API server refused when the last plan of this service was carried out."""

    kind: str
    name: str
    message: str
    """The API server's own words; no volatile text (request ids, resource versions)."""
    text: Text | None = None
    """Our own words where it is not the server that objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One service and what belongs to it.

    children: by kind (`CHILD_KINDS`), every object that the service controls (owner reference) or
        whose name a child of it would take, so that a foreign object of that name is seen.
    pods: of the namespace, with the label `names.LABEL_SERVICE` = name of the service; deleted
        ones that still terminate too.
    policy: the ModerationPolicy that `spec.guard.moderationPolicy` names, None when missing.
    band_policies: for each further ModerationPolicy that bands of users name, in the spec or in
        an admitted revision: the object, None when missing.
    config_maps: for each ConfigMap that one of these policies names: the object, None when missing.
    rivals: other GenAIServices of the namespace whose `claims()` meet those of this one.
    services: core/v1 Services of the namespace whose selector matches a pod in `pods`.
    routes: Ingresses and HTTPRoutes that lead to one of `services` or to a Service of this name.
    budgets: PodDisruptionBudgets of the namespace whose selector may match a pod in `pods`.
    pages: what is known of the declared pages, by field; None when pages are not looked at.
    failure: of the last apply of this service, None when all went well.
    """

    service: Json
    profile: Json | None = None
    children: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    pods: tuple[Json, ...] = ()
    policy: Json | None = None
    band_policies: Mapping[str, Json | None] = field(default_factory=dict)
    config_maps: Mapping[str, Json | None] = field(default_factory=dict)
    rivals: tuple[Json, ...] = ()
    services: tuple[Json, ...] = ()
    routes: tuple[Json, ...] = ()
    budgets: tuple[Json, ...] = ()
    pages: Mapping[str, Record] | None = None
    failure: ApplyFailure | None = None

    @property
    def namespace(self) -> str:
        return str(lookup(self.service, "metadata", "namespace", default=""))

    @property
    def name(self) -> str:
        return str(lookup(self.service, "metadata", "name", default=""))

    @property
    def uid(self) -> str:
        return str(lookup(self.service, "metadata", "uid", default=""))

    def child(self, kind: str, name: str) -> Json | None:
        """The object of this kind and name, whoever owns it."""
        for child in self.children.get(kind, ()):
            if lookup(child, "metadata", "name") == name:
                return child
        return None

    def controls(self, child: Json) -> bool:
        """Whether this service (this very uid) is the controller of `child`."""
        owners = lookup(child, "metadata", "ownerReferences", default=None)
        return isinstance(owners, list | tuple) and any(
            lookup(owner, "controller") is True and lookup(owner, "uid") == self.uid
            for owner in owners
        )


def claims(service: Json) -> frozenset[str]:
    """The values of the service label whose pods this GenAIService would own.

    Its own name; and, against the intent of the label, the name that its managed template
    carries. Two services of a namespace are rivals when their claims meet.
    """
    own = lookup(service, "metadata", "name")
    template = lookup(service, "spec", "workload", "managed", "template")
    label = lookup(template, "metadata", "labels", names.LABEL_SERVICE)
    return frozenset(value for value in (own, label) if isinstance(value, str) and value)


def policy_name(service: Json) -> str:
    """Name of the ModerationPolicy that the service asks for, "" when it names none."""
    name = lookup(service, "spec", "guard", "moderationPolicy")
    return name if isinstance(name, str) else ""


def policy_config_maps(policy: Json | None) -> tuple[str, ...]:
    """Names of the ConfigMaps that a ModerationPolicy takes terms from, sorted, each once."""
    sources = lookup(policy, "spec", "sources")
    if not isinstance(sources, list | tuple):
        return ()
    found = (lookup(source, "configMap", "name") for source in sources)
    return tuple(sorted({name for name in found if isinstance(name, str) and name}))
