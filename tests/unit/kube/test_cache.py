# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from typing import Any

import pytest

from genaiservice.kube.cache import LAST_APPLIED, TOMBSTONES, Cache, Entry
from genaiservice.kube.resources import ObjectKey

KEY = ObjectKey(kind="Pod", namespace="shop", name="a")


def by_app(tree: Any) -> Iterator[Entry]:
    app = tree["metadata"].get("labels", {}).get("app")
    if app:
        yield ("app", app)


def pod(version: int, *, name: str = "a", uid: str = "u1", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "shop",
            "name": name,
            "uid": uid,
            "resourceVersion": str(version),
            "labels": labels,
        }
    }


@pytest.fixture
def cache() -> Cache:
    return Cache({"Pod": by_app})


def nested(levels: int) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for _ in range(levels):
        tree = {"deeper": tree}
    return tree


@pytest.mark.parametrize("odd", [nested(9_900), 2**64, -(2**70), "half \ud800", {"\udfff": 1}])
def test_what_no_schema_bounds_hides_no_object(cache: Cache, odd: Any) -> None:
    """Anybody may write it, into a template or a record; the rest of the object is kept."""
    assert cache.put("Pod", {**pod(1, app="x"), "spec": {"odd": odd, "even": 2}})
    kept = cache.get(KEY)
    assert kept is not None
    assert kept["spec"]["even"] == 2
    assert cache.found("Pod", ("app", "x")) == [KEY]


def test_the_newer_version_wins_in_any_order(cache: Cache) -> None:
    assert cache.put("Pod", pod(9, app="new"))
    assert not cache.put("Pod", pod(5, app="old"))
    assert not cache.put("Pod", pod(9, app="same"))
    kept = cache.get(KEY)
    assert kept is not None
    assert kept["metadata"]["labels"] == {"app": "new"}


def test_an_index_follows_the_object(cache: Cache) -> None:
    cache.put("Pod", pod(1, app="x"))
    assert cache.found("Pod", ("app", "x")) == [KEY]
    cache.put("Pod", pod(2, app="y"))
    assert cache.found("Pod", ("app", "x")) == []
    assert cache.found("Pod", ("app", "y")) == [KEY]
    cache.drop("Pod", pod(3, app="y"))
    assert cache.found("Pod", ("app", "y")) == []
    assert cache.entries(KEY) == frozenset()


def test_a_late_answer_does_not_bring_back_what_was_deleted(cache: Cache) -> None:
    cache.put("Pod", pod(1))
    assert cache.drop("Pod", pod(7))
    assert not cache.put("Pod", pod(6))
    assert cache.get(KEY) is None


def test_an_object_made_anew_outlives_the_deletion_of_the_old_one(cache: Cache) -> None:
    cache.put("Pod", pod(8, uid="u2"))
    assert not cache.drop("Pod", pod(7, uid="u1"))
    assert cache.version(KEY) == 8


def test_the_memory_of_deletions_is_bounded(cache: Cache) -> None:
    for number in range(TOMBSTONES + 10):
        cache.drop("Pod", pod(5, uid=f"u{number}"))
    assert cache.put("Pod", pod(4, uid="u0"))  # forgotten
    assert not cache.put("Pod", pod(4, uid=f"u{TOMBSTONES}", name="b"))


def test_a_ghost_is_older_than_the_list_and_not_in_it(cache: Cache) -> None:
    cache.put("Pod", pod(1, name="a"))
    cache.put("Pod", pod(2, name="ghost"))
    cache.put("Pod", pod(30, name="younger"))
    ghosts = cache.ghosts("Pod", {("shop", "a")}, 20)
    assert [key.name for key in ghosts] == ["ghost"]
    cache.forget(ghosts[0])
    assert cache.ghosts("Pod", {("shop", "a")}, 20) == []


def test_what_nobody_reads_is_not_kept(cache: Cache) -> None:
    tree = pod(1)
    tree["metadata"] |= {"managedFields": [{}], "annotations": {LAST_APPLIED: "{}", "mine": "1"}}
    cache.put("Pod", tree)
    kept = cache.get(KEY)
    assert kept is not None
    assert "managedFields" not in kept["metadata"]
    assert kept["metadata"]["annotations"] == {"mine": "1"}
    assert tree["metadata"]["annotations"][LAST_APPLIED] == "{}"


def test_a_large_object_is_kept_small_and_comes_back_whole(cache: Cache) -> None:
    tree = pod(1) | {"status": {"findings": [{"zh": "缺少申报内容；请补充。"}] * 2000}}
    cache.put("Pod", tree)
    assert cache.get(KEY) == {**tree, "kind": "Pod"}
    assert len(cache._kept["Pod"]["shop", "a"].data) < 2000


def test_who_changes_what_was_read_changes_nothing_that_is_kept(cache: Cache) -> None:
    cache.put("Pod", pod(1, app="x"))
    read = cache.get(KEY)
    assert read is not None
    read["metadata"]["labels"]["app"] = "changed"
    assert cache.get(KEY) == {**pod(1, app="x"), "kind": "Pod"}


def test_an_answer_to_our_write_is_kept_and_its_event_is_no_news(cache: Cache) -> None:
    cache.put("Pod", pod(1))
    cache.written("Pod", pod(2, app="x"))
    assert cache.found("Pod", ("app", "x")) == [KEY]
    assert not cache.put("Pod", pod(2, app="x"))
    assert not cache.put("Pod", pod(1))


def test_the_event_that_our_write_has_overtaken_is_news(cache: Cache) -> None:
    cache.put("Pod", pod(1, app="x"))
    cache.written("Pod", pod(3, app="y"))  # holds what another writer did in version 2
    cache.written("Pod", pod(4, app="y"))
    assert cache.concerns(KEY) == {("app", "x"), ("app", "y")}
    assert cache.put("Pod", pod(2, app="y"))
    assert cache.version(KEY) == 4
    assert not cache.put("Pod", pod(3, app="y"))
    assert not cache.put("Pod", pod(4, app="y"))
    assert cache.concerns(KEY) == {("app", "y")}


def test_a_list_may_have_passed_over_what_our_write_has_overtaken(cache: Cache) -> None:
    cache.put("Pod", pod(1))
    cache.written("Pod", pod(3))
    assert cache.put("Pod", pod(3), listed=True)
    assert not cache.put("Pod", pod(3), listed=True)


def test_a_late_answer_to_our_write_changes_nothing(cache: Cache) -> None:
    cache.put("Pod", pod(3, app="new"))
    cache.written("Pod", pod(2, app="old"))
    assert cache.version(KEY) == 3
    assert cache.found("Pod", ("app", "old")) == []
    cache.drop("Pod", pod(5))
    cache.written("Pod", pod(4))
    assert cache.get(KEY) is None
