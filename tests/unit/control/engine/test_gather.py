# SPDX-License-Identifier: Apache-2.0
import asyncio
from typing import Any

from genaiservice.control.engine.gather import Contents, Gather
from tests.unit.control.engine.cluster import (
    Peer,
    Room,
    chat,
    key,
    names_of,
    owned,
    pod,
    policy,
    selecting,
    service,
    tree,
)


def gather(room: Room, peer: Peer, contents: Contents | None = None) -> Gather:
    return Gather(room.cache, peer, contents)  # type: ignore[arg-type]


async def test_a_service_that_is_not_there_is_not_observed() -> None:
    assert await gather(Room(), Peer()).look(chat(), None) is None


async def test_one_look_sees_what_belongs_to_the_service_and_nothing_else() -> None:
    mine, other = service("chat"), service("other")
    words = tree("ConfigMap", "words", data={"t": "一"})
    room = Room(
        mine,
        other,
        policy("default", "words", "absent"),
        words,
        pod("p1", app="x"),
        pod("p2", of="other"),
        owned("Deployment", "d1", mine),
        owned("Deployment", "d2", other),
        tree("Service", "chat"),
        selecting("door", app="x"),
        selecting("wall", app="y"),
    )
    observed = await gather(room, Peer(words)).look(chat(), None)
    assert observed is not None
    assert names_of(observed.pods) == ["p1"]
    assert names_of(observed.children["Deployment"]) == ["d1"]
    assert names_of(observed.children["Service"]) == ["chat"]
    assert names_of(observed.services) == ["door"]
    assert observed.config_maps == {"words": words, "absent": None}
    assert observed.rivals == ()


async def test_terms_are_read_once_for_many_services_and_anew_when_they_change() -> None:
    words = tree("ConfigMap", "words", data={"t": "一"})
    many = [service(f"s{number}") for number in range(5)]
    room, peer = Room(*many, policy("default", "words"), words), Peer(words)
    look = gather(room, peer).look
    await asyncio.gather(*(look(chat(f"s{number}"), None) for number in range(5)))
    assert peer.calls == [("get", "words")]

    newer = tree("ConfigMap", "words", data={"t": "二"}, uid=words["metadata"]["uid"])
    room.intake.changed("ConfigMap", newer)
    peer.live[key("ConfigMap", "words")] = newer
    observed = await look(chat("s0"), None)
    assert observed is not None
    assert observed.config_maps["words"] == newer


async def test_a_foreign_object_of_a_wanted_name_is_seen_before_it_is_taken_over() -> None:
    foreign, mine = tree("Deployment", "chat"), service("chat")
    room, peer = Room(mine), Peer(foreign)
    eyes = gather(room, peer)
    observed = await eyes.look(chat(), None)
    assert observed is not None
    wanted: list[Any] = [tree("Deployment", "chat"), tree("NetworkPolicy", "chat")]
    seen = await eyes.foreign(observed, wanted)
    assert seen.child("Deployment", "chat") == foreign
    assert seen.child("NetworkPolicy", "chat") is None
    assert not seen.controls(foreign)


def test_contents_are_bounded_by_size_and_the_last_one_stays() -> None:
    contents = Contents(limit_bytes=10)
    for name in ("a", "b", "c"):
        contents.put(key("ConfigMap", name), tree("ConfigMap", name, data={"t": "123456"}))
    assert contents.get(key("ConfigMap", "a"), 0) is None
    assert contents.get(key("ConfigMap", "c"), 0) is not None
    contents.put(key("ConfigMap", "d"), tree("ConfigMap", "d", binaryData={"t": "x" * 100}))
    assert contents.get(key("ConfigMap", "d"), 0) is not None
    assert contents.get(key("ConfigMap", "c"), 0) is None


def lead(kind: str, name: str, to: str, namespace: str = "shop") -> dict[str, Any]:
    metadata = {"namespace": namespace}
    if kind == "HTTPRoute":
        rule: dict[str, Any] = {"backendRefs": [{"name": to, "namespace": "shop"}]}
    else:
        rule = {"http": {"paths": [{"backend": {"service": {"name": to}}}]}}
    return tree(kind, name, metadata=metadata, spec={"rules": [rule]})


def budget(name: str, **labels: str) -> dict[str, Any]:
    return tree("PodDisruptionBudget", name, spec={"selector": {"matchLabels": labels}})


async def test_routes_and_budgets_of_others_are_seen_when_they_are_about_the_pods() -> None:
    room = Room(
        service("chat"),
        pod("p1", app="x"),
        selecting("door", app="x"),
        selecting("wall", app="y"),
        lead("Ingress", "mine", "door"),
        lead("Ingress", "later", "chat"),
        lead("Ingress", "other", "wall"),
        lead("HTTPRoute", "edge", "door", namespace="gateways"),
        budget("covers", app="x"),
        budget("elsewhere", app="y"),
    )
    observed = await gather(room, Peer()).look(chat(), None)
    assert observed is not None
    assert sorted(names_of(observed.routes)) == ["edge", "later", "mine"]
    assert names_of(observed.budgets) == ["covers"]
    assert observed.pages is None


async def test_an_event_about_a_route_or_a_budget_leads_to_the_service_behind_it() -> None:
    room = Room(service("chat"), service("other"), pod("p1", app="x"), selecting("door", app="x"))
    for each in (
        lead("Ingress", "mine", "door"),
        lead("HTTPRoute", "edge", "door", namespace="gateways"),
        budget("covers", app="x"),
    ):
        room.intake.changed(each["kind"], each)
        assert room.waiting() == {"chat"}, each["kind"]
        room.intake.deleted(each["kind"], each)
        assert room.waiting() == {"chat"}, each["kind"]
    room.intake.changed("Ingress", lead("Ingress", "stranger", "nowhere"))
    assert room.waiting() == set()


async def test_policies_of_bands_are_seen_with_their_terms() -> None:
    bands = {"minors": {"bands": [{"contentPolicy": "teens"}, {"contentPolicy": "gone"}]}}
    guard = {"moderationPolicy": "default", "users": {"identity": {"source": "Token"}}}
    words = tree("ConfigMap", "words", data={"t": "一"})
    mine = service("chat", guard=guard, compliance=bands)
    room = Room(mine, policy("default"), policy("teens", "words"), words)
    observed = await gather(room, Peer(words)).look(chat(), None)
    assert observed is not None
    assert observed.band_policies.keys() == {"gone", "teens"}
    assert observed.band_policies["gone"] is None
    assert observed.config_maps == {"words": words}
