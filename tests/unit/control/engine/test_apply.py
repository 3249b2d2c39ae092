# SPDX-License-Identifier: Apache-2.0
import asyncio
from dataclasses import replace
from typing import Any

import pytest

from genaiservice.control.core.observed import Observed
from genaiservice.control.core.steps import EventNote, Plan, PodPatch, PodRef, Ref
from genaiservice.control.engine.apply import Apply, ApplyFailedError, NotLeadingError
from genaiservice.kube.errors import BudgetSpent, NotFound, Refused, Throttled, Unreachable
from genaiservice.kube.events import Note
from tests.unit.control.engine.cluster import Peer, Room, key, policy, service, tree

POD = PodRef(namespace="shop", name="p", uid="u")
SERVICE, POLICY = service("chat"), policy("default")
OBSERVED = Observed(service=SERVICE, policy=POLICY)
WHOLE = Plan(
    close=(PodPatch(pod=POD, annotations={"a": "1"}),),
    profile=tree("GuardProfile", "chat"),
    status={"conditions": []},
    policy_status={"default": {"hash": "x"}},
    apply=(tree("Deployment", "d"),),
    stamp=(PodPatch(pod=POD, annotations={"a": ""}),),
    delete=(Ref(api_version="v1", kind="Service", namespace="shop", name="old", uid="u"),),
    lift=(POD,),
    evict=(POD,),
    events=(EventNote(type="Normal", reason="R", message="m", action="Judge"),),
)


class Desk:
    def __init__(self, *live: dict[str, Any], leads: int = 1000) -> None:
        self.peer, self.room = Peer(*live), Room(*live)
        self.notes: list[Note] = []
        self.skips: list[str] = []
        self._leads = leads

        class Recorder:
            record = staticmethod(self.notes.append)

        self.apply = Apply(
            self.peer,  # type: ignore[arg-type]
            self.room.cache,
            Recorder(),  # type: ignore[arg-type]
            may_write=self._may_write,
            skipped=self.skips.append,
        )

    def _may_write(self) -> bool:
        self._leads -= 1
        return self._leads >= 0


ORDER = [
    ("annotate", "p"),
    ("apply", "chat"),
    ("status", "chat"),
    ("status", "default"),
    ("apply", "d"),
    ("annotate", "p"),
    ("delete", "old"),
    ("lift", "p"),
    ("evict", "p"),
]


async def test_writes_are_made_in_one_order() -> None:
    desk = Desk()
    assert await desk.apply.carry_out(OBSERVED, WHOLE) == len(ORDER)
    assert desk.peer.calls == ORDER
    assert [note.reason for note in desk.notes] == ["R"]


@pytest.mark.parametrize("step", range(len(ORDER)))
async def test_the_first_failure_ends_the_pass(step: int) -> None:
    desk = Desk()
    desk.peer.fails[ORDER[step]] = Unreachable("away")
    with pytest.raises(Unreachable):
        await desk.apply.carry_out(OBSERVED, WHOLE)
    assert desk.peer.calls == ORDER[: ORDER.index(ORDER[step]) + 1]
    told = ("status", "chat") in desk.peer.calls[:-1]  # with the status, which is not news twice
    assert [note.reason for note in desk.notes] == (["R"] if told else [])


GROUNDWORK = tuple(
    tree(kind, kind) for kind in ("ConfigMap", "ControllerRevision", "NetworkPolicy")
)
BESIDE = {
    ("status", "chat"),
    ("status", "default"),
    *(("apply", one["kind"]) for one in GROUNDWORK),
}
BEFORE = [("annotate", "p"), ("apply", "chat")]


async def test_children_that_let_nobody_in_are_written_beside_the_statuses() -> None:
    desk = Desk()
    plan = replace(WHOLE, apply=(*GROUNDWORK, *WHOLE.apply))
    assert await desk.apply.carry_out(OBSERVED, plan) == len(ORDER) + len(GROUNDWORK)
    writes = [call for call in desk.peer.calls if call[0] != "get"]
    beside = len(BEFORE) + len(BESIDE)
    assert writes[: len(BEFORE)] == BEFORE
    assert set(writes[len(BEFORE) : beside]) == BESIDE
    assert writes[beside:] == ORDER[ORDER.index(("apply", "d")) :]


@pytest.mark.parametrize("failing", sorted(BESIDE - {("status", "default")}))
async def test_nothing_opens_when_a_write_beside_others_fails(failing: tuple[str, str]) -> None:
    desk = Desk()
    desk.peer.fails[failing] = Unreachable("away")
    plan = replace(WHOLE, apply=(*GROUNDWORK, *WHOLE.apply))
    with pytest.raises(Unreachable):
        await desk.apply.carry_out(OBSERVED, plan)
    assert set(desk.peer.calls) <= {*BEFORE, *BESIDE}
    assert len(desk.notes) == (failing != ("status", "chat"))


