"""What the runtime's loop leaves for the page: each the newest, never a queue, never a lock."""

from typing import NamedTuple

import numpy as np

from deploy.link import RobotState
from deploy.log import Tick
from deploy.runtime.states import State

KEPT = 8
"""Notes that are kept."""


class Place(NamedTuple):
    """Where a simulated robot's body is.

    Args:
        time_s: Simulated time, s.
        qpos: Its position, in MuJoCo's order.
        qvel: (6,) the base's velocity, m/s in the world's frame, and rad/s in its own.
        hangs: Whether the hoist holds it.
        speed: Simulated seconds per second of the machine's clock.
    """

    time_s: float
    qpos: np.ndarray
    qvel: np.ndarray
    hangs: bool
    speed: float


class Board:
    """Written by the loop, read by whoever shows it; every field is replaced as a whole.

    Args:
        num_motors: Length of the robot's motor array.
    """

    def __init__(self, num_motors: int) -> None:
        self.state = State.ZERO_TORQUE
        self.robot: RobotState | None = None
        self.tick: Tick | None = None
        self.place: Place | None = None
        self.notes: tuple[str, ...] = ()
        """Changes of state and faults, the newest last."""
        self._peak = self._none = np.zeros(num_motors, np.float32)

    def watch(self, state: State) -> None:
        """The state has changed."""
        self.state = state

    def tell(self, tick: Tick) -> None:
        """A control period is over."""
        self.tick = tick
        if tick.note:
            self.notes = (*self.notes, *tick.note.split("; "))[-KEPT:]

    def see(self, robot: RobotState | None) -> None:
        """There is a newest state."""
        if robot is not None and robot is not self.robot:
            self.robot = robot
            self._peak = np.maximum(self._peak, np.abs(robot.torque))

    def take_peak(self) -> np.ndarray:
        """Largest torques since the last call: (num_motors,) N m.

        One that comes between the two halves of this is lost; the next is not.
        """
        peak, self._peak = self._peak, self._none
        return peak
