# SPDX-License-Identifier: Apache-2.0
"""What users and clusters do to services, as a random story, and the state that it must end in.

A story is made of its seed alone, so that it can be told again. `Story.wrong` compares the cluster
with what follows from the declarations as they stand, worked out here and not by the operator.
"""

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hack.access import Refused
from tests.operator_world import World, annotation, complete, deployment, policy, service, template

Json = dict[str, Any]
MANAGED, ADOPTED = ("m1", "m2"), ("a1", "a2", "never")
POLICIES = {"m1": "default", "a1": "default", "m2": "other", "a2": "other", "never": "default"}
CHILDREN = ("deployments", "services", "poddisruptionbudgets", "networkpolicies", "configmaps")
FOREIGN = {"deployments": "Deployment", "services": "Service", "configmaps": "ConfigMap"}
LABEL = "compliance.genai.dev/service"


def declared(how: str) -> Json | None:
    if how == "none":
        return None
    declaration = complete()
    for filing in declaration["filings"]:
        if how == "revoked" and filing["kind"] == "GenAIFiling":
            filing["status"] = "Revoked"
    return declaration


@dataclass(slots=True)
class Service:
    declares: str = "none"
    killed: bool = False
    exists: bool = True


@dataclass(slots=True)
class Policy:
    exists: bool = True
    from_words: bool = False


