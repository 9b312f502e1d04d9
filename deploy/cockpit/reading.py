"""What can be said of a run at a moment: a few numbers out of what the loop left."""

from typing import NamedTuple

import numpy as np

from deploy.cockpit.board import Board
from deploy.cockpit.choice import Ready
from deploy.frames import heading, projected_gravity, rotate_inverse, torso_to_base
from deploy.runtime.motors import MotorMap
from deploy.runtime.states import State


class Reading(NamedTuple):
    """A run at a moment.

    Args:
        time_s: The robot's: simulated, or by the link's clock.
        state: The controller's.
        qpos: Position for the scene, in MuJoCo's order; place and height of a real robot are
            unknown: (0, 0, nan).
        yaw: Where the base looks, rad.
        tilt: Of the base against the vertical, rad.
        command: (3,) m/s, m/s, rad/s: what the policy is told.
        velocity: (3,) measured; nan where nothing measures it.
        torque: (num_joints,) N m, the largest lately, contract's order.
        hottest: Of the motors in use, deg C.
        hangs: Whether the hoist holds it.
        speed: Simulated seconds per second; 1 for a real robot.
    """

    time_s: float
    state: State
    qpos: np.ndarray
    yaw: float
    tilt: float
    command: np.ndarray
    velocity: np.ndarray
    torque: np.ndarray
    hottest: float
    hangs: bool
    speed: float


class Reader:
    """Reads a run's board.

    Args:
        ready: The policy and its robot.
        board: What the loop left.
    """

    def __init__(self, ready: Ready, board: Board) -> None:
        self._board, self._contract = board, ready.policy.contract
        self._motors = MotorMap(self._contract, ready.robot.num_motors)
        self._torque = np.zeros(self._contract.action_size, np.float32)

    def read(self, *, peaks: bool) -> Reading | None:
        """The newest; None as long as the robot has said nothing.

        Args:
            peaks: Whether `torque` begins anew.
        """
        board, robot = self._board, self._board.robot
        if robot is None:
            return None
        if peaks:
            self._torque = board.take_peak()[self._motors.driven]
        tick, place, state = board.tick, board.place, board.state
        readings = self._motors.read(robot)
        quat, gyro = readings.quat, readings.gyro
        if readings.torso_pos is not None:
            quat, gyro = torso_to_base(quat, gyro, readings.torso_pos, readings.torso_vel)
        qpos = np.concatenate([[0.0, 0.0, np.nan], quat, readings.joint_pos])
        velocity = np.array([np.nan, np.nan, gyro[2]])
        if place is not None:
            qpos, quat = place.qpos, place.qpos[3:7]
            velocity[:2] = rotate_inverse(quat, place.qvel[:3])[:2]
        driven = tick is not None and state is State.POLICY
        return Reading(
            time_s=place.time_s if place else robot.stamp_s,
            state=state,
            qpos=qpos,
            yaw=float(heading(quat)),
            tilt=float(np.arccos(np.clip(-projected_gravity(quat)[2], -1, 1))),
            command=np.asarray(tick.inputs.command) if driven and tick else np.zeros(3),
            velocity=velocity,
            torque=self._torque,
            hottest=float(robot.temperature[self._motors.used].max()),
            hangs=place.hangs if place else False,
            speed=place.speed if place else 1.0,
        )
