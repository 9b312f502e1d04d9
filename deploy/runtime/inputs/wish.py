"""What every kind of input has in common."""

from typing import NamedTuple, Protocol

import numpy as np

from deploy.contract import PolicyContract
from deploy.link import RobotState
from deploy.runtime.inputs.remote_bytes import BUTTONS, RemoteBytes
from deploy.runtime.states import Event
from robots.errors import UserError

STICK_DEAD_ZONE = 0.1
"""Share of a stick's way that is no wish yet: sticks do not return to zero exactly."""
ACCELERATION = (1.5, 1.5, 3.0)
"""How fast a command may change: m/s^2, m/s^2, rad/s^2."""


class InputError(UserError):
    """An input device or a command file is missing or malformed."""


class Wish(NamedTuple):
    """What the operator wants.

    Args:
        velocity: vx, vy, yaw_rate: m/s, m/s, rad/s, base frame.
        events: What was asked for since the last poll, in order.
        lost: Why there is no operator any more; empty while there is one.
    """

    velocity: tuple[float, float, float]
    events: tuple[Event, ...] = ()
    lost: str = ""


class Input(Protocol):
    """Something an operator holds."""

    def poll(self, now: float, robot: RobotState | None) -> Wish:
        """What is wanted now. Does not block.

        Args:
            now: Time, s.
            robot: The robot's newest state, which carries its own remote control.
        """
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...


class RemoteStop:
    """Another input, beside which the robot's own remote control keeps its `select`.

    Args:
        other: The other input.
    """

    def __init__(self, other: Input) -> None:
        self._other, self._remote = other, RemoteBytes()

    def poll(self, now: float, robot: RobotState | None) -> Wish:
        """What the other one wants, and whether `select` was pressed on the remote."""
        wish = self._other.poll(now, robot)
        pressed = self._remote.pressed(robot.remote) if robot else frozenset[str]()
        if BUTTONS[Event.SELECT] in pressed:
            return wish._replace(events=(Event.SELECT, *wish.events))
        return wish

    def close(self) -> None:
        """Close the other one."""
        self._other.close()


class Shaper:
    """Brings what is wanted to what the policy was trained for, and not too suddenly.

    Args:
        contract: Has the ranges.
        dt: Time between two calls, s.
    """

    def __init__(self, contract: PolicyContract, dt: float) -> None:
        ranges = contract.command_ranges
        ends = np.asarray([ranges.vx, ranges.vy, ranges.yaw_rate], np.float32)
        self._lower, self._upper = ends[:, 0], ends[:, 1]
        self._step = np.asarray(ACCELERATION, np.float32) * np.float32(dt)
        self._command = np.zeros(3, np.float32)

    def __call__(self, velocity: tuple[float, float, float]) -> np.ndarray:
        """One step towards what is wanted.

        Returns:
            (3,) float32 m/s, m/s, rad/s.
        """
        # np.clip takes three times as long, and this is done for every command.
        asked = np.asarray(velocity, np.float32)
        wanted = np.minimum(np.maximum(asked, self._lower), self._upper)
        step = np.minimum(np.maximum(wanted - self._command, -self._step), self._step)
        self._command = self._command + step
        return self._command


def of_sticks(
    contract: PolicyContract, x: float, y: float, turn: float
) -> tuple[float, float, float]:
    """Velocity of stick positions, each in [-1, 1]: forward, left and counter-clockwise positive.

    The ends of a stick's way are the ends of the contract's range, its dead zone is zero.
    """
    ranges = contract.command_ranges
    return _of_stick(x, ranges.vx), _of_stick(y, ranges.vy), _of_stick(turn, ranges.yaw_rate)


def _of_stick(value: float, ends: tuple[float, float]) -> float:
    way = min(1.0, max(0.0, (abs(value) - STICK_DEAD_ZONE) / (1 - STICK_DEAD_ZONE)))
    return way * (max(ends[1], 0.0) if value > 0 else min(ends[0], 0.0))
