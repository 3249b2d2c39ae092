# SPDX-License-Identifier: Apache-2.0
"""The policy in force: what replaces it, and what leaves it alone."""

import asyncio
import gc
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genaiservice.api import policy_file
from genaiservice.api.problem import Lang, ProblemError
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.policy import PolicyStore, load

POLICY: dict[str, Any] = {"classes": {"A1a": {"action": "Block", "terms": ["违禁样本"]}}}


def write(path: Path, tree: Any) -> None:
    """Replaces the file as an editor or the kubelet does: a new inode."""
    fresh = path.with_suffix(".new")
    fresh.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    fresh.replace(path)


def store(path: Path) -> tuple[PolicyStore, list[str]]:
    outcomes: list[str] = []
    return PolicyStore(path, outcomes.append), outcomes


def test_a_plain_and_a_packed_file_are_the_same_policy(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(POLICY))
    (tmp_path / "p.json.gz").write_bytes(policy_file.pack(POLICY))
    plain, packed = load(tmp_path / "p.json"), load(tmp_path / "p.json.gz")
    assert plain.hash == packed.hash == policy_file.digest(POLICY)
    assert plain.terms == 1


def test_an_equal_file_keeps_the_compiled_policy(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(POLICY))
    policy = load(tmp_path / "p.json")
    (tmp_path / "p.json").write_text(json.dumps(POLICY, indent=2))
    assert load(tmp_path / "p.json", policy) is policy


async def test_a_changed_file_replaces_the_policy(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    write(path, POLICY)
    policies, outcomes = store(path)
    await policies.refresh()
    first = policies.current
    await policies.refresh()
    assert policies.current is first
    write(path, {"classes": {"A1a": {"terms": ["违禁样本", "另一词条"]}}})
    await policies.refresh()
    assert policies.current is not None
    assert policies.current.terms == 2
    assert outcomes == ["loaded", "loaded"]


async def test_the_kubelets_swap_of_its_data_folder_is_noticed(tmp_path: Path) -> None:
    for name, terms in (("one", ["违禁样本"]), ("two", ["违禁样本", "另一词条"])):
        (tmp_path / name).mkdir()
        tree = {"classes": {"A1a": {"terms": terms}}}
        (tmp_path / name / "p.json.gz").write_bytes(policy_file.pack(tree))
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "p.json.gz").symlink_to("..data/p.json.gz")
    policies, _ = store(tmp_path / "p.json.gz")
    await policies.refresh()
    (tmp_path / "..data_tmp").symlink_to("two")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    await policies.refresh()
    assert policies.current is not None
    assert policies.current.terms == 2


@pytest.mark.parametrize(
    "broken", ["{", '{"classes": {"A9z": {}}}', '{"classes": {"A1a": {"terms": ["字"]}}}']
)
async def test_a_broken_file_leaves_the_old_policy_and_says_so(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "p.json"
    write(path, POLICY)
    policies, outcomes = store(path)
    await policies.refresh()
    old = policies.current
    write(path, broken)
    await policies.refresh()
    assert policies.current is old
    assert policies.problems
    assert outcomes == ["loaded", "failed"]
    write(path, POLICY)
    await policies.refresh()
    assert policies.problems == ()


async def test_a_file_that_vanishes_leaves_the_old_policy(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    write(path, POLICY)
    policies, outcomes = store(path)
    await policies.refresh()
    path.unlink()
    await policies.refresh()
    await policies.refresh()
    assert policies.current is not None
    assert "cannot be read" in policies.problems[0].render(Lang.EN)
    assert outcomes == ["loaded", "failed"]


async def test_a_replaced_policy_leaves_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genaiservice.guard.policy.POLL_SECONDS", 0.01)
    path = tmp_path / "p.json"
    write(path, POLICY)
    policies, _ = store(path)
    policies.start()
    watch = asyncio.ensure_future(policies.watch())
    for number in range(4):
        write(path, POLICY | {"name": f"swapped-{number}"})
        await until(lambda wanted=f"swapped-{number}": in_memory() == {wanted})  # type: ignore[misc]
    watch.cancel()


def in_memory() -> set[str]:
    names = {found.name for found in gc.get_objects() if isinstance(found, Policy)}
    return {name for name in names if name.startswith("swapped-")}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - nobody announces what the collector did
            await asyncio.sleep(0.01)


def test_a_file_that_is_no_policy_quotes_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "p.json.gz"
    path.write_bytes(gzip.compress(b'["secret words"]'))
    with pytest.raises(ProblemError) as caught:
        load(path)
    assert "secret" not in str(caught.value)
