# SPDX-License-Identifier: Apache-2.0
"""Laws of the plan, for whatever a CRD lets through: it settles, it never opens early, it never
raises, and nothing serves that was not admitted."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from genaiservice.api import names, policy_file
from genaiservice.api.directive import Mode, parse
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.control.core import admitted
from genaiservice.control.core.facts import facts
from genaiservice.control.core.observed import ApplyFailure, Observed
from genaiservice.control.core.plan import plan
from genaiservice.control.core.status import FINDINGS, FINDINGS_BYTES
from genaiservice.rules.verdict import Result, Severity, Verdict
from tests.build import (
    IMAGE,
    NOW,
    REVOKED,
    SETTINGS,
    core_service,
    finding,
    observed,
    pod,
    policy,
    service,
    verdict,
)
from tests.unit.control.core.applied import applied

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 70000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
JUNK = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
"""JSON of any shape: `template` keeps unknown fields, so all of this may stand in it."""

TEMPLATES: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {},
            optional={
                "labels": st.dictionaries(st.sampled_from(["app", names.LABEL_SERVICE]), st.text()),
                "annotations": st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
                "anything": JUNK,
            },
        ),
        "spec": st.fixed_dictionaries(
            {
                "containers": st.lists(
                    st.fixed_dictionaries(
                        {"name": st.sampled_from(["model", "web", names.GUARD_CONTAINER])},
                        optional={
                            "image": st.text(max_size=5),
                            "ports": JUNK,
                            "resources": JUNK,
                            "env": JUNK,
                        },
                    ),
                    max_size=3,
                    unique_by=lambda one: str(one["name"]),
                )
            },
            optional={
                "initContainers": JUNK,
                "volumes": JUNK,
                "schedulingGates": JUNK,
                "terminationGracePeriodSeconds": JUNK,
                "topologySpreadConstraints": JUNK,
                "hostNetwork": st.booleans(),
            },
        ),
    }
)

SIMPLE = st.sampled_from(
    [
        {"spec": {"containers": [{"name": "model", "image": image}]}}
        for image in ("one", "two", "three")
    ]
)


@st.composite
def services(draw: st.DrawFn, templates: st.SearchStrategy[Any] = SIMPLE) -> MutableJson:
    if draw(st.booleans()):
        return service(adopt={"evictUnguarded": draw(st.booleans())})
    scaling = st.none() | st.just({"minReplicas": 1, "maxReplicas": 4})
    managed = {"replicas": draw(st.integers(0, 5)), "autoscaling": draw(scaling)}
    of = service(managed=managed, guard={"suspendGraceSeconds": draw(st.integers(0, 60))})
    of["spec"]["workload"]["managed"]["template"] = draw(templates)
    return of


PODS = st.lists(
    st.builds(
        pod,
        st.sampled_from([f"chat-{number}" for number in range(6)]),
        guard=st.booleans(),
        gated=st.booleans(),
        ready=st.booleans(),
        image=st.sampled_from([IMAGE, "registry.test/genaiservice:0"]),
        annotations=st.dictionaries(
            st.sampled_from([names.ANNOTATION_DIRECTIVE, names.ANNOTATION_POLICY]),
            st.sampled_from(["", "sha256:1", '{"mode":"Suspend"}']),
        ),
    ),
    max_size=5,
    unique_by=lambda one: one["metadata"]["name"],
)
FINDINGS_ = st.lists(
    st.builds(
        finding,
        st.sampled_from(["IM-04-1", "IM-17-1", "IM-17-2"]),
        result=st.sampled_from(list(Result)),
        severity=st.sampled_from(list(Severity)),
        field=st.text(max_size=400),
    ),
    max_size=4,
)
VERDICTS = st.builds(
    lambda found, stop, day: verdict(*found, suspension=stop, next_change=day),
    FINDINGS_,
    st.sampled_from([None, None, REVOKED]),
    st.none() | st.dates(date(2026, 11, 1), date(2027, 2, 1)),
)
POLICIES = st.sampled_from([policy(), policy(), None, policy(spec={"sources": []})])
LOOKS = st.builds(
    observed,
    services(),
    pods=PODS,
    policy_=POLICIES,
    services=st.sampled_from([(), (core_service(),), (core_service(target=8000),)]),
)


def settled(seen: Observed, said: Verdict, seconds: int = 0) -> Observed:
    """The fixed point: evictions go one by one, everything else is done at once."""
    now = NOW + timedelta(seconds=seconds)
    for _ in range(len(seen.pods) + 2):
        made = plan(seen, said, now, SETTINGS)
        if made.empty:
            return seen
        seen = applied(seen, made)
    raise AssertionError(f"does not settle: {made}")


@settings(max_examples=60)
@given(LOOKS, VERDICTS)
def test_applying_a_plan_makes_the_next_one_empty(seen: Observed, said: Verdict) -> None:
    settled(seen, said)


@settings(max_examples=30)
@given(LOOKS, st.lists(VERDICTS, min_size=1, max_size=4))
def test_it_settles_again_whatever_the_next_verdict_says(
    seen: Observed, said: list[Verdict]
) -> None:
    for minute, one in enumerate(said):
        seen = settled(seen, one, seconds=60 * minute)


@settings(max_examples=60)
@given(LOOKS, VERDICTS)
def test_no_gate_is_lifted_and_no_profile_opens_while_not_allowed(
    seen: Observed, said: Verdict
) -> None:
    made = plan(seen, said, NOW, SETTINGS)
    opened = lookup(made.profile, "spec", "rolloutAllowed")
    if not said.allowed:
        assert made.lift == ()
        assert opened is not True
    if said.suspension is not None:
        told = {one.pod.uid: one.annotations for one in (*made.close, *made.stamp)}
        for one in seen.pods:
            before = lookup(one, "metadata", "annotations", default={})
            after = {**before, **told.get(one["metadata"]["uid"], {})}
            assert parse(after[names.ANNOTATION_DIRECTIVE]).mode is Mode.SUSPEND


@settings(max_examples=30)
@given(st.lists(st.tuples(services(), VERDICTS, POLICIES), min_size=1, max_size=6))
def test_no_revision_serves_that_was_not_admitted(
    steps: list[tuple[MutableJson, Verdict, Json | None]],
) -> None:
    seen, allowed_contents = observed(), set()
    for number, (of, said, chosen) in enumerate(steps):
        spec = of["spec"]
        of["metadata"]["generation"] = number + 1
        if "status" in seen.service:
            of["status"] = seen.service["status"]
        seen = Observed(service=of, profile=seen.profile, children=seen.children, policy=chosen)
        if said.allowed and chosen is not None and chosen["spec"]["sources"]:
            allowed_contents.add(policy_file.canonical(admitted.excerpt(spec)))
        seen = settled(seen, said, seconds=60 * number)
        images = [
            lookup(deployment, "spec", "template", "spec", "containers", 0, "image")
            for deployment in seen.children.get("Deployment", ())
        ]
        for image in images:
            assert any(f'"image":"{image}"'.encode() in one for one in allowed_contents)


@settings(max_examples=60)
@given(
    services(TEMPLATES),
    VERDICTS,
    st.sampled_from([None, ApplyFailure(kind="Deployment", name="chat", message="no " * 900)]),
)
def test_no_template_makes_the_plan_raise_or_write_for_ever(
    of: MutableJson, said: Verdict, failure: ApplyFailure | None
) -> None:
    seen = observed(of, failure=failure)
    facts(seen)
    settled(seen, said)


@given(st.fixed_dictionaries({}, optional={"spec": JUNK, "status": JUNK}), VERDICTS)
def test_no_object_at_all_makes_the_plan_raise(junk: MutableJson, said: Verdict) -> None:
    seen = observed({**service(), **junk})
    facts(seen)
    plan(seen, said, NOW, SETTINGS)


@settings(max_examples=10)
@given(st.text(min_size=1, max_size=40), st.integers(1, 400))
def test_any_amount_of_findings_gives_a_bounded_status(wording: str, times: int) -> None:
    found = [
        finding(f"IM-{number}-1", result=Result.FAIL, field=wording * times)
        for number in range(300)
    ]
    made = plan(observed(), verdict(*found), NOW, SETTINGS)
    assert made.status is not None
    assert 0 < len(made.status["findings"]) <= FINDINGS
    assert len(policy_file.canonical(made.status)) < FINDINGS_BYTES + 64 * 1024
