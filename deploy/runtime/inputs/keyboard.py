"""The keyboard of a terminal as the input."""

import math
import os
import re
import select
import sys
import termios
import tty
from contextlib import suppress

from deploy.contract import PolicyContract
from deploy.link import RobotState
from deploy.runtime.inputs.wish import InputError, Wish
from deploy.runtime.states import Event

STEPS = {
    "w": (0.1, 0.0, 0.0),
    "s": (-0.1, 0.0, 0.0),
    "a": (0.0, 0.1, 0.0),
    "d": (0.0, -0.1, 0.0),
    "q": (0.0, 0.0, 0.2),
    "e": (0.0, 0.0, -0.2),
}
"""What a key adds to the velocity: m/s, m/s, rad/s."""
HALT = "x"
"""Key that makes the velocity zero."""
SEQUENCE = re.compile(rb"\x1b(?:\[(?:\[[A-Z]|[0-?]*[@-Z\\^-~])|O[A-Za-z])")
"""What a terminal sends for arrows, function keys and the like: more than one byte, one of which
may be that of a key above."""
PART_OF_ONE = re.compile(rb"\x1b(?:\[(?:\[|[0-?]*)|O)?$")
LATER_S = 0.05
"""Within this the rest of one comes, s."""
HELD_S = 10.0
"""How long a velocity lasts after the last key, s: a connection that froze says nothing."""
EVENTS = {"1": Event.START, "2": Event.A, " ": Event.SELECT}
HELP = (
    "keys: 1 start, 2 policy, SPACE damping; w/s forward, a/d sideways, q/e turn, x stand; "
    f"it stands {HELD_S:g} s after the last key; Ctrl-C once: damping, twice: leave"
)


class KeyboardInput:
    """Keys of a terminal, read as they are pressed.

    Args:
        contract: Has the ranges.
        fd: The terminal's file descriptor; standard input by default.

    Raises:
        InputError: If it is no terminal.
    """

    def __init__(self, contract: PolicyContract, fd: int | None = None) -> None:
        ranges = contract.command_ranges
        self._ends = (ranges.vx, ranges.vy, ranges.yaw_rate)
        self._fd = sys.stdin.fileno() if fd is None else fd
        if not os.isatty(self._fd):
            raise InputError(
                "--input keyboard: standard input is no terminal; run in one, or take another input"
            )
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        self._velocity = (0.0, 0.0, 0.0)
        self._part, self._pressed_s, self._polled = b"", -math.inf, False

    def poll(self, now: float, robot: RobotState | None) -> Wish:
        """Go through the keys pressed since the last poll; of those before the first, none."""
        events: list[Event] = []
        if not self._polled:  # keys meant for whatever the terminal showed before
            self._polled = True
            with suppress(termios.error):
                termios.tcflush(self._fd, termios.TCIFLUSH)
        while select.select([self._fd], [], [], 0.0)[0]:
            try:
                pressed = os.read(self._fd, 64)
            except OSError:
                pressed = b""
            if not pressed:
                return Wish((0.0, 0.0, 0.0), tuple(events), lost="the terminal is gone")
            for key in self._keys(pressed, now):
                if key in EVENTS:
                    events.append(EVENTS[key])
                self._press(key)
        if now - self._pressed_s > HELD_S:
            self._velocity = (0.0, 0.0, 0.0)
        return Wish(self._velocity, tuple(events))

    def close(self) -> None:
        """Give the terminal back as it was."""
        try:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
        except termios.error:  # it is gone
            return

    def _keys(self, pressed: bytes, now: float) -> str:
        """Keys that were pressed, without those that are none of ours."""
        if now - self._pressed_s <= LATER_S:
            pressed = self._part + pressed
        self._pressed_s = now
        pressed = SEQUENCE.sub(b"", pressed)
        cut = PART_OF_ONE.search(pressed)
        self._part = cut.group() if cut else b""
        return pressed.removesuffix(self._part).decode("ascii", "replace").lower()

    def _press(self, key: str) -> None:
        if key == HALT or key in EVENTS:
            self._velocity = (0.0, 0.0, 0.0)
        elif key in STEPS:
            vx, vy, yaw_rate = (
                min(max(value + step, lower), upper)
                for value, step, (lower, upper) in zip(
                    self._velocity, STEPS[key], self._ends, strict=True
                )
            )
            self._velocity = (vx, vy, yaw_rate)
