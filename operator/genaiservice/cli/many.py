# SPDX-License-Identifier: Apache-2.0
"""Many files at once: the cores of the machine judge them side by side, in the order given.

Few files are judged in this process, because starting others takes longer than judging them. What
waits is bounded: a folder of any size is never held whole.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, TypeAlias

from genaiservice.api.problem import Problem
from genaiservice.cli.checking import Checked, check
from genaiservice.cli.manifests import parse
from genaiservice.cli.sources import Source

if TYPE_CHECKING:
    from concurrent.futures import Future

FEW: Final = 64
BATCH: Final = 16
AHEAD: Final = 3
"""Batches that wait for each worker."""
WORKERS: Final = 8

Seen: TypeAlias = Source | Problem
Row: TypeAlias = Checked | Problem


def judged(seen: Iterable[Seen], today: date) -> Iterator[Row]:
    """Every service of the sources as checked, and every problem, in order."""
    items = iter(seen)
    first = list(islice(items, FEW))
    workers = min(os.cpu_count() or 1, WORKERS)
    if len(first) < FEW or workers < 2 or not hasattr(os, "fork"):
        for item in chain(first, items):
            yield from _rows([item], today)
        return
    yield from _side_by_side(chain(first, items), today, workers)


def _side_by_side(items: Iterator[Seen], today: date, workers: int) -> Iterator[Row]:
    # Forked: rules and schema are compiled by the first row, which this process judges.
    yield from _rows(list(islice(items, 1)), today)
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("fork")
    waiting: deque[Future[list[Row]]] = deque()
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        while batch := list(islice(items, BATCH)):
            waiting.append(pool.submit(_rows, batch, today))
            if len(waiting) > workers * AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _rows(items: list[Seen], today: date) -> list[Row]:
    rows: list[Row] = []
    for item in items:
        found = (item,) if isinstance(item, Problem) else parse(item)
        rows += (one if isinstance(one, Problem) else check(one, today) for one in found)
    return rows
