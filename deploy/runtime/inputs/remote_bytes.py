"""The 40 bytes of the vendor's remote control, as they stand in every LowState."""

import struct
from typing import NamedTuple

from deploy.link import REMOTE_BYTES
from deploy.runtime.states import Event

KEYS = (
    *("R1", "L1", "start", "select", "R2", "L2", "F1", "F2"),
    *("A", "B", "X", "Y", "up", "right", "down", "left"),
)
"""Buttons, from bit 0 of the little-endian uint16 at byte 2.

Source: unitree_rl_gym, `deploy_real/common/remote_controller.py`.
"""
BUTTONS = {Event.START: "start", Event.A: "A", Event.SELECT: "select"}
"""Which button means what."""
KEYS_AT, LX_AT, RX_AT, RY_AT, LY_AT = 2, 4, 8, 12, 20


class Sticks(NamedTuple):
    """Stick positions in [-1, 1]: right and forward positive."""

    lx: float
    ly: float
    rx: float
    ry: float


def sticks(remote: bytes) -> Sticks:
    """Read the sticks; not-a-number counts as zero."""
    values = [struct.unpack_from("<f", remote, at)[0] for at in (LX_AT, LY_AT, RX_AT, RY_AT)]
    return Sticks(*(value if value == value else 0.0 for value in values))


def keys(remote: bytes) -> frozenset[str]:
    """Buttons that are down."""
    (bits,) = struct.unpack_from("<H", remote, KEYS_AT)
    return frozenset(name for bit, name in enumerate(KEYS) if bits >> bit & 1)


def pack(down: set[str] | frozenset[str], at: Sticks, head: bytes = b"\x55\x51") -> bytes:
    """Write what a remote control would send: for simulated robots and tests."""
    remote = bytearray(REMOTE_BYTES)
    remote[: len(head)] = head
    bits = sum(1 << KEYS.index(name) for name in down)
    struct.pack_into("<H", remote, KEYS_AT, bits)
    for where, value in zip((LX_AT, LY_AT, RX_AT, RY_AT), at, strict=True):
        struct.pack_into("<f", remote, where, value)
    return bytes(remote)


class RemoteBytes:
    """Tells which buttons were pressed since the last message. One held from the start was not."""

    def __init__(self) -> None:
        self._bytes, self._down = b"", frozenset(KEYS)

    def pressed(self, remote: bytes) -> frozenset[str]:
        """Buttons that went down."""
        if remote == self._bytes:
            return frozenset()
        down, before = keys(remote), self._down
        self._bytes, self._down = remote, down
        return down - before
