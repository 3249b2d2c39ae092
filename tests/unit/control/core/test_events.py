# SPDX-License-Identifier: Apache-2.0
import pytest

from genaiservice.api.problem import Text
from genaiservice.control.core.events import MESSAGE_BYTES, in_bytes
from genaiservice.control.core.observed import Observed
from genaiservice.control.core.plan import plan
from genaiservice.rules.verdict import Result, Verdict
from tests.build import (
    NOW,
    SETTINGS,
    finding,
    observed,
    pod,
    refused,
    service,
    suspended,
    verdict,
)
from tests.unit.control.core.applied import applied


def told(seen: Observed, said: Verdict) -> list[tuple[str, str]]:
    return [(one.type, one.reason) for one in plan(seen, said, NOW, SETTINGS).events]


def after(*said: Verdict, seen: Observed | None = None) -> Observed:
    seen = seen or observed()
    for one in said:
        seen = applied(seen, plan(seen, one, NOW, SETTINGS))
    return seen


@pytest.mark.parametrize(
    ("seen", "said", "expected"),
    [
        pytest.param(observed(), refused(), [("Warning", "RolloutRefused")], id="refused at once"),
        pytest.param(
            observed(),
            verdict(),
            [("Normal", "RolloutAllowed"), ("Normal", "RevisionAdmitted")],
            id="allowed at once",
        ),
        pytest.param(after(refused()), refused(), [], id="no news"),
        pytest.param(
            after(refused()),
            verdict(),
            [("Normal", "RolloutAllowed"), ("Normal", "RevisionAdmitted")],
            id="completed",
        ),
        pytest.param(
            after(verdict()), refused(), [("Warning", "KeepsAdmittedRevision")], id="change refused"
        ),
        pytest.param(after(verdict()), suspended(), [("Warning", "Revoked")], id="revoked"),
        pytest.param(
            after(verdict(), suspended()), verdict(), [("Normal", "RolloutAllowed")], id="resumed"
        ),
        pytest.param(
            after(refused()),
            verdict(finding("IM-12-1", result=Result.FAIL)),
            [("Warning", "FindingsChanged")],
            id="something else blocks",
        ),
        pytest.param(
            observed(policy_=None),
            verdict(),
            [("Warning", "RolloutRefused"), ("Warning", "PolicyNotFound")],
            id="no policy",
        ),
        pytest.param(
            after(verdict(), seen=observed(service(adopt={}))),
            verdict(),
            [],
            id="nothing changed",
        ),
    ],
)
def test_an_event_tells_each_change_of_the_gate(
    seen: Observed, said: Verdict, expected: list[tuple[str, str]]
) -> None:
    assert told(seen, said) == expected


def test_a_pod_without_guard_is_told_once() -> None:
    seen = observed(service(adopt={}), pods=[pod("x", guard=False)])
    assert ("Warning", "UnguardedPods") in told(seen, verdict())
    assert told(after(verdict(), seen=seen), verdict()) == []


def test_serving_is_told_and_a_moving_pod_count_is_not() -> None:
    starting = after(verdict(), seen=observed(pods=[pod(ready=False)]))
    serving = Observed(
        service=starting.service,
        profile=starting.profile,
        children=starting.children,
        pods=(pod(),),
        policy=starting.policy,
    )
    assert told(serving, verdict()) == [("Normal", "Serving")]
    grown = Observed(
        service=after(verdict(), seen=serving).service,
        profile=starting.profile,
        children=starting.children,
        pods=(pod(), pod("chat-2")),
        policy=starting.policy,
    )
    assert told(grown, verdict()) == []


def test_an_event_names_the_requirement_and_what_to_do_in_the_order_of_conditions() -> None:
    [note] = plan(observed(), refused(), NOW, SETTINGS).events
    told = Text.parted(note.message)
    assert "IM-17-2" in told.en
    assert told.en.isascii()
    assert "IM-17-2" in told.zh
    assert not told.zh.isascii()
    assert len(note.message.encode()) <= MESSAGE_BYTES


def test_a_long_message_is_cut_between_characters() -> None:
    cut = in_bytes("文" * 2000)
    assert len(cut.encode()) <= MESSAGE_BYTES
    assert cut.endswith("…")
