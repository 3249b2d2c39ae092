# SPDX-License-Identifier: Apache-2.0
"""What the guard's configuration says of an exchange; one value for the whole process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from genaiservice.api.guard_config import LabelMode, Screening
from genaiservice.guard.core.label import DEFAULT_LABEL
from genaiservice.guard.core.opinion import ReviewOptions

Hears: TypeAlias = Callable[[tuple[int | str, ...], str, bool], None]
"""Hears the texts of an answer as they may leave: which one, its next piece, whether whole."""


def go_on() -> None:
    """Nobody waits for a turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    input: Screening = Screening.BLOCK
    output: Screening = Screening.BLOCK
    label: LabelMode = LabelMode.PREFIX
    label_text: str = DEFAULT_LABEL
    paths: frozenset[str] = frozenset()
    """Further paths that pass unscreened, exactly as listed by the operator of the service."""
    files: bool = False
    """Whether files of an answer get their labels; without it none leaves (Art. 12)."""
    answer_bytes: int = 33_554_432
    """Largest answer that is not streamed; it is held whole until it is screened."""
    review: ReviewOptions | None = None
    """What detectors are asked about; None without detectors."""
    between: Callable[[], None] = go_on
    """Called between the slices of texts that are there entirely; it may wait, or raise."""
    hears: Hears | None = None
    """Set for one exchange only, by its `Review`."""
