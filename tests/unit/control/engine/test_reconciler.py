# SPDX-License-Identifier: Apache-2.0
import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genaiservice.control.core.observed import Observed
from genaiservice.control.core.steps import Plan
from genaiservice.control.engine.apply import Apply, NotLeadingError
from genaiservice.control.engine.gather import Gather
from genaiservice.control.engine.reconciler import Reconciler
from genaiservice.control.engine.workqueue import WorkQueue
from genaiservice.kube.errors import Conflict, NotFound, Refused, Unreachable
from genaiservice.kube.resources import ObjectKey
from tests.unit.control.engine.cluster import Peer, Room, chat, service, tree

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)


class Shop:
    """One service, one reconciler; `results` is how its passes ended."""

    def __init__(self, decide: Callable[[Observed, datetime], Plan]) -> None:
        self.service = service("chat")
        self.room, self.peer = Room(self.service, queue=WorkQueue()), Peer()
        self.results: list[str] = []
        self.ended = asyncio.Event()
        self.leads = True
        apply = Apply(
            self.peer,  # type: ignore[arg-type]
            self.room.cache,
            None,  # type: ignore[arg-type]
            may_write=lambda: self.leads,
            skipped=lambda kind: None,
        )
        self.reconciler = Reconciler(
            queue=self.room.queue,
            gather=Gather(self.room.cache, self.peer),  # type: ignore[arg-type]
            apply=apply,
            decide=decide,
            now=lambda: NOW,
            monotonic=lambda: 0.0,
            observer=self,
        )

    def passed(self, key: ObjectKey, *, result: str, writes: int, seconds: float) -> None:
        self.results.append(result)
        self.ended.set()

    async def look(self) -> None:
        """Lets one worker take the key once."""
        leading = asyncio.Event()
        leading.set()
        self.room.queue.add(chat())
        async with asyncio.TaskGroup() as group:
            worker = group.create_task(self.reconciler.work(leading))
            await self.ended.wait()
            await self.room.queue.drained()
            worker.cancel()

    @property
    def delayed(self) -> bool:
        return chat() in self.room.queue._timers


def status_of(observed: Observed) -> dict[str, Any]:
    return {"failure": observed.failure.message if observed.failure else ""}


def whole(observed: Observed, now: datetime) -> Plan:
    """A status that tells of the failure, and one child."""
    told = observed.service.get("status") == status_of(observed)
    made = observed.child("Deployment", "chat") is not None
    return Plan(
        status=None if told else status_of(observed),
        apply=() if made else (tree("Deployment", "chat"),),
    )


@pytest.mark.parametrize(
    ("error", "result"),
    [
        pytest.param(Conflict("faster"), "conflict", id="somebody was faster"),
        pytest.param(Unreachable("away"), "unreachable", id="the server is away"),
        pytest.param(ValueError("bug"), "failed", id="our own fault"),
    ],
)
async def test_a_pass_that_fails_comes_again_later(error: Exception, result: str) -> None:
    shop = Shop(whole)
    shop.peer.fails["apply", "chat"] = error
    await shop.look()
    assert shop.results == [result]
    assert shop.delayed
    shop.room.queue.close()


async def test_what_the_server_refuses_is_told_in_the_status_and_tried_again() -> None:
    shop = Shop(whole)
    shop.peer.fails["apply", "chat"] = Refused("quota exceeded", status=403)
    await shop.look()
    assert shop.results == ["refused"]
    assert shop.peer.bodies[-1]["status"] == {"failure": "quota exceeded"}
    assert shop.delayed
    shop.room.queue.close()


async def test_the_status_forgets_a_failure_that_is_over() -> None:
    shop = Shop(whole)
    shop.peer.fails["apply", "chat"] = Refused("quota exceeded", status=403)
    await shop.look()
    shop.peer.fails.clear()
    await shop.reconciler.reconcile(chat())
    assert len(shop.room.queue) == 1
    await shop.reconciler.reconcile(chat())
    assert shop.peer.bodies[-1]["status"] == {"failure": ""}
    shop.room.queue.close()


async def test_a_second_look_writes_nothing() -> None:
    shop = Shop(whole)
    assert await shop.reconciler.reconcile(chat()) == 2
    shop.room.intake.changed(  # the watch shows the child
        "Deployment", shop.peer.live[ObjectKey(kind="Deployment", namespace="shop", name="chat")]
    )
    assert await shop.reconciler.reconcile(chat()) == 0


async def test_the_next_deadline_brings_the_next_look() -> None:
    shop = Shop(lambda observed, now: Plan(recheck_at=now + timedelta(hours=3)))
    await shop.reconciler.reconcile(chat())
    timer = shop.room.queue._timers[chat()]
    assert timer.when() - asyncio.get_running_loop().time() == pytest.approx(3 * 3600, abs=60)
    shop.room.queue.close()


async def test_a_service_that_is_gone_leaves_nothing_behind() -> None:
    shop = Shop(lambda observed, now: Plan(recheck_at=now + timedelta(hours=3)))
    await shop.reconciler.reconcile(chat())
    shop.room.cache.drop(shop.service["kind"], shop.service)
    assert await shop.reconciler.reconcile(chat()) == 0
    assert not shop.delayed


async def test_what_goes_while_it_is_written_is_no_failure_and_looked_at_again() -> None:
    """It may have been the policy; the service is still there and the rest of it not yet right."""
    shop = Shop(whole)
    shop.peer.fails["status", "chat"] = NotFound("gone", status=404)
    await shop.look()
    assert shop.results == ["unchanged"]
    assert shop.delayed
    shop.room.queue.close()


async def test_who_no_longer_leads_writes_nothing() -> None:
    shop = Shop(whole)
    shop.leads = False
    with pytest.raises(NotLeadingError):
        await shop.reconciler.reconcile(chat())
    assert set(shop.peer.verbs()) == {"get"}


async def test_a_foreign_object_of_the_name_is_put_before_the_decision() -> None:
    seen: list[bool] = []

    def decide(observed: Observed, now: datetime) -> Plan:
        foreign = observed.child("Deployment", "chat")
        seen.append(foreign is not None)
        return Plan() if foreign else Plan(apply=(tree("Deployment", "chat"),))

    shop = Shop(decide)
    foreign = tree("Deployment", "chat")
    shop.peer.live[ObjectKey(kind="Deployment", namespace="shop", name="chat")] = foreign
    assert await shop.reconciler.reconcile(chat()) == 0
    assert seen == [False, True]
