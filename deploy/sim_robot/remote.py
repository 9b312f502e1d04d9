"""The remote control, as its 40 bytes travel in every LowState."""

import struct

from deploy.link import REMOTE_BYTES, LinkError
from deploy.wire.remote import BUTTONS, BUTTONS_AT, HEAD, STICKS


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
        struct.pack_into(
            "<H", out, BUTTONS_AT, sum(1 << BUTTONS.index(button) for button in self._held)
        )
        for stick, offset in STICKS.items():
            struct.pack_into("<f", out, offset, self._sticks[stick])
        return bytes(out)


def _known(what: str, name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise LinkError(f"{what}: {name!r} is unknown; there are {', '.join(names)}")
    return name
