"""A run's large buffers stay out of the heap, where they would leave holes."""

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
    before = info().hblks
    kept = [bytearray(size) for _ in range(2**24 // size)]
    return info().hblks - before

small, large = BUFFER // 2, 2 * BUFFER
print(mapped(large), give_buffers_back(), mapped(small), mapped(large))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library's heap")
def test_large_buffers_go_back_to_the_system():
    # In a process of its own, for which it holds until it ends.
    done = subprocess.run(
        [sys.executable, "-c", MAPPED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    before, taken, small, large = done.stdout.split()
    assert (before, taken, small) == ("0", "True", "0")
    assert int(large) > 256  # of 512; the first fill what the heap still has


def test_a_library_without_that_switch_is_left_alone(monkeypatch):
    monkeypatch.setattr(housekeeping.ctypes, "CDLL", lambda _: object())
    assert housekeeping.give_buffers_back() is False
