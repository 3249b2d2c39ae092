# SPDX-License-Identifier: Apache-2.0
"""How much memory bodies take that are held whole: one bound for all of them together.

A prompt is held until the model begins to answer it, a whole answer until it has left.
"""

from typing import Final

HELD_BYTES: Final = 128 * 1024 * 1024
"""Four answers of the largest size, twelve prompts of theirs, or a thousand of the usual ones."""
BODIES: Final = 8
"""So many requests of the largest size fit in any case."""


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
