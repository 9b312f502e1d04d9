"""What each state tells the motors: the way to the default pose, that pose, what a policy wants."""

import numpy as np

from deploy.link import MotorCommand, RobotState
from deploy.runtime.clamp import Clamp
from deploy.runtime.motors import MotorMap
from deploy.runtime.states import MOVING, State

MOVE_S = 2.0
"""How long the move to the default pose takes, s (unitree_rl_gym, `move_to_default_pos`)."""


class Targets:
    """Makes commands, and remembers where targets were.

    Args:
        motors: The robot's motors.
        clamp: Goes over every driven target.
        now: Time, s.
    """

    def __init__(self, motors: MotorMap, clamp: Clamp, now: float) -> None:
        self._motors, self._clamp = motors, clamp
        self._wanted = self._moved_from = motors.default.copy()
        self._sent: np.ndarray | None = None
        self._move_began_s = now

    def begin_period(self) -> None:
        """A control period begins: how far targets may move counts from here."""
        self._clamp.begin_period(self._sent)

    def begin_move(self, now: float, robot: RobotState) -> None:
        """The move to the default pose begins, from where the joints are."""
        self._moved_from = robot.joint_pos[self._motors.used].astype(np.float32)
        self._move_began_s = now

    def has_arrived(self, now: float) -> bool:
        """Whether the move to the default pose is over."""
        return now - self._move_began_s >= MOVE_S

    def decided(self, joint_targets: np.ndarray) -> None:
        """The policy wants (num_joints,) rad."""
        self._wanted[: self._motors.num_driven] = joint_targets

    def command(self, state: State, now: float, robot: RobotState | None) -> MotorCommand:
        """What `state` tells the motors; damping where there is nothing else to tell.

        Args:
            state: The controller's.
            now: Time, s.
            robot: Where the joints are.
        """
        if state is State.ZERO_TORQUE:
            return self._motors.zero_torque()
        if state in MOVING and robot is not None:
            return self._motors.position(self._positions(state, now, robot))
        return self._motors.damping()

    def _positions(self, state: State, now: float, robot: RobotState) -> np.ndarray:
        """(num_used,) rad, driven joints and then held ones."""
        default = self._motors.default
        if state is State.MOVE:
            share = np.float32(min((now - self._move_began_s) / MOVE_S, 1.0))
            self._wanted = self._moved_from + share * (default - self._moved_from)
        elif state is State.HOLD:
            self._wanted = default.copy()
        driven = self._motors.num_driven
        self._sent = self._clamp(self._wanted[:driven], self._motors.read(robot))
        return np.concatenate([self._sent, self._wanted[driven:]])
