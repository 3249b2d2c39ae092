# SPDX-License-Identifier: Apache-2.0
"""Memory that the C library keeps after large work, given back to the machine."""

import ctypes


def give_back() -> None:
    """Free pages of every arena go back; does nothing where the C library has no such call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
