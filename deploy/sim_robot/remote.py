"""The remote control, as its 40 bytes travel in every LowState."""

import struct

from deploy.link import REMOTE_BYTES, LinkError

BUTTONS = (
    *("R1", "L1", "start", "select", "R2", "L2", "F1", "F2"),
    *("A", "B", "X", "Y", "up", "right", "down", "left"),
)
"""In the order of their bits (unitree_rl_gym, `deploy/deploy_real/common/remote_controller.py`)."""
STICKS = {"lx": 4, "rx": 8, "ry": 12, "ly": 20}
"""Where each axis lies: a little-endian float32 in [-1, 1]."""
HEAD = b"\x55\x51"
"""First bytes while a remote control is there; without one all bytes are zero."""


class Remote:
    """Buttons held and sticks pushed."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._sticks = dict.fromkeys(STICKS, 0.0)
        self.there = True
        """Whether the remote control is in reach."""

    def press(self, button: str) -> None:
        """Hold a button down."""
        self._held.add(_known("button", button, BUTTONS))

    def release(self, button: str) -> None:
        """Let a button go."""
        self._held.discard(_known("button", button, BUTTONS))

    def push(self, stick: str, value: float) -> None:
        """Push a stick's axis to `value`, in [-1, 1]."""
        if not -1 <= value <= 1:
            raise LinkError(f"stick {stick}: {value} is not allowed, want -1 to 1")
        self._sticks[_known("stick", stick, tuple(STICKS))] = value

    def to_bytes(self) -> bytes:
        """The bytes of a LowState's `wireless_remote`."""
        out = bytearray(REMOTE_BYTES)
        if not self.there:
            return bytes(out)
        out[:2] = HEAD
        struct.pack_into("<H", out, 2, sum(1 << BUTTONS.index(button) for button in self._held))
        for stick, offset in STICKS.items():
            struct.pack_into("<f", out, offset, self._sticks[stick])
        return bytes(out)


def _known(what: str, name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise LinkError(f"{what}: {name!r} is unknown; there are {', '.join(names)}")
    return name
