# SPDX-License-Identifier: Apache-2.0
"""Long steps in turns with the loop: nobody else waits for them, and they end when nobody waits."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from genaiservice.guard import turns as module
from genaiservice.guard.core.effects import CloseUpstream, Effect
from genaiservice.guard.turns import AT_ONCE, Queue, Step, Turns

EFFECTS: list[Effect] = [CloseUpstream()]


@pytest.fixture(autouse=True)
def shortest_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_SECONDS", 0)


def long(turns: Turns, said: list[str], breaths: int = 10) -> Step:
    def step() -> list[Effect]:
        for count in range(breaths):
            said.append(f"slice {count}")
            turns.between()
        return EFFECTS

    return step


def done(queue: Queue, said: list[str]) -> tuple[Callable[[Step], None], Callable[[], bool]]:
    def perform(step: Step) -> None:
        said.append(f"{step()}")

    return perform, lambda: False


async def test_the_loop_goes_on_between_the_slices() -> None:
    turns, said = Turns(), list[str]()

    async def stream() -> None:
        for count in range(5):
            said.append(f"chunk {count}")
            await asyncio.sleep(0)

    step, _ = await asyncio.gather(turns.run(long(turns, said), lambda: True), stream())
    assert step() is EFFECTS
    between = said[said.index("slice 0") : said.index("slice 9")]
    assert [one for one in between if one.startswith("chunk")] == [f"chunk {n}" for n in range(5)]


async def test_a_fault_of_a_step_is_raised_where_it_is_performed() -> None:
    def broken() -> list[Effect]:
        raise ValueError("broken")

    step = await Turns().run(broken, lambda: True)
    with pytest.raises(ValueError, match="broken"):
        step()


async def test_what_nobody_waits_for_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, said = Turns(), list[str]()
    left: Iterator[bool] = iter([True, True, False])
    step = await turns.run(long(turns, said), lambda: next(left))
    assert step() == []
    assert said == ["slice 0", "slice 1"]
    assert turns._turns == {}
    assert (await turns.run(long(turns, said), lambda: True))() is EFFECTS


async def test_a_cancelled_wait_ends_its_step() -> None:
    turns, said = Turns(), list[str]()
    task = asyncio.ensure_future(turns.run(long(turns, said, 10_000), lambda: True))
    for _ in range(3):
        await asyncio.sleep(0)
    assert said
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(said) < 100
    assert turns._turns == {}


async def test_few_long_steps_are_under_way_at_once() -> None:
    turns = Turns()
    saids = [list[str]() for _ in range(AT_ONCE + 2)]
    tasks = [asyncio.ensure_future(turns.run(long(turns, one), lambda: True)) for one in saids]
    for _ in range(3):
        await asyncio.sleep(0)
    assert saids[0]
    assert len([one for one in saids if one]) <= AT_ONCE
    await asyncio.gather(*tasks)
    assert all(len(one) == 10 for one in saids)


@pytest.mark.parametrize("hurry", [False, True])
async def test_what_comes_meanwhile_waits_or_ends_it(hurry: bool) -> None:
    turns, said = Turns(), list[str]()
    queue = Queue(turns)
    task = asyncio.ensure_future(queue.run(long(turns, said), *done(queue, said)))
    for _ in range(3):
        await asyncio.sleep(0)
    assert said
    assert queue.waits(list, hurry=hurry)
    await task
    assert said[-2:] == ["[]" if hurry else str(EFFECTS), "[]"]
    assert ("slice 9" in said) is not hurry
    assert not queue.waits(list)
