# SPDX-License-Identifier: Apache-2.0
"""How much memory bodies take that are held whole: one bound for all of them together.

A prompt is held until the model begins to answer it, a whole answer until it has left, of a
streamed one what detectors have not judged.
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


class Share:
    """What one exchange holds of the larder: `bytes` in all."""

    __slots__ = ("_larder", "bytes")

    def __init__(self, larder: Larder) -> None:
        self._larder = larder
        self.bytes = 0

    def adopt(self, size: int) -> None:
        """Bytes that somebody else took, and that are given back from here."""
        self.bytes += size

    def hold(self, size: int) -> bool:
        """From now on `size` in all; whether there was room."""
        more = size - self.bytes
        if more > 0 and not self._larder.take(more):
            return False
        if more < 0:
            self._larder.free(-more)
        self.bytes = size
        return True
