"""What Python and the C library do besides the work of a run: kept short, and without growth."""

import ctypes
import gc
import sys
from collections.abc import Generator
from contextlib import contextmanager

SWITCH_S = 5e-4
"""How soon a thread hands over to one that waits, s: Python's own 5 ms are two commands."""
M_MMAP_THRESHOLD = -3
"""A parameter of glibc's `mallopt` (mallopt(3))."""
BUFFER = 16 * 1024
"""Blocks from this size on are given back to the system when freed, bytes."""


@contextmanager
def undisturbed() -> Generator[None]:
    """Keep Python's housekeeping short: threads hand over soon, and what is there is not swept.

    Memory does not grow either, see `give_buffers_back`.
    """
    give_buffers_back()
    before = sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
        gc.unfreeze()


def give_buffers_back() -> bool:
    """Keep large blocks out of glibc's heap, for the rest of the process.

    The log's buffers, some ten thousand bytes twice a second, would leave holes there that small
    things then break up: about 40 KiB a minute.

    Returns:
        Whether this system's C library took it; others than glibc do not have it.
    """
    try:
        return ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, BUFFER) == 1
    except (AttributeError, OSError, TypeError):  # musl, macOS; Windows has no such library
        return False
