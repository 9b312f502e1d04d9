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
SMALL = 512
"""What Python itself keeps room for, in arenas of its own, is no larger than this, bytes."""
ROOM = 4 * 2**20
"""More than a run needs besides, bytes: once everything is loaded its arenas have 0.9 MiB free."""
HELD = 2**19
"""One small object of so many bytes keeps the arenas, of 1 MiB, from being given back."""


@contextmanager
def undisturbed() -> Generator[None]:
    """Keep Python's housekeeping short: threads hand over soon, and what is there is not swept.

    Memory does not grow either, see `give_buffers_back` and `touch_room`.
    """
    give_buffers_back()
    before = sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    held = touch_room()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
        gc.unfreeze()
        held.clear()


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


def touch_room() -> list[bytes]:
    """Write once to the room that Python has for small objects, and to more of it.

    The system finds memory for a page when it is first written to. Small objects come and go a
    little elsewhere every second, and so would do that for hours: that looks like a leak, and each
    page is an interruption.

    Returns:
        What keeps the room there, as long as it is held.
    """
    overhead = sys.getsizeof(b"")
    filled = [bytes(SMALL - overhead) for _ in range(ROOM // SMALL)]
    return filled[:: HELD // SMALL]
