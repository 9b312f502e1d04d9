"""The keyboard of a terminal as the input."""

import os
import select
import sys
import termios
import tty

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
EVENTS = {"1": Event.START, "2": Event.A, " ": Event.SELECT}
HELP = (
    "keys: 1 start, 2 policy, SPACE damping; w/s forward, a/d sideways, q/e turn, x stand; "
    "Ctrl-C once: damping, twice: leave"
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

    def poll(self, now: float, robot: RobotState | None) -> Wish:
        """Go through the keys pressed since the last poll."""
        events: list[Event] = []
        while select.select([self._fd], [], [], 0.0)[0]:
            try:
                pressed = os.read(self._fd, 64)
            except OSError:
                pressed = b""
            if not pressed:
                return Wish((0.0, 0.0, 0.0), tuple(events), lost="the terminal is gone")
            for key in pressed.decode("ascii", "replace").lower():
                if key in EVENTS:
                    events.append(EVENTS[key])
                self._press(key)
        return Wish(self._velocity, tuple(events))

    def close(self) -> None:
        """Give the terminal back as it was."""
        try:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
        except termios.error:  # it is gone
            return

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
