# SPDX-License-Identifier: Apache-2.0
"""What the pods of a service are told and whether they may go: close, stamp, lift, evict.

The operator owns two annotations and one gate of these pods and touches nothing else of them.
"""

from collections.abc import Iterator

from genaiservice.api import names
from genaiservice.api.declared import Mode, workload
from genaiservice.api.directive import Directive, render
from genaiservice.api.directive import Mode as DirectiveMode
from genaiservice.control.core.pods import Guarding, Pod, bare, settled
from genaiservice.control.core.situation import Situation
from genaiservice.control.core.steps import PodPatch, PodRef


def _directive(situation: Situation) -> str:
    """What every guard of the service is told now; "" is Serve."""
    suspension = situation.verdict.suspension
    if suspension is None:
        return ""
    return render(
        Directive(
            mode=DirectiveMode.SUSPEND,
            reason=suspension.reason.value,
            message=suspension.message,
        )
    )


def close(situation: Situation) -> Iterator[PodPatch]:
    """At once, to every pod that may still serve, leaving ones too."""
    wanted = _directive(situation)
    for pod in situation.pods if wanted else ():
        if pod.annotation(names.ANNOTATION_DIRECTIVE) != wanted:
            yield _annotate(pod, wanted, pod.annotation(names.ANNOTATION_POLICY) or "")


def stamp(situation: Situation) -> Iterator[PodPatch]:
    """New terms make the kubelet refresh the volume; the end of a suspension opens the guard.

    A gated pod has no kubelet yet, and a pod without guard nothing to refresh. A pod of another
    controller is told once with which guard.json it began; a managed one knows from its template.
    """
    wanted = _directive(situation)
    for pod in situation.pods:
        policy = pod.annotation(names.ANNOTATION_POLICY) or ""
        reached = pod.guarding is not Guarding.UNGUARDED and not pod.gated
        stamped = situation.policy_stamp if reached and situation.serves_policy else policy
        reopened = not wanted and pod.annotation(names.ANNOTATION_DIRECTIVE)
        begins = reached and pod.annotation(names.ANNOTATION_CONFIG) is None
        config = situation.config_hash if begins and situation.mode is Mode.ADOPTED else ""
        if stamped != policy or reopened or config:
            yield _annotate(pod, wanted, stamped, config)


def _annotate(pod: Pod, directive: str, policy: str, config: str = "") -> PodPatch:
    told = {names.ANNOTATION_DIRECTIVE: directive, names.ANNOTATION_POLICY: policy}
    return PodPatch(
        pod=pod.ref, annotations=told | ({names.ANNOTATION_CONFIG: config} if config else {})
    )


def lift(situation: Situation) -> Iterator[PodRef]:
    """Only the very guard of the profile goes through the gate."""
    if situation.effect.open:
        yield from (
            pod.ref
            for pod in settled(situation.pods)
            if pod.gated and pod.guarding is Guarding.GUARDED
        )


def evict(situation: Situation) -> Iterator[PodRef]:
    """Pods that their controller must make anew, and, where the service asks for it, one unguarded
    pod at a time, so that the rest serves on."""
    here = settled(situation.pods)
    yield from (pod.ref for pod in here if pod.controlled and _waits_for_ever(situation, pod))
    asked = situation.mode is Mode.ADOPTED and workload(situation.spec).evict_unguarded
    moving = len(here) != len(situation.pods) or any(
        not pod.ready for pod in here if pod.guarding is Guarding.GUARDED and not pod.gated
    )
    if asked and not moving:
        naked = [pod for pod in bare(situation.pods, situation.mode) if pod.controlled]
        yield from (pod.ref for pod in naked[:1])


def _waits_for_ever(situation: Situation, pod: Pod) -> bool:
    """A gate that will not be lifted though pods may start: the pod has a former guard; or it was
    made during a suspension that has ended while the declaration is refused. Made anew, it has no
    gate (a managed pod comes from the admitted template)."""
    if not pod.gated:
        return False
    if situation.effect.open:
        return pod.guarding is Guarding.OUTDATED
    keeps = situation.mode is Mode.MANAGED and situation.effect.runs
    return keeps and not situation.suspended
