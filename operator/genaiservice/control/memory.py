# SPDX-License-Identifier: Apache-2.0
"""What the process asks of its allocator: to give back what a burst took."""

import ctypes
from typing import Final

M_TRIM_THRESHOLD: Final = -1
TRIM_BYTES: Final = 128 * 1024
"""glibc's own start value. By itself it rises with the largest block that was freed, and what a
page of a list took then stays with the process for ever (11 MB with 500 services)."""


def give_back() -> None:
    """Has glibc return the free end of its heap; other C libraries do as they do."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_TRIM_THRESHOLD, TRIM_BYTES)
