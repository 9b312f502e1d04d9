"""What a run allocates and frees again takes no more memory the longer it lasts."""

import platform
import subprocess
import sys

import pytest

from deploy.runtime import housekeeping
from pipeline.provenance import ROOT

MAPPED = """
import ctypes
from deploy.runtime.housekeeping import BUFFER, give_buffers_back

class Info(ctypes.Structure):  # mallinfo2(3)
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena ordblks smblks hblks hblkhd usmblks "
                                                     "fsmblks uordblks fordblks keepcost").split()]

def mapped(size):
    '''How many of 16 MiB of buffers of this size are outside of the heap.'''
    info = ctypes.CDLL(None).mallinfo2
    info.restype = Info
    kept = [None] * (2**24 // size)  # itself a buffer
    before = info().hblks
    kept[:] = (bytearray(size) for _ in kept)
    return info().hblks - before

small, large = BUFFER // 2, 2 * BUFFER
print(mapped(large), give_buffers_back(), mapped(small), mapped(large))
"""

GROWN = """
import os, sys
from bench.soak import held_mib
from deploy.runtime.housekeeping import touch_room

def grown(kib):
    '''By how many KiB this process grows with so many of small objects.'''
    before = held_mib(os.getpid())
    kept = [bytes(470) for _ in range(2 * kib)]
    return round(1024 * (held_mib(os.getpid()) - before))

grown(1)  # looking at it compiles a pattern
held = touch_room() if sys.argv[1:] else []
print(grown(500))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library's heap")
def test_large_buffers_go_back_to_the_system():
    # In a process of its own, for which it holds until it ends.
    before, taken, small, large = _run(MAPPED)
    assert (before, taken, small) == ("0", "True", "0")
    assert int(large) > 256  # of 512; the first fill what the heap still has


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
@pytest.mark.parametrize(("asked", "least", "most"), [((), 100, 1000), (("touch",), 0, 64)])
def test_small_objects_find_room_that_is_there_already(asked, least, most):
    (grown,) = _run(GROWN, *asked)
    assert least <= int(grown) <= most


def test_a_library_without_that_switch_is_left_alone(monkeypatch):
    monkeypatch.setattr(housekeeping.ctypes, "CDLL", lambda _: object())
    assert housekeeping.give_buffers_back() is False


def _run(program, *asked):
    """Run a program, and split what it prints."""
    command = [sys.executable, "-c", program, *asked]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
