# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of holding back: spans of a text, and the first undecided character.

A span is (start, end), half open. All functions are pure and know neither terms nor texts.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
Found: TypeAlias = tuple[int, int, int]
"""(start, end, value) as `TermSet.hits` answers it."""


def uncovered(found: Sequence[Found], allowed: Sequence[Found]) -> list[Found]:
    """The hits that lie in no single allowed occurrence."""
    if not allowed:
        return list(found)
    ordered = sorted((start, end) for start, end, _ in allowed)
    begins = [start for start, _ in ordered]
    reaches = list(accumulate((end for _, end in ordered), max))
    return [hit for hit in found if not _lies_within(hit, begins, reaches)]


def _lies_within(hit: Found, begins: list[int], reaches: list[int]) -> bool:
    before = bisect_right(begins, hit[0])
    return before > 0 and reaches[before - 1] >= hit[1]


def merge(spans: Sequence[Span]) -> list[Span]:
    """The same characters as sorted disjoint spans.

    Spans that only touch stay apart: a blank between them belongs to neither.
    """
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def frontier(size: int, sent: int, undecided: Sequence[Span], masked: Sequence[Span]) -> int:
    """The first character whose fate is open; everything before it may leave.

    Open is what lies in an undecided span, unless it is among the `sent` first characters or a
    mask (sorted, disjoint) covers it already: its fate is the mask, whatever comes.
    """
    return min((_first_open(span, sent, masked, size) for span in undecided), default=size)


def _first_open(span: Span, sent: int, masked: Sequence[Span], size: int) -> int:
    point, end = max(span[0], sent), span[1]
    for start, stop in masked:
        if start <= point < stop:
            point = stop
    return point if point < end else size
