# SPDX-License-Identifier: Apache-2.0
"""Who leads, with clocks that the test turns. The real Lease is in tests/integration."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from genaiservice.kube.errors import Conflict, NotFound, Unreachable
from genaiservice.kube.lease import Elector, LeadershipLostError
from genaiservice.kube.resources import ObjectKey


class Store:
    """One Lease with optimistic locking, as the API server keeps it."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.away = False

    async def get(self, key: ObjectKey) -> dict[str, Any]:
        self._answer()
        if self.lease is None:
            raise NotFound("no such lease", status=404)
        return deepcopy(self.lease)

    async def create(self, lease: dict[str, Any]) -> dict[str, Any]:
        self._answer()
        if self.lease is not None:
            raise Conflict("exists", status=409)
        return self._keep(lease, 1)

    async def replace(self, lease: dict[str, Any]) -> dict[str, Any]:
        self._answer()
        assert self.lease is not None
        held = int(self.lease["metadata"]["resourceVersion"])
        if int(lease["metadata"]["resourceVersion"]) != held:
            raise Conflict("changed", status=409)
        return self._keep(lease, held + 1)

    def _keep(self, lease: dict[str, Any], version: int) -> dict[str, Any]:
        self.lease = deepcopy(lease)
        self.lease["metadata"]["resourceVersion"] = str(version)
        return self.lease

    def _answer(self) -> None:
        if self.away:
            raise Unreachable("away")

    @property
    def holder(self) -> str:
        assert self.lease is not None
        return str(self.lease["spec"]["holderIdentity"])


class Watch:
    seconds = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(1_800_000_000 + self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def store() -> Store:
    return Store()


def elector(store: Store, watch: Watch, identity: str) -> Elector:
    return Elector(
        store,  # type: ignore[arg-type]
        namespace="genai-system",
        name="genaiservice-operator",
        identity=identity,
        now=watch.now,
        monotonic=watch.monotonic,
    )


async def test_the_first_leads_and_the_second_waits(store: Store, watch: Watch) -> None:
    one, two = elector(store, watch, "one"), elector(store, watch, "two")
    await one._round()
    await two._round()
    assert (one.valid, two.valid) == (True, False)


async def test_a_leader_that_renews_is_never_overtaken(store: Store, watch: Watch) -> None:
    one, two = elector(store, watch, "one"), elector(store, watch, "two")
    for _ in range(50):
        await one._round()
        await two._round()
        watch.seconds += 2
    assert (one.leading.is_set(), two.leading.is_set()) == (True, False)


async def test_the_clocks_of_others_do_not_matter(store: Store, watch: Watch) -> None:
    one, two = elector(store, watch, "one"), elector(store, watch, "two")
    await one._round()
    assert store.lease is not None
    store.lease["spec"]["renewTime"] = "1999-01-01T00:00:00.000000Z"
    await two._round()  # an old time, but a renewal that was never seen before
    assert not two.leading.is_set()


async def test_a_silent_leader_is_overtaken_only_after_it_has_stopped_itself(
    store: Store, watch: Watch
) -> None:
    one, two = elector(store, watch, "one"), elector(store, watch, "two")
    await one._round()
    for _ in range(20):
        await two._round()
        assert not (one.valid and two.valid), "two leaders at once"
        if two.leading.is_set():
            break
        watch.seconds += 1
    assert two.valid
    assert store.holder == "two"
    assert store.lease is not None
    assert store.lease["spec"]["leaseTransitions"] == 2


async def test_who_cannot_renew_may_not_write_and_ends(store: Store, watch: Watch) -> None:
    one = elector(store, watch, "one")
    await one._round()
    store.away = True
    watch.seconds += 10
    assert not one.valid
    with pytest.raises(LeadershipLostError):
        await one.run()
    assert not one.leading.is_set()


async def test_who_finds_another_holder_ends(store: Store, watch: Watch) -> None:
    one, two = elector(store, watch, "one"), elector(store, watch, "two")
    await one._round()
    store.lease = None
    await two._round()
    with pytest.raises(LeadershipLostError):
        await one._round()


async def test_a_released_lease_is_taken_at_once(store: Store, watch: Watch) -> None:
    one, two = elector(store, watch, "one"), elector(store, watch, "two")
    await one._round()
    await one.release()
    assert not one.valid
    await two._round()
    assert two.valid


async def test_a_standby_releases_nothing(store: Store, watch: Watch) -> None:
    one, two = elector(store, watch, "one"), elector(store, watch, "two")
    await one._round()
    await two.release()
    assert store.holder == "one"


async def test_of_two_that_try_at_once_one_loses_quietly(store: Store, watch: Watch) -> None:
    one = elector(store, watch, "one")
    await one._round()
    await one.release()
    two, three = elector(store, watch, "two"), elector(store, watch, "three")
    stale = await store.get(ObjectKey(kind="Lease", namespace="n", name="l"))
    await two._round()

    async def late(key: ObjectKey) -> dict[str, Any]:
        return stale

    store.get = late  # type: ignore[method-assign]
    await three._round()
    assert (two.leading.is_set(), three.leading.is_set()) == (True, False)