@dataclass(slots=True)
class Story:
    world: World
    random: random.Random
    services: dict[str, Service] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    words: bool = False
    told: list[str] = field(default_factory=list)

    def begin(self) -> None:
        for name in ("default", "other"):
            self.policies[name] = Policy()
            self.world.create(policy(name=name))
        for name in POLICIES:
            self._create(name)

    def _create(self, name: str) -> None:
        spec: Json = {"guard": {"moderationPolicy": POLICIES[name], "suspendGraceSeconds": 1}}
        if name in MANAGED:
            spec["managed"] = 1
        self.services[name] = Service()
        self.world.create(service(name, **spec))

    def step(self) -> None:
        """One thing that somebody does; what is not there to be done is left."""
        does = self.random.choice(self._deeds())
        with contextlib.suppress(Refused):
            does()

    def say(self, what: str) -> None:
        self.told.append(what)

    def _deeds(self) -> list[Callable[[], None]]:
        often = [self.declare, self.declare, self.declare, self.kill, self.kill]
        hands = [self.delete_pod, self.delete_child, self.drift, self.foreign, self.foreign]
        return [*often, *hands, self.retemplate, self.repolicy, self.reword, self.recreate]

    def _one(self, *names: str) -> tuple[str, Service]:
        name = self.random.choice(names)
        return name, self.services[name]

    def declare(self) -> None:
        name, one = self._one("a1", "a2", "m1", "m2")
        how = self.random.choice(("none", "complete", "complete", "revoked"))
        self.say(f"{name} declares {how}")
        self._patch(name, {"compliance": declared(how)})
        one.declares = how

    def kill(self) -> None:
        name, one = self._one(*POLICIES)
        self.say(f"kill switch of {name}: {not one.killed}")
        self._patch(name, {"guard": {"killSwitch": not one.killed}})
        one.killed = not one.killed

    def _patch(self, name: str, spec: Json) -> None:
        self.world.patch("genaiservices", name, {"spec": spec})

    def retemplate(self) -> None:
        name, _ = self._one(*MANAGED)
        image = f"example.test/model:{self.random.randrange(1000)}"
        self.say(f"{name} runs {image}")
        self._patch(name, {"workload": {"managed": {"template": template(image=image)}}})

    def repolicy(self) -> None:
        name = self.random.choice(("default", "other"))
        one, words = self.policies[name], self.random.random() < 0.5
        if one.exists and self.random.random() < 0.4:
            self.say(f"policy {name} is deleted")
            self.world.delete("moderationpolicies", name)
            one.exists = False
            return
        made = policy(name=name, config_map="words" if words else "")
        self.say(f"policy {name} takes its terms from {'words' if words else 'itself'}")
        if one.exists:
            self.world.patch("moderationpolicies", name, {"spec": made["spec"]})
        else:
            self.world.create(made)
        one.exists, one.from_words = True, words

    def reword(self) -> None:
        number = self.random.randrange(1000)
        body = {"metadata": {"name": "words"}, "data": {"terms.txt": f"违禁样本{number}\n"}}
        path = self.world.path("configmaps")
        if not self.words:
            self.say("words come")
            self.world.api.request("POST", path, body)
        elif number % 2:
            self.say("words go")
            self.world.delete("configmaps", "words")
        else:
            self.say("words change")
            self.world.patch("configmaps", "words", body)
        self.words = not self.words or not number % 2

    def delete_pod(self) -> None:
        at = self.random.random()
        self.say("a pod is deleted")
        pods = self.world.all_of("pods")
        if pods:
            self.world.delete("pods", pods[int(at * len(pods))]["metadata"]["name"])

    def delete_child(self) -> None:
        name, kind = self.random.choice(MANAGED), self.random.choice(CHILDREN)
        self.say(f"{kind} of {name} is deleted")
        self.world.delete(kind, child_name(kind, name))

    def drift(self) -> None:
        name = self.random.choice(MANAGED)
        kind, change = self.random.choice(
            (
                ("networkpolicies", {"spec": {"ingress": [{}]}}),
                ("deployments", {"spec": {"replicas": 3}}),
                ("services", {"spec": {"selector": {"app": "elsewhere"}}}),
                ("configmaps", {"data": {"guard.json": "{}"}}),
            )
        )
        self.say(f"{kind} of {name} is changed by hand")
        place = child_name(kind, name)
        if controller(self.world.get(kind, place)):
            self.world.patch(kind, place, change)

    def foreign(self) -> None:
        """An object of others under the name of a child comes, or goes."""
        name, kind = self.random.choice(MANAGED), self.random.choice(list(FOREIGN))
        self.say(f"a foreign {kind} named as that of {name} comes or goes")
        place = child_name(kind, name)
        if self._remove_foreign(kind, place):
            return
        tree = deployment(place, of="", replicas=0)
        del tree["spec"]["template"]["metadata"]["labels"][LABEL]
        spec = {"Deployment": tree["spec"], "Service": {"ports": [{"port": 80}]}}
        body: Json = {"metadata": {"name": place}, "kind": FOREIGN[kind], "apiVersion": "v1"}
        if kind == "deployments":
            body["apiVersion"] = "apps/v1"
        if FOREIGN[kind] in spec:
            body["spec"] = spec[FOREIGN[kind]]
        self.world.api.request("POST", self.world.path(kind), body)

    def _remove_foreign(self, kind: str, place: str) -> bool:
        with contextlib.suppress(Refused):
            if not controller(self.world.get(kind, place)):
                self.world.delete(kind, place)
                return True
        return False

    def recreate(self) -> None:
        name, one = self._one("a1", "m1", "m2")
        if one.exists:
            self.say(f"{name} is deleted")
            self.world.delete("genaiservices", name)
            one.exists = False
        if self.random.random() < 0.7:
            self.say(f"{name} is made anew")
            self._create(name)

    def wrong(self) -> list[str]:
        """What the cluster shows otherwise than the declarations say."""
        seen = _Seen(self.world)
        return [f"{name}: {one}" for name in self.services for one in self._wrong(name, seen)]

    def _wrong(self, name: str, seen: "_Seen") -> Iterator[str]:
        one = self.services[name]
        tree = seen.find("genaiservices", name)
        if not one.exists or tree is None:
            if one.exists or tree is not None:
                yield "exists" if tree else "is gone"
            return
        suspended = one.killed or one.declares == "revoked"
        allowed = not suspended and one.declares == "complete" and self._screened(POLICIES[name])
        yield from _wrong_status(tree, allowed=allowed, suspended=suspended)
        yield from _wrong_pods(name, seen, allowed=allowed, suspended=suspended)
        profile = seen.find("guardprofiles", name)
        if profile is None or profile["spec"]["rolloutAllowed"] is not allowed:
            yield f"profile {profile and profile['spec']['rolloutAllowed']}"
        if name in MANAGED:
            yield from _wrong_children(tree, seen, allowed=allowed, suspended=suspended)

    def _screened(self, name: str) -> bool:
        one = self.policies[name]
        return one.exists and (self.words or not one.from_words)