async def test_a_failed_pass_leaves_no_write_behind_that_is_still_under_way() -> None:
    desk = Desk()
    begun, slow = asyncio.Event(), asyncio.Event()
    ended = []

    async def apply(manifest: Any, *, manager: str) -> dict[str, Any]:
        begun.set()
        await slow.wait()
        ended.append(manifest["kind"])
        return tree(manifest["kind"], "chat")

    desk.peer.apply = apply  # type: ignore[method-assign]
    desk.peer.fails["status", "chat"] = Unreachable("away")
    plan = Plan(status={}, apply=(tree("NetworkPolicy", "chat"),))
    running = asyncio.ensure_future(desk.apply.carry_out(OBSERVED, plan))
    await begun.wait()
    for _ in range(5):  # turns of the loop, in which a failure would have shown itself
        await asyncio.sleep(0)
    assert not running.done()
    slow.set()
    with pytest.raises(Unreachable):
        await running
    assert ended == ["NetworkPolicy"]


@pytest.mark.parametrize("step", range(len(ORDER)))
async def test_leadership_is_asked_for_before_every_write(step: int) -> None:
    desk = Desk(leads=step)
    with pytest.raises(NotLeadingError):
        await desk.apply.carry_out(OBSERVED, WHOLE)
    assert len(desk.peer.calls) == step


async def test_a_refusal_names_the_object_and_keeps_the_words_of_the_server() -> None:
    desk = Desk()
    desk.peer.fails["apply", "d"] = Refused("spec.replicas: Invalid value", status=422)
    with pytest.raises(ApplyFailedError) as caught:
        await desk.apply.carry_out(OBSERVED, WHOLE)
    failure = caught.value.failure
    assert (failure.kind, failure.name) == ("Deployment", "d")
    assert failure.message == "spec.replicas: Invalid value"


@pytest.mark.parametrize("call", [("annotate", "p"), ("delete", "old"), ("lift", "p")])
async def test_what_is_gone_needs_no_write(call: tuple[str, str]) -> None:
    desk = Desk()
    desk.peer.fails[call] = NotFound("gone", status=404)
    await desk.apply.carry_out(OBSERVED, WHOLE)
    assert desk.peer.calls == ORDER


async def test_a_budget_that_forbids_an_eviction_is_no_failure() -> None:
    desk = Desk()
    desk.peer.fails["evict", "p"] = BudgetSpent("budget")
    assert await desk.apply.carry_out(OBSERVED, WHOLE) == len(ORDER) - 1


async def test_a_server_too_busy_for_an_eviction_is_asked_again() -> None:
    """No event tells when it has time, other than of a budget."""
    desk = Desk()
    desk.peer.fails["evict", "p"] = Throttled("too many requests")
    with pytest.raises(Throttled):
        await desk.apply.carry_out(OBSERVED, WHOLE)


async def test_a_pod_is_patched_as_this_very_pod() -> None:
    desk = Desk()
    await desk.apply.carry_out(OBSERVED, Plan(close=WHOLE.close, lift=WHOLE.lift))
    assert all(body["metadata"]["uid"] == "u" for body in desk.peer.bodies)


def config_map(text: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": "shop", "name": "chat-guard", **more},
        "data": {"guard.json": text},
    }


async def test_a_config_map_is_written_once_although_the_watch_shows_no_content() -> None:
    desk = Desk()
    plan = Plan(apply=(config_map("1"),))
    assert await desk.apply.carry_out(OBSERVED, plan) == 1
    kept = desk.room.cache.get(key("ConfigMap", "chat-guard"))
    assert kept is not None
    assert "data" not in kept
    assert await desk.apply.carry_out(OBSERVED, plan) == 0
    assert desk.peer.verbs() == ["apply"]
    assert desk.skips == ["ConfigMap"]
    assert await desk.apply.carry_out(OBSERVED, Plan(apply=(config_map("2"),))) == 1
    assert desk.peer.verbs() == ["apply", "apply"]  # what it holds is known: no look before it


async def test_after_a_restart_one_look_replaces_the_write() -> None:
    desk = Desk(config_map("1", uid="u", resourceVersion="7"))
    plan = Plan(apply=(config_map("1"),))
    assert await desk.apply.carry_out(OBSERVED, plan) == 0
    assert await desk.apply.carry_out(OBSERVED, plan) == 0
    assert desk.peer.verbs() == ["get"]


async def test_a_config_map_that_others_changed_is_written_again() -> None:
    desk = Desk()
    plan = Plan(apply=(config_map("1"),))
    await desk.apply.carry_out(OBSERVED, plan)
    edited = tree("ConfigMap", "chat-guard", data={"guard.json": "edited"})
    desk.peer.live[key("ConfigMap", "chat-guard")] = edited
    desk.room.intake.changed("ConfigMap", edited)
    assert await desk.apply.carry_out(OBSERVED, plan) == 1
    assert desk.peer.verbs() == ["apply", "get", "apply"]
