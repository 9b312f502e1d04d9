"""The 40 bytes of the vendor's remote control, as they stand in every LowState."""

import struct
from typing import NamedTuple

from deploy.runtime.states import Event
from deploy.wire import remote as layout

BUTTONS = {Event.START: "start", Event.A: "A", Event.SELECT: "select"}
"""Which button means what."""


class Sticks(NamedTuple):
    """Stick positions in [-1, 1]: right and forward positive."""

    lx: float
    ly: float
    rx: float
    ry: float


def sticks(remote: bytes) -> Sticks:
    """Read the sticks; not-a-number counts as zero."""
    values = [struct.unpack_from("<f", remote, layout.STICKS[axis])[0] for axis in Sticks._fields]
    return Sticks(*(value if value == value else 0.0 for value in values))


def keys(remote: bytes) -> frozenset[str]:
    """Buttons that are down."""
    (bits,) = struct.unpack_from("<H", remote, layout.BUTTONS_AT)
    return frozenset(name for bit, name in enumerate(layout.BUTTONS) if bits >> bit & 1)


class RemoteBytes:
    """Tells which buttons were pressed since the last message. One held from the start was not."""

    def __init__(self) -> None:
        self._bytes, self._down = b"", frozenset(layout.BUTTONS)

    def pressed(self, remote: bytes) -> frozenset[str]:
        """Buttons that went down."""
        if remote == self._bytes:
            return frozenset()
        down, before = keys(remote), self._down
        self._bytes, self._down = remote, down
        return down - before
