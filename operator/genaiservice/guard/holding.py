# SPDX-License-Identifier: Apache-2.0
"""How much memory the answers take that are held whole: one bound for all of them together."""

from typing import Final

HELD_BYTES: Final = 64 * 1024 * 1024
"""Two answers of the largest size, or a thousand of the usual one."""


class Larder:
    def __init__(self, most: int = HELD_BYTES) -> None:
        self._most = most
        self.bytes = 0

    def take(self, size: int) -> bool:
        """Whether there was room for `size` more bytes."""
        if self.bytes + size > self._most:
            return False
        self.bytes += size
        return True

    def free(self, size: int) -> None:
        self.bytes -= size
