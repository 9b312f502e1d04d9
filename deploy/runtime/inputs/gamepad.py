"""A gamepad as the input, through Linux's joystick interface: no library needed."""

import fcntl
import os
import struct
from pathlib import Path
from typing import NamedTuple

from deploy.contract import PolicyContract
from deploy.link import RobotState
from deploy.runtime.inputs.wish import InputError, Wish, of_sticks
from deploy.runtime.states import Event

DEVICE = Path("/dev/input/js0")
MESSAGE = struct.Struct("<IhBB")
"""`struct js_event`: time, value, type, number (Linux, joystick-api.rst)."""
BUTTON, AXIS, INITIAL = 0x01, 0x02, 0x80
FULL = 32767
"""An axis at its end."""
NAME_LENGTH = 128
GET_NAME = 0x80006A13 + (NAME_LENGTH << 16)
"""The request JSIOCGNAME(128)."""


class Layout(NamedTuple):
    """Numbers of the sticks' axes (right and back positive) and of the buttons."""

    lx: int
    ly: int
    rx: int
    events: dict[int, Event]


XBOX = Layout(0, 1, 3, {0: Event.A, 6: Event.SELECT, 7: Event.START})
"""The kernel's xpad driver, which most pads speak to."""
PLAYSTATION = Layout(0, 1, 3, {0: Event.A, 8: Event.SELECT, 9: Event.START})
"""The kernel's hid-playstation driver: cross, create, options."""
PLAYSTATION_NAMES = ("sony", "dualsense", "dualshock", "wireless controller")


def layout_of(name: str) -> Layout:
    """Which numbers a pad of this name uses."""
    is_playstation = name.lower().startswith(PLAYSTATION_NAMES)
    return PLAYSTATION if is_playstation else XBOX


class GamepadInput:
    """A gamepad: left stick walks, right stick turns; start, A and select (back, create).

    Args:
        contract: Has the ranges.
        device: Its joystick device.

    Raises:
        InputError: If it cannot be opened.
    """

    def __init__(self, contract: PolicyContract, device: Path = DEVICE) -> None:
        try:
            self._fd = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise InputError(
                f"{device}: cannot be opened ({error.strerror}); plug the gamepad in, or name its "
                "device with --gamepad"
            ) from error
        self._contract, self._layout = contract, layout_of(_name(self._fd))
        self._axes: dict[int, float] = {}
        self._rest = b""

    def poll(self, now: float, robot: RobotState | None) -> Wish:
        """Go through what the pad sent since the last poll."""
        events: list[Event] = []
        lost = ""
        while not lost:
            try:
                chunk = os.read(self._fd, 64 * MESSAGE.size)
            except BlockingIOError:
                break
            except OSError as error:
                chunk, lost = b"", f"the gamepad is gone ({error.strerror})"
            if not chunk:
                lost = lost or "the gamepad is gone"
                break
            events += self._take(chunk)
        if lost:
            return Wish((0.0, 0.0, 0.0), tuple(events), lost)
        return Wish(self._velocity(), tuple(events))

    def close(self) -> None:
        """Close the device."""
        os.close(self._fd)

    def _take(self, chunk: bytes) -> list[Event]:
        data = self._rest + chunk
        whole = len(data) - len(data) % MESSAGE.size
        self._rest = data[whole:]
        events: list[Event] = []
        for _, value, kind, number in MESSAGE.iter_unpack(data[:whole]):
            if kind & ~INITIAL == AXIS:
                self._axes[number] = value / FULL
            # What is down when the device is opened was not pressed.
            elif kind == BUTTON and value and number in self._layout.events:
                events.append(self._layout.events[number])
        return events

    def _velocity(self) -> tuple[float, float, float]:
        lx, ly, rx = (self._axes.get(number, 0.0) for number in self._layout[:3])
        return of_sticks(self._contract, -ly, -lx, -rx)


def _name(fd: int) -> str:
    try:
        name = fcntl.ioctl(fd, GET_NAME, b"\0" * NAME_LENGTH)
    except OSError:
        return ""
    return name.split(b"\0")[0].decode("utf-8", "replace")