class _Seen:
    """One look at the namespace."""

    def __init__(self, world: World) -> None:
        kinds = ("genaiservices", "guardprofiles", "controllerrevisions", "pods", *CHILDREN)
        self.trees = {kind: world.all_of(kind) for kind in kinds}

    def find(self, kind: str, name: str) -> Json | None:
        return next((t for t in self.trees[kind] if t["metadata"]["name"] == name), None)

    def pods(self, of: str) -> list[Json]:
        return [
            pod
            for pod in self.trees["pods"]
            if pod["metadata"]["labels"].get(LABEL) == of
            and "deletionTimestamp" not in pod["metadata"]
            and pod.get("status", {}).get("phase") not in ("Failed", "Succeeded")
        ]


def _wrong_status(tree: Json, *, allowed: bool, suspended: bool) -> Iterator[str]:
    status, generation = tree.get("status", {}), tree["metadata"]["generation"]
    rollout = status.get("rollout", {})
    if status.get("observedGeneration") != generation:
        yield f"observed {status.get('observedGeneration')} of {generation}"
    if (rollout.get("allowed"), rollout.get("suspended")) != (allowed, suspended):
        yield f"rollout {rollout}, not allowed {allowed} suspended {suspended}"
    said = [(c["status"], c["reason"]) for c in status.get("conditions", ())
            if c["type"] == "RolloutAllowed"]  # fmt: skip
    keeps = not allowed and not suspended and "admittedRevision" in rollout
    if not said or said[0][0] != str(allowed) or (said[0][1] == "KeepsAdmittedRevision") != keeps:
        yield f"condition {said}"


def _wrong_pods(name: str, seen: _Seen, *, allowed: bool, suspended: bool) -> Iterator[str]:
    for pod in seen.pods(of=name):
        place, told = pod["metadata"]["name"], annotation(pod, "directive")
        if ('"mode":"Suspend"' in told) is not suspended or (told and not suspended):
            yield f"pod {place} is told {told!r}"
        if allowed and pod["spec"].get("schedulingGates"):
            yield f"pod {place} is gated"


def _wrong_children(tree: Json, seen: _Seen, *, allowed: bool, suspended: bool) -> Iterator[str]:
    name, admitted = tree["metadata"]["name"], tree.get("status", {}).get("rollout", {})
    revision = admitted.get("admittedRevision")
    for kind in CHILDREN:
        child = seen.find(kind, child_name(kind, name))
        if child is not None and controller(child) not in ("", tree["metadata"]["uid"]):
            yield f"{kind} of a service that is gone"
        mine = child is not None and controller(child) == tree["metadata"]["uid"]
        if kind != "configmaps" and not revision and mine:
            yield f"{kind} of a service that was never allowed"
        if allowed and child is None:
            yield f"no {kind}"
    if allowed and seen.find("controllerrevisions", f"{name}-{revision}") is None:
        yield "no record"
    runs = seen.find("deployments", name)
    if runs is not None and controller(runs) == tree["metadata"]["uid"]:
        replicas = runs["spec"]["replicas"]
        if (allowed and replicas != 1) or (suspended and revision and replicas != 0):
            yield f"{replicas} replicas"
        image = tree["spec"]["workload"]["managed"]["template"]["spec"]["containers"][0]["image"]
        if allowed and image not in str(runs["spec"]["template"]):
            yield "an older template"


def child_name(kind: str, name: str) -> str:
    return f"{name}-guard" if kind == "configmaps" else name


def controller(tree: Json) -> str:
    """The uid of what controls it, "" when nothing does."""
    owners = tree["metadata"].get("ownerReferences", ())
    return next((one["uid"] for one in owners if one.get("controller")), "")
