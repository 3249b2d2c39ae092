# SPDX-License-Identifier: Apache-2.0
"""Which services are looked at after which event."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genaiservice.api import names
from genaiservice.control.engine.intake import POD_NEWS_SECONDS
from tests.unit.control.engine.cluster import (
    Room,
    chat,
    owned,
    pod,
    policy,
    selecting,
    service,
    tree,
)

CHAT, OTHER = service("chat"), service("other", policy="strict")


def leading(to: str) -> dict[str, Any]:
    return tree("Ingress", "way", spec={"defaultBackend": {"service": {"name": to}}})


def renewed(old: dict[str, Any], **changes: Any) -> dict[str, Any]:
    new = tree(old["kind"], old["metadata"]["name"], uid=old["metadata"]["uid"])
    metadata = {**old["metadata"], "resourceVersion": new["metadata"]["resourceVersion"]}
    return {**old, **changes, "metadata": metadata}


@pytest.fixture
def room() -> Room:
    return Room(
        CHAT, OTHER, policy("default", "words"), policy("strict"), pod("p1", app="x"), pod("p2")
    )


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(renewed(CHAT), {"chat"}, id="the service itself"),
        pytest.param(tree(names.KIND_PROFILE, "chat"), {"chat"}, id="its profile"),
        pytest.param(policy("default"), {"chat"}, id="its policy"),
        pytest.param(policy("unused"), set(), id="a policy that nobody uses"),
        pytest.param(tree("ConfigMap", "words"), {"chat"}, id="terms that its policy names"),
        pytest.param(tree("ConfigMap", "foreign"), set(), id="a ConfigMap of others"),
        pytest.param(pod("p9"), {"chat"}, id="a pod with its label"),
        pytest.param(pod("p9", of="nobody"), set(), id="a pod whose label names no service"),
        pytest.param(owned("Deployment", "d", CHAT), {"chat"}, id="a child"),
        pytest.param(owned("ConfigMap", "chat-guard", CHAT), {"chat"}, id="its guard's config"),
        pytest.param(tree("Deployment", "chat"), {"chat"}, id="a foreign object of its name"),
        pytest.param(tree("ConfigMap", "chat-guard"), {"chat"}, id="a foreign guard's config"),
        pytest.param(tree("ControllerRevision", "chat-1"), {"chat"}, id="a foreign record"),
        pytest.param(leading("other"), {"other"}, id="a route to a Service that is yet to come"),
        pytest.param(selecting("s", app="x"), {"chat"}, id="a Service that reaches its pods"),
        pytest.param(selecting("s", app="y"), set(), id="a Service that reaches nothing of it"),
        pytest.param(selecting("s"), set(), id="a Service without selector"),
    ],
)
def test_an_event_concerns(room: Room, event: dict[str, Any], expected: set[str]) -> None:
    room.intake.changed(event["kind"], renewed(event))
    assert room.waiting() == expected


def test_our_own_write_coming_back_is_no_news(room: Room) -> None:
    room.intake.changed(CHAT["kind"], CHAT)
    assert room.waiting() == set()


def test_a_change_that_our_write_has_overtaken_is_looked_at(room: Room) -> None:
    """The answer to our status holds a spec whose event is still on its way."""
    edited = renewed(CHAT, spec=OTHER["spec"])
    answer = renewed(edited, status={"rollout": {"allowed": True}})
    room.cache.written(CHAT["kind"], answer)
    room.intake.changed(CHAT["kind"], edited)
    assert room.waiting() == {"chat"}
    room.intake.changed(CHAT["kind"], answer)
    assert room.waiting() == set()


def test_who_lost_a_pod_under_our_write_is_looked_at(room: Room) -> None:
    moved = pod("p1", of="other")
    room.cache.written("Pod", renewed(moved))
    room.intake.changed("Pod", moved)
    assert room.waiting() == {"chat", "other"}


@given(st.lists(st.sampled_from(["theirs", "ours", "event", "list"]), max_size=40))
def test_every_change_of_others_is_looked_at_in_any_order(steps: list[str]) -> None:
    """A server with one object: whatever overtakes what, after a change of others reached the
    cache its service is looked at; and events about our own writes alone start no look."""
    room, live = Room(CHAT), CHAT
    stream: list[dict[str, Any]] = []
    open_changes: set[str] = set()

    def deliver(listed: bool) -> None:
        shown = live if listed else stream.pop(0)
        if listed:
            stream.clear()
        room.intake.changed(CHAT["kind"], shown, listed=listed)
        known = room.cache.get(chat())
        assert known is not None
        if room.waiting():
            open_changes.difference_update(known["spec"])
        elif not listed:
            assert shown["by"] != "theirs"

    for number, step in enumerate(steps):
        if step == "theirs":
            live = renewed(live, by=step, spec={**live["spec"], f"change-{number}": True})
            open_changes.add(f"change-{number}")
            stream.append(live)
        elif step == "ours":
            live = renewed(live, by=step)
            stream.append(live)
            room.cache.written(CHAT["kind"], live)
        elif step == "list" or stream:
            deliver(listed=step == "list")
    while stream:
        deliver(listed=False)
    assert open_changes == set()


def test_news_of_pods_waits_for_more_and_that_of_declarations_does_not(room: Room) -> None:
    room.waited.clear()
    room.intake.changed(CHAT["kind"], renewed(CHAT))
    assert room.waited == []
    room.intake.changed("Pod", pod("p3"))
    assert room.waited == [("chat", POD_NEWS_SECONDS)]


def test_who_loses_something_is_looked_at_as_well_as_who_gains_it(room: Room) -> None:
    room.intake.changed(CHAT["kind"], renewed(CHAT, spec=OTHER["spec"]))
    room.waiting()
    room.intake.changed("ModerationPolicy", policy("default"))
    assert room.waiting() == set()  # nobody uses it any more
    moved = selecting("s", app="x")
    room.intake.changed("Service", moved)
    room.waiting()
    room.intake.changed("Service", renewed(moved, spec={"selector": {"app": "y"}}))
    assert room.waiting() == {"chat"}


def test_a_deletion_concerns_whom_the_object_concerned(room: Room) -> None:
    gone = pod("p3")
    room.intake.changed("Pod", gone)
    room.waiting()
    room.intake.deleted("Pod", renewed(gone))
    assert room.waiting() == {"chat"}


@pytest.mark.parametrize("kind", ["ConfigMap", "ControllerRevision", "Service", "Deployment"])
def test_who_waits_for_the_name_of_a_child_learns_that_it_is_free(room: Room, kind: str) -> None:
    taken = {"ConfigMap": "chat-guard", "ControllerRevision": "chat-1"}.get(kind, "chat")
    foreign = tree(kind, taken)
    room.intake.changed(kind, foreign)
    room.waiting()
    room.intake.deleted(kind, renewed(foreign))
    assert room.waiting() == {"chat"}


def test_a_list_hides_no_change_that_our_write_has_overtaken(room: Room) -> None:
    """A list that ends half-way must not make the event about that change look old."""
    edited = renewed(CHAT, spec=OTHER["spec"])
    answer = renewed(edited, status={"rollout": {"allowed": True}})
    room.cache.written(CHAT["kind"], answer)
    room.intake.keep(CHAT["kind"], answer)
    room.intake.changed(CHAT["kind"], edited)
    assert room.waiting() == {"chat"}


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "contentPolicy", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(ANY, ANY, ANY)
def test_a_forged_record_stops_nobody(users: Any, bands: Any, data: Any) -> None:
    """Its data is bound to no schema, and whoever may write one must not end the operator."""
    forged = {"guard": {"users": users}, "compliance": {"minors": {"bands": bands}}}
    room = Room(CHAT)
    for number, content in enumerate((forged, data)):
        record = {**owned("ControllerRevision", f"chat-{number}", CHAT), "data": content}
        room.intake.changed("ControllerRevision", record)
    assert room.waiting() == {"chat"}


def test_a_rival_is_looked_at_when_its_opponent_comes_and_goes(room: Room) -> None:
    labels = {"metadata": {"labels": {names.LABEL_SERVICE: "chat"}}}
    rival = service("rival", workload={"managed": {"template": labels}})
    room.intake.changed(rival["kind"], rival)
    assert room.waiting() == {"rival", "chat"}
    room.intake.deleted(rival["kind"], renewed(rival))
    assert room.waiting() == {"rival", "chat"}


def test_a_ghost_is_dropped_counted_and_its_service_looked_at(room: Room) -> None:
    version = int(pod("later")["metadata"]["resourceVersion"])
    room.intake.drop_ghosts("Pod", {("shop", "p1")}, version)
    assert room.ghosts == [("Pod", 1)]
    assert room.waiting() == {"chat"}


def test_all_services_means_all(room: Room) -> None:
    room.intake.all_services()
    assert room.waiting() == {"chat", "other"}


def test_a_policy_of_a_band_concerns_who_is_screened_with_it(room: Room) -> None:
    bands = {"minors": {"bands": [{"band": "12to16", "contentPolicy": "teens"}]}}
    knowing = {"moderationPolicy": "default", "users": {"identity": {"source": "Token"}}}
    mine = service("school", guard=knowing, compliance=bands)
    room.intake.changed(mine["kind"], mine)
    room.waiting()
    room.intake.changed("ModerationPolicy", policy("teens", "strict-words"))
    assert room.waiting() == {"school"}
    room.intake.changed("ConfigMap", tree("ConfigMap", "strict-words"))
    assert room.waiting() == {"school"}
    # The spec moves on; what was admitted is still screened with it.
    record = owned("ControllerRevision", "school-1", mine)
    room.intake.changed("ControllerRevision", {**record, "data": mine["spec"]})
    room.intake.changed(mine["kind"], renewed(mine, spec={"guard": knowing}))
    room.waiting()
    room.intake.changed("ModerationPolicy", policy("teens", "strict-words"))
    assert room.waiting() == {"school"}
