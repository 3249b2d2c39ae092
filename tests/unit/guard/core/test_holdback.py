# SPDX-License-Identifier: Apache-2.0
import pytest

from genaiservice.guard.core.holdback import frontier, merge, uncovered


@pytest.mark.parametrize(
    ("spans", "merged"),
    [
        ([], []),
        ([(0, 2), (1, 3)], [(0, 3)]),
        ([(3, 5), (0, 9)], [(0, 9)]),
        ([(0, 2), (2, 4)], [(0, 2), (2, 4)]),
    ],
)
def test_spans_that_overlap_become_one_and_those_that_touch_do_not(
    spans: list[tuple[int, int]], merged: list[tuple[int, int]]
) -> None:
    assert merge(spans) == merged


@pytest.mark.parametrize(
    ("allowed", "left"),
    [
        ([], [(2, 4, 0)]),
        ([(2, 4, 0)], []),
        ([(0, 9, 0)], []),
        ([(3, 9, 0)], [(2, 4, 0)]),
        ([(0, 3, 0)], [(2, 4, 0)]),
        ([(0, 3, 0), (1, 4, 0)], []),
        ([(0, 3, 0), (3, 5, 0)], [(2, 4, 0)]),
    ],
)
def test_a_hit_counts_unless_one_allowed_word_covers_it(
    allowed: list[tuple[int, int, int]], left: list[tuple[int, int, int]]
) -> None:
    assert uncovered([(2, 4, 0)], allowed) == left


@pytest.mark.parametrize(
    ("sent", "undecided", "masked", "first"),
    [
        (0, [], [], 9),
        (0, [(3, 9)], [], 3),
        (0, [(5, 9), (3, 4)], [], 3),
        (4, [(3, 9)], [], 4),
        (0, [(3, 9)], [(2, 5)], 5),
        (0, [(3, 9)], [(2, 5), (5, 7)], 7),
        (0, [(3, 5)], [(3, 5)], 9),
    ],
)
def test_the_frontier_is_the_first_character_whose_fate_is_open(
    sent: int, undecided: list[tuple[int, int]], masked: list[tuple[int, int]], first: int
) -> None:
    assert frontier(9, sent, undecided, masked) == first
