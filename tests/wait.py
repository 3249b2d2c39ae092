# SPDX-License-Identifier: Apache-2.0
"""Waiting for a state instead of for time to pass."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.25


def eventually(look: Callable[[], T], within: float = 30.0) -> T:
    """Call `look` until it neither raises nor returns False; what it returned.

    After `within` seconds: an AssertionError with what was wrong the last time.
    """
    deadline = time.monotonic() + within
    pause = PAUSE_SECONDS
    while True:
        try:
            seen = look()
        except Exception as error:  # whatever it is, the next look may be better
            wrong: Exception = error
        else:
            if seen is not False:
                return seen
            wrong = AssertionError(f"{getattr(look, '__qualname__', look)} returned False")
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {within:g} s. Last seen: {wrong}") from wrong
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
